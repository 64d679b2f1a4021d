"""Depth maps and other pictures of more than 8 bits: levels that can be told apart."""

from fractions import Fraction

import av
import numpy as np
import pytest

from semivideo.data.clips.store import filled_store
from semivideo.data.video.decode import iterate_frames, probe, read_frames
from semivideo.data.video.depth import Stretch, is_deep
from semivideo.data.video.hardware import HardwareDecoder
from semivideo.settings import DataSettings


def deep_video(path, frames, *, format="gray16le", codec="ffv1"):
    """Write frames of 16 bits, (H, W) or (H, W, 3), in a format that holds them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = format
        for number, pixels in enumerate(frames):
            given = "rgb48le" if pixels.ndim == 3 else "gray16le"
            frame = av.VideoFrame.from_ndarray(pixels, format=given).reformat(format=format)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def walls(near, far):
    """20 frames of a wall at one depth, before which another one grows."""
    column = np.arange(64)[None].repeat(48, axis=0)
    return [np.where(column < 20 + number, near, far).astype(np.uint16) for number in range(20)]


@pytest.mark.parametrize(
    ("format", "depths"),
    [("gray16le", (2500, 1000)), ("gray12le", (2500, 1000)), ("gray10le", (9000, 4000))],
)
def test_reading__stretches_deep_grey_by_one_rule_for_the_file(
    tmp_path, manifest_of, format, depths
):
    path = deep_video(tmp_path / "a.mkv", walls(*depths), format=format)
    table = probe(path).frames
    images = np.array(list(iterate_frames(path, frames=table)))
    step = 1 << 16 - int(format[4:6])  # of the format, in levels of 16 bits
    dither = 2 * 255 * step / np.ptp(depths) if step > 1 else 0
    assert images[7, :, :27].min() >= 255 - dither  # here the larger value is near
    assert images[7, :, 27:].max() <= dither
    for index in (0, 7, 19):
        assert np.array_equal(read_frames(path, [index], frames=table)[0], images[index])
    store = filled_store(manifest_of(path), [0], settings=DataSettings())
    assert np.array_equal(store.frames(0), images)


def test_reading__stretches_alike_what_later_frames_show(tmp_path):
    """The first frame is not the measure: it may show an empty room."""
    depths = [np.full((48, 64), 3000, np.uint16) for _ in range(24)]
    for number in range(12, 24):
        depths[number][10:30, 10:30] = 1000
    path = deep_video(tmp_path / "a.mkv", depths)
    images = read_frames(path, [0, 20], frames=probe(path).frames)
    assert images[0].min() == images[1].max() == 255
    assert images[1][20, 20].tolist() == [0, 0, 0]


def test_reading__does_not_take_what_was_not_measured_for_a_depth(tmp_path):
    depths = walls(1000, 2000)
    for depth in depths:
        depth[:8], depth[8:16] = 0, 65535
    path = deep_video(tmp_path / "a.mkv", depths)
    (image,) = read_frames(path, [3], frames=probe(path).frames)
    assert [image[row, column, 0] for row, column in ((0, 0), (9, 0), (40, 0), (40, 63))] == [
        *(0, 255, 0, 255)
    ]


def test_reading__never_makes_more_of_noise_than_it_is(tmp_path):
    rng = np.random.default_rng(0)
    path = deep_video(
        tmp_path / "a.mkv", [rng.integers(1000, 1004, (48, 64), np.uint16) for _ in range(5)]
    )
    (image,) = read_frames(path, [2], frames=probe(path).frames)
    assert image.max() <= 3


@pytest.mark.parametrize(("brightest", "expected"), [(4000, 255), (60000, 233)])
def test_reading__of_colours_moves_the_brightest_where_the_range_is_not_used(
    tmp_path, brightest, expected
):
    ramp = np.linspace(0, brightest, 64).astype(np.uint16)[None, :, None].repeat(48, axis=0)
    colors = (ramp * np.array([1, 0.5, 0])).astype(np.uint16)
    path = deep_video(tmp_path / "a.mkv", [colors] * 4, format="gbrp16le")
    (image,) = read_frames(path, [1], frames=probe(path).frames)
    red, green, blue = image[20, 60].tolist()
    assert red == pytest.approx(expected * 60 / 63, abs=4)
    assert green == pytest.approx(red / 2, abs=2)
    assert blue == 0


def test_is_deep__names_grey_and_colours_of_9_to_16_bits():
    deep = "gray16le gray16be gray9le gray10le gray12le gray14le ya16le rgb48le gbrp10le".split()
    plain = "gray yuv420p yuv420p10le p010le rgb24 gbrp pal8 monow bayer_rggb16le".split()
    assert all(is_deep(av.VideoFormat(name)) for name in deep)
    assert not any(is_deep(av.VideoFormat(name)) for name in plain)


def test_stretch__rounds_to_the_nearest_level():
    pixels = np.array([[900, 1000, 1002, 1255, 1510, 9000]], np.uint16)
    assert Stretch("gray16le", 1000, 1510)(pixels)[0, :, 0].tolist() == [0, 0, 1, 128, 255, 255]


def test_hardware__leaves_deep_pictures_to_software(tmp_path, torchcodec):
    path = deep_video(tmp_path / "a.mkv", walls(1000, 2500))
    table, decoder = probe(path).frames, HardwareDecoder("cpu")
    expected = read_frames(path, [3], frames=table)
    assert np.array_equal(decoder.read_frames(path, [3], frames=table), expected)
    assert list(decoder.software) == ["its values of more than 8 bits are stretched"]
