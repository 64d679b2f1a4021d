"""Video files as containers of packets: open one, decode it in order, number its frames.

Frame i is frame i of a plain sequential decode: ``numbered`` is that sentence's code. It goes on
behind packets that cannot be decoded, as players do. Frames are numbered by their times, and one
without a picture shows the picture before it::

    table      0   1   2   3   4   5   6        a frame of the manifest each
    decoded    a   b   -   -   e   f   -        packets 2, 3 and 6 are broken
    shown      a   b   b   b   e   f            the file ends at frame 6
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from semivideo.base.errors import DataError
from semivideo.base.records import FrameTable

log = logging.getLogger("semivideo")

_NO_VIDEO = int(Disposition.attached_pic | Disposition.timed_thumbnails)
_DEFAULT = int(Disposition.default)
_MOST_FAULTS = 1000  # places of a file that cannot be read
_MOST_EARLY = 16  # pictures out of order, as many as a decoder holds back at most
_told: set[Path] = set()


class EndOfFramesError(DataError):
    """A frame was asked for that a full decode of the file does not reach.

    Attributes:
        num_frames: Frames that can be read, from 0.
    """

    def __init__(self, message: str, *, path: str | None = None, num_frames: int = 0) -> None:
        super().__init__(message, path=path)
        self.num_frames = num_frames


def sequential(path: Path) -> Iterator[VideoFrame]:
    """Decode a file in order; what cannot be decoded is left out.

    Raises:
        DataError: The file cannot be opened.
    """
    with opened(path) as (container, stream):
        decoder = Decoder(stream)
        for packet in packets_of(container, stream):
            yield from decoder.frames(packet)
        yield from decoder.frames(None)


def numbered(path: Path, frames: FrameTable) -> Iterator[tuple[int, VideoFrame]]:
    """Give every frame of a file with its number: what a frame's number means.

    Args:
        path: The file.
        frames: Its table.

    Yields:
        0, 1, 2 ... and the picture of that frame.

    Raises:
        DataError: The file cannot be opened.
    """
    if not frames.is_exact:
        yield from islice(enumerate(sequential(path)), len(frames))
        return
    index_at = dict(zip(frames.pts.tolist(), range(len(frames)), strict=True))
    following = 0
    shown: VideoFrame | None = None
    early: dict[int, VideoFrame] = {}  # pictures that came before one that is still missing
    for frame in chain(sequential(path), [None]):
        if frame is not None:
            index = index_at.get(frame.pts, -1)
            if index < following:
                continue  # of no frame, or much too late
            early.setdefault(index, frame)
        while early:
            if following in early:
                shown = early.pop(following)
            elif frame is None or len(early) > _MOST_EARLY:
                sentence = (
                    "%s is damaged: frame %d cannot be decoded; such frames show the one before"
                )
                warn_once(path, sentence, path, following)
                shown = shown or early[min(early)]
            else:
                break
            yield following, shown
            following += 1


def warn_once(path: Path, sentence: str, *values: object) -> None:
    """Warn of a file, once a process: it may be read a thousand times.

    Args:
        path: The file.
        sentence: As for ``logging``.
        *values: As for ``logging``.
    """
    if path not in _told:
        _told.add(path)
        log.warning(sentence, *values)


class Decoder:
    """The decoder of a stream that goes on behind packets which cannot be decoded.

    Attributes:
        fault: Why the first of those could not be, in FFmpeg's words; None while there was none.
    """

    def __init__(self, stream: VideoStream) -> None:
        self.codec = stream.codec_context
        self.fault: str | None = None

    def frames(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """Send a packet, or None at the end, and return the frames that come out."""
        try:
            return self.codec.decode(packet)
        except av.error.FFmpegError as error:
            self.fault = self.fault or why(error)
            return []


def packets_of(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Read the packets of a stream from here to the end, behind what cannot be read too."""
    for _ in range(_MOST_FAULTS):
        try:
            for packet in container.demux(stream):
                if packet.size > 0:  # else it is a frame left out, or the end
                    yield packet
            return
        except av.error.FFmpegError as error:
            log.debug("%s: %s", container.name, why(error))
        except IndexError:
            return  # so PyAV ends where a stream appeared on the way


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file at the video stream that players show: the default one, else the first."""
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
        # As numbers: enumerations are slow, and a file is opened for every clip.
        uses = [(int(stream.disposition), stream) for stream in container.streams.video]
        shown = [(use, stream) for use, stream in uses if not use & _NO_VIDEO]
        if not shown:
            raise unusable(path, "it has no video stream")
        stream = next((stream for use, stream in shown if use & _DEFAULT), shown[0][1])
        if stream.codec_context is None:
            raise unusable(path, "there is no decoder for its kind of video")
        stream.codec_context.thread_type = "NONE"
        yield container, stream


def unusable(path: Path, reason: str) -> DataError:
    """Return the error for a file that gives no frames."""
    return DataError(
        f"cannot use {path.name}: {reason}; re-encode it or leave it out", path=str(path)
    )


def why(error: av.error.FFmpegError) -> str:
    """FFmpeg's own words, without the error number and the file name."""
    return str(error.strerror or error)
