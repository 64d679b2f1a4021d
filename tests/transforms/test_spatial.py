import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from semivideo.base.errors import ConfigError
from semivideo.base.randomness import uniform
from semivideo.transforms import spatial

KEYS = np.arange(2000) * 7919


def sizes_of(*pairs: tuple[int, int]) -> NDArray[np.int64]:
    return np.array(pairs, dtype=np.int64)


def test_center_box__takes_the_middle_square() -> None:
    box = spatial.center_box(sizes_of((64, 85), (128, 64)), side=56, scale=64 / 56)
    np.testing.assert_allclose(box, [[4, 15, 56, 56], [36, 4, 56, 56]])


def test_center_box__scales_the_short_side_first() -> None:
    box = spatial.center_box(sizes_of((128, 128)), side=56, scale=64 / 56)
    np.testing.assert_allclose(box, [[8, 8, 112, 112]])  # 64 x 64, crop (4, 4, 56, 56), doubled


def test_jitter_box__stays_inside_and_covers_the_scales() -> None:
    size = np.tile(sizes_of((60, 85), (97, 40)), (1000, 1))
    box = spatial.jitter_box(size, uniform(KEYS, size=3), side=56, scale=(1.0, 1.5))
    top, left, height, width = box.T
    assert min(top.min(), left.min()) >= 0
    assert (top + height - size[:, 0]).max() <= 1e-9
    assert (left + width - size[:, 1]).max() <= 1e-9
    share = size.min(axis=1) / height
    assert abs(share.min() - 1) < 1e-9
    assert 1.49 < share.max() < 1.5 + 1e-9
    np.testing.assert_allclose(height, width)


def test_jitter_box__reaches_both_ends_of_the_longer_side() -> None:
    size = np.tile(sizes_of((56, 70)), (2000, 1))
    box = spatial.jitter_box(size, uniform(KEYS, size=3), side=56, scale=(1.0, 1.0))
    assert set(box[:, 0]) == {0}
    assert set(box[:, 1]) == set(range(15))


def test_resized_box__keeps_area_and_ratio_within_their_ranges() -> None:
    size = np.tile(sizes_of((240, 320)), (2000, 1))
    box = spatial.resized_box(size, uniform(KEYS, size=22), area=(0.08, 1.0), ratio=(3 / 4, 4 / 3))
    assert (box % 1 == 0).all()
    assert (box[:, :2] >= 0).all()
    assert (box[:, :2] + box[:, 2:] <= size).all()
    area, ratio = box[:, 2] * box[:, 3] / size.prod(axis=1), box[:, 3] / box[:, 2]
    assert 0.075 < area.min() < 0.1
    assert 0.9 < area.max() <= 1
    assert 0.73 < ratio.min() < 0.78
    assert 1.28 < ratio.max() < 1.36


def test_resized_box__cuts_a_box_that_never_fits() -> None:
    box = spatial.resized_box(
        sizes_of((10, 100)), uniform([3], size=22), area=(1.0, 1.0), ratio=(1.0, 1.0)
    )
    assert box[0, 2:].tolist() == [10, 32]  # the square root of the area, cut to the height


def test_long_side_boxes__lie_left_centre_right_or_top_centre_bottom() -> None:
    box = spatial.long_side_boxes(sizes_of((64, 85), (85, 64)), side=64, num_crops=3)
    assert box[0].tolist() == [[0, 0, 64, 64], [0, 11, 64, 64], [0, 21, 64, 64]]
    assert box[1].tolist() == [[0, 0, 64, 64], [11, 0, 64, 64], [21, 0, 64, 64]]
    assert (spatial.long_side_boxes(sizes_of((64, 85)), side=64, num_crops=1) == box[:1, 1:2]).all()


def test_long_side_boxes__refuses_two_crops() -> None:
    with pytest.raises(ConfigError, match="num_crops must be 1 or 3, got 2"):
        spatial.long_side_boxes(sizes_of((64, 85)), side=64, num_crops=2)


def test_cutout_box__lies_in_the_view_and_is_at_most_its_share() -> None:
    box = spatial.cutout_box(uniform(KEYS, size=3), side=56, largest=0.5)
    assert (box >= 0).all()
    assert (box[:, :2] + box[:, 2:] <= 56).all()
    assert box[:, 2:].max() == 28
    assert not spatial.cutout_box(uniform(KEYS, size=3), side=56, largest=0.0)[:, 2:].any()


