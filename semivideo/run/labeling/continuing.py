"""A new training from a run and the answers given about it: its videos, split and settings."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from semivideo.analysis.groups import Trained
from semivideo.base.errors import DataError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.run.labeling.answers import LABELS, Answer, Answers
from semivideo.run.splitting import chosen_split
from semivideo.run.videos import scan
from semivideo.settings import Settings


class Continued(NamedTuple):
    """What the next training begins with.

    Attributes:
        manifest: The videos, with the new labels.
        split: Answered videos are labelled, those that nobody can say are not.
        settings: Of the run before.
        num_new: Labels that it did not have.
        num_changed: Labels that are others now.
        num_dropped: Labels that nobody stands for any more.
    """

    manifest: Manifest
    split: Split
    settings: Settings
    num_new: int
    num_changed: int
    num_dropped: int


def continued(run: str | Path) -> Continued:
    """Put the answers about a run into its videos and its split.

    Args:
        run: The run folder.

    Raises:
        DataError: There are no answers, an answered video is not in the run or is for testing, a
            video has several labels, or a run on features has intervals.
    """
    trained = Trained.read(run)
    answers = Answers.read(trained.run.answers).latest
    if not answers:
        raise DataError(
            f"nobody has answered anything about {trained.run.path} yet; semivideo review "
            f"{trained.run.path} takes answers"
        )
    _check(trained, answers)
    labels = list(trained.manifest.labels)
    labeled = set(trained.split.labeled)
    before = {id: labels[trained.manifest.row_of(id)] for id in labeled}
    for id, answer in answers.items():
        row = trained.manifest.row_of(id)
        if answer.kind == "label":
            labels[row] = answer.labels[0]
            labeled.add(id)
        else:  # nobody can say, or its intervals are videos of their own
            labeled.discard(id)
    now = {id: labels[trained.manifest.row_of(id)] for id in labeled}
    changed = sum(now[id] != before[id] for id in now.keys() & before.keys())
    num_intervals = sum(len(answer.intervals) for answer in answers.values())
    num_new = len(now.keys() - before.keys()) + num_intervals
    counts = (num_new, changed, len(before.keys() - now.keys()))
    if any(answer.kind == "intervals" for answer in answers.values()):
        manifest, split = _with_intervals(trained)
    else:
        manifest = _with_labels(trained.manifest, labels)
        train = {*trained.split.labeled, *trained.split.unlabeled}
        split = Split(
            name=f"{trained.split.name}-answered",
            seed=trained.split.seed,
            labeled=tuple(labeled),
            unlabeled=tuple(train - labeled),
            test=trained.split.test,
            shares_groups=trained.split.shares_groups,
        )
    return Continued(manifest, split, trained.settings, *counts)


def _check(trained: Trained, answers: dict[str, Answer]) -> None:
    """Refuse answers that this run cannot go on from."""
    known = {*trained.split.labeled, *trained.split.unlabeled}
    for id, answer in answers.items():
        if id not in known:
            what = "is held out for testing" if id in trained.split.test else "is not in the run"
            raise DataError(
                f"video {id!r} was answered and {what}; remove its answer from "
                f"{trained.run.answers / 'answers.json'}"
            )
        if len(answer.labels) > 1:
            raise DataError(
                f"video {id!r} has {len(answer.labels)} labels ({', '.join(answer.labels)}), and "
                f"this training takes one a video; {trained.run.answers / LABELS} has them all, a "
                "row a label, or answer it again with one"
            )
        if answer.kind == "intervals" and trained.settings.features is not None:
            raise DataError(
                f"video {id!r} has intervals, and features are of whole videos; make features of "
                f"{trained.run.answers / LABELS} with `semivideo features` and train on those"
            )


def _with_labels(manifest: Manifest, labels: list[str | None]) -> Manifest:
    """The same videos with other labels."""
    place = manifest.table.column_names.index("label")
    field = manifest.table.schema.field("label")
    table = manifest.table.set_column(
        place, field, pa.chunked_array([pa.array(labels, field.type)])
    )
    return Manifest(table, root=manifest.root, cache=manifest.cache, features=manifest.features)


def _with_intervals(trained: Trained) -> tuple[Manifest, Split]:
    """Intervals are new rows, which a scan of the table of labels makes."""
    manifest = scan(trained.run.answers / LABELS)
    return manifest, chosen_split(manifest, None, None, trained.split.seed)
