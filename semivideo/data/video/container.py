"""Video files as containers of packets: open one, decode it in order, number its frames.

Frame i is frame i of a plain sequential decode: ``numbered`` is that sentence's code. It goes on
behind packets that cannot be decoded, as players do. Frames are numbered by their times, and one
without a picture shows the picture before it::

    table      0   1   2   3   4   5   6        a frame of the manifest each
    decoded    a   b   -   -   e   f   -        packets 2, 3 and 6 are broken
    shown      a   b   b   b   e   f            the file ends at frame 6

Only regular files are opened, and of them only containers that hold their own frames: playlists and
other lists, which make FFmpeg open what they name, are none of ``FORMATS``.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from semivideo.base.errors import DataError
from semivideo.base.files import open_regular, require_regular, step_after
from semivideo.base.records import FrameTable
from semivideo.data.video.budgets import Clock, budget
from semivideo.data.video.pictures import completed

log = logging.getLogger("semivideo")

FORMATS = (
    *("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv"),
    *("live_flv", "kux", "asf", "asf_o", "ogg", "mxf", "mxf_opatom", "dv", "gif", "apng", "rm"),
    *("ivr", "yuv4mpegpipe", "nut", "ivf", "h261", "h263", "h264", "hevc", "vvc", "m4v", "obu"),
    *("av1", "vc1", "vc1test", "dirac", "mjpeg", "mjpeg_2000", "mpjpeg", "webp_pipe", "wtv"),
)
"""FFmpeg's names of the containers and plain streams that are read."""
_LISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"[playlist]", b"v=0", b"[InternetShortcut]")
"""First bytes of what names other files."""
_HEAD = 64
_ANSWERED = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENAMETOOLONG}
"""Errors that say nothing of what is in a file."""
_MOST_INT = 2**31 - 1
_NO_VIDEO = int(Disposition.attached_pic | Disposition.timed_thumbnails)
_DEFAULT = int(Disposition.default)
_MOST_FAULTS = 1000  # places of a file that cannot be read
_MOST_EARLY = 16  # pictures out of order, as many as a decoder holds back at most
_STRICT = {"err_detect": "crccheck+buffer+explode"}
_STANDING_ALONE = {"png", "apng", "utvideo", "ffvhuff", "zlib", "mszh", "magicyuv", "cfhd", "v210"}
"""Codecs of which every picture stands alone, though FFmpeg does not say so of all of them."""
_TELLS_THE_LOG = {"ffv1"}
"""Codecs whose decoder replaces what is damaged and says so nowhere else."""
_ALONE = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}
_told: set[Path] = set()


class EndOfFramesError(DataError):
    """A frame was asked for that a full decode of the file does not reach.

    Attributes:
        num_frames: Frames that can be read, from 0.
    """

    def __init__(self, message: str, *, path: str | None = None, num_frames: int = 0) -> None:
        super().__init__(message, path=path)
        self.num_frames = num_frames


def sequential(path: Path, *, clock: Clock | None = None) -> Iterator[VideoFrame]:
    """Decode a file in order; what cannot be decoded is left out.

    Args:
        path: The file.
        clock: As in ``packets_of``.

    Raises:
        DataError: The file cannot be opened.
    """
    with opened(path) as (container, stream):
        decoder = Decoder(stream)
        for packet in packets_of(container, stream, clock=clock):
            yield from decoder.frames(packet)
        yield from decoder.frames(None)


def numbered(
    path: Path, frames: FrameTable, *, clock: Clock | None = None
) -> Iterator[tuple[int, VideoFrame]]:
    """Give every frame of a file with its number: what a frame's number means.

    Args:
        path: The file.
        frames: Its table.
        clock: As in ``packets_of``.

    Yields:
        0, 1, 2 ... and the picture of that frame.

    Raises:
        DataError: The file cannot be opened.
    """
    if not frames.is_exact:
        yield from islice(enumerate(sequential(path, clock=clock)), len(frames))
        return
    index_at = dict(zip(frames.pts.tolist(), range(len(frames)), strict=True))
    following = 0
    shown: VideoFrame | None = None
    early: dict[int, VideoFrame] = {}  # pictures that came before one that is still missing
    for frame in chain(sequential(path, clock=clock), [None]):
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
        fault: Why the first of those could not be, or not well, in FFmpeg's words; None while there
            was none.
    """

    def __init__(self, stream: VideoStream) -> None:
        self.codec = stream.codec_context
        self.fault: str | None = None
        self._completed = completed(self.codec)
        self._is_overheard = self.codec.name in _TELLS_THE_LOG

    def frames(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """Send a packet, or None at the end, and return the frames that come out."""
        if self._completed is not None and packet is not None and not packet.is_discard:
            packet = _with_bytes(packet, self._completed(bytes(packet)))
        try:
            if not self._is_overheard:
                return self.codec.decode(packet)
            num_errors = _errors_told()
            found = self.codec.decode(packet)
        except av.error.FFmpegError as error:
            self.fault = self.fault or why(error)
            return []
        if _errors_told() > num_errors:
            self.fault = self.fault or "its decoder has told of an error"
        return found


def _with_bytes(packet: Packet[VideoStream], data: bytes) -> Packet[VideoStream]:
    """A packet of other bytes at the same time."""
    other = Packet(data)
    other.pts, other.dts = packet.pts, packet.dts
    return cast("Packet[VideoStream]", other)


def _errors_told() -> int:
    """Errors in FFmpeg's log so far, of all threads; at this level they are counted, not shown."""
    if av.logging.get_level() is None:
        av.logging.set_level(av.logging.PANIC)
    return av.logging.get_last_error()[0]


