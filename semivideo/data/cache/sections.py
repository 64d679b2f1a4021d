"""Sections of a shard: one video as a piece of a tar file and, to a WebDataset reader, one sample.

    0000012.000000.jpg  0000012.000001.jpg ...     frames (of h264, one 0000012.mp4)
    0000012.000000.flow.jpg ...                    flow of a frame to the next, y below x
    0000012.json                                   id, label, group, numbers of frames

The number is the video's row in the manifest. Large sections wait on disk.
"""

from __future__ import annotations

import json
import logging
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

import numpy as np

from semivideo.base.errors import DataError
from semivideo.base.faults import about_file
from semivideo.base.records import Video
from semivideo.data.cache.coding import Quality, encode_image, encode_video, image_suffix
from semivideo.data.cache.form import CacheForm
from semivideo.data.catalogue.manifest import Manifest, why_unusable
from semivideo.data.video.container import EndOfFramesError
from semivideo.data.video.decode import Image, canvas_size, iterate_frames
from semivideo.data.video.flow import can_flow, flow_of_pairs
from semivideo.data.video.in_turn import can_start_anywhere, frames_in_turn

log = logging.getLogger("semivideo")

BLOCK = tarfile.BLOCKSIZE
_IN_MEMORY = 8 << 20  # bytes of a section; a longer one waits on disk
_CHUNK = 1 << 20


@dataclass(slots=True)
class Section:
    """One video as a part of a tar file.

    Attributes:
        file: Its bytes.
        num_frames: Frames of the file that can be read.
        num_stored: How many of them are stored.
        frames: Offset, size and CRC-32 of each frame's piece, offsets from the section's start.
        flows: The same of each flow image.
        error: Why no frame is stored.
    """

    file: IO[bytes]
    num_frames: int = 0
    num_stored: int = 0
    frames: list[tuple[int, int, int]] = field(default_factory=list)
    flows: list[tuple[int, int, int]] = field(default_factory=list)
    error: str | None = None

    def add(self, name: str, content: bytes) -> tuple[int, int, int]:
        """Append a member and return its place."""
        start = self._begin(name, len(content))
        self.file.write(content)
        self._pad(len(content))
        return start, len(content), zlib.crc32(content)

    def add_file(self, name: str, content: IO[bytes]) -> int:
        """Append a member that is a file and return where it starts."""
        size = content.seek(0, 2)
        start = self._begin(name, size)
        for chunk in chunks(content):
            self.file.write(chunk)
        self._pad(size)
        return start

    def _begin(self, name: str, size: int) -> int:
        header = tarfile.TarInfo(name)
        header.size = size
        self.file.write(header.tobuf(tarfile.USTAR_FORMAT))
        return self.file.tell()

    def _pad(self, size: int) -> None:
        self.file.write(bytes(-size % BLOCK))


def make_section(
    manifest: Manifest,
    row: int,
    form: CacheForm,
    *,
    folder: Path,
    most_frames: int | None = None,
    images: Iterable[Image] | None = None,
) -> Section:
    """Decode one video and encode what the cache holds of it.

    A file that ends before its table does is stored up to there; of one that cannot be used, only
    why.

    Args:
        manifest: The videos.
        row: Which one.
        form: What to store.
        folder: Where large sections wait.
        most_frames: Use only so many of its first frames; None for all.
        images: Its frames, if they are decoded already; None decodes them.
    """
    video = manifest[row]
    section = Section(_spool(folder))
    name = f"{row:07}"
    size = {"width": video.width, "height": video.height, "num_frames": video.num_frames}
    section.error = video.error or why_unusable(**size)
    if section.error is None:
        try:
            path = manifest.absolute(row)
            if images is None:
                images = _images(path, video, form.short_side, is_sample=most_frames is not None)
            frames = _Frames(path, video, form, images, most_frames=most_frames)
            with about_file(path, keep=(OSError, MemoryError)):  # of what is written
                _store(section, frames, name, folder=folder)
            section.num_frames, section.num_stored = frames.num_read, frames.num_given
        except DataError as error:
            section.error = str(error)
    about = {
        **{key: getattr(video, key) for key in ("id", "label", "group", "frame_rate")},
        **{key: getattr(section, key) for key in ("num_frames", "num_stored", "error")},
        "every": form.every,
    }
    if video.segment is not None:
        about |= {key: getattr(video.segment, key) for key in ("start_seconds", "end_seconds")}
    section.add(f"{name}.json", json.dumps(about).encode())
    return section


def make_sections(
    manifest: Manifest, rows: Sequence[int], form: CacheForm, *, folder: Path
) -> list[Section]:
    """Make the sections of segments of one file, which is read few times, or of one whole file.

    Segments that do not overlap are read in one pass, so that there are as many passes as there
    are segments at the busiest moment of the file::

        segments   [ 1 ) [ 2 )    [ 4 )
                      [   3   )              two passes: 1 2 4, and 3

    Args:
        manifest: The videos.
        rows: Rows of one file, ascending; more than one only of segments.
        form: What to store.
        folder: Where large sections wait.

    Returns:
        A section for each row, in order.
    """
    if len(rows) == 1:
        return [make_section(manifest, rows[0], form, folder=folder)]
    videos = {row: manifest[row] for row in rows}
    made: dict[int, Section] = {}
    for chain in _chains(videos):
        path = manifest.absolute(chain[0])
        one_pass = _Pass(path, [videos[row] for row in chain], short_side=form.short_side)
        for row in chain:
            images = one_pass.images(videos[row])
            made[row] = make_section(manifest, row, form, folder=folder, images=images)
    return [made[row] for row in rows]


