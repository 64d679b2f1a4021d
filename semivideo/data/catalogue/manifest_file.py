"""The parquet file of a manifest: a table of ``SCHEMA`` and a header that says where videos are.

The root, the folder that paths are relative to, is stored relative to the manifest if it is the
manifest's folder or lies below it (both can then be moved together), and absolute otherwise. So is
the folder of the prepared frame cache and of the feature cache, if the videos have one.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from semivideo.base.checked import UnreadError, opened_parquet, parsed, shown
from semivideo.base.errors import DataError
from semivideo.base.files import replacing
from semivideo.base.places import made_again
from semivideo.data.catalogue import frame_columns
from semivideo.data.video.budgets import budget

FORMAT = 3
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("path", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("subset", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("frame_rate", pa.float64()),
        ("rotation", pa.int32()),
        ("pts", pa.list_(pa.int64())),
        ("num_frames", pa.int32()),
        ("keyframes", pa.list_(pa.int32())),
        ("keyframes_repeat", pa.bool_()),
        ("time_base_num", pa.int64()),
        ("time_base_den", pa.int64()),
        ("is_exact", pa.bool_()),
        ("error", pa.string()),
        ("num_bytes", pa.int64()),
        ("modified_ns", pa.int64()),
        ("start_seconds", pa.float64()),
        ("end_seconds", pa.float64()),
        ("first_frame", pa.int32()),
        ("file_frames", pa.int32()),
        ("is_verified", pa.bool_()),
    ]
)
"""Columns; those of frames are explained in ``frame_columns``. ``num_bytes`` and ``modified_ns``
tell whether a file changed. The four before the last are of segments and null in a row that is a
whole file: where the segment starts and ends, its first frame's number in the file, and the file's
frames (``num_frames`` are the segment's). The lists of frames are the file's, and of all rows of
one file only the first holds them; in the others they are null. ``is_verified`` says that the whole
file was decoded (``video.verifying``)."""
SEGMENT_COLUMNS = ("start_seconds", "end_seconds", "first_frame", "file_frames")
_ADDED: dict[str, Any] = {**dict.fromkeys(SEGMENT_COLUMNS), "is_verified": False}
"""Columns since format 3, with what they say of a row they do not concern. A file leaves out those
that say nothing else, and without any it is of format 2."""
PROBE = 2
"""Version of what a scan sees in a file: rows of an earlier one are right for most files, but not
for all, so they are read as they are and looked at anew by the next scan."""
_COUNTED = {"num_frames", "keyframes_repeat"}
_PLAIN = pa.schema([field for field in SCHEMA if field.name not in _ADDED])  # format 2
_EXPLICIT = pa.schema([field for field in _PLAIN if field.name not in _COUNTED])  # format 1
_BATCH = 1 << 14  # rows of format 1 whose lists of all frames are in memory at once


def table_of_rows(rows: list[dict[str, Any]]) -> pa.Table:
    """Columns of ``SCHEMA`` out of cells made by ``row_of_video``.

    Rows of segments hold ``num_frames`` themselves; the first row of a file keeps its lists.
    """
    holders: set[str] = set()
    kept = []
    for row in rows:
        is_told = row["path"] in holders and row.get("start_seconds") is not None
        kept.append(row | {"pts": None, "keyframes": None} if is_told else row)
        holders.add(row["path"])
    table = _compacted(pa.Table.from_pylist(kept, schema=_EXPLICIT).to_batches())
    for name, usual in _ADDED.items():
        if any(row.get(name, usual) != usual for row in rows):
            table = with_column(table, name, [row.get(name, usual) for row in rows])
    if any("num_frames" in row for row in rows):
        counted = table["num_frames"].to_pylist()
        own = [row.get("num_frames", num) for row, num in zip(rows, counted, strict=True)]
        table = with_column(table, "num_frames", own)
    return table


def with_column(table: pa.Table, name: str, values: Sequence[Any]) -> pa.Table:
    """Put other values into a column of ``SCHEMA``."""
    field = SCHEMA.field(name)
    return table.set_column(SCHEMA.get_field_index(name), field, pa.array(values, field.type))


def _compacted(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Columns of ``SCHEMA`` out of batches of rows with all times of all frames."""
    found = []
    for batch in batches:
        given = {name: batch[name] for name in batch.schema.names}
        columns = given | frame_columns.compact(batch["pts"], batch["keyframes"])
        arrays = [columns[name] for name in _PLAIN.names]
        found.append(pa.RecordBatch.from_arrays(arrays, schema=_PLAIN))
    return _completed(pa.Table.from_batches(found, schema=_PLAIN).combine_chunks())


def _completed(table: pa.Table) -> pa.Table:
    """All columns of ``SCHEMA``, of a table that leaves out some that say nothing."""
    usual = {name: value for name, value in _ADDED.items() if name not in table.schema.names}
    for name, value in usual.items():
        field = SCHEMA.field(name)
        column = pa.repeat(pa.scalar(value, field.type), table.num_rows)
        table = table.append_column(field, column)
    return table.select(SCHEMA.names) if usual else table


def _shortened(table: pa.Table) -> pa.Table:
    """Reverse of ``_completed``."""

    def says_nothing(name: str, value: Any) -> bool:
        column = table[name]
        if value is None:
            return bool(column.null_count == len(column))
        return bool(pc.all(pc.equal(column, value), min_count=0).as_py())

    return table.drop_columns([n for n, value in _ADDED.items() if says_nothing(n, value)])


class Places(NamedTuple):
    """Where what belongs to a manifest is.

    Attributes:
        root: Folder that paths are relative to, absolute.
        cache: Folder or address of the prepared frame cache, None if there is none.
        features: Folder of the feature cache, None if there is none.
    """

    root: Path
    cache: str | None = None
    features: str | None = None


def write_table(path: Path, table: pa.Table, places: Places) -> None:
    """Write a manifest; a file of that name is replaced at once or not at all.

    Raises:
        WriteError: It cannot be written.
    """
    folder = path.resolve().parent
    table = _shortened(table)
    number = 2 if table.schema.names == _PLAIN.names else FORMAT
    header: dict[str, Any] = {"format": number, "probe": PROBE}
    header["root"] = _seen_from(folder, str(places.root))
    for name in ("cache", "features"):
        if (place := getattr(places, name)) is not None:
            header[name] = _seen_from(folder, place)
    table = table.replace_schema_metadata({"semivideo": json.dumps(header)})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_table(path: Path) -> tuple[pa.Table, Places]:
    """Read the columns of a manifest, and where its videos and their caches are, or were.

    Raises:
        DataError: It is not a manifest, one of another version, or one of too many videos.
    """
    scan = f"semivideo scan VIDEOS --out {shlex.quote(str(path))}"
    again = made_again(path, f"delete it and make it again with: {scan}")
    try:
        with opened_parquet(path) as file:
            budget().check(path, videos=file.metadata.num_rows)
            header = _header(file.schema_arrow)
            known = _schema_of(header.get("format"), file.schema_arrow.names)
            if known is None or not file.schema_arrow.equals(known):
                raise DataError(
                    f"{path} is not a manifest of this version of semivideo; {again}",
                    path=str(path),
                )
            is_explicit = known is _EXPLICIT
            table = (
                _compacted(file.iter_batches(_BATCH)) if is_explicit else _completed(file.read())
            )
        _check_rows(table)
    except DataError:
        raise
    except UnreadError as error:
        raise DataError(f"{path} is not a manifest: {error}; {again}", path=str(path)) from None
    except (pa.ArrowException, OSError, ValueError, IndexError, OverflowError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{path} is not a manifest, for it is no readable parquet file ({why}); {again}",
            path=str(path),
        ) from None
    folder = path.resolve().parent
    cache, features = (
        header.get(name) and _found_from(folder, header[name]) for name in ("cache", "features")
    )
    return table, Places(folder / header["root"], cache, features)


def is_probed_alike(path: Path) -> bool:
    """Whether the rows of a manifest are what a scan of today would write."""
    return bool(_header(pq.read_schema(path)).get("probe") == PROBE)


def _header(schema: pa.Schema) -> dict[str, Any]:
    """What the file says of itself; empty where it is no manifest."""
    header = parsed((schema.metadata or {}).get(b"semivideo", "{}"), json.loads, "JSON")
    if not isinstance(header, dict):
        raise UnreadError("its header is no object")
    if header and (
        type(header.get("format")) is not int or not isinstance(header.get("root"), str)
    ):
        raise UnreadError("its header lacks a format (a number) or a root (a folder)")
    for name in ("cache", "features"):
        if not isinstance(header.get(name), str | None):
            raise UnreadError(f"{name} in its header is {shown(header[name])} and no place")
    return header


def _check_rows(table: pa.Table) -> None:
    """Refuse rows that no scan writes: what reading does with them is not known."""
    most = min(_MOST, int(budget().max_frames))
    rules = {
        "id": ("text", pc.is_valid(table["id"])),
        "path": ("text", pc.is_valid(table["path"])),
        "width": ("0 to 1000000", _within(table["width"], 0, 1_000_000)),
        "height": ("0 to 1000000", _within(table["height"], 0, 1_000_000)),
        "frame_rate": ("a finite number from 0 on", _within(table["frame_rate"], 0, 1e9)),
        "rotation": (f"one of {_TURNS}", pc.is_in(table["rotation"], pa.array(_TURNS, pa.int32()))),
        "num_frames": (f"0 to {most} (max_frames)", _within(table["num_frames"], 0, most)),
        "time_base_num": ("1 or more", _within(table["time_base_num"], 1, 2**62)),
        "time_base_den": ("1 or more", _within(table["time_base_den"], 1, 2**62)),
        "keyframes_repeat": ("true or false", pc.is_valid(table["keyframes_repeat"])),
        "is_exact": ("true or false", pc.is_valid(table["is_exact"])),
        "is_verified": ("true or false", pc.is_valid(table["is_verified"])),
        "first_frame": ("0 or more", _within(table["first_frame"], 0, _MOST, may_lack=True)),
        "file_frames": (
            f"0 to {most} (max_frames)",
            _within(table["file_frames"], 0, most, may_lack=True),
        ),
    }
    for name, (allowed, is_right) in rules.items():
        _refuse_first(table, name, allowed, np.asarray(is_right.to_numpy(), dtype=bool))
    names = ("pts", "keyframes", "num_frames", "keyframes_repeat", "first_frame", "file_frames")
    _check_lists(table.select(names).combine_chunks())


_TURNS = [0, 90, 180, 270, -90, -180, -270, -360]
_MOST = 2**31 - 1


def _within(column: Any, low: float, high: float, *, may_lack: bool = False) -> Any:
    """Whether each value lies in a range; one that lacks only where it may."""
    is_in = pc.and_(pc.greater_equal(column, low), pc.less_equal(column, high))
    return is_in.fill_null(may_lack)


def _refuse_first(table: pa.Table, name: str, allowed: str, is_right: NDArray[np.bool_]) -> None:
    """Name the first row whose value is not allowed."""
    wrong = np.flatnonzero(~is_right)
    if len(wrong):
        value = shown(table[name][int(wrong[0])].as_py())
        raise UnreadError(f"{name} of row {wrong[0]} is {value}, and allowed is {allowed}")


def _check_lists(table: pa.Table) -> None:
    """Refuse lists of frames that do not fit the number of frames."""
    own = table["num_frames"].to_numpy()
    frames = pc.coalesce(table["file_frames"], table["num_frames"]).to_numpy()
    for name in ("pts", "keyframes"):
        lists = table[name]
        is_there = np.asarray(pc.is_valid(lists).to_numpy())
        lengths = np.asarray(pc.list_value_length(lists).fill_null(0).to_numpy())
        # Fewer numbers than frames are two that go on evenly, see ``frame_columns``.
        fits = lengths <= frames
        if name == "pts":
            fits &= (lengths == frames) | ((lengths == 2) & (frames > 2))
        else:
            repeats = np.asarray(table["keyframes_repeat"].to_numpy(), dtype=bool)
            fits &= ~repeats | (lengths == 2)
        _refuse_first(table, name, "as many as there are frames", fits | ~is_there)
        is_part = np.asarray(pc.is_valid(table["first_frame"]).to_numpy())
        _refuse_first(table, name, "a list, but in segments", is_there | is_part)
        values = pc.list_flatten(lists).to_numpy()
        row = np.repeat(np.arange(table.num_rows)[is_there], lengths[is_there])
        is_right = np.ones(table.num_rows, dtype=bool)
        if name == "keyframes":
            is_right[row[(values < 0) | (values >= frames[row])]] = False
            allowed = "numbers of frames, ascending"
        else:
            is_right[row[(values < -(2**62)) | (values > 2**62)]] = False
            allowed = "times of 62 bits, ascending"
        is_next = row[1:] == row[:-1]
        is_right[row[1:][is_next & (np.diff(values) <= 0)]] = False
        _refuse_first(table, name, allowed, is_right)
    ends = table["first_frame"].fill_null(0).to_numpy().astype(np.int64) + own
    _refuse_first(table, "num_frames", "as many as the file has", ends <= frames)


def _schema_of(format: int | None, names: Sequence[str]) -> pa.Schema | None:
    """Columns of a file of this format; of ours it may leave out those that were added."""
    ours = [field for field in SCHEMA if field.name not in _ADDED or field.name in names]
    return {1: _EXPLICIT, 2: _PLAIN, FORMAT: pa.schema(ours)}.get(format or 0)


def _seen_from(folder: Path, place: str) -> str:
    """A place relative to a folder if it is the folder or below it."""
    if "://" in place or not Path(place).is_relative_to(folder):
        return place
    return Path(place).relative_to(folder).as_posix()


def _found_from(folder: Path, place: str) -> str:
    """Reverse of ``_seen_from``."""
    return place if "://" in place else str(folder / place)
