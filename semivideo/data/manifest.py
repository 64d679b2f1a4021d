"""The table of all videos of a data set, made once by ``scan``: one row a video.

It is a parquet file next to which nothing else is needed. Columns stay in Arrow's memory; Python
objects are made for the row that is asked for, so a million videos open in seconds.

The root, the folder that paths are relative to, is stored relative to the manifest if it is the
manifest's folder or lies below it (both can then be moved together), and absolute otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from semivideo.errors import DataError
from semivideo.files import replacing
from semivideo.records import FrameTable, Video

FORMAT = 1
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
        ("keyframes", pa.list_(pa.int32())),
        ("time_base_num", pa.int64()),
        ("time_base_den", pa.int64()),
        ("is_exact", pa.bool_()),
        ("error", pa.string()),
        ("num_bytes", pa.int64()),
        ("modified_ns", pa.int64()),
    ]
)
"""Columns; ``keyframes`` holds indices into ``pts``, the last two tell whether a file changed."""


class Manifest:
    """Videos with their labels, groups and tables of frame times.

    Args:
        table: Columns of ``SCHEMA``.
        root: Folder that the column ``path`` is relative to.

    Attributes:
        table: The columns; treat them as read-only.
        root: The folder, absolute.
    """

    def __init__(self, table: pa.Table, *, root: Path) -> None:
        self.table = table
        self.root = root.resolve()

    @classmethod
    def from_videos(
        cls, videos: Iterable[Video], *, root: Path, subsets: Sequence[str | None] | None = None
    ) -> Manifest:
        """Make a manifest from rows.

        Args:
            videos: The rows, in order.
            root: Folder that their paths are relative to.
            subsets: "train", "val", "test", "unused" or None for each row; None for all None.
        """
        rows = [row_of_video(video) for video in videos]
        for row, subset in zip(rows, subsets or [None] * len(rows), strict=True):
            row["subset"] = subset
        return cls(pa.Table.from_pylist(rows, schema=SCHEMA), root=root)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest.

        Raises:
            DataError: There is no such file, it is not a manifest, or its videos' folder is gone.
        """
        if not path.is_file():
            raise DataError(
                f"there is no manifest {path}; make it with: semivideo scan VIDEOS --out {path}",
                path=str(path),
            )
        table, root = read_table(path)
        if not root.is_dir():
            raise DataError(
                f"the videos of {path.name} were in {root}, which does not exist; bring them back "
                f"or scan them at their new place: semivideo scan VIDEOS --out {path}",
                path=str(path),
            )
        return cls(table, root=root)

    def write(self, path: Path) -> None:
        """Write the manifest; a file of that name is replaced at once or not at all.

        Raises:
            WriteError: It cannot be written.
        """
        folder = path.resolve().parent
        is_below = self.root.is_relative_to(folder)
        root = self.root.relative_to(folder) if is_below else self.root
        header = json.dumps({"format": FORMAT, "root": root.as_posix()})
        table = self.table.replace_schema_metadata({"semivideo": header})
        with replacing(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __getitem__(self, row: int) -> Video:
        """Return one row, counted from the end if negative."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"manifest has {len(self)} rows, got row {row}")
        position = row % len(self)
        cell = {name: self.table[name][position] for name in SCHEMA.names}
        pts = cell["pts"].values.to_numpy()
        is_keyframe = np.zeros(len(pts), dtype=bool)
        is_keyframe[cell["keyframes"].values.to_numpy()] = True
        time_base = Fraction(cell["time_base_num"].as_py(), cell["time_base_den"].as_py())
        frames = FrameTable(pts, is_keyframe, time_base, is_exact=cell["is_exact"].as_py())
        given = ("id", "path", "label", "group", "width", "height", "frame_rate", "rotation")
        return Video(
            **{name: cell[name].as_py() for name in given},
            frames=frames,
            error=cell["error"].as_py(),
        )

    def absolute(self, row: int) -> Path:
        """Path of a row's file."""
        return self.root.joinpath(self.table["path"][row].as_py())

    def row_of(self, id: str) -> int:
        """Return the row of a video.

        Raises:
            DataError: No video has this id.
        """
        if id not in self._rows:
            raise DataError(
                f"the manifest of {self.root} has no video {id!r}; scan the folder again if the "
                "file is new"
            )
        return self._rows[id]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {id: row for row, id in enumerate(self.ids)}

    @cached_property
    def ids(self) -> list[str]:
        """Id of each row."""
        return list(self.table["id"].to_pylist())

    @cached_property
    def labels(self) -> list[str | None]:
        """Class name of each row, or None."""
        return list(self.table["label"].to_pylist())

    @cached_property
    def groups(self) -> list[str | None]:
        """Group of each row, or None."""
        return list(self.table["group"].to_pylist())

    @cached_property
    def subsets(self) -> list[str | None]:
        """Subset of each row ("train", "val", "test", "unused"), or None."""
        return list(self.table["subset"].to_pylist())

    @cached_property
    def classes(self) -> list[str]:
        """Names of all classes, in ascending order; the position is the number of the class."""
        return sorted(pc.unique(self.table["label"].drop_null()).to_pylist())

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Whether the file of a row can be read: bool (len,)."""
        return self._numpy(pc.is_null(self.table["error"]))

    @cached_property
    def num_frames(self) -> NDArray[np.int64]:
        """Frames of each video, 0 for unreadable ones: int64 (len,)."""
        return self._numpy(pc.list_value_length(self.table["pts"])).astype(np.int64)

    @cached_property
    def durations_seconds(self) -> NDArray[np.float64]:
        """As ``Video.duration_seconds`` of each row: float64 (len,)."""
        units = np.concatenate([np.zeros(0), *map(_spans, self.table["pts"].chunks)])
        numerator, denominator, rate = (
            self._numpy(self.table[name]).astype(np.float64)
            for name in ("time_base_num", "time_base_den", "frame_rate")
        )
        last_frame = np.divide(1.0, rate, out=np.zeros_like(rate), where=rate > 0)
        seconds = units * numerator / denominator + last_frame
        return np.where(self.num_frames > 0, seconds, 0.0)

    @staticmethod
    def _numpy(column: Any) -> NDArray[Any]:
        return np.asarray(column.to_numpy())


def row_of_video(video: Video) -> dict[str, Any]:
    """Cells of one row; size and time of the file are 0, which counts as changed."""
    base = video.frames.time_base
    given = ("id", "path", "label", "group", "width", "height", "frame_rate", "rotation", "error")
    return {
        **{name: getattr(video, name) for name in given},
        "pts": video.frames.pts,
        "keyframes": np.flatnonzero(video.frames.is_keyframe),
        "time_base_num": base.numerator,
        "time_base_den": base.denominator,
        "is_exact": video.frames.is_exact,
        "num_bytes": 0,
        "modified_ns": 0,
    }


def _spans(chunk: Any) -> NDArray[np.int64]:
    """Last minus first value of each list of a chunk; anything for an empty list."""
    values, offsets = chunk.values.to_numpy(), chunk.offsets.to_numpy()
    if len(values) == 0:
        return np.zeros(len(chunk), dtype=np.int64)
    first = values[np.minimum(offsets[:-1], len(values) - 1)]
    return np.asarray(values[offsets[1:] - 1] - first)


def read_table(path: Path) -> tuple[pa.Table, Path]:
    """Read the columns of a manifest and the folder its videos are, or were, in.

    Raises:
        DataError: It is not a manifest, or one of another version.
    """
    again = f"delete it and make it again with: semivideo scan VIDEOS --out {path}"
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        raise DataError(
            f"{path} is not a manifest, for it is no readable parquet file ({why}); {again}",
            path=str(path),
        ) from None
    header = json.loads((table.schema.metadata or {}).get(b"semivideo", "{}"))
    if header.get("format") != FORMAT or not table.schema.equals(SCHEMA):
        raise DataError(
            f"{path} is not a manifest of this version of semivideo; {again}", path=str(path)
        )
    return table, path.resolve().parent / header["root"]
