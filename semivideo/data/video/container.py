"""Video files as containers of packets: open one, take its table of frames, read it in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from semivideo.base.errors import DataError
from semivideo.base.records import FrameTable

# Containers that store no presentation times: FFmpeg's are guesses once frames are reordered.
_NO_TIMES = {"avi"}


class EndOfFramesError(DataError):
    """A frame was asked for that a full decode of the file does not reach.

    Attributes:
        num_frames: Frames that can be read, from 0.
    """

    def __init__(self, message: str, *, path: str | None = None, num_frames: int = 0) -> None:
        super().__init__(message, path=path)
        self.num_frames = num_frames


@dataclass(frozen=True, slots=True)
class Probe:
    """What one pass over a file says about its video.

    Attributes:
        width: Displayed width in pixels, after rotation.
        height: Displayed height in pixels, after rotation.
        frame_rate: Average frames per second, 0.0 if unknown.
        rotation: Clockwise degrees to turn decoded frames: 0, 90, 180 or 270.
        frames: Times of the frames.
    """

    width: int
    height: int
    frame_rate: float
    rotation: int
    frames: FrameTable


def probe(path: Path) -> Probe:
    """Read every packet of a file, decode its first frame and no other.

    Args:
        path: A video in any container and codec that FFmpeg knows.

    Raises:
        DataError: There is no frame to be had; the sentence says why.
    """
    packets: list[tuple[int | None, int | None, bool]] = []
    first: VideoFrame | None = None
    with opened(path) as (container, stream):
        try:
            for packet in container.demux(stream):
                if packet.size > 0 and not packet.is_discard:
                    packets.append((packet.pts, packet.dts, packet.is_keyframe))
                if first is None:
                    first = next(iter(stream.codec_context.decode(packet)), None)
        except av.error.FFmpegError as error:
            if first is None:
                raise unusable(path, f"its first frame cannot be decoded ({why(error)})") from None
        if first is None or not packets:
            raise unusable(path, "it has no video frame")
        header_rate = stream.average_rate or stream.guessed_rate
        has_times = container.format.name not in _NO_TIMES
        time_base = stream.time_base or Fraction(1, 90_000)
    frames = _frame_table(
        packets, first_pts=first.pts, time_base=time_base, rate=header_rate, has_times=has_times
    )
    rotation = -round(first.rotation / 90) * 90 % 360  # FFmpeg counts counter-clockwise
    width, height = first.width, first.height
    if rotation % 180 == 90:
        width, height = height, width
    return Probe(width, height, _frame_rate(frames, header_rate), rotation, frames)


def sequential(path: Path) -> Iterator[VideoFrame]:
    """Decode every frame in order.

    Raises:
        DataError: The file cannot be opened.
        av.error.FFmpegError: The file breaks here; the frames before it have been given.
    """
    with opened(path) as (container, stream):
        yield from container.decode(stream)


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file at its first real video stream."""
    try:
        # "file:" keeps FFmpeg from reading "a: b.mp4" as a protocol.
        container = av.open(f"file:{path}", metadata_errors="ignore")
    except av.error.FFmpegError as error:
        if not path.exists():
            raise DataError(
                f"{path} does not exist; check the path, or scan the folder again", path=str(path)
            ) from None
        is_empty = path.is_file() and path.stat().st_size == 0
        reason = "it is empty (0 bytes)" if is_empty else f"it is no video file ({why(error)})"
        raise unusable(path, reason) from None
    with container:
        streams = [
            s for s in container.streams.video if not s.disposition & Disposition.attached_pic
        ]
        if not streams:
            raise unusable(path, "it has no video stream")
        streams[0].codec_context.thread_type = "NONE"
        yield container, streams[0]


def _frame_table(
    packets: list[tuple[int | None, int | None, bool]],
    *,
    first_pts: int | None,
    time_base: Fraction,
    rate: Fraction | None,
    has_times: bool,
) -> FrameTable:
    """Sort the packets' times, and judge whether they can be trusted to name frames."""
    times = [pts for pts, _, _ in packets if pts is not None]
    pts = np.unique(np.array(times, dtype=np.int64))
    if len(pts) < len(packets):  # times missing or given twice: assume a constant rate
        base = 1 / rate if rate else Fraction(1, 25)
        return FrameTable(np.arange(len(packets)), _only_first(len(packets)), base, is_exact=False)
    is_reordered = any(pts != dts for pts, dts, _ in packets)
    if pts[0] != first_pts or (is_reordered and not has_times):
        return FrameTable(pts, _only_first(len(pts)), time_base, is_exact=False)
    is_keyframe = np.array([flag for _, _, flag in packets])[np.argsort(times)]
    return FrameTable(pts, is_keyframe, time_base)


def _only_first(num_frames: int) -> NDArray[np.bool_]:
    """Keyframe flags of a file that can only be read from its start."""
    return np.equal(np.arange(num_frames), 0)


def _frame_rate(frames: FrameTable, header_rate: Fraction | None) -> float:
    """Average rate; the header's where the times agree, for it is free of their rounding."""
    stated = float(header_rate or 0)
    span = float(frames.seconds[-1])
    if span <= 0:
        return stated
    measured = (len(frames) - 1) / span
    return stated if abs(stated - measured) < 0.01 * measured else measured


def unusable(path: Path, reason: str) -> DataError:
    """Return the error for a file that gives no frames."""
    return DataError(
        f"cannot use {path.name}: {reason}; re-encode it or leave it out", path=str(path)
    )


def why(error: av.error.FFmpegError) -> str:
    """FFmpeg's own words, without the error number and the file name."""
    return str(error.strerror or error)
