"""Masks of patches, and what is mixed under them."""

import numpy as np
import pytest
import torch

from semivideo.transforms.tubes import drawn_tubes, mixed_in_tubes


def test_tubes__are_whole_patches_with_the_share_they_say():
    tubes = drawn_tubes(5, alpha=10.0, grid=4, side=16)
    patches = tubes.mask.view(4, 4, 4, 4).transpose(1, 2).flatten(2)
    assert torch.equal(patches.amin(2), patches.amax(2))
    assert tubes.share == pytest.approx(patches[..., 0].mean().item())
    assert 0 < tubes.share < 1


def test_tubes__follow_beta_over_the_steps():
    shares = [drawn_tubes(step, alpha=10.0, grid=14, side=28).share for step in range(400)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)
    assert np.std(shares) == pytest.approx(np.sqrt(1 / 84), abs=0.01)
    assert drawn_tubes(7, alpha=10.0, grid=14, side=28).share == shares[7]


def test_tubes__of_one_place_are_a_blend():
    tubes = drawn_tubes(2, alpha=10.0, grid=14, side=1)
    a, b = torch.ones(2, 3, 4, 1, 1), torch.zeros(2, 3, 4, 1, 1)
    torch.testing.assert_close(mixed_in_tubes(a, b, tubes), torch.full_like(a, tubes.share))


@pytest.mark.parametrize("side", [5, 16, 48])
def test_mixed_in_tubes__shows_one_of_both_everywhere_alike_in_all_frames(side):
    tubes = drawn_tubes(1, alpha=10.0, grid=14, side=side)
    mixed = mixed_in_tubes(torch.ones(1, 1, 3, side, side), torch.zeros(1, 1, 3, side, side), tubes)
    assert set(mixed.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(mixed[:, :, :1].expand_as(mixed), mixed)
    assert mixed.mean().item() == pytest.approx(tubes.share)
