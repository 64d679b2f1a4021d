"""Packets that begin no picture: second fields of H.264, and VP8's hidden pictures.

Nearly always a packet is a picture. Interlaced H.264 may code a picture as two fields, each in a
packet of its own, or change between the two ways from picture to picture (PAFF; camcorders do)::

    packet     top 0 | bottom 0 | frame 1 | top 2 | bottom 2      begins a picture:  x - x x -

Which is which stands in the first bytes of each slice (ITU-T H.264, 7.3.2.1 and 7.3.3); nothing is
decoded. VP8's encoder may send pictures that are only referred to (RFC 6386, 9.1: ``show_frame``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

_SLICES, _SEQUENCE = {1, 2, 5}, 7  # kinds of H.264's units
_HEADER_BYTES = 24  # of a slice; more than its first six values can take
_BEGIN_BYTES = 256  # of a packet; more than what usually comes before its first slice
# Profiles whose parameters begin with the format of colours.
_HIGH = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}


def picture_begins(codec: VideoCodecContext) -> Callable[[bytes], bool] | None:
    """Return a function that says of each packet, in order, whether it begins a picture.

    Args:
        codec: Of the stream; its ``extradata`` tells whether fields are to be expected.

    Returns:
        The function; None where every packet does.
    """
    if codec.name in ("vp8", "libvpx"):
        return lambda packet: bool(packet[0] >> 4 & 1)
    if codec.name == "h264":
        extradata = codec.extradata or b""
        if not _may_have_fields(extradata):
            return None
        fields = _Fields(extradata)
        return fields.begin_picture
    return None


def whole_pictures(
    packets: Iterable[Packet[VideoStream]], codec: VideoCodecContext
) -> Iterator[list[Packet[VideoStream]]]:
    """Put the packets of a picture together.

    Args:
        packets: Of a stream, in order.
        codec: Of the stream.

    Yields:
        One packet nearly always; else the one that begins the picture, and those that go with it.
    """
    begins = picture_begins(codec)
    if begins is None:
        for packet in packets:
            yield [packet]
        return
    picture: list[Packet[VideoStream]] = []
    for packet in packets:
        if begins(bytes(packet)) and picture:
            yield picture
            picture = []
        picture.append(packet)
    if picture:
        yield picture


def droppable(codec: VideoCodecContext) -> Callable[[Packet[VideoStream]], bool]:
    """Return a function that says whether the decoder may be told to skip a packet if it can.

    Told so, FFmpeg's decoder of H.264 is silent about packets that it cannot decode. There the
    packet itself says, by its first slice's ``nal_ref_idc``, whether others refer to it.

    Args:
        codec: Of the stream.
    """
    if codec.name != "h264":
        return lambda packet: True
    length_bytes = _length_bytes(codec.extradata or b"")

    def is_not_referred_to(packet: Packet[VideoStream]) -> bool:
        view = memoryview(packet)
        if length_bytes and len(view) > length_bytes and view[length_bytes] & 31 in _SLICES:
            return not view[length_bytes] >> 5 & 3  # as nearly all begin; the rest is slow
        begin = bytes(view[:_BEGIN_BYTES])
        for unit in _units(begin, length_bytes):
            if unit and unit[0] & 31 in _SLICES:
                return not unit[0] >> 5 & 3
        return False

    return is_not_referred_to


def _length_bytes(extradata: bytes) -> int:
    """Bytes of the length before each unit, as mp4 and Matroska have it; 0 for start codes."""
    is_avcc = len(extradata) > 6 and extradata[0] == 1
    return (extradata[4] & 3) + 1 if is_avcc else 0


@functools.lru_cache(maxsize=256)
def _may_have_fields(extradata: bytes) -> bool:
    """Whether a stream's parameters allow pictures of two fields; few differ between files."""
    return _Fields(extradata).may_come


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What a sequence's parameters say of its slices."""

    has_fields: bool
    num_bits: int  # of a frame's number
    has_planes: bool  # coded one by one


