"""Scanning: look at each file of a source once and write down what is needed to read it later.

A scan may be killed at any time. What is known so far lies in ``<out>.partial`` and is taken up by
the next scan, as are the rows of a finished manifest at ``out``: a file whose path, size and time
of change are the same is not opened again. Unreadable files are tried again each time.

Threads do the work: FFmpeg lets go of the interpreter while it reads, threads start at once, and a
user's script needs no ``if __name__ == "__main__"`` for them.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from semivideo.base.endings import is_video
from semivideo.base.errors import DataError
from semivideo.base.faults import about_file
from semivideo.base.files import sweep
from semivideo.base.locks import locked
from semivideo.base.machine.threads import num_cores
from semivideo.base.progress import Progress
from semivideo.base.records import FrameTable, Video
from semivideo.data.catalogue.frame_rates import tell_rate
from semivideo.data.catalogue.manifest import Manifest, row_of_video
from semivideo.data.catalogue.manifest_file import (
    SCHEMA,
    is_probed_alike,
    read_table,
    table_of_rows,
)
from semivideo.data.catalogue.rows import rows_of_entries, rows_of_files
from semivideo.data.catalogue.sources import find_videos, source_root
from semivideo.data.video.frame_names import FRAME_RATE, check_rate, is_frame_folder
from semivideo.events.guidance import Reading

log = logging.getLogger("semivideo")

_CHUNK = 256  # files between looks at the clock
_SAVE_EVERY_SECONDS = 20.0
_SAVE_SHARE = 0.05  # of the time may go into saving
_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Hints:
    """What is said about a source that it does not say by itself.

    Attributes:
        lists: As in ``find_videos``, like the others.
        layout: What the folders above a video mean.
        group_pattern: Finds the group in a path.
        allow_missing: Leave out listed videos that are not there.
        frame_rate: Frames a second of folders of frames, > 0; None for 25, which is told.
        reading: What lists and files of labels leave open; None for nothing.
    """

    lists: tuple[Path, ...] = ()
    layout: str | None = None
    group_pattern: str | None = None
    allow_missing: bool = False
    frame_rate: float | None = None
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class ClassCount:
    """Videos of one class by what they are for, unreadable ones among them.

    Attributes:
        name: The class.
        train: To learn from: no list or folder says otherwise.
        val: Of the subset "val".
        test: Of the subset "test".
        unused: Of the subset "unused".
    """

    name: str
    train: int = 0
    val: int = 0
    test: int = 0
    unused: int = 0


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found.

    Attributes:
        num_videos: All files that end like a video; of one with segments, its segments instead.
        num_classes: Distinct labels.
        num_labeled: Videos with a label.
        num_groups: Distinct groups.
        hours: Total duration of the readable videos, without gaps in their clocks.
        unreadable: Id and reason of each file that cannot be used.
        unfit: Id and reason of each that can be read and of which no clip can be cut.
        window_frames: The window that ``num_short`` is about.
        num_short: Readable videos with fewer frames than the window.
        num_segments: How many of the videos are segments.
        num_segmented: Files that these are parts of.
        num_verified: Files that were decoded whole and gave frames.
        classes: How many videos of each class there are, in ascending order of the names.
        unlabeled: The same for the videos without a label; its name is "".
    """

    num_videos: int
    num_classes: int
    num_labeled: int
    num_groups: int
    hours: float
    unreadable: tuple[tuple[str, str], ...]
    window_frames: int
    num_short: int
    num_segments: int = 0
    num_segmented: int = 0
    num_verified: int = 0
    unfit: tuple[tuple[str, str], ...] = ()
    classes: tuple[ClassCount, ...] = ()
    unlabeled: ClassCount = ClassCount("")


