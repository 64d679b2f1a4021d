"""Boxes around what moves or is known, masks and partners against tables written out."""

import numpy as np
import pytest
import torch

from semivideo.base.records import Clips
from semivideo.settings import ViewSettings
from semivideo.transforms import Views
from semivideo.transforms.labeled_mix import partners
from semivideo.transforms.mix import (
    boxes_in_views,
    inside,
    motion_boxes,
    motion_steps,
    within,
)

SIDE = 48


def moving_square(*, top: int, lefts: list[int], side: int = 8) -> torch.Tensor:
    """(1, 3, T, SIDE, SIDE): a bright square that jumps to the right on a still pattern."""
    ground = torch.linspace(-1, 1, SIDE).expand(3, SIDE, SIDE)
    clip = ground[None, :, None].repeat(1, 1, len(lefts), 1, 1)
    for t, left in enumerate(lefts):
        clip[0, :, t, top : top + side, left : left + side] = 2.0
    return clip


def test_motion_boxes__hold_the_square_that_moves_and_little_more():
    box = motion_boxes(moving_square(top=10, lefts=[16, 20, 24]))[0]
    top, left, height, width = box.tolist()
    # It covers rows 10 to 18 and columns 16 to 32; the smoothing reaches 3 pixels further.
    assert 7 <= top <= 10 <= 18 <= top + height <= 21
    assert 13 <= left <= 16 <= 32 <= left + width <= 35


def test_motion_boxes__look_at_each_clip_by_itself():
    clips = [moving_square(top=top, lefts=[top, top + 6]) for top in (0, 12, 30)]
    clips[1] = clips[1] * 0.01 + 0.3  # as large a share of its own largest change
    alone = torch.cat([motion_boxes(clip) for clip in clips])
    assert torch.equal(motion_boxes(torch.cat(clips)), alone)
    faint = motion_boxes(moving_square(top=12, lefts=[12, 18]))
    torch.testing.assert_close(alone[1:2], faint)


@pytest.mark.parametrize("num_frames", [1, 4])
def test_motion_boxes__of_a_still_clip_have_no_area(num_frames):
    still = moving_square(top=5, lefts=[7] * num_frames)
    assert not inside(motion_boxes(still), side=SIDE).any()


def test_motion_boxes__of_a_clip_that_moves_everywhere_are_the_whole_view():
    noise = torch.randn(2, 3, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    assert inside(motion_boxes(noise), side=SIDE).all()


def test_inside__sets_the_pixels_whose_center_is_in_the_box():
    boxes = torch.tensor([[1.0, 2.0, 2.0, 1.0], [-3.0, 3.4, 4.4, 9.0], [0.0, 0.0, 0.0, 4.0]])
    found = inside(boxes, side=4)
    expected = np.zeros((3, 4, 4), dtype=bool)
    expected[0, 1:3, 2] = True
    expected[1, 0, 3] = True
    assert found.shape == (3, 1, 1, 4, 4)
    assert (found[:, 0, 0].numpy() == expected).all()


@pytest.mark.parametrize("settings", [{"weak": "standard", "standard": "resized"}, {}])
def test_boxes_in_views__follow_the_crop_and_flip_of_the_pixels(settings):
    """Draws a box of white pixels on black frames and finds it again in the view."""
    views = Views(ViewSettings(crop_size=SIDE, resized_area=(0.5, 1.0), **settings))
    size = torch.tensor([[60, 80]] * 16)
    frames = torch.zeros(16, 1, 3, 64, 96, dtype=torch.uint8)
    frames[..., 15:45, 20:40] = 255
    clips = Clips({"primary": frames}, size, torch.arange(16), torch.arange(16) * 7919)
    shares = torch.tensor([[15 / 60, 20 / 80, 30 / 60, 20 / 80]]).repeat(16, 1)
    parameters = views.sample("weak", clips, stream="primary")
    found = inside(boxes_in_views(shares, parameters, side=SIDE), side=SIDE)
    seen = views.weak(clips, "primary")[:, :1] > 0  # the middle of a blurred edge
    assert seen.any(dim=(1, 2, 3, 4)).all()
    assert (seen != found).float().mean() < 0.01


def test_partners__are_the_next_valid_clips_by_draw_in_a_circle():
    draw = torch.tensor([50, 10, 40, 20, 30])
    is_valid = torch.tensor([True, True, False, True, True])
    # The circle of the valid: 10 (1), 20 (3), 30 (4), 50 (0).
    assert partners(draw, draw, is_valid)[is_valid].tolist() == [1, 3, 4, 0]
    assert partners(draw[3:], draw, is_valid).tolist() == [4, 0]


def test_partners__do_not_depend_on_the_order_of_clips():
    generator = torch.Generator().manual_seed(1)
    draw = torch.randint(2**62, (9,), generator=generator)
    is_valid = torch.rand(9, generator=generator) < 0.7
    order = torch.randperm(9, generator=generator)
    expected = draw[partners(draw, draw, is_valid)][order]
    permuted = draw[order]
    assert torch.equal(permuted[partners(permuted, permuted, is_valid[order])], expected)


def test_partners__of_the_only_valid_clip_is_itself():
    draw, is_valid = torch.tensor([3, 1, 2]), torch.tensor([False, False, True])
    assert partners(draw, draw, is_valid)[2] == 2
    assert partners(draw, draw, torch.zeros(3, dtype=torch.bool)).shape == (3,)


def test_motion_steps__are_the_half_in_which_most_changes():
    steps = torch.tensor([[0, 0, 0, 9, 4, 4, 4, 4], [1.0] * 8, [0, 5, 0, 5, 0, 0, 0, 0]])
    found = motion_steps(steps[:, None, :, None, None])
    assert found.tolist() == [[1, 4], [0, 0], [0, 4]]
    masks = within(found, num=8)[:, 0, :, 0, 0].int()
    assert masks.tolist() == [[0, 1, 1, 1, 1, 0, 0, 0], [0] * 8, [1, 1, 1, 1, 0, 0, 0, 0]]


def test_motion_steps__of_one_step_are_none():
    assert motion_steps(torch.ones(2, 3, 1, 1, 1)).tolist() == [[0, 0], [0, 0]]
