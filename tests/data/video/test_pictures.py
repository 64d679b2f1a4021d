"""What packets say of their pictures; H.264's headers are written here bit by bit."""

from types import SimpleNamespace

import pytest

from semivideo.data.video.pictures import (
    completed,
    droppable,
    has_tables,
    picture_begins,
    whole_pictures,
)


class Writer:
    """H.264's values, bit by bit."""

    def __init__(self):
        self.bits = ""

    def plain(self, value, num_bits):
        self.bits += f"{value:0{num_bits}b}"
        return self

    def golomb(self, *values):
        for value in values:
            self.bits += f"{value + 1:b}".zfill(2 * (value + 1).bit_length() - 1)
        return self

    def unit(self, kind):
        bits = self.bits + "1"
        bits += "0" * (-len(bits) % 8)
        return bytes([kind]) + int(bits, 2).to_bytes(len(bits) // 8, "big")


def sequence(*, has_fields, profile=77, has_gaps=0):
    """Parameters of 64x64 pixels whose frames are numbered with 4 bits."""
    writer = Writer().plain(profile, 8).plain(0, 8).plain(30, 8).golomb(0)
    if profile == 100:  # 4:2:0, 8 bits, and a scaling list of which one number is written
        writer.golomb(1, 0, 0).plain(0, 1).plain(1, 1).plain(1, 1).golomb(15).plain(0, 7)
    writer.golomb(0, 0, 4, 1).plain(has_gaps, 1).golomb(3, 1).plain(int(not has_fields), 1)
    return writer.unit(0x67)


def slice_of(number, *, parity=None, first=0, kind=0x41, type=7):
    """A slice of frame ``number``: of the whole, or of its top (0) or bottom (1) field."""
    writer = Writer().golomb(first, type, 0).plain(number, 4)
    if parity is None:
        return writer.plain(0, 1).plain(0, 60).unit(kind)
    return writer.plain(1, 1).plain(parity, 1).plain(0, 20).unit(0x41)


def with_codes(*units):
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def with_lengths(*units):
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def avcc(unit):
    return b"\1\x4d\0\x1e\xff\xe1" + len(unit).to_bytes(2, "big") + unit + b"\1\0\0"


@pytest.mark.parametrize("profile", [77, 100])
@pytest.mark.parametrize("is_avcc", [False, True])
def test_picture_begins__tells_second_fields_from_frames(profile, is_avcc):
    unit = sequence(has_fields=True, profile=profile)
    extradata = avcc(unit) if is_avcc else with_codes(unit)
    packed = with_lengths if is_avcc else with_codes
    packets = {
        packed(slice_of(0, parity=0)): True,
        packed(slice_of(0, parity=1), slice_of(0, parity=1, first=4)): False,
        packed(slice_of(1)): True,
        packed(slice_of(2, parity=1)): True,  # bottom field first
        packed(slice_of(2, parity=0)): False,
        packed(slice_of(3, parity=0)): True,  # has lost its other one
        packed(slice_of(4, parity=0)): True,
        packed(slice_of(4, parity=1)): False,
        packed(slice_of(5, parity=0), slice_of(5, parity=1)): True,  # both in one packet
        packed(slice_of(6, parity=0)): True,
    }
    begins = picture_begins(SimpleNamespace(name="h264", extradata=extradata))
    assert [begins(packet) for packet in packets] == list(packets.values())


def test_picture_begins__expects_no_fields_where_there_are_none():
    for name, extradata in {
        "h264": with_codes(sequence(has_fields=False)),
        "hevc": None,
        "mpeg4": b"",
    }.items():
        assert picture_begins(SimpleNamespace(name=name, extradata=extradata)) is None


@pytest.mark.parametrize("extradata", [b"", b"\1", b"\1\2\3\4\5\6\7", b"\0\0\1\x67", b"\xff" * 40])
def test_picture_begins__is_not_upset_by_garbage(extradata):
    begins = picture_begins(SimpleNamespace(name="h264", extradata=extradata))
    for packet in (b"\0", b"\0\0\1", b"\0\0\1\x41", b"\0\0\1\x41\0\0\0", b"\xff" * 9):
        assert begins is None or begins(packet) in (True, False)


def test_whole_pictures__keeps_the_fields_of_a_frame_together():
    codec = SimpleNamespace(name="h264", extradata=with_codes(sequence(has_fields=True)))
    packets = [
        with_codes(slice_of(number, parity=parity)) for number in range(3) for parity in (0, 1)
    ]
    assert list(whole_pictures(packets, codec)) == [packets[:2], packets[2:4], packets[4:]]
    codec.name = "mpeg4"
    assert list(whole_pictures(packets, codec)) == [[packet] for packet in packets]


class Bytes(bytes):
    """What is used of a packet."""

    @property
    def size(self):
        return len(self)


def dropped(extradata, packets):
    may_drop = droppable(SimpleNamespace(name="h264", extradata=extradata))
    return [may_drop(Bytes(packet)) for packet in packets]


@pytest.mark.parametrize("is_avcc", [False, True])
@pytest.mark.parametrize("type", [0, 7, 300])  # the last takes more bits than encoders write
def test_droppable__tells_where_a_picture_is_missing(is_avcc, type):
    packed, head = (with_lengths, avcc) if is_avcc else (with_codes, with_codes)
    key, referred, alone = 0x65, 0x41, 0x01

    def result(*pictures, has_gaps=0):
        header = head(sequence(has_fields=False, has_gaps=has_gaps))
        packets = [packed(slice_of(n, kind=kind, type=type)) for n, kind in pictures]
        return dropped(header, packets)

    whole = [(0, key), (1, referred), (2, alone), (2, alone), (2, referred), (3, alone)]
    assert result(*whole) == [False, False, True, True, False, True]
    assert result((14, referred), (15, referred), (0, referred), (1, alone))[2:] == [False, True]
    assert result(*whole, (0, key), (1, alone))[6:] == [False, True]
    assert result((5, referred), (7, referred))[1] is None
    assert result((5, referred), (7, alone))[1] is None
    assert result((5, referred), (7, alone), has_gaps=1) == [False, True]


def test_droppable__decodes_what_changes_vp8s_segments():
    may_drop = droppable(SimpleNamespace(name="vp8"))
    tag = b"\x11\3\0"
    assert [may_drop(Bytes(tag + bytes([first]))) for first in (0, 127, 128, 255)] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("header", "is_whole"),
    [
        ("dbc4c0da", True),
        ("e0dbc2da", True),  # without tables of codes, as in AVI
        ("c4c3da", True),  # without loss
        ("c4c0da", False),
        ("dbc4da", False),
        ("dbc4c0", False),
        ("", False),
    ],
)
def test_has_tables__walks_over_the_markers(header, is_whole):
    markers = (b"\xff\xff%c\0\4ab" % kind for kind in bytes.fromhex(header))
    assert has_tables(b"\xff\xd8" + b"".join(markers) + b"data") == is_whole


def test_completed__lengthens_both_parts_of_vp8_and_words_of_huffyuv():
    vp8 = completed(SimpleNamespace(name="vp8", width=32, height=16))
    zeros = bytes(4 * 4 * 3)
    tag, longer = (1 | 5 << 5).to_bytes(3, "little"), (1 | 53 << 5).to_bytes(3, "little")
    assert vp8(tag + b"modesrest") == longer + b"modes" + zeros + b"rest" + zeros
    assert vp8(tag + b"mode") == tag + b"mode"  # which the decoder refuses
    assert vp8(b"") == b""
    huffyuv = completed(SimpleNamespace(name="huffyuv"))
    assert [len(huffyuv(bytes(n))) for n in (0, 3, 4, 5)] == [0, 4, 4, 8]
    assert completed(SimpleNamespace(name="h264")) is None
