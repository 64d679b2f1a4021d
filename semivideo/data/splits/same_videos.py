"""Which videos of one manifest are videos of another: by their place, and by their bytes.

Quick enough to be done before every evaluation: only files whose sizes agree are read. Copies of
other bytes, such as a smaller encoding, are not seen; ``copies`` looks at the pictures for that.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.segments import segment_named
from semivideo.data.splits.fingerprint import same_bytes


def same_videos(
    ours: Manifest, rows: Sequence[int], others: Manifest, other_rows: Sequence[int]
) -> dict[int, int]:
    """Find the videos that are also in another manifest.

    Two rows are one video if they name one file; if their files have the same bytes; or, where a
    file cannot be read any more (it was moved, or its frames lie in a cache), if their tables of
    frame times are equal and so are their sizes in bytes or, where nobody knows these, their ids.
    Segments of one file are one video if they have a frame in common.

    Args:
        ours: A manifest.
        rows: Its videos.
        others: The other manifest; its folder may be gone.
        other_rows: Its videos.

    Returns:
        Row of ours to row of the other one, of the videos that are in both.

    Raises:
        OSError: A file that is there cannot be read.
    """
    by_place: dict[str, list[int]] = defaultdict(list)
    for row in other_rows:
        by_place[_place(others, row)].append(row)
    found: dict[int, int] = {}
    for row in rows:
        _add(found, ours, row, others, by_place.get(_place(ours, row), ()))
    left = [row for row in rows if row not in found]
    found |= _of_same_bytes(ours, left, others, other_rows)
    left = [row for row in left if row not in found]
    return found | _of_same_frames(ours, left, others, other_rows)


def _add(
    found: dict[int, int], ours: Manifest, row: int, others: Manifest, of_file: Iterable[int]
) -> None:
    """Note which row of the same file shows what a row of ours shows, if there is one."""
    start, end = ours.first_frames[row], ours.first_frames[row] + ours.num_frames[row]
    for other in of_file:
        first = others.first_frames[other]
        is_part = ours.is_segment[row] or others.is_segment[other]
        if not is_part or max(start, first) < min(end, first + others.num_frames[other]):
            found[row] = other
            return


def _place(manifest: Manifest, row: int) -> str:
    """Where a file is, whatever links lead there."""
    return os.path.realpath(manifest.absolute(row))


def _sizes(manifest: Manifest, rows: Sequence[int]) -> dict[int, int]:
    """Bytes of the files that are there."""
    sizes: dict[int, int] = {}
    for row in rows:
        try:
            sizes[row] = manifest.absolute(row).stat().st_size
        except OSError:
            continue
    return sizes


def _of_same_bytes(
    ours: Manifest, rows: Sequence[int], others: Manifest, other_rows: Sequence[int]
) -> dict[int, int]:
    """Pairs of readable files with the same content."""
    size, other_size = _sizes(ours, rows), _sizes(others, other_rows)
    both = set(size.values()) & set(other_size.values())
    mine = _by_file(ours, [row for row in size if size[row] in both])
    theirs = _by_file(others, [row for row in other_size if other_size[row] in both])
    sides, files = [*mine.values(), *theirs.values()], [*mine, *theirs]
    found: dict[int, int] = {}
    for group in same_bytes(files):
        partners = [row for place in group if place >= len(mine) for row in sides[place]]
        for row in (row for place in group if place < len(mine) for row in sides[place]):
            _add(found, ours, row, others, partners)
    return found


def _by_file(manifest: Manifest, rows: Sequence[int]) -> dict[Path, list[int]]:
    """Each file once, with its rows."""
    files: dict[Path, list[int]] = {}
    for row in rows:
        files.setdefault(manifest.absolute(row), []).append(row)
    return files


def _of_same_frames(
    ours: Manifest, rows: Sequence[int], others: Manifest, other_rows: Sequence[int]
) -> dict[int, int]:
    """Pairs of which at least one file is not there, told by what the scans wrote down."""
    is_there, other_is_there = _sizes(ours, rows).keys(), _sizes(others, other_rows).keys()
    by_number: dict[int, list[int]] = defaultdict(list)
    for row in other_rows:
        by_number[int(others.file_frames[row])].append(row)
    found: dict[int, int] = {}
    for row in rows:
        alike = (
            other
            for other in by_number.get(int(ours.file_frames[row]), ())
            if not (row in is_there and other in other_is_there)  # they were compared
            and _looks_same(ours, row, others, other)
        )
        _add(found, ours, row, others, alike)
    return found


def _looks_same(ours: Manifest, row: int, others: Manifest, other: int) -> bool:
    """Whether two rows tell of one file."""
    sizes = [int(m.table["num_bytes"][r].as_py()) for m, r in ((ours, row), (others, other))]
    if all(sizes):
        if sizes[0] != sizes[1]:
            return False
    elif _file_of(ours.ids[row]) != _file_of(others.ids[other]):
        return False
    one, two = ours[row], others[other]
    shape = (one.width, one.height, one.frames.time_base)
    is_like = shape == (two.width, two.height, two.frames.time_base)
    return is_like and np.array_equal(one.frames.pts, two.frames.pts)


def _file_of(id: str) -> str:
    """Id of a video, or of the file that a segment is of."""
    named = segment_named(id)
    return id if named is None else named[0]
