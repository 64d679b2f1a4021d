"""Damaged and hostile videos, made from a seed: generated files of many formats, and their mutants.

Every frame of a generated file shows its number as a bar code, so that a reader which is off by one
shows it. A mutant is a function of (original, seed): a finding is made again from its name alone.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

NUM_FRAMES = 24
SIZE = (104, 64)
_INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_NUM_BITS = 12


@dataclass(frozen=True)
class Kind:
    """One container with one codec.

    Attributes:
        ending: Of the file.
        codec: FFmpeg's encoder.
        format: Its pixels.
        options: Of the encoder.
        rate: Frames a second.
        size: Width and height.
        num_frames: Length of the file.
    """

    ending: str
    codec: str
    format: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = ()
    rate: int = 25
    size: tuple[int, int] = SIZE
    num_frames: int = NUM_FRAMES


_X264 = (("preset", "veryfast"), ("g", "8"), ("x264-params", "cpu-independent=1:mbtree=0"))
KINDS: dict[str, Kind] = {
    "mp4-h264": Kind("mp4", "libx264", options=(*_X264, ("bf", "2"))),
    "mp4-h264-open": Kind("mp4", "libx264", options=(*_X264, ("bf", "3"), ("flags", "-cgop"))),
    "mp4-h264-lossless": Kind("mp4", "libx264", options=(*_X264, ("qp", "0"))),
    "mp4-hevc": Kind("mp4", "libx265", options=(("x265-params", "log-level=none:keyint=8"),)),
    "mp4-mpeg4": Kind("mp4", "mpeg4", options=(("g", "8"), ("bf", "2"))),
    "mov-prores": Kind("mov", "prores_ks", "yuv422p10le"),
    "mov-qtrle": Kind("mov", "qtrle", "rgb24"),
    "mov-png": Kind("mov", "png", "rgb24"),
    "mkv-h264": Kind("mkv", "libx264", options=(*_X264, ("bf", "2"))),
    "mkv-ffv1": Kind("mkv", "ffv1"),
    "mkv-vp8": Kind("mkv", "libvpx", options=(("g", "8"), ("cpu-used", "8"))),
    "webm-vp8": Kind("webm", "libvpx", options=(("g", "8"), ("cpu-used", "8"))),
    "webm-vp9": Kind("webm", "libvpx-vp9", options=(("g", "8"), ("cpu-used", "8"))),
    "avi-mpeg4": Kind("avi", "mpeg4", options=(("g", "8"),)),
    "avi-mpeg4-b": Kind("avi", "mpeg4", options=(("g", "8"), ("bf", "2"))),
    "avi-mjpeg": Kind("avi", "mjpeg", "yuvj420p"),
    "avi-huffyuv": Kind("avi", "huffyuv", "yuv422p"),
    "avi-ffv1": Kind("avi", "ffv1"),
    "avi-h264": Kind("avi", "libx264", options=(*_X264, ("bf", "0"))),
    "ts-h264": Kind("ts", "libx264", options=(*_X264, ("bf", "2"))),
    "ts-mpeg2": Kind("ts", "mpeg2video", options=(("g", "8"), ("bf", "2"))),
    "mpg-mpeg1": Kind("mpg", "mpeg1video", options=(("g", "8"), ("bf", "2"))),
    "vob-mpeg2": Kind("vob", "mpeg2video", options=(("g", "8"),)),
    "flv-flv1": Kind("flv", "flv", options=(("g", "8"),)),
    "flv-h264": Kind("flv", "libx264", options=(*_X264, ("bf", "2"))),
    "wmv-wmv2": Kind("wmv", "wmv2", options=(("g", "8"),)),
    "3gp-mpeg4": Kind("3gp", "mpeg4", options=(("g", "8"),)),
    "gif": Kind("gif", "gif", "rgb8"),
    "y4m": Kind("y4m", "rawvideo"),
    "nut-ffv1": Kind("nut", "ffv1"),
    "ivf-vp8": Kind("ivf", "libvpx", options=(("g", "8"), ("cpu-used", "8"))),
    "h264": Kind("h264", "libx264", options=(*_X264, ("bf", "2"))),
    "m4v": Kind("m4v", "mpeg4", options=(("g", "8"),)),
    "mjpeg": Kind("mjpeg", "mjpeg", "yuvj420p"),
    "mxf-mpeg2": Kind("mxf", "mpeg2video", options=(("g", "8"),)),
    "dv": Kind("dv", "dvvideo", "yuv420p", size=(720, 576), num_frames=4),
}
"""The generated files: every container and the codecs that people put into it."""


def make(name: str, folder: Path) -> Path:
    """Write the file of a kind, unless it is there.

    Args:
        name: A key of ``KINDS``.
        folder: Where to.
    """
    kind = KINDS[name]
    path = folder / f"{name}.{kind.ending}"
    if path.exists():
        return path
    width, height = kind.size
    column = np.arange(width) * (_NUM_BITS + 1) // width
    with av.open(str(path), "w") as container:
        stream = container.add_stream(kind.codec, rate=kind.rate, options=dict(kind.options))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, kind.format
        stream.codec_context.thread_count = 1
        for index in range(kind.num_frames):
            bits = [index >> bit & 1 for bit in range(_NUM_BITS)]
            row = np.array([*bits, 1 - sum(bits) % 2], np.uint8)[column] * 200 + 28
            image = np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=kind.format)
            frame.pts, frame.time_base = index, Fraction(1, kind.rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def originals(folder: Path, *, others: Path | None = None) -> list[Path]:
    """Every file that mutants are made of: the generated ones, and those of a folder.

    Args:
        folder: Where the generated ones are written.
        others: Further videos; None for none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = [make(name, folder) for name in KINDS]
    if others is not None and others.is_dir():
        small = (p for p in sorted(others.iterdir()) if p.suffix[1:].lower() in _ENDINGS)
        found += [path for path in small if path.stat().st_size < _LARGEST]
    return found


