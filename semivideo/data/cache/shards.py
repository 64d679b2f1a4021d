"""Shards of a prepared cache: tar files of frames, each written whole or not at all, and checked.

Sections are made side by side and appended in order. The index is written after the tar file, so
a shard is there if its index is whole and names the tar's size.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from semivideo.base.errors import DataError
from semivideo.base.files import open_regular, replacing
from semivideo.base.machine.threads import num_cores
from semivideo.data.cache.form import MANIFEST, CacheForm, shard_files
from semivideo.data.cache.index import PIECE, VIDEO, Header, ShardIndex, write_index
from semivideo.data.cache.sections import BLOCK, Section, chunks, make_sections
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.video.in_turn import can_start_anywhere

_Job = TypeVar("_Job")
_Made = TypeVar("_Made")
_TOGETHER = 16  # segments of a file; their sections wait in memory or as open files


def make_shard(
    folder: Path,
    number: int,
    *,
    manifest: Manifest | None = None,
    threads: int | None = None,
    progress: Callable[[], None] | None = None,
) -> None:
    """Prepare the videos of one shard; what it needs to know it reads in the cache's folder.

    Args:
        folder: The cache, with its ``cache.json`` and its manifest.
        number: Which shard, in [0, number of shards).
        manifest: The cache's manifest; None reads it.
        threads: Videos prepared at once, >= 1; None for one per processor.
        progress: Called after each video.

    Raises:
        DataError: Not one of the shard's files exists any more.
        WriteError: It cannot be written.
    """
    form, manifest = CacheForm.read(folder), manifest or _manifest(folder)
    rows = form.rows_of(number)
    tar, index = shard_files(folder, number)
    check_sources(manifest, rows, what=f"shard {number:05}")
    _remove_leftovers(tar)
    writer = _Writer(rows, manifest)
    with replacing(tar) as temporary:
        index.unlink(missing_ok=True)  # from here on the shard is not there
        with temporary.open("wb") as file:
            make = partial(make_sections, manifest, form=form, folder=tar.parent)
            for sections in in_order(make, _jobs(manifest, rows), threads=threads or num_cores()):
                for section in sections:
                    writer.append(section, file)
                    if progress is not None:
                        progress()
            writer.end(file)
    writer.write_index(index)


def is_there(folder: Path, number: int, form: CacheForm) -> bool:
    """Whether a shard was written to its end, by its index and the size of its tar file."""
    tar, path = shard_files(folder, number)
    try:
        header = ShardIndex(path).header
    except DataError:
        return False
    rows = form.rows_of(number)
    is_of_form = (header.first_row, header.num_videos) == (rows.start, len(rows))
    return is_of_form and tar.is_file() and tar.stat().st_size == header.tar_bytes


def damage(
    folder: Path, number: int, *, progress: Callable[[], None] | None = None
) -> tuple[str, list[int]] | None:
    """Read every byte of a shard and compare it with its checksums.

    Args:
        folder: The cache.
        number: Which shard.
        progress: Called after each video.

    Returns:
        What is wrong, and the rows of the damaged videos where they can be told; None if nothing.
    """
    tar, path = shard_files(folder, number)
    try:
        index = ShardIndex(path)
    except DataError as error:
        return str(error), []
    header = index.header
    num_bytes = tar.stat().st_size if tar.is_file() else 0
    if num_bytes != header.tar_bytes:
        return f"{tar.name} has {num_bytes} bytes instead of {header.tar_bytes}", []
    broken = []
    crc32 = 0
    with open_regular(tar) as file:
        for chunk in chunks(file):
            crc32 = zlib.crc32(chunk, crc32)
        for number_in_shard, video in enumerate(index.videos):
            if crc32 != header.tar_crc32 and not _is_whole(index, video, file):
                broken.append(header.first_row + number_in_shard)
            if progress is not None:
                progress()
    if crc32 == header.tar_crc32:
        return None
    return f"{tar.name} is damaged", broken


def _is_whole(index: ShardIndex, video: Any, file: IO[bytes]) -> bool:
    """Whether every piece of a video is as its checksum says."""
    for piece in index.pieces_of(video):
        file.seek(int(piece["offset"]))
        if zlib.crc32(file.read(int(piece["size"]))) != piece["crc32"]:
            return False
    return True


def _jobs(manifest: Manifest, rows: range) -> Iterator[list[int]]:
    """Rows whose sections are made together: segments that follow each other in one file.

    Where decoding can start anywhere, few are enough, and the rest are other threads' jobs.
    """
    paths = manifest.table["path"]
    for is_segment, run in groupby(rows, key=lambda row: bool(manifest.is_segment[row])):
        for _, of_file in groupby(run, key=lambda row: paths[row].as_py() if is_segment else row):
            job = list(of_file)
            few = len(job)
            if few > _TOGETHER:
                path, frames = manifest.absolute(job[0]), manifest[job[0]].frames
                few = _TOGETHER if can_start_anywhere(path, frames) else few
            yield from (job[start : start + few] for start in range(0, len(job), few))


def in_order(
    make: Callable[[_Job], _Made], rows: Iterable[_Job], *, threads: int
) -> Iterator[_Made]:
    """Make sections side by side and give them in order, few at a time."""
    waiting: deque[Future[_Made]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="semivideo-prepare")
    try:
        for row in rows:
            waiting.append(pool.submit(make, row))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class _Writer:
    """Appends sections to a tar file and keeps what its index will say."""

    def __init__(self, rows: range, manifest: Manifest) -> None:
        self.rows, self.manifest = rows, manifest
        self.num_bytes = self.crc32 = self.num_pieces = 0
        self.videos: list[tuple[int, ...]] = []
        self.pieces: list[NDArray[Any]] = []
        self.errors: dict[str, str] = {}

    def append(self, section: Section, file: IO[bytes]) -> None:
        row = self.rows[len(self.videos)]
        video = self.manifest[row]
        pieces = np.array(section.frames + section.flows, dtype=PIECE)
        pieces["offset"] += self.num_bytes
        counts = (len(section.frames), len(section.flows), section.num_frames)
        self.videos.append((self.num_pieces, *counts, video.width, video.height, 0))
        self.pieces.append(pieces)
        self.num_pieces += len(pieces)
        if section.error is not None:
            self.errors[str(row)] = section.error
        with section.file:
            for chunk in chunks(section.file):
                self._write(chunk, file)

    def end(self, file: IO[bytes]) -> None:
        self._write(bytes(2 * BLOCK), file)

    def write_index(self, path: Path) -> None:
        header = Header(
            first_row=self.rows.start,
            num_videos=len(self.videos),
            num_pieces=self.num_pieces,
            tar_bytes=self.num_bytes,
            tar_crc32=self.crc32,
            errors=self.errors,
        )
        videos = np.array(self.videos, dtype=VIDEO)
        write_index(path, header, videos=videos, pieces=np.concatenate(self.pieces))

    def _write(self, chunk: bytes, file: IO[bytes]) -> None:
        file.write(chunk)
        self.crc32 = zlib.crc32(chunk, self.crc32)
        self.num_bytes += len(chunk)


@lru_cache(maxsize=2)
def _manifest(folder: Path) -> Manifest:
    """A cache's manifest, read once for all shards."""
    return Manifest.read(folder / MANIFEST)


def check_sources(manifest: Manifest, rows: range, *, what: str) -> None:
    """Refuse to prepare nothing because the videos are somewhere else.

    Raises:
        DataError: Not one file of these rows is there.
    """
    usable = [row for row in rows if manifest.usable[row]]
    if usable and not any(manifest.absolute(row).exists() for row in usable):
        raise DataError(
            f"cannot make {what}: none of its {len(usable)} videos is there (the first: "
            f"{manifest.absolute(usable[0])}); bring them back and run the command again",
            path=str(manifest.root),
        )


def _remove_leftovers(tar: Path) -> None:
    """Remove what a killed process left of this shard, and no other's."""
    for leftover in tar.parent.glob(f".{tar.stem}.*.tmp"):
        leftover.unlink(missing_ok=True)
