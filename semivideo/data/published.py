"""Splits that published results were measured on, read from their lists (see ``lists``)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from semivideo.data.lists import match, read_list
from semivideo.data.manifest import Manifest
from semivideo.data.split_file import Split, check_split
from semivideo.errors import SplitError


def listed_split(
    manifest: Manifest,
    *,
    labeled: Path,
    test: Path,
    unlabeled: Path | None = None,
    name: str | None = None,
    shares_groups: bool = False,
    allow_missing: bool = False,
) -> Split:
    """Take a split from lists; unreadable videos are left out.

    Args:
        manifest: The videos.
        labeled: List of the labelled videos.
        test: List of the test videos.
        unlabeled: List of the unlabelled videos; None for all that are neither labelled, nor for
            testing, nor "unused" in the manifest.
        name: Name of the split; None takes that of the list of labelled videos.
        shares_groups: Accept groups on both sides, as the VideoSSL lists of HMDB-51 have them.
        allow_missing: Leave out listed videos that the manifest lacks (usual for Kinetics).

    Raises:
        SplitError: A list names videos that the manifest lacks, or a group is on both sides.
        DataError: A list cannot be read.
    """
    labeled_rows = _listed(manifest, labeled, allow_missing=allow_missing)
    test_rows = _listed(manifest, test, allow_missing=allow_missing)
    if unlabeled is None:
        others = {row for row, subset in enumerate(manifest.subsets) if subset != "unused"}
        others -= test_rows
    else:
        others = _listed(manifest, unlabeled, allow_missing=allow_missing)
    usable = set(np.flatnonzero(manifest.usable).tolist())

    def ids(rows: Iterable[int]) -> tuple[str, ...]:
        return tuple(manifest.ids[row] for row in rows if row in usable)

    split = Split(
        name=name or labeled.stem,
        seed=0,
        labeled=ids(labeled_rows),
        unlabeled=ids(others - labeled_rows),
        test=ids(test_rows),
        shares_groups=shares_groups,
    )
    check_split(split, manifest)
    return split


def _listed(manifest: Manifest, file: Path, *, allow_missing: bool) -> set[int]:
    """Rows that a list names."""
    entries = read_list(file)
    found = match(entries, manifest.ids)
    missing = [e.name for e, id in zip(entries, found, strict=True) if id is None]
    if missing and not (allow_missing and len(missing) < len(entries)):
        raise SplitError(
            f"{file.name} names {len(missing)} of {len(entries)} videos that the manifest lacks, "
            f"first {missing[0]!r}; scan the folder that has them or pass allow_missing=True"
        )
    return {manifest.row_of(id) for id in found if id is not None}