_ENDINGS = {"mp4", "avi", "mkv", "webm", "mov", "gif", "mpg"}
_LARGEST = 600_000  # bytes of a file that mutants are made of


def mutant(original: Path, seed: int, folder: Path) -> Path:
    """Write the mutant of a file.

    Args:
        original: The file.
        seed: Which one; the same seed gives the same bytes.
        folder: Where to.
    """
    rng = random.Random(zlib.crc32(original.name.encode()) ^ seed << 32)
    path = folder / f"{original.stem}-{seed}{original.suffix}"
    ways = rng.choices(list(_WAYS), weights=[weight for weight, _ in _WAYS.values()], k=1)
    if ways == ["packets"] and _remuxed(original, path, rng):
        return path
    data = bytearray(original.read_bytes())
    for name in ways if ways != ["packets"] else ["overwrite"]:
        for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
            _WAYS[name][1](data, rng)
            data = data or bytearray(b"\0")
    path.write_bytes(data)
    return path


def _place(data: bytearray, rng: random.Random) -> int:
    """A place in a file; headers at its begin and end are hit as often as all the rest."""
    edge = min(len(data), 2048)
    return rng.choice(
        (
            rng.randrange(len(data)),
            rng.randrange(len(data)),
            rng.randrange(edge),
            len(data) - 1 - rng.randrange(edge),
        )
    )


def _flip(data: bytearray, rng: random.Random) -> None:
    data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random) -> None:
    start, length = _place(data, rng), rng.choice((1, 4, 16, 64, 256, 1024))
    end = min(len(data), start + length)
    fill = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    data[start:end] = fill[: end - start]


def _number(data: bytearray, rng: random.Random) -> None:
    width = rng.choice((1, 2, 4, 8))
    order: Literal["big", "little"] = rng.choice(("big", "little"))
    start = min(_place(data, rng), max(0, len(data) - width))
    value = rng.choice((*_INTERESTING, rng.getrandbits(32)))
    data[start : start + width] = (value % (1 << 8 * width)).to_bytes(width, order)


def _delete(data: bytearray, rng: random.Random) -> None:
    start = _place(data, rng)
    del data[start : start + rng.choice((1, 3, 16, 100, 1000))]


def _double(data: bytearray, rng: random.Random) -> None:
    start, length = _place(data, rng), rng.choice((1, 3, 16, 100, 1000))
    to = _place(data, rng)
    data[to:to] = data[start : start + length]


def _swap(data: bytearray, rng: random.Random) -> None:
    one, other, length = _place(data, rng), _place(data, rng), rng.choice((4, 64, 512))
    one, other = sorted((one, other))
    if one + length <= other and other + length <= len(data):
        first, second = bytes(data[one : one + length]), bytes(data[other : other + length])
        data[one : one + length], data[other : other + length] = second, first


def _cut_end(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(1, len(data) + 1) :]


def _cut_begin(data: bytearray, rng: random.Random) -> None:
    del data[: rng.randrange(min(len(data), 4096))]


_WAYS: dict[str, tuple[int, Callable[[bytearray, random.Random], None]]] = {
    "flip": (3, _flip),
    "overwrite": (4, _overwrite),
    "number": (4, _number),
    "delete": (2, _delete),
    "double": (2, _double),
    "swap": (1, _swap),
    "cut end": (1, _cut_end),
    "cut begin": (1, _cut_begin),
    "packets": (6, _overwrite),
}
"""Way of damaging a file to how often it is taken, and what does it."""


def _remuxed(original: Path, path: Path, rng: random.Random) -> bool:
    """Copy a file packet by packet, some of them dropped, doubled, broken or at other times."""
    try:
        with av.open(str(original)) as old, av.open(str(path), "w") as new:
            stream = old.streams.video[0]
            copy = new.add_stream_from_template(stream)
            packets = [packet for packet in old.demux(stream) if packet.size]
            if len(packets) > 400:
                return False
            hit = set(rng.sample(range(len(packets)), min(len(packets), rng.choice((1, 1, 2, 5)))))
            for number, packet in enumerate(packets):
                for each in _damaged(packet, rng) if number in hit else [packet]:
                    each.stream = copy
                    new.mux(each)
    except (av.error.FFmpegError, ValueError, OverflowError):
        return False
    return path.exists() and path.stat().st_size > 0


def _damaged(packet: av.Packet[Any], rng: random.Random) -> list[av.Packet[Any]]:
    """What stands in the place of a packet."""
    way = rng.choice(("drop", "zero", "random", "cut", "flip", "later", "twice"))
    if way == "drop":
        return []
    if way == "later":
        shift = rng.choice((1, 2, 7, -1, 1000))
        if packet.pts is not None:
            packet.pts = packet.pts + shift * max(1, packet.duration or 1)
        return [packet]
    data = bytearray(bytes(packet))
    if way == "zero":
        data[len(data) // 4 :] = bytes(len(data) - len(data) // 4)
    elif way == "random":
        data[len(data) // 4 :] = rng.randbytes(len(data) - len(data) // 4)
    elif way == "cut":
        del data[max(1, len(data) // 3) :]
    elif way == "flip":
        for _ in range(3):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    other = av.Packet(bytes(data))
    other.pts, other.dts, other.duration = packet.pts, packet.dts, packet.duration
    other.time_base, other.is_keyframe = packet.time_base, packet.is_keyframe
    return [packet, other] if way == "twice" else [other]