def test_warp__of_a_box_agrees_with_pillows_resize(frames_THWC: NDArray[np.uint8]) -> None:
    top, left, side = 7.3, 20.8, 70.0
    frames = torch.from_numpy(frames_THWC).permute(0, 3, 1, 2)[None]
    matrix = spatial.view_to_canvas(np.array([[top, left, side, side]]), side=90)[:, None]
    views = spatial.warp(frames, matrix, size=sizes_of((112, 112)), side=90)
    box = (left, top, left + side, top + side)
    expected = [
        np.asarray(Image.fromarray(frame).resize((90, 90), Image.Resampling.BILINEAR, box=box))
        for frame in frames_THWC
    ]
    assert np.abs(views[0].permute(0, 2, 3, 1).numpy() - np.stack(expected)).max() <= 2


def test_jitter_box__with_warp_is_opencvs_resize_followed_by_a_crop(
    frames_THWC: NDArray[np.uint8],
) -> None:
    size, draws = sizes_of((112, 100)), np.array([[0.5, 0.3, 0.8]])
    box = spatial.jitter_box(size, draws, side=96, scale=(1.0, 1.5))
    matrix = spatial.view_to_canvas(box, side=96)[:, None]
    frames = torch.from_numpy(frames_THWC).permute(0, 3, 1, 2)[None]
    view = spatial.warp(frames, matrix, size=size, side=96)[0].permute(0, 2, 3, 1).numpy()
    # Short side 100 -> 120, long side 112 -> 134.4; rooms 38 and 24 give offsets 11 and 20.
    scaled = cv2.resize(frames_THWC[1][:, :100], None, fx=1.2, fy=1.2)
    assert scaled.shape[:2] == (134, 120)
    assert np.abs(view[1] - scaled[11:107, 20:116]).max() <= 2


def test_warp__mirrors_left_and_right(frames_THWC: NDArray[np.uint8]) -> None:
    frames = torch.from_numpy(frames_THWC).permute(0, 3, 1, 2)[None]
    box = np.array([[0.0, 0.0, 112.0, 112.0]])
    matrix = spatial.view_to_canvas(box, side=112, flip=np.array([True]))[:, None]
    views = spatial.warp(frames, matrix, size=sizes_of((112, 112)), side=112, box=box)
    torch.testing.assert_close(views, frames.flip(-1).float(), rtol=0, atol=0.3)


def test_plain_crop__equals_resampling_where_it_applies() -> None:
    frames = torch.randint(256, (2, 3, 3, 40, 50), generator=torch.Generator().manual_seed(0))
    frames = frames.to(torch.uint8)
    box = np.tile([[4.0, 9.0, 32.0, 32.0]], (2, 1))
    cut = spatial.plain_crop(frames, box, side=32)
    matrix = spatial.view_to_canvas(box, side=32)[:, None]
    warped = spatial.warp(frames, matrix, size=sizes_of((40, 50), (40, 50)), side=32)
    assert cut is not None
    torch.testing.assert_close(cut, warped, rtol=0, atol=0.01)


@pytest.mark.parametrize(
    "box",
    [
        [[4.5, 9, 32, 32]] * 2,
        [[4, 9, 31, 31]] * 2,
        [[4, 9, 32, 32], [4, 8, 32, 32]],
    ],
)
def test_plain_crop__declines_what_needs_resampling(box: list[list[float]]) -> None:
    frames = torch.zeros(2, 1, 3, 40, 50, dtype=torch.uint8)
    assert spatial.plain_crop(frames, np.array(box, dtype=np.float64), side=32) is None


def test_long_side_boxes__with_a_scale_leave_a_margin_and_stay_in_the_middle() -> None:
    """A 50 x 100 frame scaled to 60 x 120: crops of 40 start 10 lower, at 0, 40 and 80."""
    box = spatial.long_side_boxes(np.array([[50, 100]]), side=40, num_crops=3, scale=1.5)[0]
    np.testing.assert_allclose(box * 60 / 50, [[10, x, 40, 40] for x in (0, 40, 80)], atol=1.2)
