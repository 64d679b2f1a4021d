"""What packets say of their pictures by their first bytes; nothing is decoded.

**Which begin one** (``picture_begins``). Nearly always a packet is a picture. Interlaced H.264 may
code a picture as two fields, each in a packet of its own, or change between the two ways from
picture to picture (PAFF; camcorders do)::

    packet     top 0 | bottom 0 | frame 1 | top 2 | bottom 2      begins a picture:  x - x x -

Which is which stands in the first bytes of each slice (ITU-T H.264, 7.3.2.1 and 7.3.3). VP8's
encoder may send pictures that are only referred to (RFC 6386, 9.1: ``show_frame``).

**Which may be skipped**, and where one is missing (``droppable``). **Which need no tables of
others** (``has_tables``).

**How long they must be** (``completed``). A decoder that comes to the end of a damaged packet may
leave the rest of the picture as its memory was, which depends on what it has decoded before.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

_SLICES, _KEY_SLICE, _SEQUENCE = {1, 2, 5}, 5, 7  # kinds of H.264's units
_HEADER_BYTES = 24  # of a slice; more than its first six values can take
_BEGIN = struct.Struct(">Q")  # the first eight bytes of a slice
_IS_REFERRED_TO = 3 << 61  # of them
_BEGIN_BYTES = 256  # of a packet; more than what usually comes before its first slice
# Profiles whose parameters begin with the format of colours.
_HIGH = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}
_VP8 = {"vp8", "libvpx"}
_VP8_BLOCK_BYTES = 4  # three times what a block of 16 x 16 pixels takes where all bits are zeros
_VP8_MOST_BYTES = 2**19 - 1  # of a picture's modes
_WORD = 4  # bytes that Huffyuv is written in
_JPEG_SCAN, _JPEG_STEPS, _JPEG_LOSSLESS = 0xDA, 0xDB, 0xC3
_JPEG_FRAMES = {0xC0, 0xC1, 0xC2, _JPEG_LOSSLESS}


def picture_begins(codec: VideoCodecContext) -> Callable[[bytes], bool] | None:
    """Return a function that says of each packet, in order, whether it begins a picture.

    Args:
        codec: Of the stream; its ``extradata`` tells whether fields are to be expected.

    Returns:
        The function; None where every packet does.
    """
    if codec.name in _VP8:
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


def droppable(codec: VideoCodecContext) -> Callable[[Packet[VideoStream]], bool | None]:
    """Return a function that says whether the decoder may be told to skip a packet if it can.

    Told so, FFmpeg's decoder of H.264 is silent about packets that it cannot decode. There the
    packet itself says, by its first slice's ``nal_ref_idc``, whether others refer to it. Those that
    others refer to are numbered (7.4.3, ``frame_num``). Where one is missing, a decoder takes
    another in its place, and which one may depend on any picture decoded before.

    VP8's map of segments is kept from picture to picture (RFC 6386, 9.3), also from one that nobody
    refers to, and the decoder skips it with the picture.

    Args:
        codec: Of the stream.

    Returns:
        The function, for packets from a keyframe on, in order; it returns None behind a picture
        that is missing.
    """
    if codec.name in _VP8:
        return lambda packet: packet.size > 3 and not memoryview(packet)[3] & 128  # 9.2, 9.3
    if codec.name != "h264":
        return lambda packet: True
    extradata = codec.extradata or b""
    length_bytes, sequence, last = _length_bytes(extradata), _sequence_in(extradata), -1
    is_numbered = sequence is not None and not (sequence.has_gaps or sequence.has_planes)
    num_bits = sequence.num_bits if sequence is not None else 0
    shift, largest, num_before = 56 - num_bits, (1 << num_bits) - 1, _NUM_BEFORE

    def is_not_referred_to(packet: Packet[VideoStream]) -> bool | None:
        nonlocal last
        begin = 0
        if length_bytes and packet.size > length_bytes + _BEGIN.size:
            (begin,) = _BEGIN.unpack_from(packet, length_bytes)
        if begin >> 56 & 31 not in _SLICES:  # few begin with anything else
            begin = _begin_of_slice(packet, length_bytes)
            if not begin:
                return False
        if is_numbered:
            before = num_before[begin >> 48 & 255] or _num_before(begin)
            number = begin >> max(0, shift - before) & largest
            is_next = number - last & largest < 2  # the same is a second field's
            if not is_next and last >= 0 and begin >> 56 & 31 != _KEY_SLICE:
                return None
            if begin & _IS_REFERRED_TO:
                last = number
        return not begin & _IS_REFERRED_TO

    return is_not_referred_to


def _begin_of_slice(packet: Packet[VideoStream], length_bytes: int) -> int:
    """The first eight bytes of a packet's first slice, 0 where there is none near its begin."""
    for unit in _units(bytes(memoryview(packet)[:_BEGIN_BYTES]), length_bytes):
        if unit and unit[0] & 31 in _SLICES:
            return int.from_bytes(unit[: _BEGIN.size].ljust(_BEGIN.size, b"\0"), "big")
    return 0


def has_tables(packet: Packet[VideoStream]) -> bool:
    """Whether a picture of Motion JPEG has a header and tables of steps of its own.

    A decoder uses those of the picture before in the place of what is missing (ITU-T T.81, B.2.4).

    Args:
        packet: The picture.
    """
    data, place, kinds = bytes(packet), 2, set()
    last = len(data) - 4
    while place <= last and data[place] == 0xFF:
        kind = data[place + 1]
        if kind == 0xFF:  # markers may be filled up
            place += 1
            continue
        kinds.add(kind)
        if kind == _JPEG_SCAN:
            return bool(kinds & _JPEG_FRAMES) and bool(kinds & {_JPEG_STEPS, _JPEG_LOSSLESS})
        place += 2 + (data[place + 2] << 8 | data[place + 3])
    return False


