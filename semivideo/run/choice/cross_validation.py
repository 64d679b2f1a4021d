"""How good a training without test videos may be: a short cross-validation on what is labelled.

A third of the labelled groups is left out, with all unlabelled videos of these groups; the same
recipe is trained on the rest for a quarter of the steps, and names the left-out videos. Fewer
labels and fewer steps than the run has make it a lower bound, as far as the left-out videos are
like those to come. The run itself sees nothing of it.

Why a quarter of the steps and not three thirds at a twelfth each, which cost the same: steps matter
more. On UTD-MHAD with 4 labels a class supervised training has 14 % after 100 steps, 50 % after 300
and 57 % after 1200; an interval that is narrow around 14 % misleads.
``engine.estimate`` = 3 leaves out all thirds in turn, for three quarters of the run's time.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from semivideo.base.checked import reading
from semivideo.base.errors import CheckpointError, DataError, SplitError
from semivideo.base.progress import Progress, prefixed
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split, label_folds
from semivideo.evaluation import Evaluation
from semivideo.evaluation.proportion import design_effect, grouped_wilson
from semivideo.run import build
from semivideo.run.choice.candidate import groups_of
from semivideo.run.fitting import Job, Look, fitted
from semivideo.runfolder import RunFolder

_LOG = logging.getLogger("semivideo")
_SHARE = 1 / 4
"""Of the run's steps that a fold takes."""
_MOST_STEPS = 3000


@dataclass(frozen=True)
class Estimate:
    """What the cross-validation came to.

    Attributes:
        classes: Names, in the order of ``confusion``.
        confusion: Left-out videos by true class (row) and named class (column).
        num_groups: Groups they are of; a video without group is one of its own.
        effect: Their design effect.
        labels: Class to the number of labelled videos that the run has.
        num_unlabeled: Videos that the run has without label.
        num_folds: Trainings.
        fold_steps: Iterations of each.
        run_steps: Iterations of the run.
        seconds: What it took.
        skipped: Left-out videos that could not be read.
    """

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    num_groups: int
    effect: float
    labels: dict[str, int]
    num_unlabeled: int
    num_folds: int
    fold_steps: int
    run_steps: int
    seconds: float
    skipped: tuple[str, ...] = ()

    @property
    def num_videos(self) -> int:
        """Left-out videos that were named."""
        return sum(map(sum, self.confusion))

    @property
    def top1(self) -> float:
        """Share of them that was named rightly."""
        return sum(row[n] for n, row in enumerate(self.confusion)) / self.num_videos

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 % for ``top1``, over other groups like these; other labels could change it more."""
        return grouped_wilson(
            self.top1, self.num_videos, effect=self.effect, num_groups=self.num_groups
        )

    @property
    def confused(self) -> list[tuple[str, str, int]]:
        """True class, named class and number of videos, the most frequent first."""
        pairs = [
            (self.classes[true], self.classes[named], count)
            for true, row in enumerate(self.confusion)
            for named, count in enumerate(row)
            if count and named != true
        ]
        return sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))

    def __repr__(self) -> str:
        low, high = self.interval
        return (
            f"<Estimate top-1 {100 * self.top1:.1f} % [{100 * low:.1f}, {100 * high:.1f}], "
            f"{self.num_videos} labelled videos, {self.num_folds} folds of {self.fold_steps} steps>"
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types, with the figures that follow from it."""
        low, high = self.interval
        figures = {"top1": self.top1, "low": low, "high": high, "num_videos": self.num_videos}
        return figures | asdict(self)

    @classmethod
    def read(cls, run: RunFolder) -> Estimate | None:
        """Read what ``estimate`` wrote into a run folder; None if there is no estimate."""
        if not run.estimate_file.is_file():
            return None
        content = run.read_json(run.estimate_file)
        if "none_because" in content:
            return None
        try:
            given = {name: content[name] for name in cls.__dataclass_fields__}
        except KeyError as error:
            raise CheckpointError(f"{run.estimate_file} lacks {error}; remove it") from None
        with reading(run.estimate_file, CheckpointError, "remove it"):
            tuples = {
                "classes": tuple(given["classes"]),
                "confusion": tuple(map(tuple, given["confusion"])),
                "skipped": tuple(given["skipped"]),
            }
            return cls(**{**given, **tuples})


def why_none(run: RunFolder) -> str | None:
    """Return why a run has no estimate, if one was wanted."""
    if not run.estimate_file.is_file():
        return None
    reason = run.read_json(run.estimate_file).get("none_because")
    return None if reason is None else str(reason)


