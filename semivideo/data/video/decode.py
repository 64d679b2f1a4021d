"""Video files to frames, exactly: frame i is frame i of a plain sequential decode.

That sentence is the definition, and ``container.numbered`` is its code. The table of presentation
times from ``probe`` is a shortcut to the same frames: it says which packets of which groups of
pictures are needed. Where the table cannot be trusted, or the shortcut meets anything broken, the
file is read from its start.

What makes the shortcut fast: packets of unwanted frames are decoded only if others refer to them
(``skip_frame``), a group of pictures is left after its last wanted packet, only wanted frames are
converted, conversion and shrinking are one pass of one reused scaler, and the decoder does not
start threads (one process per core does better).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from semivideo.base.faults import about_file
from semivideo.base.records import FrameTable
from semivideo.data.video import frame_folder, probing
from semivideo.data.video.budgets import Clock, budget
from semivideo.data.video.canvas import Developer, FrameSize, Image, canvas_size
from semivideo.data.video.container import (
    Decoder,
    EndOfFramesError,
    numbered,
    opened,
    packets_of,
    warn_once,
)
from semivideo.data.video.frame_names import FRAME_RATE
from semivideo.data.video.pictures import droppable, has_tables, whole_pictures
from semivideo.data.video.probing import Probe

__all__ = [
    "EndOfFramesError",
    "Image",
    "Probe",
    "canvas_size",
    "iterate_frames",
    "probe",
    "read_frames",
]

log = logging.getLogger("semivideo")

# Reading over unwanted packets is cheaper than a seek up to about this many.
_SEEK_FRAMES = 64
# Containers with an index; elsewhere a seek is a guess that may land behind its target.
_SEEKABLE = {"avi", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}


def probe(path: Path, *, frame_rate: float | None = None) -> Probe:
    """Take the table of frames of a video file, or of a folder of frames.

    Args:
        path: The file or folder.
        frame_rate: At which the frames of a folder are shown, per second; None for 25.

    Raises:
        DataError: There is no frame to be had; the sentence says why.
    """
    with about_file(path):
        if not path.is_dir():
            return probing.probe(path)
        rate = FRAME_RATE if frame_rate is None else frame_rate
        return frame_folder.probe(path, frame_rate=rate)


def read_frames(
    path: Path,
    indices: Sequence[int] | NDArray[np.int64],
    *,
    frames: FrameTable,
    rotation: int = 0,
    short_side: FrameSize = None,
) -> Image:
    """Decode the frames with these numbers.

    Args:
        path: The file, or the folder of frames.
        indices: Numbers of frames, from 0, at least one; any order, repetitions allowed.
        frames: The file's table from ``probe``.
        rotation: How to turn and mirror the frames, see ``orientation``.
        short_side: As in ``canvas_size``; None gives whole frames, bit-identical to PyAV's rgb24.

    Returns:
        uint8 (len(indices), height, width, 3), RGB.

    Raises:
        EndOfFramesError: The file ends before a wanted frame.
        DataError: The file cannot be opened.
    """
    wanted = sorted({int(index) for index in indices})
    if wanted[0] < 0:
        raise IndexError(f"frames are numbered from 0, got {wanted[0]}")
    develop = Developer(path, rotation=rotation, short_side=short_side)
    album = _Album(wanted, develop=develop)
    with about_file(path):
        clock = Clock(path, budget())
        if path.is_dir():
            for index, picture in frame_folder.chosen(path, wanted):
                album.put(index, picture)
        elif frames.is_exact and wanted[-1] < len(frames):
            _shortcut(path, frames=frames, album=album, clock=clock)
        if album.missing:
            _count_frames(path, frames=frames, album=album, clock=clock)
    if len(wanted) == len(indices) and wanted == list(indices):
        return album.images
    return album.images[[album.place[int(index)] for index in indices]]


def iterate_frames(
    path: Path,
    *,
    frames: FrameTable | None = None,
    rotation: int = 0,
    short_side: FrameSize = None,
) -> Iterator[Image]:
    """Decode a whole file in order: the frames that ``read_frames`` gives for 0, 1, 2 ...

    Where the file ends before its table does, warn and stop.

    Args:
        path: The file, or the folder of frames.
        frames: The file's table; None asks ``probe`` for it.
        rotation: As in ``read_frames``.
        short_side: As in ``canvas_size``; None for whole frames.

    Yields:
        uint8 (height, width, 3), RGB.

    Raises:
        DataError: The file cannot be opened.
    """
    frames = probe(path).frames if frames is None else frames
    develop = Developer(path, rotation=rotation, short_side=short_side)
    every = frame_folder.numbered if path.is_dir() else numbered
    num_frames = 0
    with about_file(path):
        for _, frame in every(path, frames):
            yield develop(frame)
            num_frames += 1
    if num_frames < len(frames):
        sentence = "%s ends after %d of %d frames; those are used"
        warn_once(path, sentence, path, num_frames, len(frames))


class _Album:
    """The images of one reading, in one array.

    Each is copied out of its frame at once. Held side by side until the end, frames are more memory
    than an allocator keeps, and every reading pays for fresh pages: up to half of its time.
    """

    def __init__(self, wanted: list[int], *, develop: Developer) -> None:
        self.place = {index: place for place, index in enumerate(wanted)}
        self.missing = set(wanted)
        self.images: Image = np.empty(0, np.uint8)
        self._develop = develop

    def begin_anew(self, first: VideoFrame) -> None:
        """Forget all images; those to come have the size of the file's first frame."""
        self.missing = set(self.place)
        self.images = np.empty(0, np.uint8)
        self._develop.fit(first)

    def put(self, index: int, frame: VideoFrame) -> None:
        """Keep the image of this frame."""
        image = self._develop(frame)
        if not len(self.images):
            self.images = np.empty((len(self.place), *image.shape), np.uint8)
        self.images[self.place[index]] = image
        self.missing.discard(index)