def scan(
    source: Path,
    *,
    out: Path | None = None,
    hints: Hints | None = None,
    verify: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Look at every video of a source once, and make its manifest.

    Nothing is written but ``out`` and, meanwhile, ``<out>.partial``.

    Args:
        source: A folder or a list file, as in ``find_videos``.
        out: Where to write the manifest; None writes nothing.
        hints: What the source does not say by itself; None for nothing.
        verify: Decode every file, which finds damage that nothing tells of, see
            ``data.video.verifying``; files that were verified before are not read again.
        workers: Threads, >= 1; None for two per processor (they also wait for the disk).
        progress: Called with ("scan", files done, files in all, ""), at the start and after each.

    Returns:
        The manifest, rows in ascending order of their paths and then of where they start; a file or
        segment that cannot be used is a row with a reason. Segments without a group of their own
        have that of their file, so that all of a file stays on one side of a split.

    Raises:
        DataError: The source has no video, does not fit its lists, or names a segment twice.
        WriteError: ``out`` cannot be written.
    """
    if out is not None and out.is_dir():
        raise DataError(f"{out} is a folder; give the name of a file, such as manifest.parquet")
    hints = hints or Hints()
    scanned = partial(
        _scanned, source, out, hints, verify=verify, workers=workers, progress=progress
    )
    if out is None:
        return scanned()
    with locked(out, doing="scan into it"):
        for name in (out.name, _partial(out).name):
            sweep(out.parent, name=name)
        return scanned()


def _scanned(
    source: Path,
    out: Path | None,
    hints: Hints,
    *,
    verify: bool,
    workers: int | None,
    progress: Progress | None,
) -> Manifest:
    """As ``scan``, where nobody else writes."""
    check_rate(hints.frame_rate)
    entries = find_videos(
        source,
        lists=hints.lists,
        layout=hints.layout,
        group_pattern=hints.group_pattern,
        allow_missing=hints.allow_missing,
        frame_rate=hints.frame_rate,
        reading=hints.reading,
    )
    root = source_root(source).resolve()
    paths = list(dict.fromkeys(entry.video for entry in entries))
    if hints.frame_rate is None:
        tell_rate(sum(not is_video(path) and (root / path).is_dir() for path in paths))
    rate = FRAME_RATE if hints.frame_rate is None else hints.frame_rate
    unchanged = _unchanged(out, root, paths, frame_rate=rate)
    if verify:
        unchanged = unchanged.filter(unchanged["is_verified"])
    rows = _Rows(unchanged, out=out, root=root)
    look = partial(_probed, root, frame_rate=rate, verify=verify)
    known = set(rows.table["path"].to_pylist())
    todo = [path for path in paths if path not in known]
    if progress is not None:
        progress("scan", len(known), len(paths), "")
    if todo:
        rows.save()  # so that a place that cannot be written to shows at once
        _probe_all(todo, look, rows, workers=workers or 2 * num_cores(), progress=progress)
    manifest = Manifest(rows_of_entries(rows.table, entries), root=root)
    if out is not None:
        manifest.write(out)
        _partial(out).unlink(missing_ok=True)
    return manifest


def report(manifest: Manifest, *, window_frames: int = 64) -> ScanReport:
    """Summarise a manifest for people.

    Args:
        manifest: The videos.
        window_frames: Count videos with fewer frames than this.
    """
    table = manifest.table
    is_broken = pc.is_valid(table["error"])
    broken = table.filter(is_broken)
    verified = table.filter(pc.and_not(table["is_verified"], is_broken))
    counts = _class_counts(manifest)
    return ScanReport(
        num_videos=len(manifest),
        num_classes=len(manifest.classes),
        num_labeled=len(manifest) - table["label"].null_count,
        num_groups=len(pc.unique(table["group"].drop_null())),
        hours=_hours(manifest),
        unreadable=tuple(zip(broken["id"].to_pylist(), broken["error"].to_pylist(), strict=True)),
        window_frames=window_frames,
        num_short=int(np.sum(manifest.usable & (manifest.num_frames < window_frames))),
        num_segments=int(manifest.is_segment.sum()),
        num_segmented=len(pc.unique(table.filter(pa.array(manifest.is_segment))["path"])),
        num_verified=len(pc.unique(verified["path"])),
        unfit=tuple((manifest.ids[row], reason) for row, reason in manifest.unfit.items()),
        classes=tuple(counts[name] for name in manifest.classes),
        unlabeled=counts.get(None, ClassCount("")),
    )


def _hours(manifest: Manifest) -> float:
    """Frames by frames per second: neither counts the days that a wrong clock leaves out."""
    rate = np.asarray(manifest.table["frame_rate"].to_numpy())
    seconds = np.divide(manifest.num_frames, rate, out=np.zeros(len(rate)), where=rate > 0)
    return float(seconds.sum()) / 3600


def _class_counts(manifest: Manifest) -> dict[str | None, ClassCount]:
    """Videos of each class, and of none."""
    pairs = Counter(zip(manifest.labels, manifest.subsets, strict=True))
    counts = {label: ClassCount(label or "") for label, _ in pairs}
    for (label, subset), number in pairs.items():
        role = subset or "train"
        so_far = getattr(counts[label], role)
        counts[label] = replace(counts[label], **{role: so_far + number})
    return counts


class _Rows:
    """Collects rows, and writes them down every now and then so that a killed scan loses little."""

    def __init__(self, known: pa.Table, *, out: Path | None, root: Path) -> None:
        self.tables, self.out, self.root = [known], out, root
        self.next_save = 0.0

    @property
    def table(self) -> pa.Table:
        """All rows so far, in one piece."""
        self.tables = [pa.concat_tables(self.tables).combine_chunks()]
        return self.tables[0]

    def add(self, rows: list[dict[str, Any]]) -> None:
        self.tables.append(table_of_rows(rows))
        if time.monotonic() > self.next_save:
            self.save()

    def save(self) -> None:
        if self.out is None:
            return
        start = time.monotonic()
        Manifest(self.table, root=self.root).write(_partial(self.out))
        end = time.monotonic()
        self.next_save = end + max(_SAVE_EVERY_SECONDS, (end - start) / _SAVE_SHARE)


def _probe_all(
    paths: list[str],
    look: Callable[[str], dict[str, Any]],
    rows: _Rows,
    *,
    workers: int,
    progress: Progress | None,
) -> None:
    """Look at files in parallel and add their rows in order; a user's Ctrl-C saves them first."""
    num_known = rows.table.num_rows
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(paths), _CHUNK):
            chunk: list[dict[str, Any]] = []
            try:
                for row in pool.map(look, paths[start : start + _CHUNK]):
                    chunk.append(row)
                    if progress is not None:
                        done = num_known + start + len(chunk)
                        progress("scan", done, num_known + len(paths), "")
            except KeyboardInterrupt:
                rows.add(chunk)
                rows.save()
                raise
            rows.add(chunk)


