import io

import av
import numpy as np
import pytest

from semivideo.data.cache.coding import (
    decode_images,
    decode_video,
    encode_image,
    encode_video,
    pieces_of_frames,
)


def smooth(height, width, channels=3):
    """An image without edges, which lossy codecs keep."""
    y, x = np.mgrid[:height, :width]
    planes = [(2 * x + y) % 256 // 2 + 60, 200 - x, 40 + y]
    return np.stack(planes[:channels], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("shape", [(20, 31, 3), (20, 31)])
def test_encode_image__without_loss_gives_the_image_back(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    pieces = [encode_image(image, quality="lossless")] * 2
    channels = 3 if len(shape) == 3 else 1
    images = decode_images(pieces, size=(20, 31), stored=(20, 31), channels=channels)
    assert images.shape == (2, *shape)
    assert (images == image).all()


def test_encode_image__as_jpeg_is_near_the_image():
    for image in (smooth(32, 40), smooth(32, 40)[..., 1]):
        piece = encode_image(image, quality=90)
        channels = image.ndim if image.ndim == 3 else 1
        (seen,) = decode_images([piece], size=(32, 40), stored=(32, 40), channels=channels)
        assert np.abs(seen.astype(int) - image).mean() < 3
    assert len(encode_image(smooth(32, 40), quality=10)) < len(
        encode_image(smooth(32, 40), quality=90)
    )


@pytest.mark.parametrize("size", [(32, 40), (24, 30)])  # half, by the decoder, and not
@pytest.mark.parametrize("quality", [90, "lossless"])
def test_decode_images__shrinks_like_an_average_of_pixels(size, quality):
    image = smooth(64, 80)
    piece = encode_image(image, quality=quality)
    (seen,) = decode_images([piece], size=size, stored=(64, 80))
    step = 64 / size[0]
    centres = [((np.arange(n) + 0.5) * step).astype(int) for n in size]
    expected = image[np.ix_(*centres)].astype(int)
    difference = np.abs(seen.astype(int) - expected)[:, :, 1:]  # the first channel jumps
    assert difference.mean() < 3


@pytest.mark.parametrize("quality", [23, "lossless"])
@pytest.mark.parametrize("shape", [(32, 40, 3), (33, 41, 3)])
def test_encode_video__gives_any_frame_back_from_its_own_group(quality, shape):
    rng = np.random.default_rng(0)
    frames = [np.roll(smooth(*shape[:2]), 3 * n, axis=0) for n in range(20)]
    if quality == "lossless":
        frames = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in frames]
    file = io.BytesIO()
    places = encode_video(frames, file, quality=quality, frame_rate=29.97)
    wanted = np.array([2, 9, 11, 19])
    needed = pieces_of_frames(wanted, "h264").tolist()
    assert needed == [0, 1, 2, 8, 9, 10, 11, 16, 17, 18, 19]
    content = file.getvalue()
    pieces = {n: content[places[n, 0] : places[n].sum()] for n in needed}
    seen = decode_video(pieces, wanted, size=shape[:2], stored=shape[:2])
    difference = np.abs(seen.astype(int) - np.stack([frames[n] for n in wanted]))
    assert difference.mean() < (1e-9 if quality == "lossless" else 6)


def test_encode_video__makes_a_file_that_players_play():
    file = io.BytesIO()
    places = encode_video([smooth(32, 40)] * 11, file, quality=23, frame_rate=29.97)
    file.seek(0)
    with av.open(file) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert float(container.streams.video[0].average_rate) == pytest.approx(29.97, abs=0.01)
    assert [n for n, packet in enumerate(packets) if packet.is_keyframe] == [0, 8]
    assert [[packet.pos, packet.size] for packet in packets] == places.tolist()
    assert all(packet.pts == packet.dts for packet in packets)


def test_encode_video__of_no_frame_is_nothing():
    file = io.BytesIO()
    assert encode_video([], file, quality=23, frame_rate=0.0).shape == (0, 2)
    assert file.getvalue() == b""
