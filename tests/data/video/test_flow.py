"""Optical flow as levels: known displacements of smooth patterns."""

import cv2
import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.data.video.flow import BOUND, flow_of_pairs

H, W = 64, 80


def pattern(*, seed: int = 0) -> np.ndarray:
    """Smooth and textured everywhere, (H, W, 3)."""
    coarse = np.random.default_rng(seed).random((H // 4, W // 4, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (W, H), interpolation=cv2.INTER_CUBIC)
    return (smooth.clip(0, 1) * 255).astype(np.uint8)


def moved(image: np.ndarray, *, right: int = 0, down: int = 0) -> np.ndarray:
    return np.roll(image, (down, right), axis=(0, 1))


def pairs(*images: np.ndarray) -> np.ndarray:
    """(1, 2, 3, H, W) of a frame and its successor."""
    return np.stack(images).transpose(0, 3, 1, 2)[None]


@pytest.mark.parametrize(("right", "down"), [(1, 0), (-2, 0), (0, 1), (0, -3), (2, 1)])
def test_flow_of_pairs__shows_a_displacement_on_its_scale(right, down):
    image = pattern()
    flow = flow_of_pairs(pairs(image, moved(image, right=right, down=down)))
    assert flow.shape == (1, 2, H, W)
    assert flow.dtype == np.uint8
    levels_per_pixel = 127 / (20 / 256 * 64)  # 25.4
    inside = flow[0, :, 8:-8, 8:-8]
    assert np.median(inside[0]) == pytest.approx(128 + right * levels_per_pixel, abs=3)
    assert np.median(inside[1]) == pytest.approx(128 + down * levels_per_pixel, abs=3)


def test_flow_of_pairs__ends_at_the_bound():
    image, pixels = pattern(), int(BOUND * H) + 3
    right = flow_of_pairs(pairs(image, moved(image, right=pixels)))
    left = flow_of_pairs(pairs(image, moved(image, right=-pixels)))
    assert np.median(right[0, 0, 12:-12, 12:-12]) == 255
    assert np.median(left[0, 0, 12:-12, 12:-12]) == 1
    assert min(right.min(), left.min()) >= 1


def test_flow_of_pairs__is_the_middle_where_nothing_moves():
    assert (flow_of_pairs(pairs(pattern(), pattern())) == 128).all()


def test_flow_of_pairs__takes_each_pair_by_itself():
    a, b = pattern(seed=1), pattern(seed=2)
    both = np.concatenate([pairs(a, moved(a, right=1)), pairs(b, moved(b, down=2))])
    assert (flow_of_pairs(both)[0] == flow_of_pairs(both[:1])[0]).all()
    assert (flow_of_pairs(both)[1] == flow_of_pairs(both[1:])[0]).all()


@pytest.mark.parametrize("shape", [(15, 20), (16, 33)])
def test_flow_of_pairs__refuses_frames_that_dis_cannot_take(shape):
    frames = np.zeros((1, 2, 3, *shape), dtype=np.uint8)
    sentence = rf"at least 16x16 pixels and at most 1 : 2, got {shape[1]}x{shape[0]}; leave"
    with pytest.raises(DataError, match=sentence):
        flow_of_pairs(frames)
