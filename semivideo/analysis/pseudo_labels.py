"""Pseudo-labels of a training joined with the truth, which the training itself never saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from semivideo.base.checked import UnreadError, opened_parquet, reading
from semivideo.base.errors import CheckpointError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.runfolder import RunFolder

_COLUMNS = ("step", "network", "video", "label", "kept")
UNKNOWN = -1
"""Nobody knows the class of this video."""
OTHER = -2
"""The class is known and is none of the network's: every pseudo-label of the video is wrong."""

QUALITY = pa.schema(
    {
        "step": pa.float64(),  # middle of the bin
        "network": pa.string(),  # that gave the labels
        "num_labels": pa.int64(),
        "kept": pa.float64(),  # share of labels that were used
        "precision": pa.float64(),  # share of right ones among the used; NaN if none was used
        "correct": pa.float64(),  # share of all labels that were used and right (CMPL, figure 2)
    }
)
"""Columns of ``pseudo_label_quality``."""


def true_classes(labels: Sequence[str | None], classes: Sequence[str]) -> NDArray[np.int64]:
    """Number the true classes as the network counts them.

    Args:
        labels: Class name of each video, or None.
        classes: Class names in the order of the logits.

    Returns:
        int64 (num_videos,) in [0, K), ``UNKNOWN`` or ``OTHER``.
    """
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(classes)}
    numbers[None] = UNKNOWN
    return np.array([numbers.get(label, OTHER) for label in labels], dtype=np.int64)


class LateLabels(NamedTuple):
    """Pseudo-labels of the last fifth of a training, all networks together; NaN where none.

    Attributes:
        kept: Share of labels that were used.
        right: Share of right ones among the used.
        with_labeled: Whether clips of labelled videos are counted as well, which are right nearly
            always; so it was before records said it.
    """

    kept: float
    right: float
    with_labeled: bool = False


def late_labels(run: RunFolder, manifest: Manifest, split: Split) -> LateLabels:
    """Judge what a run learned from at its end, on videos whose class it was not told.

    Args:
        run: A finished run.
        manifest: Knows the classes that the run did not see.
        split: What the run was told.
    """
    if not run.pseudo_labels_file.exists():  # the method gives none
        return LateLabels(math.nan, math.nan)
    truth = true_classes(manifest.labels, manifest.classes)
    table = without_labeled(read_pseudo_labels(run), manifest, split)
    quality = pseudo_label_quality(table, truth, num_bins=5).to_pylist()
    last = max((line["step"] for line in quality), default=math.nan)
    lines = [line for line in quality if line["step"] == last]
    # Networks weigh as many labels as they used: one that used none says nothing of precision.
    given = sum(line["num_labels"] for line in lines)
    used = sum(line["num_labels"] * line["kept"] for line in lines)
    right = sum(line["num_labels"] * line["correct"] for line in lines)
    return LateLabels(used / given if given else math.nan, right / used if used else math.nan)


def read_pseudo_labels(run: RunFolder) -> pa.Table:
    """Return all rows of ``pseudo_labels.parquet``.

    Raises:
        CheckpointError: It is broken.
    """
    file = run.pseudo_labels_file
    with (
        reading(file, CheckpointError, "train again, or remove it"),
        opened_parquet(file) as opened,
    ):
        missing = [name for name in _COLUMNS if name not in opened.schema_arrow.names]
        if missing:
            raise UnreadError(f"it has no column {', '.join(missing)}")
        return opened.read()


def without_labeled(table: pa.Table, manifest: Manifest, split: Split) -> pa.Table:
    """Return the pseudo-labels of videos whose class the training was not told.

    Labelled videos are in the unlabelled stream too; that they are labelled right proves little.
    """
    labeled = pa.array([manifest.row_of(id) for id in split.labeled], pa.int32())
    return table.filter(pc.invert(pc.is_in(table["video"].cast(pa.int32()), labeled)))


def pseudo_label_quality(table: pa.Table, truth: NDArray[np.int64], *, num_bins: int) -> pa.Table:
    """Judge the pseudo-labels of each network over the training.

    Args:
        table: Columns step, network, video (row of the manifest), label and kept, as in
            ``pseudo_labels.parquet``. Rows of videos whose class is ``UNKNOWN`` do not count.
        truth: int64 (num_videos,), the true class by row, as from ``true_classes``.
        num_bins: Steps are put into this many equal spans from 0 to the last step, >= 1.

    Returns:
        Columns of ``QUALITY``, by network and step; spans without labels are left out.
    """
    step, video, label, kept = (
        table[name].to_numpy() for name in ("step", "video", "label", "kept")
    )
    names = table["network"].combine_chunks().dictionary_encode()
    networks = names.dictionary.to_pylist()
    num_steps = int(step.max()) + 1 if len(step) else 1
    span = step.astype(np.int64) * num_bins // num_steps
    is_known = truth[video] != UNKNOWN

    def counts(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        cells = names.indices.to_numpy()[which] * num_bins + span[which]
        return np.bincount(cells, minlength=len(networks) * num_bins)

    all_labels = counts(is_known)
    used = counts(is_known & kept)
    right = counts(is_known & kept & (label == truth[video]))
    by_name = sorted(range(len(networks)), key=networks.__getitem__)
    cells = [network * num_bins + b for network in by_name for b in range(num_bins)]
    cells = [cell for cell in cells if all_labels[cell]]
    columns = {
        "step": [(cell % num_bins + 0.5) * num_steps / num_bins for cell in cells],
        "network": [networks[cell // num_bins] for cell in cells],
        "num_labels": all_labels[cells],
        "kept": used[cells] / all_labels[cells],
        "precision": np.divide(
            right[cells], used[cells], out=np.full(len(cells), np.nan), where=used[cells] > 0
        ),
        "correct": right[cells] / all_labels[cells],
    }
    return pa.table(columns, schema=QUALITY)