class _Fields:
    """Pairs the fields of one stream.

    Attributes:
        may_come: Whether the stream's parameters allow pictures of two fields.
    """

    def __init__(self, extradata: bytes) -> None:
        self._length_bytes = _length_bytes(extradata)
        self._sequence = _Sequence(has_fields=False, num_bits=4, has_planes=False)
        units = _units_of_avcc(extradata) if self._length_bytes else _units(extradata, 0)
        for unit in units:
            self._take_sequence(unit)
        self.may_come = self._sequence.has_fields
        self._waiting: tuple[int, int] | None = (
            None  # parity and number of a field without its other
        )

    def begin_picture(self, packet: bytes) -> bool:
        """Whether this packet, the next one of the stream, begins a picture."""
        begins: bool | None = None
        for unit in _units(packet, self._length_bytes):
            self._take_sequence(unit)
            if not unit or unit[0] & 31 not in _SLICES:
                continue
            bits = _Bits(unit[1:_HEADER_BYTES])
            if bits.exponential() != 0:  # a further slice of the same picture
                continue
            is_second = self._is_second(bits)
            begins = not is_second if begins is None else begins
        return bool(begins)

    def _is_second(self, bits: _Bits) -> bool:
        """Read on in the first slice of a frame or field; whether it completes the field before."""
        bits.skip_exponentials(2)  # kind of slice, number of its parameters
        if self._sequence.has_planes:
            bits.read(2)
        number = bits.read(self._sequence.num_bits)
        is_field = self._sequence.has_fields and bits.read(1)
        parity = bits.read(1) if is_field else 0
        is_second = bool(is_field) and self._waiting == (1 - parity, number)
        self._waiting = (parity, number) if is_field and not is_second else None
        return is_second

    def _take_sequence(self, unit: bytes) -> None:
        """Keep what new parameters say."""
        if unit and unit[0] & 31 == _SEQUENCE:
            self._sequence = _sequence_of(_Bits(unit[1:]))


def _sequence_of(bits: _Bits) -> _Sequence:
    """Read a sequence's parameters up to what is wanted (7.3.2.1.1)."""
    profile = bits.read(8)
    bits.read(16)  # constraints, level
    bits.exponential()  # its number
    has_planes = False
    if profile in _HIGH:
        format = bits.exponential()
        has_planes = format == 3 and bool(bits.read(1))
        bits.skip_exponentials(2)  # bits a sample
        bits.read(1)
        if bits.read(1):
            for number in range(12 if format == 3 else 8):
                if bits.read(1):
                    _skip_list(bits, 16 if number < 6 else 64)
    num_bits = bits.exponential() + 4
    _skip_order(bits)
    bits.exponential()  # pictures referred to
    bits.read(1)
    bits.skip_exponentials(2)  # width, height
    return _Sequence(has_fields=not bits.read(1), num_bits=num_bits, has_planes=has_planes)


def _skip_list(bits: _Bits, length: int) -> None:
    """Read over a scaling list."""
    last = following = 8
    for _ in range(length):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order(bits: _Bits) -> None:
    """Read over how the order of pictures is coded."""
    kind = bits.exponential()
    if kind == 0:
        bits.exponential()
    elif kind == 1:
        bits.read(1)
        bits.skip_exponentials(2)
        bits.skip_exponentials(min(bits.exponential(), 255))


def _units_of_avcc(extradata: bytes) -> Iterator[bytes]:
    """Sequence parameters of mp4's and Matroska's header."""
    place = 6
    for _ in range(extradata[5] & 31):
        size = int.from_bytes(extradata[place : place + 2], "big")
        yield extradata[place + 2 : place + 2 + size]
        place += 2 + size


def _units(data: bytes, length_bytes: int) -> Iterator[bytes]:
    """Split a packet; each unit after a start code or, with ``length_bytes``, after its length."""
    if length_bytes:
        place = 0
        while place + length_bytes < len(data):
            start = place + length_bytes
            place = start + int.from_bytes(data[place:start], "big")
            yield data[start:place]
        return
    start = data.find(b"\0\0\1")
    while start >= 0:
        end = data.find(b"\0\0\1", start + 3)
        yield data[start + 3 : end if end >= 0 else len(data)]
        start = end


class _Bits:
    """Values of H.264's headers, bit by bit; zeros after the end."""

    def __init__(self, data: bytes) -> None:
        data = data.replace(b"\0\0\3", b"\0\0")  # as units are written, to hold no start code
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, num_bits: int) -> int:
        """An unsigned number of so many bits."""
        self._left -= num_bits
        shifted = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return shifted & (1 << num_bits) - 1

    def exponential(self) -> int:
        """An unsigned number in Exp-Golomb code."""
        zeros = 0
        while self._left > 0 and not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)

    def skip_exponentials(self, count: int) -> None:
        """Read over numbers in Exp-Golomb code, signed or not."""
        for _ in range(count):
            self.exponential()

    def signed(self) -> int:
        """A signed number in Exp-Golomb code."""
        code = self.exponential()
        return (code + 1) // 2 if code % 2 else -(code // 2)