def packets_of(
    container: InputContainer,
    stream: VideoStream,
    *,
    clock: Clock | None = None,
    faults: list[str] | None = None,
) -> Iterator[Packet[VideoStream]]:
    """Read the packets of a stream from here to the end, behind what cannot be read too.

    Args:
        container: The file.
        stream: Of it.
        clock: Ends the reading with an error when its time is over; None for any time.
        faults: Takes what could not be read, in FFmpeg's words.
    """
    for _ in range(_MOST_FAULTS):
        try:
            for packet in container.demux(stream):
                if clock is not None:
                    clock.check()
                if packet.size > 0:  # else it is a frame left out, or the end
                    yield packet
            return
        except av.error.FFmpegError as error:
            log.debug("%s: %s", container.name, why(error))
            if faults is not None:
                faults.append(why(error))
        except IndexError:
            return  # so PyAV ends where a stream appeared on the way


@contextmanager
def opened(path: Path, *, is_strict: bool = False) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file at the video stream that players show: the default one, else the first.

    Args:
        path: The file.
        is_strict: Whether the decoder gives up pictures in which it finds any fault. So it always
            does where pictures stand alone: in a broken one it leaves what was in memory before.

    Raises:
        DataError: It is no regular file, no container of ``FORMATS``, or has no video that can be
            decoded within ``max_pixels``.
    """
    allowed = budget()
    most_pixels = {"max_pixels": str(int(min(allowed.max_pixels, _MOST_INT)))}
    try:
        # A file of the system without a size, such as /proc/kmsg, may be waited for without an end.
        if require_regular(path).st_size == 0:
            raise unusable(path, "it is empty (0 bytes)")
        # "file:" keeps FFmpeg from reading "a: b.mp4" as a protocol.
        container = av.open(
            f"file:{path}", metadata_errors="ignore", options=most_pixels, container_options=_ALONE
        )
    except av.error.FFmpegError as error:
        raise _not_opened(path, error) from None
    except OSError as error:
        raise _no_file(path, error) from None
    with container:
        # As numbers: enumerations are slow, and a file is opened for every clip.
        uses = [(int(stream.disposition), stream) for stream in container.streams.video]
        shown = [(use, stream) for use, stream in uses if not use & _NO_VIDEO]
        if not shown:
            raise unusable(path, "it has no video stream")
        stream = next((stream for use, stream in shown if use & _DEFAULT), shown[0][1])
        if stream.codec_context is None:
            raise unusable(path, "there is no decoder for its kind of video")
        codec = stream.codec_context
        allowed.check(path, pixels=codec.width * codec.height)
        # What comes later in the file may be larger than its header says.
        stands_alone = codec.codec.intra_only or codec.name in _STANDING_ALONE
        codec.options = most_pixels | (_STRICT if is_strict or stands_alone else {})
        codec.thread_type, codec.thread_count = "NONE", 1  # some libraries follow only the second
        yield container, stream


def _no_file(path: Path, error: OSError) -> DataError:
    """The error for what is not there, or is no regular file."""
    if error.errno == errno.ENOENT:
        sentence = f"{path} does not exist; check the path, or scan the folder again"
    elif error.errno in (errno.EINVAL, errno.ENXIO, errno.EISDIR):
        sentence = f"cannot use {path.name}: {error.strerror}; leave it out"
    else:
        sentence = f"cannot open {path}: {error.strerror}; {step_after(error)}"
    return DataError(sentence, path=str(path))


def _not_opened(path: Path, error: av.error.FFmpegError) -> DataError:
    """The error for a file that FFmpeg does not open."""
    if error.errno in _ANSWERED:
        return _no_file(path, OSError(error.errno, why(error)))
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as fault:
        return _no_file(path, fault)
    if head.startswith(_LISTS):
        return DataError(
            f"cannot use {path.name}: it is a list that names other files, which are not opened; "
            "name those files themselves",
            path=str(path),
        )
    if error.errno == errno.EINVAL:  # so FFmpeg says that it is none of ``FORMATS``
        return unusable(path, "it is no video of a kind that is read, such as sound or a picture")
    return unusable(path, f"it is no video file ({why(error)})")


def unusable(path: Path, reason: str) -> DataError:
    """Return the error for a file that gives no frames."""
    return DataError(
        f"cannot use {path.name}: {reason}; re-encode it or leave it out", path=str(path)
    )


def why(error: av.error.FFmpegError) -> str:
    """FFmpeg's own words, without the error number and the file name."""
    return str(error.strerror or error)
