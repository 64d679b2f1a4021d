"""Descriptors of motion against computations by hand, of mirrored videos, of short and odd ones."""

import numpy as np
import pytest

from semivideo.data.clips.plan import Timeline
from semivideo.encoders.local_motion import CHANNELS, describe, plan_pairs
from semivideo.encoders.local_motion import local_descriptors as module
from semivideo.encoders.local_motion.local_descriptors import DIMS, MOST_PAIRS


def test_histograms__are_sums_over_cells_by_hand():
    gx = np.zeros((16, 16), np.float32)
    gy = np.zeros((16, 16), np.float32)
    gx[0, 0], gy[1, 1] = 3.0, -2.0
    gx[9, 2] = gy[9, 2] = np.sqrt(0.5)
    found = module._histograms(gx, gy)
    wanted = np.zeros((2, 2, 8))
    for at, angle, length in (((0, 0), 0, 3.0), ((0, 0), -np.pi / 2, 2.0), ((1, 0), np.pi / 4, 1)):
        cosines = np.cos(angle - 2 * np.pi * np.arange(8) / 8)
        wanted[at] += length * np.maximum(cosines, 0) ** 2
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_histograms__of_flow_count_pixels_that_hardly_move():
    u = np.full((8, 8), 0.1, np.float32)
    u[0, 0] = 1.0
    found = module._histograms(u, np.zeros_like(u), least=0.2)
    assert found.shape == (1, 1, 9)
    assert found[0, 0, 8] == 63
    np.testing.assert_allclose(found[0, 0, 0], 1.0, atol=1e-3)


def test_blocks__are_sums_of_cells_and_pairs():
    cells = np.random.default_rng(0).random((6, 5, 6, 33)).astype(np.float32)
    blocks, moved = module._blocks(cells)
    # One start in time; 4 x 5 small blocks, 1 x 2 large ones.
    assert blocks.shape == (22, 3, 2, 2, 33)
    small = blocks[1 * 5 + 2]
    np.testing.assert_allclose(small[1, 0, 1], cells[2:4, 1, 3].sum(axis=0), rtol=1e-5)
    large = blocks[20 + 1]
    np.testing.assert_allclose(large[2, 1, 0], cells[4:6, 2:4, 2:4].sum((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(moved[21], large[..., 8:16].sum() / 4, rtol=1e-5)


def test_describe__a_descriptor_is_the_root_of_shares(squares):
    moving, clip_of = squares
    found = describe(clip_of(moving(2, 0)))
    assert {name: rows.shape[1] for name, rows in found.of.items()} == DIMS
    assert DIMS == {"hog": 96, "hof": 108, "mbh": 192}
    for name, kinds in CHANNELS.items():
        squared = (found.of[name].astype(np.float64) ** 2).sum(axis=1)
        np.testing.assert_allclose(squared[:50], len(kinds), atol=0.01)


def test_describe__the_mirrored_video_has_the_mirrored_descriptors(squares):
    moving, clip_of = squares
    video = moving(2, 1)
    plain, mirror = describe(clip_of(video)), describe(clip_of(video[:, :, ::-1].copy()))
    for name in CHANNELS:
        ours = plain.mirrored.plain.of[name].astype(np.float64).mean(axis=0)
        theirs = mirror.plain.of[name].astype(np.float64).mean(axis=0)
        unturned = plain.plain.of[name].astype(np.float64).mean(axis=0)
        apart = np.linalg.norm(ours - theirs)
        assert apart < 0.2 * np.linalg.norm(unturned - theirs) + 0.02, name
        assert np.array_equal(plain.mirrored.mirrored.of[name], plain.of[name])


def test_describe__is_a_function_of_the_frames(squares):
    moving, clip_of = squares
    one, other = (describe(clip_of(moving(2, 1))) for _ in range(2))
    assert all(np.array_equal(one.of[name], other.of[name]) for name in CHANNELS)


def test_describe__a_moving_camera_is_no_motion():
    random = np.random.default_rng(0)
    wide = random.integers(0, 255, (120, 200)).astype(np.float32)
    for axis in (0, 1):
        for _ in range(3):
            wide = (np.roll(wide, 1, axis) + 2 * wide + np.roll(wide, -1, axis)) / 4
    wide = wide.astype(np.uint8)
    flow = module._flow(wide[:, :160].copy(), wide[:, 3:163].copy())
    assert np.median(np.abs(flow[..., 0])) < 0.2


@pytest.mark.parametrize("size", [(16, 16), (40, 300), (300, 40), (241, 135)])
@pytest.mark.parametrize("num_frames", [2, 5])
def test_describe__takes_frames_of_any_size(squares, size, num_frames):
    _, clip_of = squares
    video = np.random.default_rng(0).integers(0, 255, (num_frames, *size, 3)).astype(np.uint8)
    found = describe(clip_of(video))
    assert len(found.plain) >= 60
    assert all(np.isfinite(rows).all() for rows in found.of.values())


def test_plan__a_short_video_is_looked_at_whole():
    plan = plan_pairs(Timeline(np.arange(40), 30.0))
    assert plan.frames.tolist() == [[2 * n, 2 * n + 1] for n in range(20)]
    assert plan.window.tolist() == [0] * 20
    assert plan.seconds == pytest.approx(1 / 30)


def test_plan__of_a_long_one_there_are_three_windows():
    plan = plan_pairs(Timeline(np.arange(3000), 30.0))
    assert len(plan.frames) == MOST_PAIRS
    assert np.bincount(plan.window).tolist() == [9, 9, 9]
    middles = [plan.frames[plan.window == number].mean() for number in range(3)]
    np.testing.assert_allclose(middles, [500, 1500, 2500], atol=3)


@pytest.mark.parametrize("rate", [15.0, 25.0, 30.0, 60.0, 120.0])
def test_plan__depends_on_seconds(rate):
    plan = plan_pairs(Timeline(np.arange(round(1.2 * rate)), rate))
    seconds = plan.frames / rate
    assert np.diff(seconds[:, 0]).mean() == pytest.approx(1 / 15, rel=0.03)
    assert plan.seconds == pytest.approx(max(1 / 30, 1 / rate), rel=0.21)
    assert plan.seconds == pytest.approx((seconds[:, 1] - seconds[:, 0]).mean())


def test_plan__takes_what_there_is():
    assert plan_pairs(Timeline(np.array([7]), 30.0)).frames.tolist() == [[7, 7]]
    assert plan_pairs(Timeline(np.arange(2), 0.0)).frames.tolist() == [[0, 1]]
    assert plan_pairs(Timeline(np.arange(2), 120.0)).frames.tolist() == [[0, 1]]


def test_describe__the_time_of_a_displacement_is_told(squares):
    """At half of the rate everything moves twice as far, and is told alike."""
    moving, clip_of = squares
    slow = clip_of(moving(1, 0))
    doubled = clip_of(moving(2, 0))
    at_half = type(slow)(doubled.frames, type(slow.pairs)(*_plan_at(doubled, 1 / 15)))
    cells = [module._cells(*module._grey(slow.frames[4]), scale=1.0)]
    cells.append(module._cells(*module._grey(at_half.frames[4]), scale=0.5))
    still = [each[..., 16].sum() for each in cells]
    assert still[0] == pytest.approx(still[1], rel=0.1)


def _plan_at(clip, seconds):
    return clip.pairs.frames, clip.pairs.window, seconds
