"""A folder of frames is read as the video that it was made of."""

import cv2
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


def picture(path, image):
    """Write one picture without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image[..., ::-1])[1])


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


@pytest.mark.parametrize("kind", ["jpg", "bmp", "webp", "tiff", "ppm", "png"])
def test_read_frames__pictures_are_opened_by_what_is_in_them(tmp_path, kind):
    """Their endings all say png."""
    (tmp_path / "v").mkdir()
    for number in (1, 2):
        image = np.full((32, 48, 3), (20, 60 * number, 200), np.uint8)  # blue, green, red
        (tmp_path / "v" / f"{number:06}.png").write_bytes(cv2.imencode(f".{kind}", image)[1])
    found = probe(tmp_path / "v")
    assert (found.width, found.height) == (48, 32)
    images = read_frames(tmp_path / "v", [0, 1], frames=found.frames)
    np.testing.assert_allclose(images.mean((1, 2)), [[200, 60, 20], [200, 120, 20]], atol=4)


def test_read_frames__of_16_bits_are_stretched_as_in_files(tmp_path):
    (tmp_path / "v").mkdir()
    depth = np.linspace(1000, 2500, 32 * 48).reshape(32, 48).astype(np.uint16)
    for number in (1, 2):
        (tmp_path / "v" / f"{number}.png").write_bytes(cv2.imencode(".png", depth)[1])
    images = read_frames(tmp_path / "v", [0, 1], frames=probe(tmp_path / "v").frames)
    assert (images.min(), images.max()) == (0, 255)
    assert images.mean() == pytest.approx(127.5, abs=1)


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
        (["1.jpg", "2.jpg"], r"v: none of its frames can be decoded, first 1.jpg \(it is empty\);"),
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
        DataError, match=r"v1: f7.png has 64x48 pixels and others have 104x64; the frames of one"
    ):
        probe(folder)


def test_read_frames__a_broken_picture_shows_the_one_before_in_every_reader(folder, caplog):
    table = probe(folder).frames
    for name in ("f0", "f7", "f8", "f29"):
        (folder / f"{name}.png").write_text("no picture")
    assert codes(read_frames(folder, [6, 7, 8, 9, 29], frames=table)) == [6, 6, 6, 9, 28]
    shown = [1, *range(1, 7), 6, 6, *range(9, 29), 28]
    assert codes(iterate_frames(folder)) == shown
    assert codes(read_frames(folder, range(30), frames=table)) == shown
    assert caplog.messages == [
        f"{folder} is damaged: f7.png (it is no picture) cannot be decoded; such frames show the "
        "one before"
    ]


def test_read_frames__of_a_folder_that_lost_some(folder, caplog):
    table = probe(folder).frames
    (folder / "f29.png").unlink()
    with pytest.raises(EndOfFramesError, match=r"frame 29 of v1 \(it has 29 frames\); scan the f"):
        read_frames(folder, [29], frames=table)
    assert codes(iterate_frames(folder, frames=table)) == list(range(29))
    assert caplog.messages == [f"{folder} ends after 29 of 30 frames; those are used"]


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
        "1 folder(s) of frames are read as videos of 25 frames a second; frame_rate says otherwise"
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
