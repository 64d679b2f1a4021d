"""Video files to frames, exactly: frame i is frame i of a plain sequential decode.

That sentence is the definition, and ``_count_frames`` is its code. The table of presentation times
from ``probe`` is a shortcut to the same frames: it says which packets of which groups of pictures
are needed. Where the table cannot be trusted, or the shortcut does not find a frame, we count.

What makes the shortcut fast: packets of unwanted frames are decoded only if others refer to them
(``skip_frame``), a group of pictures is left after its last wanted packet, only wanted frames are
converted, conversion and shrinking are one pass of one reused scaler, and the decoder does not
start threads (one process per core does better).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from semivideo.base.records import FrameTable
from semivideo.data.video import container as files
from semivideo.data.video import frame_folder
from semivideo.data.video.container import EndOfFramesError, Probe, opened, sequential, why

__all__ = ["EndOfFramesError", "Probe", "canvas_size", "iterate_frames", "probe", "read_frames"]

Image = NDArray[np.uint8]

log = logging.getLogger("semivideo")

# Reading over unwanted packets is cheaper than a seek up to about this many.
_SEEK_FRAMES = 64
# Containers with an index; elsewhere a seek is a guess that may land behind its target.
_SEEKABLE = {"avi", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
_LONGEST_SIDE = 2  # of the canvas, in short sides
_scalers = threading.local()


def probe(path: Path) -> Probe:
    """Take the table of frames of a video file, or of a folder of frames.

    Raises:
        DataError: There is no frame to be had; the sentence says why.
    """
    return frame_folder.probe(path) if path.is_dir() else files.probe(path)


def read_frames(
    path: Path,
    indices: Sequence[int] | NDArray[np.int64],
    *,
    frames: FrameTable,
    rotation: int = 0,
    short_side: int | None = None,
) -> Image:
    """Decode the frames with these numbers.

    Args:
        path: The file, or the folder of frames.
        indices: Numbers of frames, from 0, at least one; any order, repetitions allowed.
        frames: The file's table from ``probe``.
        rotation: Clockwise degrees to turn the frames: 0, 90, 180 or 270.
        short_side: As in ``canvas_size``; None gives whole frames, bit-identical to PyAV's rgb24.

    Returns:
        uint8 (len(indices), height, width, 3), RGB.

    Raises:
        EndOfFramesError: The file ends or breaks before a wanted frame.
        DataError: The file cannot be opened.
    """
    wanted = sorted({int(index) for index in indices})
    if wanted[0] < 0:
        raise IndexError(f"frames are numbered from 0, got {wanted[0]}")
    album = _Album(wanted, develop=_Developer(rotation, short_side))
    if path.is_dir():
        for index, picture in frame_folder.chosen(path, wanted):
            album.put(index, picture)
    elif frames.is_exact and wanted[-1] < len(frames):
        _shortcut(path, frames=frames, album=album)
    if album.missing:
        _count_frames(path, album=album)
    if len(wanted) == len(indices) and wanted == list(indices):
        return album.images
    return album.images[[album.place[int(index)] for index in indices]]


def iterate_frames(
    path: Path, *, rotation: int = 0, short_side: int | None = None
) -> Iterator[Image]:
    """Decode a whole file in order; where it breaks, warn and stop.

    Args:
        path: The file, or the folder of frames.
        rotation: As in ``read_frames``.
        short_side: As in ``canvas_size``; None for whole frames.

    Yields:
        uint8 (height, width, 3), RGB.

    Raises:
        DataError: The file cannot be opened.
    """
    develop = _Developer(rotation, short_side)
    if path.is_dir():
        yield from map(develop, frame_folder.in_order(path))
        return
    num_frames = 0
    try:
        for frame in sequential(path):
            yield develop(frame)
            num_frames += 1
    except av.error.FFmpegError as error:
        log.warning("%s breaks after %d frames (%s); those are used", path, num_frames, why(error))


def canvas_size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    """Say how large the frames of a video are on the canvas.

    Frames are shrunk, never enlarged, to ``short_side``; the long side is cut to twice the short
    one around the middle, so that one very wide video does not pad a whole batch.

    Args:
        width: Displayed width in pixels.
        height: Displayed height in pixels.
        short_side: Largest short side in pixels; None changes nothing.

    Returns:
        Height and width in pixels.

    >>> canvas_size(640, 360, 128), canvas_size(320, 240, 256), canvas_size(400, 100, 50)
    ((128, 228), (240, 320), (50, 100))
    """
    scaled_width, scaled_height = scaled_size(width, height, short_side)
    if short_side is None:
        return scaled_height, scaled_width
    longest = _LONGEST_SIDE * min(scaled_width, scaled_height)
    return min(scaled_height, longest), min(scaled_width, longest)


def scaled_size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    """Return width and height after shrinking to ``short_side``, before the cut to the canvas."""
    if short_side is None or min(width, height) <= short_side:
        return width, height
    scale = short_side / min(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


class _Developer:
    """Turns decoded frames of one file into images of one size."""

    def __init__(self, rotation: int, short_side: int | None) -> None:
        self.quarter_turns = -rotation // 90
        self.short_side = short_side
        self.size: tuple[int, int] | None = None

    def __call__(self, frame: VideoFrame) -> Image:
        # The first frame decides: a stream may change its size on the way, a clip may not.
        if self.size is None:
            self.size = scaled_size(frame.width, frame.height, self.short_side)
        width, height = self.size
        if not hasattr(_scalers, "scaler"):
            _scalers.scaler = VideoReformatter()  # setting one up costs as much as ten frames
        is_whole = (width, height) == (frame.width, frame.height)
        image = _scalers.scaler.reformat(
            frame,
            width,
            height,
            "rgb24",
            interpolation=Interpolation.BILINEAR if is_whole else Interpolation.AREA,
            threads=1,
        ).to_ndarray()
        rows, columns = canvas_size(width, height, self.short_side)
        top, left = (height - rows) // 2, (width - columns) // 2
        image = image[top : top + rows, left : left + columns]
        return np.rot90(image, self.quarter_turns) if self.quarter_turns else image


class _Album:
    """The images of one reading, in one array.

    Each is copied out of its frame at once. Held side by side until the end, frames are more memory
    than an allocator keeps, and every reading pays for fresh pages: up to half of its time.
    """

    def __init__(self, wanted: list[int], *, develop: _Developer) -> None:
        self.place = {index: place for place, index in enumerate(wanted)}
        self.missing = set(wanted)
        self.images: Image = np.empty(0, np.uint8)
        self._develop = develop

    def put(self, index: int, frame: VideoFrame) -> None:
        """Keep the image of this frame."""
        image = self._develop(frame)
        if not len(self.images):
            self.images = np.empty((len(self.place), *image.shape), np.uint8)
        self.images[self.place[index]] = image
        self.missing.discard(index)


def _shortcut(path: Path, *, frames: FrameTable, album: _Album) -> None:
    """Find frames by their times; what cannot be decoded this way is left out."""
    wanted = list(album.place)
    index_at = dict(zip(frames.pts[wanted].tolist(), wanted, strict=True))
    with opened(path) as (container, stream):
        try:
            for frame in _needed_frames(container, stream, frames=frames, wanted=wanted):
                if frame.pts in index_at:
                    album.put(index_at[frame.pts], frame)
        except av.error.FFmpegError as error:
            log.debug("%s: %s; counting frames instead", path, why(error))


def _needed_frames(
    container: InputContainer, stream: VideoStream, *, frames: FrameTable, wanted: list[int]
) -> Iterator[VideoFrame]:
    """Decode the packets that the wanted frames need, and few others.

    Example, in decoding order: wanted frames 4 and 9, keyframes K at 0 and 8::

        packet      K0 P3 b1 b2 P6 b4 b5 | K8 P11 b9 b10
        sent to it   x  x  -  -  x  x  . |  x  x   x   .     - skipped by the decoder, . never sent
    """
    starts = _starts(frames, wanted)
    start_at = {int(frames.pts[start]): start for start in starts if start >= 0}
    codec = stream.codec_context
    pending: set[int] = set()  # times of wanted packets still to come in this group of pictures
    position = 0
    is_first = True
    _seek_if_far(container, stream, frames=frames, position=0, target=min(starts))
    for packet in container.demux(stream):
        # Without a keyframe in the table (it may be cut off by an edit list), start at the file's.
        begun = [-1] if is_first and -1 in starts else []
        if packet.pts in start_at:
            begun.append(start_at.pop(packet.pts))
        for start in begun:
            # A group that is open at its end runs on into the next one: no flush between them.
            position = starts[start][-1]
            pending.update(frames.pts[starts.pop(start)].tolist())
        is_first = False
        if not pending:
            continue
        codec.skip_frame = "DEFAULT" if packet.pts in pending else "NONREF"
        pending.discard(packet.pts)
        yield from codec.decode(packet)
        if not pending:
            yield from codec.decode(None)
            codec.flush_buffers()
            if not starts:
                break
            _seek_if_far(container, stream, frames=frames, position=position, target=min(starts))


def _starts(frames: FrameTable, wanted: list[int]) -> dict[int, list[int]]:
    """Group wanted frames by the keyframe before them, -1 where there is none."""
    keyframes = np.flatnonzero(frames.is_keyframe)
    starts: dict[int, list[int]] = {}
    for index, order in zip(wanted, np.searchsorted(keyframes, wanted, side="right"), strict=True):
        starts.setdefault(int(keyframes[order - 1]) if order else -1, []).append(index)
    return starts


def _seek_if_far(
    container: InputContainer,
    stream: VideoStream,
    *,
    frames: FrameTable,
    position: int,
    target: int,
) -> None:
    """Jump to the keyframe ``target`` if reading over the packets before it takes longer."""
    if target - position > _SEEK_FRAMES and container.format.name in _SEEKABLE:
        container.seek(int(frames.pts[target]), stream=stream)


def _count_frames(path: Path, *, album: _Album) -> None:
    """Find frames by counting from the start: the definition of a frame's number."""
    album.missing = set(album.place)
    num_frames = 0
    try:
        for num_frames, frame in enumerate(sequential(path), start=1):
            if num_frames - 1 in album.place:
                album.put(num_frames - 1, frame)
            if not album.missing:
                return
    except av.error.FFmpegError as error:
        log.debug("%s breaks after %d frames: %s", path, num_frames, why(error))
    raise EndOfFramesError(
        f"cannot decode frame {min(album.missing)} of {path.name} (file ends at frame "
        f"{num_frames}); re-encode it or leave it out",
        path=str(path),
        num_frames=num_frames,
    )
