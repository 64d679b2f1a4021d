"""Candidates on features of pretrained networks, as far as their weights are here.

Features are computed once, into the run folder, of the training videos alone. How many views and
videos depends on what a few of them take: six views, among them strong ones, where that is cheap;
else the two weak views; else those of the labelled videos and of as many others as time allows.
"""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semivideo.base.jobs import ALONE
from semivideo.base.progress import duration, prefixed
from semivideo.base.randomness import keys
from semivideo.data.catalogue.manifest import Manifest
from semivideo.encoders import ENCODERS, Encoder, all_encoders, load_encoder
from semivideo.encoders.local_motion import Codebook, LocalMotion
from semivideo.engine.runtime import Runtime
from semivideo.features.classifiers import CLASSIFIERS
from semivideo.features.extract import Wanted, extract
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.several.codebook_pass import learned_motion
from semivideo.features.several.joining import JOINT, joined, take
from semivideo.run.choice.budget import enough
from semivideo.run.choice.candidate import Candidate
from semivideo.run.choice.cross_validation import scored_fold
from semivideo.run.choice.stage import Stage
from semivideo.run.feature_runs import with_features
from semivideo.run.fitting import Job
from semivideo.runfolder import RunFolder
from semivideo.settings import Settings

_LOG = logging.getLogger("semivideo")
HEADS = ("probe", "wccn", "propagate", "fixmatch")
"""Ways to learn from features, the simplest first; the last one needs strong views."""
FEW_HEADS = ("probe", "wccn")
"""Those that are tried on local motion, alone and joined with other features."""
_SHARE = 0.4
"""Of the time left that computing features may take."""
_TRIED = 4  # videos
_WEAK, _ALL = 2, 6  # views
_OF_PIXELS = ("data.", "views.", "evaluation.")
"""Settings that networks from scratch alone obey; those of features belong to the weights."""
_SIDES = (("left", "right"), ("clockwise", "counterclockwise"))


def encoders_here() -> list[str]:
    """Names of the encoders whose weights are here, those of least work first."""
    entries = all_encoders().items()
    here = {name: entry for name, entry in entries if entry.is_here and not entry.is_learned}
    return sorted(here, key=lambda name: here[name].gmac or math.inf)


def learned_here() -> list[str]:
    """Names of the encoders that the user's own videos make."""
    return [name for name, entry in all_encoders().items() if entry.is_learned]


def mirrors(classes: list[str]) -> bool:
    """Whether videos may be mirrored: no two classes differ in left and right alone.

    >>> mirrors(["swipe_left", "swipe_right"]), mirrors(["jump", "turn left"])
    (False, True)
    """
    names = {name.lower() for name in classes}
    return not any(
        one in name and name.replace(one, other) in names - {name}
        for name in names
        for one, other in _SIDES
    )