def _probed(root: Path, path: str, *, frame_rate: float, verify: bool) -> dict[str, Any]:
    """Cells of one file, without what the source says of it."""
    # PyAV takes a tenth of a second to import.
    from semivideo.data.video import frame_folder
    from semivideo.data.video.decode import Probe, probe
    from semivideo.data.video.verifying import verified

    found = Probe(0, 0, 0.0, 0, FrameTable(_NONE, _NONE > 0, Fraction(1), is_exact=False))
    num_bytes = modified_ns = 0
    error = None
    try:
        with about_file(root / path):
            num_bytes, modified_ns = _state(root / path)
            is_folder = (root / path).is_dir()
            found = (
                frame_folder.probe(root / path, frame_rate=frame_rate)
                if is_folder
                else probe(root / path)
            )
            if verify:
                found = verified(root / path, found)
    except DataError as unusable:
        error = str(unusable)
    size = (found.width, found.height, found.frame_rate, found.rotation)
    video = Video(path, path, None, None, *size, frames=found.frames, error=error)
    state = {"num_bytes": num_bytes, "modified_ns": modified_ns, "is_verified": verify}
    return row_of_video(video) | state


def _state(file: Path) -> tuple[int, int]:
    """Size in bytes and time of the last change in nanoseconds, of a file or a folder of frames."""
    if file.is_dir():
        from semivideo.data.video.frame_folder import state

        return state(file)
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _unchanged(
    out: Path | None, root: Path, paths: Sequence[str], *, frame_rate: float
) -> pa.Table:
    """Rows of earlier scans of these files that can be used again."""
    tables = []
    for file in () if out is None else (_partial(out), out):
        if file.is_file():
            tables.append(_earlier(file, root))
    wanted = set(paths)
    rows: dict[str, int] = {}
    earlier = pa.concat_tables([SCHEMA.empty_table(), *tables])
    usable = earlier["error"].is_null().to_pylist()
    names = ("path", "num_bytes", "modified_ns", "frame_rate")
    columns = [earlier[name].to_pylist() for name in names]
    for row, (path, num_bytes, modified_ns, rate) in enumerate(zip(*columns, strict=True)):
        if usable[row] and path in wanted and path not in rows:
            file = root / path
            is_same = file.is_file() or (is_frame_folder(file) and _is_close(rate, frame_rate))
            if is_same and _state(file) == (num_bytes, modified_ns):
                rows[path] = row
    return earlier.take(pa.array(list(rows.values()), pa.int64()))


def _is_close(rate: float, other: float) -> bool:
    """Whether two frame rates are the same one, which is kept as a fraction."""
    return abs(rate - other) < 1e-3 * other


def _earlier(file: Path, root: Path) -> pa.Table:
    """Rows of a manifest; none if it is of another folder, or of an earlier version's scan."""
    try:
        table, places = read_table(file)
    except DataError:
        raise DataError(
            f"{file} exists and is not a manifest that a scan could go on with; delete it or "
            "choose another name",
            path=str(file),
        ) from None
    if places.root.resolve() != root or not is_probed_alike(file):
        return SCHEMA.empty_table()
    return rows_of_files(table.replace_schema_metadata(None))


def _partial(out: Path) -> Path:
    """Where a scan keeps what it has so far."""
    return out.with_name(f"{out.name}.partial")
