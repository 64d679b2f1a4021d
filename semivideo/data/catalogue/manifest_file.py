"""The parquet file of a manifest: a table of ``SCHEMA`` and a header that says where videos are.

The root, the folder that paths are relative to, is stored relative to the manifest if it is the
manifest's folder or lies below it (both can then be moved together), and absolute otherwise. So is
the folder of the prepared frame cache and of the feature cache, if the videos have one.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from semivideo.base.errors import DataError
from semivideo.base.files import replacing
from semivideo.data.catalogue import frame_columns

FORMAT = 2
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
    ]
)
"""Columns; those of frames are explained in ``frame_columns``, the last two tell whether a file
changed."""
_COUNTED = {"num_frames", "keyframes_repeat"}
_EXPLICIT = pa.schema([field for field in SCHEMA if field.name not in _COUNTED])  # format 1
_BATCH = 1 << 14  # rows of format 1 whose lists of all frames are in memory at once


def table_of_rows(rows: list[dict[str, Any]]) -> pa.Table:
    """Columns of ``SCHEMA`` out of cells made by ``row_of_video``."""
    return _compacted(pa.Table.from_pylist(rows, schema=_EXPLICIT).to_batches())


def _compacted(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Columns of ``SCHEMA`` out of batches of rows with all times of all frames."""
    found = []
    for batch in batches:
        given = {name: batch[name] for name in batch.schema.names}
        columns = given | frame_columns.compact(batch["pts"], batch["keyframes"])
        arrays = [columns[name] for name in SCHEMA.names]
        found.append(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))
    return pa.Table.from_batches(found, schema=SCHEMA).combine_chunks()


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
    header = {"format": FORMAT, "root": _seen_from(folder, str(places.root))}
    for name in ("cache", "features"):
        if (place := getattr(places, name)) is not None:
            header[name] = _seen_from(folder, place)
    table = table.replace_schema_metadata({"semivideo": json.dumps(header)})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_table(path: Path) -> tuple[pa.Table, Places]:
    """Read the columns of a manifest, and where its videos and their caches are, or were.

    Raises:
        DataError: It is not a manifest, or one of another version.
    """
    again = (
        f"delete it and make it again with: semivideo scan VIDEOS --out {shlex.quote(str(path))}"
    )
    try:
        with pq.ParquetFile(path) as file:
            header = json.loads((file.schema_arrow.metadata or {}).get(b"semivideo", "{}"))
            known = {1: _EXPLICIT, FORMAT: SCHEMA}.get(header.get("format"))
            if known is None or not file.schema_arrow.equals(known):
                raise DataError(
                    f"{path} is not a manifest of this version of semivideo; {again}",
                    path=str(path),
                )
            is_explicit = known is _EXPLICIT
            table = _compacted(file.iter_batches(_BATCH)) if is_explicit else file.read()
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        raise DataError(
            f"{path} is not a manifest, for it is no readable parquet file ({why}); {again}",
            path=str(path),
        ) from None
    folder = path.resolve().parent
    cache, features = (
        header.get(name) and _found_from(folder, header[name]) for name in ("cache", "features")
    )
    return table, Places(folder / header["root"], cache, features)


def _seen_from(folder: Path, place: str) -> str:
    """A place relative to a folder if it is the folder or below it."""
    if "://" in place or not Path(place).is_relative_to(folder):
        return place
    return Path(place).relative_to(folder).as_posix()


def _found_from(folder: Path, place: str) -> str:
    """Reverse of ``_seen_from``."""
    return place if "://" in place else str(folder / place)