def completed(codec: VideoCodecContext) -> Callable[[bytes], bytes] | None:
    """Return a function that makes a packet so long that no picture is left undone.

    What is missing in a damaged packet reads as zeros: of VP8 as its description has it (RFC 6386,
    20.2), of Huffyuv up to the whole words that it is written in. Whole packets decode as before.

    Args:
        codec: Of the stream.

    Returns:
        The function; None where packets are decoded as they are.
    """
    if codec.name in ("huffyuv", "ffvhuff"):
        return lambda packet: packet + bytes(-len(packet) % _WORD)
    if codec.name in _VP8:
        num_blocks = (codec.width // 16 + 2) * (codec.height // 16 + 2)
        return functools.partial(_completed_vp8, zeros=bytes(_VP8_BLOCK_BYTES * num_blocks))
    return None


def _completed_vp8(packet: bytes, *, zeros: bytes) -> bytes:
    """Lengthen both parts of a picture, its modes and its coefficients (RFC 6386, 9.1)."""
    begin = int.from_bytes(packet[:3], "little")
    num_bytes = begin >> 5
    end = num_bytes + (3 if begin & 1 else 10)
    if end > len(packet) or num_bytes + len(zeros) > _VP8_MOST_BYTES:
        return packet
    head = (begin + (len(zeros) << 5)).to_bytes(3, "little")
    return b"".join((head, packet[3:end], zeros, packet[end:], zeros))


def _length_bytes(extradata: bytes) -> int:
    """Bytes of the length before each unit, as mp4 and Matroska have it; 0 for start codes."""
    is_avcc = len(extradata) > 6 and extradata[0] == 1
    return (extradata[4] & 3) + 1 if is_avcc else 0


@functools.lru_cache(maxsize=256)
def _may_have_fields(extradata: bytes) -> bool:
    """Whether a stream's parameters allow pictures of two fields; few differ between files."""
    return _Fields(extradata).may_come


@functools.lru_cache(maxsize=256)
def _sequence_in(extradata: bytes) -> _Sequence | None:
    """The parameters in a stream's header, None where it has none."""
    fields = _Fields(extradata)
    return fields.sequence if fields.is_known else None


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What a sequence's parameters say of its slices."""

    has_fields: bool
    num_bits: int  # of a frame's number
    has_planes: bool  # coded one by one
    has_gaps: bool  # numbers of frames may be left out


class _Fields:
    """Pairs the fields of one stream.

    Attributes:
        may_come: Whether the stream's parameters allow pictures of two fields.
        is_known: Whether there are parameters.
        sequence: The last ones.
    """

    def __init__(self, extradata: bytes) -> None:
        self._length_bytes = _length_bytes(extradata)
        self.is_known = False
        self.sequence = _Sequence(has_fields=False, num_bits=4, has_planes=False, has_gaps=False)
        units = _units_of_avcc(extradata) if self._length_bytes else _units(extradata, 0)
        for unit in units:
            self._take_sequence(unit)
        self.may_come = self.sequence.has_fields
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
        if self.sequence.has_planes:
            bits.read(2)
        number = bits.read(self.sequence.num_bits)
        is_field = self.sequence.has_fields and bits.read(1)
        parity = bits.read(1) if is_field else 0
        is_second = bool(is_field) and self._waiting == (1 - parity, number)
        self._waiting = (parity, number) if is_field and not is_second else None
        return is_second

    def _take_sequence(self, unit: bytes) -> None:
        """Keep what new parameters say."""
        if unit and unit[0] & 31 == _SEQUENCE:
            self.is_known, self.sequence = True, _sequence_of(_Bits(unit[1:]))


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
    has_gaps = bool(bits.read(1))
    bits.skip_exponentials(2)  # width, height
    has_fields = not bits.read(1)
    return _Sequence(has_fields, num_bits=num_bits, has_planes=has_planes, has_gaps=has_gaps)


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
    """Values of H.264's headers, bit by bit; zeros after the end.

    Attributes:
        left: Bits that are not read yet.
    """

    def __init__(self, data: bytes) -> None:
        data = data.replace(b"\0\0\3", b"\0\0")  # as units are written, to hold no start code
        self._value, self.left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, num_bits: int) -> int:
        """An unsigned number of so many bits."""
        self.left -= num_bits
        shifted = self._value >> self.left if self.left >= 0 else self._value << -self.left
        return shifted & (1 << num_bits) - 1

    def exponential(self) -> int:
        """An unsigned number in Exp-Golomb code."""
        if self.left <= 0:
            return 0
        rest = self._value & (1 << self.left) - 1
        zeros = self.left - rest.bit_length()
        self.left -= zeros + bool(rest)
        return (1 << zeros) - 1 + self.read(zeros)

    def skip_exponentials(self, count: int) -> None:
        """Read over numbers in Exp-Golomb code, signed or not."""
        for _ in range(count):
            self.exponential()

    def signed(self) -> int:
        """A signed number in Exp-Golomb code."""
        code = self.exponential()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _num_before(begin: int) -> int:
    """Bits of a slice before the number of its frame, by its first eight bytes."""
    bits = _Bits(begin.to_bytes(_BEGIN.size, "big")[1:])
    bits.skip_exponentials(3)  # first block, kind of slice, number of its parameters
    return 56 - bits.left


_NUM_BEFORE = [
    num if (num := _num_before(first << 48 | (1 << 48) - 1)) <= 8 else 0 for first in range(256)
]
"""The same by the second byte alone; 0 where they are more."""