@dataclass(frozen=True)
class OnFeatures:
    """The candidates of one encoder.

    Attributes:
        stage: Where they compete.
        manifest: All videos, with the features of those that have them.
        encoder: Its name.
        seconds: What computing its features took.
        tried: Heads that may be tried on them.
    """

    stage: Stage
    manifest: Manifest
    encoder: str
    seconds: float = 0.0
    tried: tuple[str, ...] = HEADS

    @cached_property
    def cache(self) -> FeatureCache:
        """The features."""
        return FeatureCache.open(Path(str(self.manifest.features)))

    def settings(self, head: str) -> Settings:
        """Complete settings of a run."""
        wanted = self.stage.wanted
        if self.stage.manifest.features is None:  # what the user named is for pixels
            named = wanted.settings if isinstance(wanted.settings, dict) else {}
            kept = {key: value for key, value in named.items() if not key.startswith(_OF_PIXELS)}
            wanted = replace(wanted, settings=kept or None)
        return with_features(wanted.resolved(f"features-{head}"), self.manifest)

    def heads(self) -> Iterator[str]:
        """Those that can be trained with these views and videos."""
        for head in self.tried:
            is_possible = head != "fixmatch" or self.cache.form.num_strong > 0
            if head == "probe" or (self.stage.split.unlabeled and is_possible):
                yield head

    def candidates(self) -> Iterator[Candidate]:
        """What each head makes of left-out labels."""
        for head in self.heads():
            name = f"{self.encoder} + {head}"
            found = self.stage.candidate(name, partial(self._tested, head, name))
            pass_seconds = self.seconds if head == HEADS[0] else 0.0
            yield replace(found, seconds=round(found.seconds + pass_seconds, 1))

    def _tested(self, head: str, name: str) -> Candidate:
        """Train and score the folds."""
        settings, stage = self.settings(head), self.stage
        found = Candidate(
            name, self.cache.form.league, recipe=f"features-{head}", encoder=self.encoder
        )
        if not stage.folds:
            return replace(found, remark="not tested")
        scores = []
        for number, fold in enumerate(stage.folds, start=1):
            job = Job(settings, self.manifest, fold, Runtime(precision="fp32"))
            with tempfile.TemporaryDirectory(dir=stage.run.choosing) as folder:
                told = prefixed(stage.progress, f"{name}, {number} of {len(stage.folds)}")
                run = RunFolder(folder)
                scores.append(scored_fold(job, run, num_steps=job.num_steps, progress=told))
        found = found.with_scores(scores, self.manifest)
        return replace(found, fold_steps=0 if head in CLASSIFIERS else job.num_steps)


def features_of(
    stage: Stage, name: str, *, beside: OnFeatures | None = None
) -> OnFeatures | Candidate:
    """Compute an encoder's features of the training videos.

    Args:
        stage: Says which videos, and how much time there is.
        name: Of the encoder.
        beside: Features of another one that these may be joined with: they are of the same videos.

    Returns:
        Its candidates or, where there is no time for it, one that says so.
    """
    device = torch.accelerator.current_accelerator(check_available=True) or "cpu"
    is_learned = name in learned_here()
    encoder: Encoder = LocalMotion(Codebook.blank()) if is_learned else load_encoder(name)
    encoder = encoder.to(device)
    plan = stage.kept(f"plan-{name}", lambda: _plan(stage, encoder, beside))
    if not plan["videos"]:
        remark = f"left out: features take {duration(plan['seconds'])}; {plan['hint']}"
        return Candidate(name, encoder.origin.league, recipe="features-probe", remark=remark)
    manifest, folder = stage.manifest, stage.run.features / name

    def compute() -> dict[str, Any]:
        rows = np.sort(manifest.rows_of(plan["videos"]))
        named = stage.wanted.settings
        is_off = isinstance(named, dict) and named.get("views.flip") is False
        flip = mirrors(manifest.classes) and not is_off
        told = prefixed(stage.progress, name)
        videos, chosen = _part(manifest, rows), encoder
        if is_learned:
            chosen = learned_motion(videos, folder, part=ALONE, progress=told)
        extract(
            videos,
            folder,
            encoder=chosen,
            wanted=Wanted(num_views=plan["views"], flip=flip),
            progress=told,
        )
        return {}

    computed = stage.kept(f"features-{name}", compute)
    made = Manifest(manifest.table, root=manifest.root, cache=manifest.cache, features=str(folder))
    tried = FEW_HEADS if is_learned else HEADS
    return OnFeatures(stage, made, name, plan["spent"] + computed["spent"], tried)


def joined_of(one: OnFeatures, other: OnFeatures) -> OnFeatures:
    """Join features of two encoders that are there; nothing is computed.

    Args:
        one: Of an encoder.
        other: Of another one, of the same videos.
    """
    stage, names = one.stage, [one.encoder, other.encoder]
    folder = stage.run.features / JOINT.join(names)
    videos = one.cache.manifest
    take([one.cache.folder, other.cache.folder], folder, names)
    joined(Manifest(videos.table, root=videos.root), folder, names)
    manifest = stage.manifest
    made = Manifest(manifest.table, root=manifest.root, cache=manifest.cache, features=str(folder))
    return OnFeatures(stage, made, JOINT.join(names), tried=FEW_HEADS)