def is_wanted(job: Job, run: RunFolder) -> bool:
    """Whether a run that begins should get an estimate: without test videos it tells nothing."""
    is_new = not run.estimate_file.exists() and not run.checkpoints.exists()
    return job.settings.engine.estimate > 0 and not job.split.test and is_new


def estimate(job: Job, run: RunFolder, *, progress: Progress | None = None) -> None:
    """Cross-validate, and leave what came of it in the run folder, or why it cannot be.

    It can be stopped and called again, and takes no part in the training of the run.

    Args:
        job: That of the run.
        run: Its folder.
        progress: Is told as by ``train``.
    """
    try:
        made = _estimate(job, run, progress=progress)
        content = made.to_json()
    except (SplitError, DataError) as error:
        content = {"none_because": str(error)}
    if job.runtime.is_main:
        run.write_json(run.estimate_file, content)
        shutil.rmtree(run.estimate_folds, ignore_errors=True)
    job.runtime.wait_for_all()


def _estimate(job: Job, run: RunFolder, *, progress: Progress | None) -> Estimate:
    """Train and score the folds; errors say why there is no estimate."""
    if job.settings.data.multi_label:
        raise SplitError(
            "it counts one class a video, and here several may be there at once; hold videos out "
            "for testing, and `semivideo evaluate` prints the mean average precision"
        )
    folds = label_folds(job.manifest, job.split)[: job.settings.engine.estimate]
    _check(job, folds)
    start, num_steps = time.monotonic(), job.num_steps
    rounds = build.build_method(job.settings, num_classes=2).num_rounds
    fold_steps = max(rounds, min(round(num_steps * _SHARE), _MOST_STEPS))
    found = []
    for number, fold in enumerate(folds, start=1):
        told = prefixed(progress, f"estimate {number} of {len(folds)}")
        folder = RunFolder(run.estimate_folds / f"fold-{number}")
        own = replace(job, split=fold)
        found.append(scored_fold(own, folder, num_steps=fold_steps, progress=told))
    groups = groups_of([id for each in found for id in each.ids], job.manifest)
    right = [bool(each) for one in found for each in one.scores.argmax(axis=1) == one.labels]
    return Estimate(
        classes=tuple(job.manifest.classes),
        confusion=_sum(found),
        num_groups=len(set(groups)),
        effect=design_effect(right, groups),
        labels=_labels(job.manifest, job.split),
        num_unlabeled=len(job.split.unlabeled),
        num_folds=len(folds),
        fold_steps=fold_steps,
        run_steps=num_steps,
        seconds=round(time.monotonic() - start, 2),
        skipped=tuple(id for each in found for id in each.skipped),
    )


def _check(job: Job, folds: list[Split]) -> None:
    """Refuse folds that the method cannot learn from."""
    needs = build.method_class(job.settings.method.name).uses_unlabeled
    if needs and not all(
        f.unlabeled or job.settings.data.unlabeled_includes_labeled for f in folds
    ):
        raise SplitError("all unlabelled videos are of groups that have labels")


def scored_fold(
    job: Job,
    folder: RunFolder,
    *,
    num_steps: int,
    progress: Progress | None = None,
    look: Look | None = None,
) -> Evaluation:
    """Train on a fold and score what it leaves out.

    Args:
        job: Its split is the fold.
        folder: Takes what the engine writes; a training that was stopped goes on there.
        num_steps: Iterations.
        progress: As for ``train``.
        look: See ``fitted``.
    """
    quiet = {"engine.tensorboard": False, "engine.keep_checkpoints": 1}
    every = look.every if look is not None else None
    own = replace(job, settings=job.settings.updated(quiet | {"engine.evaluate_every": every}))
    if job.runtime.is_main:
        folder.path.mkdir(parents=True, exist_ok=True)
    job.runtime.wait_for_all()
    with _quietly():
        network, card = fitted(own, folder, num_steps=num_steps, progress=progress, look=look)
    return own.score(network, card)


@contextmanager
def _quietly() -> Iterator[None]:
    """Leave out what the run itself will say again, such as that a video cannot be read."""

    def is_said(record: logging.LogRecord) -> bool:
        return record.module == "signals" or record.levelno > logging.WARNING

    _LOG.addFilter(is_said)
    try:
        yield
    finally:
        _LOG.removeFilter(is_said)


def _sum(found: list[Evaluation]) -> tuple[tuple[int, ...], ...]:
    total = np.sum([each.confusion for each in found], axis=0)
    return tuple(tuple(int(count) for count in row) for row in total)


def _labels(manifest: Manifest, split: Split) -> dict[str, int]:
    counts = Counter(manifest.labels[row] for row in manifest.rows_of(split.labeled).tolist())
    return {str(name): counts[name] for name in manifest.classes}
