"""Folders of frames as videos: ``video_0001/000001.jpg`` and so on, one picture a frame.

A folder has no clock; its frames are shown at a rate that the user gives, 25 a second otherwise. In
place of a picture that cannot be decoded the one before it is shown, as in damaged files. Pictures
are opened by what is in them, not by their endings, and nothing but them is opened.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import simplejpeg
from av.video.frame import VideoFrame

from semivideo.base.errors import DataError
from semivideo.base.files import open_regular, read_bytes
from semivideo.base.records import FrameTable
from semivideo.data.video.budgets import budget
from semivideo.data.video.container import EndOfFramesError, warn_once
from semivideo.data.video.frame_names import FRAME_RATE, check_rate, frame_files
from semivideo.data.video.probing import Probe

log = logging.getLogger("semivideo")

_KINDS = {
    b"\xff\xd8": "jpeg_pipe",
    b"\x89PNG": "png_pipe",
    b"BM": "bmp_pipe",
    b"RIFF": "webp_pipe",
    b"II*\0": "tiff_pipe",
    b"MM\0*": "tiff_pipe",
    b"P5": "pgm_pipe",
    b"P6": "ppm_pipe",
}
"""First bytes of a picture to FFmpeg's reader."""
_HEADER_BYTES = 1 << 16
_LARGEST_BYTES = 1 << 28  # of a picture
_FINEST = 1001  # of 30000/1001, the finest rate in use


def probe(folder: Path, *, frame_rate: float = FRAME_RATE) -> Probe:
    """Look at the names and sizes of all frames, and decode the first one.

    Args:
        folder: Holds the frames.
        frame_rate: At which they are shown, per second, > 0.

    Raises:
        DataError: There are no frames, of more than one video, or of more than one size.
        ConfigError: The rate is not above 0.
    """
    check_rate(frame_rate)
    names = frame_files(folder)
    budget().check(folder, frames=len(names))
    first = _shown(folder, names, 0)
    for name in names:
        size = _size(folder / name)
        if size not in (None, (first.width, first.height)):
            raise DataError(
                f"cannot use {folder.name}: {name} has {size[0]}x{size[1]} pixels and others "
                f"have {first.width}x{first.height}; the frames of one video need one size",
                path=str(folder),
            )
    time_base = 1 / (Fraction(frame_rate).limit_denominator(_FINEST) or Fraction(1, _FINEST))
    times = np.arange(len(names))
    table = FrameTable(times, times >= 0, time_base)
    return Probe(first.width, first.height, float(1 / time_base), 0, table)


def chosen(folder: Path, indices: Iterable[int]) -> Iterator[tuple[int, VideoFrame]]:
    """Decode the frames with these numbers.

    Raises:
        EndOfFramesError: There are not so many.
        DataError: The folder holds no frames.
    """
    names = frame_files(folder)
    for index in indices:
        if index >= len(names):
            raise EndOfFramesError(
                f"cannot decode frame {index} of {folder.name} (it has {len(names)} frames); scan "
                "the folder again",
                path=str(folder),
                num_frames=len(names),
            )
        yield index, _shown(folder, names, index)


def numbered(folder: Path, frames: FrameTable) -> Iterator[tuple[int, VideoFrame]]:
    """Give every frame of a folder with its number, as ``container.numbered``."""
    yield from chosen(folder, range(min(len(frames), len(frame_files(folder)))))


def state(folder: Path) -> tuple[int, int]:
    """Size of all that lies in it in bytes and time of the last change in nanoseconds.

    Raises:
        OSError: They cannot be looked at.
    """
    with os.scandir(folder) as files:
        status = [file.stat() for file in files]
    times = [folder.stat().st_mtime_ns, *(each.st_mtime_ns for each in status)]
    return sum(each.st_size for each in status), max(times)


def digest(folder: Path) -> str:
    """SHA-256 of what is in all frames, in order; names do not count.

    Raises:
        OSError: One cannot be read.
    """
    found = hashlib.sha256()
    for name in frame_files(folder):
        found.update(hashlib.sha256(read_bytes(folder / name)).digest())
    return found.hexdigest()


class _BrokenError(Exception):
    """A picture cannot be decoded; says why."""


def _shown(folder: Path, names: Sequence[str], index: int) -> VideoFrame:
    """The picture of a frame, else the last one before it that can be decoded, else the next."""
    reason = ""
    for place in (*range(index, -1, -1), *range(index + 1, len(names))):
        try:
            frame = _decoded(folder / names[place])
        except _BrokenError as error:
            reason = reason or f"{names[index]} ({error})"
            continue
        if place != index:
            sentence = "%s is damaged: %s cannot be decoded; such frames show the one before"
            warn_once(folder, sentence, folder, reason)
        return frame
    raise DataError(
        f"cannot use {folder.name}: none of its frames can be decoded, first {reason}; replace "
        "them or leave the folder out",
        path=str(folder),
    )


def _decoded(file: Path) -> VideoFrame:
    """The picture in a file."""
    try:
        content = read_bytes(file, most=_LARGEST_BYTES)
        kind = next((kind for mark, kind in _KINDS.items() if content.startswith(mark)), None)
        if kind is None:
            raise _BrokenError("it is empty" if not content else "it is no picture")
        most = {"max_pixels": str(int(min(budget().max_pixels, 2**31 - 1)))}
        with av.open(io.BytesIO(content), "r", format=kind, options=most) as container:
            for stream in container.streams.video:
                stream.codec_context.thread_type = "NONE"
                stream.codec_context.options = most
            frame = next(container.decode(video=0), None) if container.streams.video else None
    except (OSError, av.error.FFmpegError) as error:
        raise _BrokenError(error.strerror or str(error)) from None
    if frame is None:
        raise _BrokenError("it holds no picture")
    return frame


def _size(file: Path) -> tuple[int, int] | None:
    """Width and height that a picture's header states; None if that takes decoding it."""
    try:
        with open_regular(file) as opened:
            header = opened.read(_HEADER_BYTES)
    except OSError:
        return None  # reading tells, should it be wanted
    if header.startswith(b"\x89PNG"):
        return int.from_bytes(header[16:20]), int.from_bytes(header[20:24])
    if header.startswith(b"\xff\xd8"):
        try:
            height, width, *_ = simplejpeg.decode_jpeg_header(header)
        except ValueError:
            return None
        return int(width), int(height)
    try:
        frame = _decoded(file)
    except _BrokenError:
        return None
    return frame.width, frame.height