def _shortcut(path: Path, *, frames: FrameTable, album: _Album, clock: Clock) -> None:
    """Find frames by their times; none is found where anything on the way is broken."""
    wanted = list(album.place)
    index_at = dict(zip(frames.pts[wanted].tolist(), wanted, strict=True))
    for may_skip in (True, False):
        try:
            # Any fault is told: what a decoder makes up depends on all that it has decoded before.
            with opened(path, is_strict=True) as (container, stream):
                for frame in _needed_frames(
                    container, stream, frames=frames, wanted=wanted, may_skip=may_skip, clock=clock
                ):
                    if frame.pts in index_at:
                        album.put(index_at[frame.pts], frame)
            return
        except _LossError as loss:
            log.debug("%s: %s; read without skipping", path, loss)
        except _DamageError as damage:
            # A decoder fills in what is missing from pictures that it has seen: it must see all.
            log.debug("%s: %s; read from its start", path, damage)
            break
    album.missing = set(album.place)


class _DamageError(Exception):
    """A packet that a wanted frame may need cannot be decoded, or not well, or not as the first."""


class _LossError(Exception):
    """A picture that others refer to is missing; which one takes its place any other may decide."""


def _needed_frames(
    container: InputContainer,
    stream: VideoStream,
    *,
    frames: FrameTable,
    wanted: list[int],
    may_skip: bool = True,
    clock: Clock | None = None,
) -> Iterator[VideoFrame]:
    """Decode the packets that the wanted frames need, and few others.

    Example, in decoding order: wanted frames 4 and 9, keyframes K at 0 and 8::

        packet      K0 P3 b1 b2 P6 b4 b5 | K8 P11 b9 b10
        sent to it   x  x  -  -  x  x  . |  x  x   x   .     - skipped by the decoder, . never sent
    """
    starts = _starts(frames, wanted)
    start_at = {int(frames.pts[start]): start for start in starts if start >= 0}
    codec, decoder = stream.codec_context, Decoder(stream)
    size = codec.width, codec.height
    may_drop, is_jpeg = droppable(codec), codec.name == "mjpeg"
    pending: set[int] = set()  # times of wanted packets still to come in this group of pictures
    position = begin = 0
    is_first, is_headless, is_skipping = True, False, False

    def decoded(packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        found = decoder.frames(packet)
        for frame in found:
            pts = frame.pts
            if frame.is_corrupt and pts is not None and pts >= begin:
                raise _DamageError("a picture is incomplete")
            if (frame.width, frame.height) != size:
                raise _DamageError("its pictures change their size")
            if pts == begin and not (frame.key_frame or is_headless):
                raise _DamageError("a keyframe is none")  # an index was lost or lies
        if decoder.fault:
            raise _DamageError(decoder.fault)
        return found

    _seek_if_far(container, stream, frames=frames, position=0, target=min(starts))
    packets = packets_of(container, stream, clock=clock)
    for packet, *further in whole_pictures(packets, codec):
        # Without a keyframe in the table (it may be cut off by an edit list), start at the file's.
        begun = [-1] if is_first and -1 in starts else []
        if packet.pts in start_at:
            begun.append(start_at.pop(packet.pts))
        for start in begun:
            # A group that is open at its end runs on into the next one: no flush between them.
            if not pending:
                begin, is_headless = int(frames.pts[max(start, 0)]), start < 0
                may_drop = droppable(codec)
            position = starts[start][-1]
            pending.update(frames.pts[starts.pop(start)].tolist())
        is_first = False
        if not pending:
            continue
        is_dropped = may_skip and may_drop(packet)
        if is_dropped is None:
            raise _LossError("a picture is missing")
        if is_jpeg and not has_tables(packet):
            raise _DamageError("a picture has no tables")
        is_unwanted = is_dropped and packet.pts not in pending
        if is_unwanted != is_skipping:
            is_skipping = is_unwanted
            codec.skip_frame = "NONREF" if is_skipping else "DEFAULT"
        pending.discard(packet.pts)
        for part in (packet, *further):
            yield from decoded(part)
        if not pending:
            yield from decoded(None)
            codec.flush_buffers()
            if not starts:
                return
            _seek_if_far(container, stream, frames=frames, position=position, target=min(starts))
    yield from decoded(None)


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


def _count_frames(path: Path, *, frames: FrameTable, album: _Album, clock: Clock) -> None:
    """Find frames from the start of the file on, by their definition."""
    num_frames = 0
    for index, frame in numbered(path, frames, clock=clock):
        if index == 0:
            album.begin_anew(frame)
        num_frames = index + 1
        if index in album.place:
            album.put(index, frame)
        if not album.missing:
            return
    raise EndOfFramesError(
        f"cannot decode frame {min(album.missing)} of {path.name} (file ends at frame "
        f"{num_frames}); re-encode it or leave it out",
        path=str(path),
        num_frames=num_frames,
    )
