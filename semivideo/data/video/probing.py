"""What one pass over a file says: its table of frames, their size, rate and orientation."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from semivideo.base.records import FrameTable
from semivideo.data.video.budgets import Clock, budget
from semivideo.data.video.container import Decoder, opened, packets_of, sequential, unusable
from semivideo.data.video.orientation import is_sideways, rotation_of
from semivideo.data.video.pictures import picture_begins

# Containers that store no presentation times: FFmpeg's are guesses once frames are reordered.
_NO_TIMES = {"avi"}
_NUM_COMPARED = 24  # pictures at the start of an odd file


@dataclass(frozen=True, slots=True)
class Probe:
    """What one pass over a file says about its video.

    Attributes:
        width: Displayed width in pixels, after rotation.
        height: Displayed height in pixels, after rotation.
        frame_rate: Average frames per second, 0.0 if unknown.
        rotation: How decoded frames are to be turned and mirrored, see ``orientation``.
        frames: Times of the frames.
    """

    width: int
    height: int
    frame_rate: float
    rotation: int
    frames: FrameTable

    @property
    def first_frame(self) -> int:
        """As a ``Video`` has it: all of the file is meant."""
        return 0

    @property
    def num_frames(self) -> int:
        """Frames a full decode gives, by the demux pass."""
        return len(self.frames)


def probe(path: Path) -> Probe:
    """Read every packet of a file, decode its first frame and, of nearly all files, no other.

    Only where the packets themselves look odd (the first one is no keyframe, frames come as two
    fields, the first picture is not the first time) the table is compared with the pictures that
    come out at the start, and made of all pictures if they are others.

    Args:
        path: A video in any container and codec that FFmpeg knows.

    Raises:
        DataError: There is no frame to be had, or it asks for more than is allowed (``budgets``);
            the sentence says why.
    """
    times: list[tuple[int | None, int | None, bool]] = []
    first: VideoFrame | None = None
    has_parts = False
    starts_at_keyframe: bool | None = None
    allowed = budget()
    clock = Clock(path, allowed)
    with opened(path) as (container, stream):
        decoder = Decoder(stream)
        begins = picture_begins(stream.codec_context)
        faults: list[str] = []
        for packet in packets_of(container, stream, clock=clock, faults=faults):
            if packet.is_corrupt:
                faults.append("a packet is damaged")
            if starts_at_keyframe is None:
                starts_at_keyframe = packet.is_keyframe
            if begins is not None and not begins(bytes(packet)):
                has_parts = True
            elif not packet.is_discard:
                times.append((packet.pts, packet.dts, packet.is_keyframe))
                if len(times) > allowed.max_frames:
                    allowed.check(path, frames=len(times))
            if first is None:
                first = next(iter(decoder.frames(packet)), None)
        first = first or next(iter(decoder.frames(None)), None)
        if first is None or not times:
            most = f"it is damaged, or larger than max_pixels = {allowed.max_pixels:.10g}"
            reason = f"its first frame cannot be decoded ({decoder.fault}: {most})"
            raise unusable(path, reason if decoder.fault else "it has no video frame")
        packets = _Packets(
            times,
            starts_at_keyframe=bool(starts_at_keyframe),
            rate=stream.average_rate or stream.guessed_rate,
            time_base=stream.time_base or Fraction(1, 90_000),
            has_times=container.format.name not in _NO_TIMES,
        )
    frames = packets.table(first)
    is_odd = has_parts or not starts_at_keyframe
    if faults and frames.is_exact:
        frames = _counted_if_damaged(path, frames, packets, clock)
    elif is_odd or (packets.has_times and first.pts != min(packets.presented, default=None)):
        frames = _agreed(path, frames, packets, clock)
    allowed.check(
        path,
        frames=len(frames),
        duration=float(frames.seconds_without_gaps[-1]),
        pixels=first.width * first.height,
    )
    rotation = rotation_of(first)
    width, height = first.width, first.height
    if is_sideways(rotation):
        width, height = height, width
    return Probe(width, height, _frame_rate(frames, packets.rate), rotation, frames)


@dataclass(frozen=True, slots=True)
class _Packets:
    """What one pass over a file says of its packets, and the table that follows.

    Attributes:
        times: Presentation and decoding time, and whether it is a keyframe, of each packet that
            begins a picture.
        starts_at_keyframe: Whether the file's first packet is one.
        rate: Frames per second by the header.
        time_base: Seconds per unit.
        has_times: Whether the container stores presentation times.
    """

    times: list[tuple[int | None, int | None, bool]]
    starts_at_keyframe: bool
    rate: Fraction | None
    time_base: Fraction
    has_times: bool

    @property
    def presented(self) -> list[int]:
        """Presentation times that are known, in the order of the packets."""
        return [pts for pts, _, _ in self.times if pts is not None]

    def table(self, first: VideoFrame) -> FrameTable:
        """Sort the times, leave out what is before the first picture, judge whether to trust them.

        Args:
            first: The first picture that comes out.
        """
        presented = self.presented
        pts = np.unique(np.array(presented, dtype=np.int64))
        decoded = [dts for _, dts, _ in self.times if dts is not None]
        is_set_back = decoded != sorted(decoded)  # the clock, such as where recordings were joined
        if len(pts) < len(self.times) or is_set_back:
            return counted(len(self.times), self.rate)  # missing or twice: assume a constant rate
        is_reordered = any(pts != dts for pts, dts, _ in self.times)
        is_known = first.pts is not None and first.pts in pts
        if not is_known or (is_reordered and not self.has_times):
            return FrameTable(pts, _only_first(len(pts)), self.time_base, is_exact=False)
        is_keyframe = np.array([flag for _, _, flag in self.times])[np.argsort(presented)]
        begin = int(np.flatnonzero(pts == first.pts)[0])
        if not self.starts_at_keyframe and not first.key_frame and is_keyframe.any():
            # Some decoders give grey pictures with ghosts in the place of what they cannot decode.
            begin = max(begin, int(np.argmax(is_keyframe)))
        return FrameTable(pts[begin:], is_keyframe[begin:], self.time_base)


def _agreed(path: Path, frames: FrameTable, packets: _Packets, clock: Clock) -> FrameTable:
    """The table if the pictures that come out at the start are its frames; else one of all."""
    if frames.is_exact:
        shown = (frame.pts for frame in sequential(path, clock=clock))
        known = (pts for pts in shown if pts is not None and pts >= frames.pts[0])
        start = list(islice(known, _NUM_COMPARED))
        if start == frames.pts[: max(len(start), 1)].tolist():
            return frames
    times = [frame.pts for frame in sequential(path, clock=clock)]
    pts = np.unique(np.array([time for time in times if time is not None], dtype=np.int64))
    if not frames.is_exact or len(pts) < len(times):
        return counted(len(times), packets.rate)
    keyframes = [time for time, _, flag in packets.times if flag and time is not None]
    return FrameTable(pts, np.isin(pts, keyframes), packets.time_base)


def _counted_if_damaged(
    path: Path, frames: FrameTable, packets: _Packets, clock: Clock
) -> FrameTable:
    """The table of a file in which packets are damaged, by all pictures that come out.

    Where they are those of the table, it is read from its start; else they are counted.
    """
    times = [frame.pts for frame in sequential(path, clock=clock)]
    if times == frames.pts.tolist() and packets.starts_at_keyframe:
        return from_start(frames)
    return counted(len(times), packets.rate)


def from_start(frames: FrameTable) -> FrameTable:
    """The same frames, which are decoded from the start of the file on, whichever is wanted."""
    return FrameTable(frames.pts, _only_first(len(frames)), frames.time_base)


def counted(num_frames: int, rate: Fraction | None) -> FrameTable:
    """A table of frames that are found by counting and shown at a constant rate."""
    base = 1 / rate if rate else Fraction(1, 25)
    return FrameTable(np.arange(num_frames), _only_first(num_frames), base, is_exact=False)


def _only_first(num_frames: int) -> NDArray[np.bool_]:
    """Keyframe flags of a file that can only be read from its start."""
    return np.equal(np.arange(num_frames), 0)


def _frame_rate(frames: FrameTable, header_rate: Fraction | None) -> float:
    """Average rate; the header's where the times agree, for it is free of their rounding."""
    stated = float(header_rate or 0)
    span = float(frames.seconds_without_gaps[-1])
    if span <= 0:
        return stated
    measured = (len(frames) - 1) / span
    return stated if abs(stated - measured) < 0.01 * measured else measured