def _chains(videos: Mapping[int, Video]) -> list[list[int]]:
    """Share segments out to as few passes as can be, in which none overlaps another."""
    chains: list[list[int]] = []
    ends: list[int] = []
    for row, video in sorted(videos.items(), key=lambda each: each[1].first_frame):
        free = (number for number, end in enumerate(ends) if end <= video.first_frame)
        number = next(free, len(chains))
        if number == len(chains):
            chains.append([])
            ends.append(0)
        chains[number].append(row)
        ends[number] = video.first_frame + video.num_frames
    return chains


class _Pass:
    """One pass over a file, in which segments that do not overlap get their frames in turn."""

    def __init__(self, path: Path, videos: Sequence[Video], *, short_side: int) -> None:
        numbers = [video.first_frame + np.arange(video.num_frames) for video in videos]
        self.frames = frames_in_turn(
            path,
            np.concatenate(numbers),
            frames=videos[0].frames,
            rotation=videos[0].rotation,
            short_side=short_side,
        )
        self.end: EndOfFramesError | None = None

    def images(self, video: Video) -> Iterator[Image]:
        """The frames of the next of the videos, up to where the file breaks."""
        last = video.first_frame + video.num_frames - 1
        try:
            for index, image in self.frames:
                if index >= video.first_frame:  # the one before may have been given up half way
                    yield image
                if index == last:
                    return
        except EndOfFramesError as end:
            self.end = end
        log.warning("%s: %s; its frames before are used", video.id, self.end)


def _images(path: Path, video: Video, short_side: int, *, is_sample: bool) -> Iterator[Image]:
    """The frames of one video, in order."""
    if video.segment is None:
        return iterate_frames(
            path, frames=video.frames, rotation=video.rotation, short_side=short_side
        )
    if is_sample and not can_start_anywhere(path, video.frames):
        # A sample of each of many segments must not read the file up to each: its begin will do.
        video = replace(video, segment=replace(video.segment, first_frame=0))
    return _Pass(path, [video], short_side=short_side).images(video)


class _Frames:
    """The frames of a video that are stored, in order; counts those that were read."""

    def __init__(
        self,
        path: Path,
        video: Video,
        form: CacheForm,
        images: Iterable[Image],
        *,
        most_frames: int | None,
    ) -> None:
        self.path, self.video, self.form, self.images = path, video, form, images
        self.num_wanted = min(most_frames or video.num_frames, video.num_frames)
        self.size = canvas_size(video.width, video.height, form.short_side)
        self.num_read = self.num_given = 0

    def __iter__(self) -> Iterator[Image]:
        for image in islice(self.images, self.num_wanted):
            if image.shape[:2] != self.size:
                raise DataError(
                    f"{self.path.name} has changed since it was scanned; scan it again",
                    path=str(self.path),
                )
            self.num_read += 1
            if (self.num_read - 1) % self.form.every == 0:
                self.num_given += 1
                yield image


def _spool(folder: Path) -> IO[bytes]:
    """A file in memory that moves to disk, without a name there, once it is large."""
    return SpooledTemporaryFile(_IN_MEMORY, dir=str(folder))


def _store(section: Section, frames: _Frames, name: str, *, folder: Path) -> None:
    """Encode the frames, and the flow between them, into the section."""
    images: Iterable[Image] = frames
    form = frames.form
    if form.flow and can_flow(*frames.size):
        images = _flow_added(images, section, name, quality=form.flow_quality)
    if form.format != "h264":
        for number, image in enumerate(images):
            member = f"{name}.{number:06}.{image_suffix(form.quality)}"
            section.frames.append(section.add(member, encode_image(image, quality=form.quality)))
        return
    with _spool(folder) as file:
        rate = frames.video.frame_rate / form.every
        pieces = encode_video(images, file, quality=form.quality, frame_rate=rate)
        if not len(pieces):
            return
        start = section.add_file(f"{name}.mp4", file)
        for offset, size in pieces.tolist():
            file.seek(offset)
            section.frames.append((start + offset, size, zlib.crc32(file.read(size))))


def _flow_added(
    images: Iterable[Image], section: Section, name: str, *, quality: Quality
) -> Iterator[Image]:
    """Pass images on, and put the flow between each two of them into the section."""
    previous: Image | None = None
    for number, image in enumerate(images):
        if previous is not None:
            pair_12CHW = np.moveaxis(np.stack([previous, image]), -1, 1)[None]
            levels = flow_of_pairs(pair_12CHW)[0].reshape(-1, image.shape[1])  # (2 * H, W)
            member = f"{name}.{number - 1:06}.flow.{image_suffix(quality)}"
            section.flows.append(section.add(member, encode_image(levels, quality=quality)))
        previous = image
        yield image


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a file from its start, a megabyte at a time."""
    file.seek(0)
    while chunk := file.read(_CHUNK):
        yield chunk
