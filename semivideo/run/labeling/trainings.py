"""Short trainings of a run's own settings on other splits, scored on what these hold out."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from semivideo.analysis.groups import Trained
from semivideo.base.progress import Progress, prefixed
from semivideo.data.clips.store import FrameStore, filled_store
from semivideo.data.splits import Split
from semivideo.engine.runtime import Runtime
from semivideo.evaluation import Evaluation
from semivideo.run.fitting import Job, fitted
from semivideo.runfolder import RunFolder

_LOG = logging.getLogger("semivideo")
_SHARE = 1 / 4
"""Of the run's steps, for runs that read videos."""


def scored_splits(
    trained: Trained,
    splits: Sequence[Split],
    folder: Path,
    *,
    what: str,
    progress: Progress | None = None,
) -> Iterator[Evaluation]:
    """Train on each split as the run was trained, and score its test videos.

    Runs on features take all of the run's steps, runs on pixels a quarter. What was stopped goes on
    from the last checkpoint when it is called again; the folder is gone at the end.

    Args:
        trained: The run.
        splits: Of its manifest, each with test videos.
        folder: Of the trainings.
        what: Word for the progress.
        progress: See ``semivideo.api``.

    Yields:
        Scores of the test videos of each split.
    """
    quiet = {"engine.tensorboard": False, "engine.keep_checkpoints": 1}
    settings = trained.settings.updated(quiet | {"engine.evaluate_every": None})
    runtime = Runtime(precision=settings.engine.precision)
    store = _store(trained, splits, progress=progress) if settings.features is None else None
    for number, split in enumerate(splits, start=1):
        told = prefixed(progress, f"{what} {number} of {len(splits)}")
        job = Job(settings, trained.manifest, split, runtime, store)
        share = 1.0 if settings.features is not None else _SHARE
        own = folder / f"{number:02}-{split.short_hash}"
        own.mkdir(parents=True, exist_ok=True)
        steps = max(1, round(share * job.num_steps))
        with _quietly():
            network, card = fitted(job, RunFolder(own), num_steps=steps, progress=told)
            yield job.score(network, card)
    shutil.rmtree(folder, ignore_errors=True)


def _store(
    trained: Trained, splits: Sequence[Split], *, progress: Progress | None
) -> FrameStore | None:
    """Frames of all training videos, if they fit in memory."""
    ids = sorted({id for split in splits for id in (*split.labeled, *split.unlabeled)})
    rows = [row for row in trained.manifest.rows_of(ids).tolist() if trained.manifest.usable[row]]
    return filled_store(
        trained.manifest, sorted(rows), settings=trained.settings.data, progress=progress
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Leave out what the run itself has said, such as that a video cannot be read."""

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno > logging.WARNING

    _LOG.addFilter(is_error)
    try:
        yield
    finally:
        _LOG.removeFilter(is_error)
