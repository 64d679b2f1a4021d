"""A folder of frames is read as the video that it was made of."""

from fractions import Fraction

import av
import numpy as np
import pytest

from semivideo.base.errors import ConfigError, DataError
from semivideo.data.cache.preparing import prepare
from semivideo.data.cache.reader import Cache, cached_manifest
from semivideo.data.catalogue.scanning import Hints, scan
from semivideo.data.splits.fingerprint import same_bytes
from semivideo.data.video import frame_folder, hardware
from semivideo.data.video.barcodes import read_barcode
from semivideo.data.video.decode import EndOfFramesError, iterate_frames, probe, read_frames
from semivideo.data.video.frame_names import is_frame_folder, series


def picture(path, image, *, codec="png"):
    """Write one picture as FFmpeg's codecs do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    context = av.CodecContext.create(codec, "w")
    context.height, context.width = image.shape[:2]
    context.pix_fmt = {"png": "rgb24", "mjpeg": "yuvj444p", "bmp": "bgr24"}[codec]
    context.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=context.pix_fmt)
    path.write_bytes(b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)]))


@pytest.fixture
def folder(bars, tmp_path):
    """The 30 frames of a video of bar codes; names are sorted as numbers only."""
    for number, image in enumerate(iterate_frames(bars[30])):
        picture(tmp_path / "v1" / f"f{number}.png", image)
    return tmp_path / "v1"


def codes(images):
    return [read_barcode(image) for image in images]


def test_probe__counts_names_at_the_rate(folder):
    found = probe(folder)
    assert (found.width, found.height, found.rotation, len(found.frames)) == (104, 64, 0, 30)
    assert found.frames.seconds[-1] == pytest.approx(29 / 25)
    assert (found.frame_rate, found.frames.is_exact) == (25.0, True)
    slow = frame_folder.probe(folder, frame_rate=29.97)
    assert slow.frame_rate == pytest.approx(29.97, abs=1e-4)
    with pytest.raises(ConfigError, match=r"frame_rate must be above 0, got 0; 25 is usual"):
        frame_folder.probe(folder, frame_rate=0)


def test_read_frames__are_those_of_the_video(folder, bars):
    wanted = [12, 2, 10, 2, 29]
    found = read_frames(folder, wanted, frames=probe(folder).frames)
    assert codes(found) == wanted
    np.testing.assert_array_equal(found, list_of(bars[30], wanted))
    assert codes(iterate_frames(folder)) == list(range(30))
    small = read_frames(folder, [3], frames=probe(folder).frames, short_side=32)
    np.testing.assert_array_equal(small[0], list(iterate_frames(folder, short_side=32))[3])


def list_of(path, wanted):
    return read_frames(path, wanted, frames=probe(path).frames)


@pytest.mark.parametrize("codec", ["mjpeg", "bmp"])
def test_read_frames__pictures_are_opened_by_what_is_in_them(tmp_path, codec):
    for number in (1, 2):
        image = np.full((32, 48, 3), 60 * number, np.uint8)
        picture(tmp_path / "v" / f"{number:06}.png", image, codec=codec)
    found = probe(tmp_path / "v")
    assert (found.width, found.height) == (48, 32)
    images = read_frames(tmp_path / "v", [0, 1], frames=found.frames)
    np.testing.assert_allclose(images.mean((1, 2, 3)), [60, 120], atol=2)


def test_series__names_of_other_tools():
    names = ["img_00002.jpg", "img_00010.jpg", "flow_x_00002.jpg", "flow_x_00010.jpg", "a.txt"]
    assert series([*names, "._img_00002.jpg", "cover.jpg"]) == [names[:2]]
    stamps = ["2024-05-01_9-59-59.5.png", "2024-05-01_10-00-00.0.png"]
    assert series(stamps[::-1]) == [stamps]
    assert series(["cover.jpg", "1.jpg"]) == []


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a.jpg"], r"cannot use v: it is a folder without numbered pictures \(such as 000001.jpg"),
        (
            ["l1.jpg", "l2.jpg", "r1.jpg", "r2.jpg"],
            r"v: it holds 2 series of pictures \(l1.jpg, r1",
        ),
        (["1.jpg", "01.jpg"], r"v: 01.jpg and 1.jpg are the same frame; keep one of them"),
        (["1.jpg", "2.jpg"], r"v: its first frame 1.jpg cannot be decoded \(it is empty\); repla"),
    ],
)
def test_probe__folders_that_are_no_video(tmp_path, names, sentence):
    for name in names:
        (tmp_path / "v").mkdir(exist_ok=True)
        (tmp_path / "v" / name).touch()
    with pytest.raises(DataError, match=sentence):
        probe(tmp_path / "v")


def test_probe__mixed_sizes(folder):
    picture(folder / "f7.png", np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(
        DataError, match=r"v1: f7.png has 64x48 pixels and f0.png 104x64; the frames of one video"
    ):
        probe(folder)


def test_read_frames__a_broken_picture_ends_the_video_in_every_reader(folder, caplog):
    table = probe(folder).frames
    (folder / "f7.png").write_text("no picture")
    assert codes(read_frames(folder, [6, 1], frames=table)) == [6, 1]
    with pytest.raises(EndOfFramesError, match=r"frame 7 of v1, f7.png \(it is no picture\); rep"):
        read_frames(folder, [7], frames=table)
    assert codes(iterate_frames(folder)) == list(range(7))
    assert caplog.messages[-1].endswith("leave the folder out; the 7 frames before it are used")
    (folder / "f29.png").unlink()
    with pytest.raises(EndOfFramesError, match=r"frame 29 of v1 \(it has 29 frames\); scan the f"):
        read_frames(folder, [29], frames=table)


def test_hardware__leaves_folders_to_software(folder):
    decoder = hardware.HardwareDecoder("cpu")
    with pytest.raises(hardware.UnfitError, match=r"it is a folder of frames"):
        decoder.read_exactly(folder, [0], frames=probe(folder).frames)


def test_same_bytes__of_folders(folder):
    for number in range(30):
        content = (folder / f"f{number}.png").read_bytes()
        for other in ("copy", "other"):
            (folder.parent / other).mkdir(exist_ok=True)
            (folder.parent / other / f"{number:03}.png").write_bytes(content)
    last = folder.parent / "other" / "029.png"
    last.write_bytes(last.read_bytes()[::-1])
    assert same_bytes([folder, folder.parent / "other", folder.parent / "copy"]) == [[0, 2]]


def test_scan__looks_again_at_a_folder_that_changed_or_at_another_rate(folder, monkeypatch, caplog):
    (folder.parent / "D" / "wave").mkdir(parents=True)
    folder = folder.rename(folder.parent / "D" / "wave" / "v1")
    looked, real = [], frame_folder.probe
    monkeypatch.setattr(
        frame_folder, "probe", lambda path, **rate: looked.append(rate) or real(path, **rate)
    )
    root, out = folder.parent.parent, folder.parent.parent.parent / "m.parquet"
    manifest = scan(root, out=out)
    assert (manifest.ids, manifest.labels, manifest.num_frames.tolist()) == (
        ["wave/v1"],
        ["wave"],
        [30],
    )
    assert caplog.messages == [
        "1 folder(s) of frames are read as videos of 25 frames a second; frame_rate (--frame-rate) "
        "says otherwise"
    ]
    scan(root, out=out)
    assert looked == [{"frame_rate": 25.0}]
    (folder / "f29.png").unlink()
    assert scan(root, out=out).num_frames.tolist() == [29]
    assert scan(root, out=out, hints=Hints(frame_rate=10)).durations_seconds.tolist() == [2.9]
    assert looked[1:] == [{"frame_rate": 25.0}, {"frame_rate": 10}]
    assert is_frame_folder(folder)


def test_prepare__stores_the_frames_of_a_folder(folder, tmp_path):
    (tmp_path / "D").mkdir()
    folder.rename(tmp_path / "D" / "v1")
    prepare(scan(tmp_path / "D"), tmp_path / "cache", wanted={"short_side": 64, "format": "png"})
    frames = Cache(cached_manifest(tmp_path / "cache"), short_side=64).frames(0)
    assert codes(frames[np.array([0, 17, 29])]) == [0, 17, 29]
