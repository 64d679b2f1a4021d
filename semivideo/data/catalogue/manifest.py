"""The table of all videos of a data set, made once by ``scan``: one row a video or segment of one.

It is a parquet file next to which nothing else is needed. Columns stay in Arrow's memory; Python
objects are made for the row that is asked for, so a million videos open in seconds.

Videos whose frames lie in a prepared cache need not be there themselves. ``manifest_file`` tells
what the file holds.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from semivideo.base.errors import DataError
from semivideo.base.records import FrameTable, Segment, Video
from semivideo.data.catalogue import frame_columns
from semivideo.data.catalogue.manifest_file import (
    SCHEMA,
    Places,
    read_table,
    table_of_rows,
    write_table,
)
from semivideo.data.catalogue.segments import FEWEST_FRAMES

__all__ = ["SCHEMA", "Manifest", "row_of_video", "why_unusable"]

_SMALLEST_SIDE = 8  # pixels; below, there is nothing to crop
_OF_VIDEO = "id path label group width height frame_rate rotation error".split()
_OF_FRAMES = "num_frames keyframes_repeat time_base_num time_base_den is_exact file_frames".split()
_OF_SEGMENT = "start_seconds end_seconds first_frame num_frames".split()


class Manifest:
    """Videos with their labels, groups and tables of frame times.

    Args:
        table: Columns of ``SCHEMA``.
        root: Folder that the column ``path`` is relative to.
        cache: Folder or address (a URL for fsspec) of the prepared frame cache that holds these
            videos' frames; None if they have none.
        features: Folder of the feature cache that stands for these videos; None if there is none.

    Attributes:
        table: The columns; treat them as read-only.
        root: The folder, absolute.
        cache: The cache, absolute.
        features: The feature cache, absolute.
    """

    def __init__(
        self,
        table: pa.Table,
        *,
        root: Path,
        cache: str | None = None,
        features: str | None = None,
    ) -> None:
        self.table = table
        self.root = root.resolve()
        is_folder = cache is not None and "://" not in cache
        self.cache = str(Path(cache or "").resolve()) if is_folder else cache
        self.features = None if features is None else str(Path(features).resolve())

    @classmethod
    def from_videos(
        cls,
        videos: Iterable[Video],
        *,
        root: Path,
        cache: str | None = None,
        subsets: Sequence[str | None] | None = None,
    ) -> Manifest:
        """Make a manifest from rows.

        Args:
            videos: The rows, in order.
            root: Folder that their paths are relative to.
            cache: As in the constructor.
            subsets: "train", "val", "test", "unused" or None for each row; None for all None.
        """
        rows = [row_of_video(video) for video in videos]
        for row, subset in zip(rows, subsets or [None] * len(rows), strict=True):
            row["subset"] = subset
        return cls(table_of_rows(rows), root=root, cache=cache)

    @classmethod
    def read(cls, path: Path, *, videos_may_be_gone: bool = False) -> Manifest:
        """Read a manifest.

        Args:
            path: The file.
            videos_may_be_gone: Whether what was written down of the videos is enough.

        Raises:
            DataError: There is no such file, it is not a manifest, or its videos' folder is gone
                and no cache holds their frames.
        """
        if not path.is_file():
            raise DataError(
                f"there is no manifest {path}; make it with: semivideo scan VIDEOS --out "
                f"{shlex.quote(str(path))}",
                path=str(path),
            )
        table, (root, cache, features) = read_table(path)
        is_gone = cache is None and features is None and not root.is_dir()
        if is_gone and not videos_may_be_gone:
            raise DataError(
                f"the videos of {path.name} were in {root}, which does not exist; bring them back "
                f"or scan them at their new place: semivideo scan VIDEOS --out "
                f"{shlex.quote(str(path))}",
                path=str(path),
            )
        return cls(table, root=root, cache=cache, features=features)

    def write(self, path: Path) -> None:
        """Write the manifest; a file of that name is replaced at once or not at all.

        Raises:
            WriteError: It cannot be written.
        """
        write_table(path, self.table, Places(self.root, self.cache, self.features))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        num_labeled = len(self) - self.table["label"].null_count
        words = [
            f"{len(self)} videos of {len(self.classes)} classes, {num_labeled} labelled",
            f"{num_broken} unreadable" if (num_broken := int((~self.usable).sum())) else "",
            f"below {self.root}" if self.cache is None else f"in the cache {self.cache}",
        ]
        return f"<Manifest {', '.join(filter(None, words))}>"

    def __getitem__(self, row: int) -> Video:
        """Return one row, counted from the end if negative."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"manifest has {len(self)} rows, got row {row}")
        position = row % len(self)
        cell = self._cells(position, {*_OF_VIDEO, *_OF_SEGMENT})
        video = {name: cell[name] for name in _OF_VIDEO}
        if cell["start_seconds"] is None:
            return Video(**video, frames=self._frames(position))
        segment = Segment(**{name: cell[name] for name in _OF_SEGMENT})
        return Video(**video, frames=self._shared_frames(position), segment=segment)

    def _cells(self, row: int, names: Iterable[str]) -> dict[str, Any]:
        return {name: self.table[name][row].as_py() for name in names}

    def _frames(self, row: int) -> FrameTable:
        """Times of the frames of a file, out of the row that holds them."""
        pts, keyframes = (self.table[name][row].values for name in ("pts", "keyframes"))
        cell = self._cells(row, _OF_FRAMES)
        num_frames = cell["num_frames"] if cell["file_frames"] is None else cell["file_frames"]
        repeat = cell["keyframes_repeat"]
        return FrameTable(
            frame_columns.frame_times(pts.to_numpy(), num_frames),
            frame_columns.keyframe_flags(keyframes.to_numpy(), num_frames, repeat=repeat),
            Fraction(cell["time_base_num"], cell["time_base_den"]),
            is_exact=cell["is_exact"],
        )

    def _shared_frames(self, row: int) -> FrameTable:
        """Times of the frames of a segment's file: one object for all its segments in use."""
        path = self.table["path"][row].as_py()
        frames = self._tables.get(path)
        if frames is None:
            if path not in self._holders:  # rows were left out with Arrow
                raise DataError(f"no row of this manifest has the times of {path}; scan it again")
            self._tables[path] = self._last_table = frames = self._frames(self._holders[path])
        return frames

    @cached_property
    def _tables(self) -> WeakValueDictionary[str, FrameTable]:
        """Tables of files of segments, as long as somebody needs them."""
        return WeakValueDictionary()

    @cached_property
    def _holders(self) -> dict[str, int]:
        """Path of each file to the row that holds the times of its frames."""
        rows = np.flatnonzero(self._numpy(pc.is_valid(self.table["pts"])))
        paths = self.table["path"].take(pa.array(rows)).to_pylist()
        return dict(zip(reversed(paths), reversed(rows.tolist()), strict=True))

    def __getstate__(self) -> dict[str, Any]:
        """Another process makes its own tables."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_tables", "_last_table")}

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

    def find(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return the row of each video, -1 for one that is not there: int64 (len(ids),)."""
        found = pc.index_in(pa.array(ids, pa.string()), value_set=self.table["id"])
        return self._numpy(found.fill_null(-1)).astype(np.int64)

    def rows_of(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return the row of each video: int64 (len(ids),); raises as ``row_of``."""
        rows = self.find(ids)
        for place in np.flatnonzero(rows < 0).tolist():
            self.row_of(ids[place])
        return rows

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
        return self._shared_strings("label")

    @cached_property
    def groups(self) -> list[str | None]:
        """Group of each row, or None."""
        return self._shared_strings("group")

    @cached_property
    def subsets(self) -> list[str | None]:
        """Subset of each row ("train", "val", "test", "unused"), or None."""
        return self._shared_strings("subset")

    @cached_property
    def classes(self) -> list[str]:
        """Names of all classes, in ascending order; the position is the number of the class."""
        return sorted(pc.unique(self.table["label"].drop_null()).to_pylist())

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Whether the file of a row can be read: bool (len,)."""
        return self._numpy(pc.is_null(self.table["error"]))

    @cached_property
    def unfit(self) -> dict[int, str]:
        """Rows whose file can be read and of which no clip can be cut, with the reason."""
        sizes = (self.table[name].to_pylist() for name in ("width", "height", "num_frames"))
        reasons = (
            why_unusable(width=width, height=height, num_frames=num_frames) if is_usable else None
            for is_usable, width, height, num_frames in zip(self.usable, *sizes, strict=True)
        )
        return {row: reason for row, reason in enumerate(reasons) if reason is not None}

    @cached_property
    def num_frames(self) -> NDArray[np.int64]:
        """Frames of each video or segment, 0 for unreadable ones: int64 (len,)."""
        return self._numpy(self.table["num_frames"]).astype(np.int64)

    @cached_property
    def first_frames(self) -> NDArray[np.int64]:
        """As ``Video.first_frame`` of each row: int64 (len,)."""
        return self._numpy(self.table["first_frame"].fill_null(0)).astype(np.int64)

    @cached_property
    def file_frames(self) -> NDArray[np.int64]:
        """Frames of the file of each row, of which a segment is a part: int64 (len,)."""
        column = pc.coalesce(self.table["file_frames"], self.table["num_frames"])
        return self._numpy(column).astype(np.int64)

    @cached_property
    def durations_seconds(self) -> NDArray[np.float64]:
        """As ``Video.duration_seconds`` of each row: float64 (len,)."""
        chunks = self.table.select(["pts", "num_frames"]).to_batches()
        spans = [frame_columns.spans(each["pts"], each["num_frames"].to_numpy()) for each in chunks]
        units = np.concatenate([np.zeros(0), *spans])
        numerator, denominator, rate = (
            self._numpy(self.table[name]).astype(np.float64)
            for name in ("time_base_num", "time_base_den", "frame_rate")
        )
        last_frame = np.divide(1.0, rate, out=np.zeros_like(rate), where=rate > 0)
        seconds = units * numerator / denominator + last_frame
        seconds = np.where(self.num_frames > 0, seconds, 0.0)
        for row in np.flatnonzero(self.is_segment).tolist():
            seconds[row] = self[row].duration_seconds
        return seconds

    @cached_property
    def is_segment(self) -> NDArray[np.bool_]:
        """Whether a row is a part of its file: bool (len,)."""
        return self._numpy(pc.is_valid(self.table["start_seconds"]))

    def _shared_strings(self, name: str) -> list[str | None]:
        """A column of few different strings, each of them one object."""
        column = self.table[name].combine_chunks().dictionary_encode()
        values = np.array([*column.dictionary.to_pylist(), None], dtype=object)
        places = self._numpy(column.indices.fill_null(len(values) - 1))
        return list(values[places])

    @staticmethod
    def _numpy(column: Any) -> NDArray[Any]:
        return np.asarray(column.to_numpy())


def row_of_video(video: Video) -> dict[str, Any]:
    """Cells of one row for ``table_of_rows``; size and time 0 count as a file that changed."""
    base, segment = video.frames.time_base, video.segment
    cut = {} if segment is None else {name: getattr(segment, name) for name in _OF_SEGMENT}
    if segment is not None:
        cut["file_frames"] = len(video.frames)
    return cut | {
        **{name: getattr(video, name) for name in _OF_VIDEO},
        "pts": video.frames.pts,
        "keyframes": np.flatnonzero(video.frames.is_keyframe),
        "time_base_num": base.numerator,
        "time_base_den": base.denominator,
        "is_exact": video.frames.is_exact,
        "num_bytes": 0,
        "modified_ns": 0,
    }


def why_unusable(*, width: int, height: int, num_frames: int) -> str | None:
    """Say why a video that can be decoded is still not one to learn from, or None if it is.

    >>> why_unusable(width=1, height=1, num_frames=50)
    'its frames have 1x1 pixels, and at least 8x8 are needed'
    """
    if min(width, height) < _SMALLEST_SIDE:
        return (
            f"its frames have {width}x{height} pixels, and at least "
            f"{_SMALLEST_SIDE}x{_SMALLEST_SIDE} are needed"
        )
    if num_frames < FEWEST_FRAMES:
        return f"it has {num_frames} frame(s), and at least {FEWEST_FRAMES} are needed"
    return None
