"""``suggest``: the videos whose labels would help most, of those that a run has no label of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from semivideo.analysis.groups import Trained
from semivideo.analysis.suggest.mixture import Candidates, Chosen, Doubt, Weights, choose
from semivideo.base.errors import ConfigError, SplitError, nearest, option
from semivideo.base.progress import Progress
from semivideo.base.randomness import keys
from semivideo.run.finished import Run
from semivideo.run.labeling.video_scores import VideoScores, require_finished, video_scores

Baseline = Literal["random"]
_STRONG = 0.75
"""A reason is told where the rank is at least this."""


@dataclass(frozen=True)
class Suggestion:
    """A video to label.

    Attributes:
        id: Of the video.
        path: Its file.
        guess: The most probable class.
        confidence: Its probability, in [0, 1].
        second: The second most probable class.
        group: Of the video, or None.
        reason: Why, in words.
        score: The mixture, in [0, 1]; NaN for a random draw.
        ranks: "unsure", "disagree", "typical", "new" to a rank in [0, 1]; empty for a random draw.
    """

    id: str
    path: str
    guess: str
    confidence: float
    second: str
    group: str | None
    reason: str
    score: float
    ranks: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types, without what is not a number."""
        content = asdict(self)
        content["ranks"] = {k: round(v, 4) for k, v in self.ranks.items() if v == v}
        content["score"] = None if self.score != self.score else round(self.score, 4)
        return content


def suggest(
    run: str | Path | Run,
    *,
    count: int = 20,
    doubt: Doubt = "margin",
    weights: Mapping[str, float] | None = None,
    baseline: Baseline | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Suggestion]:
    """Choose the videos whose labels would help most, the most helpful first.

    Args:
        run: A finished run or its folder.
        count: How many, >= 1.
        doubt: "margin" or "entropy": what unsure means, see ``analysis.suggest.mixture``.
        weights: "unsure", "disagree", "typical" or "new" to how much it counts, >= 0; 1 for what is
            left out.
        baseline: "random" draws them by ``seed`` instead, for comparison.
        seed: Of that draw.
        progress: See ``semivideo.api``.

    Raises:
        CheckpointError: The run is not finished.
        SplitError: It has no video without label.
        ConfigError: An argument that is not allowed.
    """
    mixed = _weights(weights or {})
    if count < 1:
        raise ConfigError(
            f"{option('count')} must be at least 1, got {count}; it is how many videos to name"
        )
    if doubt not in ("margin", "entropy"):
        raise ConfigError(f"doubt must be margin or entropy, got {doubt!r}")
    if baseline not in (None, "random"):
        raise ConfigError(f"baseline must be random or nothing, got {baseline!r}")
    trained = Trained.read(run.path if isinstance(run, Run) else run)
    require_finished(trained)
    if not trained.split.unlabeled:
        raise SplitError(
            f"every training video of {trained.run.path} has a label, so there is none to suggest; "
            f"semivideo doubts {trained.run.path} looks for labels that are wrong"
        )
    ids = trained.split.unlabeled
    if baseline == "random":
        order = np.argsort(keys(list(ids), seed, "suggest"))[:count]
        found = video_scores(trained, [ids[n] for n in order.tolist()], progress=progress)
        drawn = [Chosen(n, *[float("nan")] * 5) for n in range(len(found.ids))]
        return [_suggestion(trained, found, each) for each in drawn]
    scores = video_scores(trained, [*ids, *trained.split.labeled], progress=progress)
    free, known = scores.of(ids), scores.of(trained.split.labeled)
    rows = trained.manifest.rows_of(free.ids).tolist()
    groups = [trained.manifest.groups[row] for row in rows]
    candidates = Candidates(free.probabilities, free.features, groups, free.others)
    chosen = choose(candidates, known.features, count=count, doubt=doubt, weights=mixed)
    return [_suggestion(trained, free, each) for each in chosen]


def _weights(given: Mapping[str, float]) -> Weights:
    """Checked weights."""
    usual = asdict(Weights())
    for name, value in given.items():
        if name not in usual:
            raise ConfigError(
                f"no reason {name!r}{nearest(name, usual)}; {option('weights')} takes "
                f"{', '.join(usual)}"
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            raise ConfigError(f"the weight of {name} must be a number >= 0, got {value!r}")
    weights = Weights(**{**usual, **{name: float(value) for name, value in given.items()}})
    if not any(asdict(weights).values()):
        raise ConfigError("all weights are 0, so nothing speaks for any video; leave one above 0")
    return weights


def _suggestion(trained: Trained, scores: VideoScores, chosen: Chosen) -> Suggestion:
    """A chosen video in words."""
    p = scores.probabilities[chosen.place]
    best = np.argsort(-p, kind="stable")
    id = scores.ids[chosen.place]
    row = trained.manifest.row_of(id)
    is_random = chosen.mixture != chosen.mixture
    ranks = {} if is_random else {k: v for k, v in chosen._asdict().items() if k in _WORDS}
    names = scores.classes
    second = names[best[1]] if len(best) > 1 else ""
    words = "drawn at random" if is_random else _reason(ranks, scores, chosen.place, best)
    return Suggestion(
        id=id,
        path=str(trained.manifest.absolute(row)),
        guess=names[best[0]],
        confidence=float(p[best[0]]),
        second=second,
        group=trained.manifest.groups[row],
        reason=words,
        score=chosen.mixture,
        ranks=ranks,
    )


_WORDS = {
    "unsure": "unsure: {first} {p:.0f} % or {second} {q:.0f} %",
    "disagree": "the second network says {other}",
    "typical": "many videos are like it",
    "new": "no labelled video is like it",
}


def _reason(ranks: dict[str, float], scores: VideoScores, place: int, best: Any) -> str:
    """The strong reasons, or the strongest one."""
    p, names = scores.probabilities[place], scores.classes
    other = "" if scores.others is None else names[int(scores.others[place].argmax())]
    told = [name for name, rank in ranks.items() if rank >= _STRONG]
    if other == names[best[0]]:  # they disagree in how sure they are, not in the class
        told = [name for name in told if name != "disagree"]
    told = told or [max((n for n in ranks if ranks[n] == ranks[n]), key=ranks.__getitem__)]
    last = best[min(1, len(best) - 1)]
    return "; ".join(
        _WORDS[name].format(
            first=names[best[0]],
            p=100 * p[best[0]],
            second=names[last],
            q=100 * p[last],
            other=other,
        )
        for name in told
    )