def _part(manifest: Manifest, rows: np.ndarray[Any, np.dtype[np.int64]]) -> Manifest:
    """Some of the videos."""
    return Manifest(manifest.table.take(rows), root=manifest.root, cache=manifest.cache)


def _plan(stage: Stage, encoder: Encoder, beside: OnFeatures | None) -> dict[str, Any]:
    """Try a few videos, and say which videos get how many views."""
    split = stage.split
    rate = _seconds_of_video(stage, encoder)
    affordable = int(_SHARE * stage.clock.left / rate)
    if beside is not None:
        videos = list(beside.cache.manifest.ids)
        seconds = rate * len(videos)
        if affordable < len(videos):
            hint = f"a budget of {enough(seconds / _SHARE + stage.clock.spent)} has time for them"
            return {"videos": [], "views": 0, "seconds": seconds, "hint": hint}
        return {"videos": videos, "views": beside.cache.form.num_views, "seconds": seconds}
    everyone = [*split.labeled, *split.unlabeled]
    least = min(len(split.labeled), 3 * len(stage.manifest.classes))
    seconds = rate * len(split.labeled)
    if affordable < least:
        hint = f"a budget of {enough(seconds / _SHARE + 60)} has time for it"
        return {"videos": [], "views": 0, "seconds": seconds, "hint": hint}
    if affordable >= len(everyone) * _ALL / _WEAK:
        return {"videos": everyone, "views": _ALL, "seconds": 3 * rate * len(everyone)}
    chosen = list(split.labeled)
    if affordable < len(chosen):
        chosen = _evenly(stage, affordable)
    rest = _shuffled(split.unlabeled)[: affordable - len(chosen)]
    return {"videos": [*chosen, *rest], "views": _WEAK, "seconds": rate * len([*chosen, *rest])}


def _seconds_of_video(stage: Stage, encoder: Encoder) -> float:
    """What the weak views of a video take, measured on a few."""
    rows = np.sort(stage.manifest.rows_of(_shuffled(stage.split.labeled)[:_TRIED]))
    seen: list[float] = []

    def note_time(_: str, done: int, *__: Any) -> None:
        seen.append(time.perf_counter())

    with tempfile.TemporaryDirectory(dir=stage.run.choosing) as folder:
        wanted = Wanted(num_views=_WEAK)
        tried = _part(stage.manifest, rows)
        extract(tried, Path(folder) / "tried", encoder=encoder, wanted=wanted, progress=note_time)
    return max(1e-4, (seen[-1] - seen[0]) / (len(seen) - 1))


def _shuffled(ids: tuple[str, ...]) -> list[str]:
    """The ids in an order that is always the same and has nothing to do with their names."""
    order = np.argsort(keys(list(ids), 0, "features of a choice"))
    return [ids[place] for place in order.tolist()]


def _evenly(stage: Stage, number: int) -> list[str]:
    """As many labelled videos as there is time for, every class alike."""
    manifest, by_class = stage.manifest, dict[str, list[str]]()
    for id in _shuffled(stage.split.labeled):
        by_class.setdefault(str(manifest.labels[manifest.row_of(id)]), []).append(id)
    in_turn = sorted(
        (place, name, id) for name, ids in by_class.items() for place, id in enumerate(ids)
    )
    _LOG.warning(
        "the budget has time for features of %d of %d labelled videos",
        number,
        len(stage.split.labeled),
    )
    return [id for _, _, id in in_turn[:number]]


def note_on_missing() -> str:
    """What to type where no pretrained weights are here."""
    way = ENCODERS["efficientnet_lite0"].how_to_get
    return f"no pretrained weights are here; `{way}` adds an image network to the comparison"
