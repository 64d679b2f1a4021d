"""``doubts``: labels that are probably wrong, given by people or by the training itself.

label     people's labels that classifiers which did not see them contradict (``unseen``): those
          that are wrong by an even chance or more (``analysis.suggest.wrong_chance``), or, by the
          published rule, all off the diagonal of ``analysis.suggest.confident_learning``
pseudo    confident pseudo-labels of the last fifth of the training on which networks disagree, or
          one network with itself
copy      labelled videos that show one take and have different labels (``data.splits.copies``)
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from semivideo.analysis.groups import Trained
from semivideo.analysis.suggest.confident_learning import confident_learning
from semivideo.analysis.suggest.wrong_chance import wrong_chances
from semivideo.base.errors import ConfigError, SplitError, option
from semivideo.base.progress import Progress
from semivideo.data.splits.copies import copies_across
from semivideo.evaluation.proportion import wilson
from semivideo.run.finished import Run
from semivideo.run.labeling.unseen import Unseen, unseen_scores
from semivideo.run.labeling.video_scores import require_finished

Kind = Literal["label", "pseudo", "copy"]
Rule = Literal["chance", "confident"]
_LOG = logging.getLogger("semivideo")
_EVEN = 0.5
_LATE = 0.8  # of the training; what is later counts


@dataclass(frozen=True)
class Doubt:
    """A label that is probably wrong.

    Attributes:
        kind: See the module.
        id: Of the video.
        path: Its file.
        given: The class it has.
        likely: The class it more likely has.
        belief: Probability of the given class, in [0, 1]; NaN where nobody says it.
        confidence: Probability of the likely class, or share of the votes.
        reason: In words.
    """

    kind: Kind
    id: str
    path: str
    given: str
    likely: str
    belief: float
    confidence: float
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        content = asdict(self)
        for name in ("belief", "confidence"):
            content[name] = None if content[name] != content[name] else round(content[name], 4)
        return content


@dataclass(frozen=True, repr=False)
class Doubts:
    """All doubtful labels of a run.

    Attributes:
        found: Labels first, then copies and pseudo-labels; in each the worst first.
        num_checked: People's labels that were cross-validated.
        num_labels: People's labels that there are.
        wrong_share: Estimated share of wrong ones among the checked; NaN where none was checked.
        notes: What could not be done, and why.
    """

    found: list[Doubt]
    num_checked: int
    num_labels: int
    wrong_share: float
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Doubts: {len(self.found)} of {self.num_labels} labels and the pseudo-labels>"


def doubts(
    run: str | Path | Run,
    *,
    folds: int | None = None,
    rule: Rule = "chance",
    look_at_frames: bool = True,
    progress: Progress | None = None,
) -> Doubts:
    """Find labels of a run that are probably wrong.

    Args:
        run: A finished run or its folder.
        folds: How often labels are left out, 2 to 20; None for 5 on features and 3 on videos; 0
            does not check them. What they came to stays in the run folder.
        rule: "chance" names labels that are wrong by an even chance or more, "confident" all that
            confident learning doubts: more of the wrong ones, among many right ones where the
            classifier is weak.
        look_at_frames: Whether to read the labelled videos to find copies.
        progress: See ``semivideo.api``.

    Raises:
        CheckpointError: The run is not finished.
        ConfigError: ``folds`` or ``rule`` is not allowed.
    """
    if rule not in ("chance", "confident"):
        raise ConfigError(f"{option('rule')} must be chance or confident, got {rule!r}")
    if folds is not None and folds != 0 and not 2 <= folds <= 20:
        raise ConfigError(f"{option('folds')} must lie in [2, 20], or be 0 for none, got {folds}")
    trained = Trained.read(run.path if isinstance(run, Run) else run)
    require_finished(trained)
    notes: list[str] = []
    found: list[Doubt] = []
    num_checked, wrong_share = 0, float("nan")
    if folds != 0:
        try:
            unseen = unseen_scores(trained, folds, progress=progress)
            _tell_guesses(trained, unseen)
            labels, wrong_share = label_doubts(trained, unseen, rule=rule)
            num_checked = len(unseen.ids)
            found += labels
        except SplitError as error:
            notes.append(f"the labels were not checked against each other: {error}")
    if look_at_frames:
        found += _of_copies(trained, notes, progress=progress)
    found += pseudo_label_doubts(trained)
    return Doubts(found, num_checked, len(trained.split.labeled), wrong_share, notes)


def _tell_guesses(trained: Trained, unseen: Unseen) -> None:
    """Say so where classifiers name left-out labels no better than the most frequent class does."""
    labels = trained.truth[trained.manifest.rows_of(unseen.ids)]
    num_right = int((unseen.probabilities.argmax(axis=1) == labels).sum())
    chance = np.bincount(labels).max() / len(labels)
    low, _ = wilson(num_right / len(labels), len(labels))
    if low <= chance:
        _LOG.warning(
            "what follows says nothing yet of labels: classifiers that did not see them name %d of "
            "%d (%.0f %%), and the most frequent class alone is right on %.0f %%; label more "
            "videos, or train longer",
            *(num_right, len(labels), 100 * num_right / len(labels), 100 * chance),
        )


def label_doubts(
    trained: Trained, unseen: Unseen, *, rule: Rule = "chance"
) -> tuple[list[Doubt], float]:
    """Judge the labels of a run.

    Args:
        trained: The run.
        unseen: See ``unseen_scores``.
        rule: See ``doubts``.

    Returns:
        Doubted labels, the worst first, and the estimated share of wrong ones among all.
    """
    manifest, p = trained.manifest, unseen.probabilities
    rows = manifest.rows_of(unseen.ids)
    labels, names = trained.truth[rows], manifest.classes
    others = p.copy()
    others[np.arange(len(labels)), labels] = -1
    if rule == "chance":
        found = wrong_chances(p, labels)
        order = np.argsort(-found.chances, kind="stable")
        places = [place for place in order.tolist() if found.chances[place] >= _EVEN]
        share, likely = found.share, others.argmax(axis=1)
        reasons = {n: f"wrong with a chance of {100 * found.chances[n]:.0f} %" for n in places}
    else:
        confident = confident_learning(p, labels)
        places, share, likely = confident.doubted.tolist(), confident.wrong_share, confident.classes
        reasons = dict.fromkeys(places, "confidently another class")
    return [
        Doubt(
            kind="label",
            id=unseen.ids[place],
            path=str(manifest.absolute(int(rows[place]))),
            given=names[labels[place]],
            likely=names[likely[place]],
            belief=float(p[place, labels[place]]),
            confidence=float(p[place, likely[place]]),
            reason=f"{reasons[place]}, by a classifier that did not see this label",
        )
        for place in places
    ], share


def _of_copies(trained: Trained, notes: list[str], *, progress: Progress | None) -> list[Doubt]:
    """Pairs of labelled videos of one take with different labels."""
    manifest = trained.manifest
    rows = manifest.rows_of(trained.split.labeled).tolist()
    gone = [row for row in rows if not manifest.absolute(row).exists()]
    if gone:
        notes.append(
            f"{len(gone)} of the {len(rows)} labelled videos are not there, such as "
            f"{manifest.absolute(gone[0])}: copies among them were not looked for"
        )
    rows = [row for row in rows if row not in set(gone)]
    copies = copies_across(manifest, rows, rows, progress=progress)
    pairs = {tuple(sorted(pair)) for pair in (*copies.identical, *copies.near)}
    return [
        Doubt(
            kind="copy",
            id=manifest.ids[one],
            path=str(manifest.absolute(one)),
            given=str(manifest.labels[one]),
            likely=str(manifest.labels[other]),
            belief=float("nan"),
            confidence=float("nan"),
            reason=f"shows the same as {manifest.ids[other]}, which has that label",
        )
        for one, other in sorted(pairs)
        if one != other and manifest.labels[one] != manifest.labels[other]
    ]


def pseudo_label_doubts(trained: Trained) -> list[Doubt]:
    """Name unlabelled videos that were confidently given two classes at the end of the training.

    Args:
        trained: A run.

    Returns:
        The most even contradictions first; none of a run without pseudo-labels.
    """
    if not trained.run.pseudo_labels_file.is_file():
        return []
    votes = late_votes(trained.pseudo_labels())
    manifest, found = trained.manifest, []
    for video, counts in votes.items():
        best: dict[str, tuple[int, int]] = {}  # network: class, number of votes
        for (network, label), count in counts.items():
            if count > best.get(network, (0, 0))[1]:
                best[network] = (label, count)
        doubt = _contradiction(best, counts)
        if doubt is None:
            continue
        given, likely, share, words = doubt
        names = manifest.classes
        found.append(
            Doubt(
                kind="pseudo",
                id=manifest.ids[video],
                path=str(manifest.absolute(video)),
                given=names[given],
                likely=names[likely],
                belief=1 - share,
                confidence=share,
                reason=words,
            )
        )
    return sorted(found, key=lambda doubt: (-min(doubt.confidence, doubt.belief), doubt.id))


Votes = dict[tuple[str, int], int]


def late_votes(table: pa.Table) -> dict[int, Votes]:
    """Count the labels that were used in the last fifth of a training.

    Args:
        table: As ``pseudo_labels.parquet``.

    Returns:
        Row of the manifest to (network, class) to how often.
    """
    step = table["step"].to_numpy()
    last = _LATE * (int(step.max()) + 1 if len(step) else 1)
    used = table.filter(pa.array((step >= last) & table["kept"].to_numpy()))
    grouped = used.group_by(["video", "network", "label"]).aggregate([([], "count_all")])
    votes: dict[int, Votes] = {}
    for each in grouped.sort_by([("video", "ascending"), ("network", "ascending")]).to_pylist():
        votes.setdefault(each["video"], {})[each["network"], each["label"]] = each["count_all"]
    return votes


def _contradiction(
    best: dict[str, tuple[int, int]], counts: Votes
) -> tuple[int, int, float, str] | None:
    """Given and likely class, share of the latter, and words; None where all agree."""
    by_class: dict[int, int] = {}
    for (_, label), count in counts.items():
        by_class[label] = by_class.get(label, 0) + count
    if len(by_class) < 2:
        return None
    total = sum(by_class.values())
    classes = {label for label, _ in best.values()}
    if len(best) > 1 and len(classes) < 2:
        return None  # the networks agree, but for single draws
    order = sorted(by_class, key=lambda label: (-by_class[label], label))
    given, likely = order[1], order[0]
    share = by_class[likely] / total
    if len(classes) > 1:
        words = "networks disagree, each confidently, at the end of the training"
    elif share < 2 / 3:
        words = "the network was confident of two classes at the end of the training"
    else:
        return None
    return given, likely, share, words
