"""Files that are no videos, ask for too much, or are damaged in ways that once went wrong.

Each input is made by a generator: the mutants by ``benchmarks/mutants.py``, from their number.
"""

import importlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.data.catalogue.scanning import scan
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.decode import iterate_frames, probe, read_frames
from semivideo.data.video.hardware import HardwareDecoder

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def gif(width, height, num_frames):
    """A GIF whose frames have any size and take 20 bytes each."""
    frame = b"\x21\xf9\x04\x04\x0a\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return head + (frame + b"\x02\x02\x4c\x01\0") * num_frames + b";"


def y4m(rate, num_frames=20):
    """Raw frames of 16 x 16 pixels at any rate."""
    frames = (b"FRAME\n" + bytes(384)) * num_frames
    return b"YUV4MPEG2 W16 H16 F%s Ip A1:1 C420\n" % rate + frames


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return barcode_video(tmp_path_factory.mktemp("good") / "good.mp4", 12)


@pytest.fixture
def hostile(tmp_path, good):
    """A folder with a good video between hostile ones."""
    folder = tmp_path / "videos"
    (folder / "outside").mkdir(parents=True)
    data = good.read_bytes()
    (folder / "good.mp4").write_bytes(data)
    (folder / "outside" / "secret.mp4").write_bytes(data)
    at = data.rindex(b"avc1")
    (folder / "codec.mp4").write_bytes(data[:at] + b"zzzz" + data[at + 4 :])
    os.mkfifo(folder / "pipe.mp4")
    (folder / "device.mp4").symlink_to("/dev/zero")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    (folder / "folder.mp4").mkdir()
    (folder / "concat.mp4").write_text("ffconcat version 1.0\nfile 'outside/secret.mp4'\n")
    (folder / "itself.mp4").write_text("ffconcat version 1.0\nfile 'itself.mp4'\n")
    (folder / "playlist.mp4").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\noutside/secret.mp4\n#EXT-X-ENDLIST\n"
    )
    (folder / "bomb.gif").write_bytes(gif(16_000, 16_000, 40))
    (folder / "clock.mp4").write_bytes(y4m(b"1:2147483647"))
    return folder


def test_scan__gives_each_hostile_file_its_row(hostile):
    found = scan(hostile)
    reasons = {video.id: video.error for video in (found[row] for row in range(len(found)))}
    assert reasons.pop("good.mp4") is None
    assert reasons.pop("outside/secret.mp4") is None
    for name, reason in {
        "codec.mp4": "there is no decoder for its kind of video",
        "pipe.mp4": "it is a named pipe and no regular file; leave it out",
        "device.mp4": "it is a device and no regular file",
        "loop.mp4": "remove links that lead in a circle",
        "concat.mp4": "it is a list that names other files, which are not opened",
        "itself.mp4": "it is a list that names other files",
        "playlist.mp4": "it is a list that names other files",
        "bomb.gif": "or larger than max_pixels = 67108864",
        "clock.mp4": "seconds of video, and max_duration is 2678400",
    }.items():
        assert reason in reasons.pop(name), name
    assert not reasons


def test_hardware_decoder__opens_no_list_of_files(hostile, torchcodec, good):
    table = probe(good).frames
    for name in ("concat.mp4", "playlist.mp4", "pipe.mp4"):
        with pytest.raises(DataError, match=r"list that names other files|named pipe"):
            HardwareDecoder("cpu").read_frames(hostile / name, [0], frames=table)
    assert torchcodec.opened == []


def test_read_frames__compares_with_budgets_again(good, monkeypatch):
    table = probe(good).frames
    monkeypatch.setenv("SEMIVIDEO_MAX_PIXELS", "6000")
    with pytest.raises(DataError, match=r"good.mp4: it asks for 6656 pixels a frame, and max_pix"):
        read_frames(good, [3], frames=table)


@pytest.mark.parametrize(("name", "value"), [("frames", "11"), ("duration", "0.4")])
def test_probe__counts_frames_and_seconds(good, monkeypatch, name, value):
    monkeypatch.setenv(f"SEMIVIDEO_MAX_{name.upper()}", value)
    with pytest.raises(DataError, match=rf"good.mp4: it asks for .*max_{name} is {value}; if that"):
        probe(good)


@pytest.fixture(scope="module")
def mutants():
    """The module that makes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("mutants")


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("mjpeg", 105),  # a cut picture showed what was in memory before
        ("mjpeg", 249),
        ("avi-mjpeg", 51),
        ("mjpeg", 1149),
        ("mov-png", 1051),  # its checksum does not fit
        ("ts-h264", 1171),  # damaged packets before the first picture
        ("mjpeg", 783),  # a picture without a header of its own
        ("mjpeg", 1758),  # one without tables of its own
        ("webm-vp8", 2261),  # a picture ends early; the rest was what was in memory before
        ("ivf-vp8", 5130),  # a keyframe does
        ("avi-huffyuv", 3316),  # a picture is cut within a word
        ("avi-ffv1", 692),  # a checksum does not fit, which only the log says
        ("ts-h264", 4894),  # a picture that others refer to is missing
        ("flv-h264", 1224),  # one has another number
    ],
)
def test_mutants__that_once_differed_are_read_alike(mutants, tmp_path, kind, number):
    path = mutants.mutant(mutants.make(kind, tmp_path), number, tmp_path)
    table = probe(path).frames
    in_order = list(iterate_frames(path, frames=table))
    for index in range(len(in_order)):
        (found,) = read_frames(path, [index], frames=table)
        assert np.array_equal(found, in_order[index]), index


def test_mutants__are_functions_of_their_number(mutants, tmp_path):
    original = mutants.make("y4m", tmp_path)
    (tmp_path / "again").mkdir()
    for number in range(8):
        one = mutants.mutant(original, number, tmp_path).read_bytes()
        assert one == mutants.mutant(original, number, tmp_path / "again").read_bytes()
        assert one != mutants.mutant(original, number + 100, tmp_path).read_bytes()
