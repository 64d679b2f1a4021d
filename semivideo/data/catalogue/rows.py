"""One row a file, as a scan collects them, and one row a video, as a manifest has them.

A file with segments becomes as many rows, of which the first holds the times of its frames::

    path     frames              path     start  end   first_frame  num_frames  frames
    a.mp4    0 .. 99     ->      a.mp4      0.0  2.0             0          50  0 .. 99
    b.mp4    0 .. 99             a.mp4      2.0  4.0            50          50  -
                                 b.mp4        -    -             -         100  0 .. 99
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from semivideo.base.errors import DataError
from semivideo.base.records import Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.manifest_file import SCHEMA, SEGMENT_COLUMNS, with_column
from semivideo.data.catalogue.segments import ends_late, segment_of, video_id, why_no_segment
from semivideo.events.label_row import LabelRow

log = logging.getLogger("semivideo")


def rows_of_entries(files: pa.Table, entries: Sequence[LabelRow]) -> pa.Table:
    """Make the rows of a manifest: what the files hold, and what the source says of them.

    Args:
        files: A row for each file, in any order.
        entries: What the source names; a file may be named several times, for its segments.

    Returns:
        Columns of ``SCHEMA``, a row for each entry, in ascending order of paths and then of where
        they start; a whole file comes before its segments.

    Raises:
        DataError: Two entries are the same segment, or file.
    """
    entries = sorted(entries, key=_order)
    _require_distinct(entries)
    row_of = {path: row for row, path in enumerate(files["path"].to_pylist())}
    rows = pa.array([row_of[entry.video] for entry in entries], pa.int64())
    held = set()
    lists = []  # of each file once: the times of an hour are a megabyte
    for entry in entries:
        is_holder = entry.video not in held
        held.add(entry.video)
        lists.append(row_of[entry.video] if is_holder else None)
    table = files.drop_columns(["pts", "keyframes"]).take(rows)
    for name in ("pts", "keyframes"):
        column = files[name].take(pa.array(lists, pa.int64()))
        table = table.add_column(SCHEMA.get_field_index(name), SCHEMA.field(name), column)
    segmented = {entry.video for entry in entries if _is_segment(entry)}
    given: dict[str, list[str | None]] = {
        "id": [video_id(e.video, e.start_seconds, e.end_seconds) for e in entries],
        "label": [entry.label for entry in entries],
        "group": [e.group or (e.video if e.video in segmented else None) for e in entries],
        "subset": [entry.subset for entry in entries],
    }
    for name, column in given.items():
        table = with_column(table, name, column)
    return _cut(table, files, entries) if segmented else table


def _order(entry: LabelRow) -> tuple[str, bool, float, float]:
    """Key to sort by; times that are no numbers come first."""
    times = (entry.start_seconds or 0.0, entry.end_seconds or 0.0)
    start, end = (time if time == time else -1.0 for time in times)
    return entry.video, _is_segment(entry), start, end


def _is_segment(entry: LabelRow) -> bool:
    return entry.start_seconds is not None or entry.end_seconds is not None


def _require_distinct(entries: Sequence[LabelRow]) -> None:
    """Check that no id stands for two rows."""
    ids = Counter(video_id(e.video, e.start_seconds, e.end_seconds) for e in entries)
    if len(ids) < len(entries):
        twice = ids.most_common(1)[0][0]
        raise DataError(f"{twice!r} is named twice; remove one of its rows from the list")


def _cut(table: pa.Table, files: pa.Table, entries: Sequence[LabelRow]) -> pa.Table:
    """Fill in the columns of segments, file after file."""
    whole = Manifest(files, root=Path())
    row_of = {path: row for row, path in enumerate(files["path"].to_pylist())}
    names = ("start_seconds", "end_seconds", "first_frame", "file_frames", "num_frames", "error")
    columns: dict[str, list[Any]] = {name: table[name].to_pylist() for name in names}
    last: Video | None = None
    late = []
    for row, entry in enumerate(entries):
        if not _is_segment(entry):
            continue
        if last is None or last.path != entry.video:
            last = whole[row_of[entry.video]]
        video = _video(entry, last)
        assert video.segment is not None
        error = why_no_segment(video)
        for name in ("start_seconds", "end_seconds", "first_frame", "num_frames"):
            columns[name][row] = getattr(video.segment, name)
        if error is not None:
            columns["first_frame"][row] = columns["num_frames"][row] = 0
        columns["file_frames"][row] = len(video.frames)
        columns["error"][row] = error
        if ends_late(video):
            late.append(video.id)
    for name in names:
        table = with_column(table, name, columns[name])
    if late:
        log.warning(
            "%d segments end after their video, the first is %s; what there is of them is used, "
            "but look whether their times are in seconds",
            len(late),
            late[0],
        )
    return table


def _video(entry: LabelRow, file: Video) -> Video:
    """The segment that an entry names."""
    start, end = entry.start_seconds, entry.end_seconds
    return replace(
        file, id=video_id(entry.video, start, end), segment=segment_of(file.frames, start, end)
    )


def rows_of_files(table: pa.Table) -> pa.Table:
    """Reverse of ``rows_of_entries``: one row for each file of a manifest, whole.

    A segment's reason not to be used is none of its file.
    """
    is_holder = pc.is_valid(table["pts"])
    table = table.filter(is_holder)
    is_segment = pc.is_valid(table["start_seconds"])
    if not pc.any(is_segment, min_count=0).as_py():
        return table
    none = pa.scalar(None, pa.string())
    is_readable = pc.fill_null(pc.greater(table["file_frames"], 0), False)
    error = pc.if_else(is_readable, none, table["error"])
    num_frames = pc.coalesce(table["file_frames"], table["num_frames"])
    table = with_column(table, "error", error.to_pylist())
    table = with_column(table, "num_frames", num_frames.to_pylist())
    for name in SEGMENT_COLUMNS:
        table = with_column(table, name, [None] * len(table))
    return table
