"""Index arithmetic against written-out tables and brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semivideo.base.records import ClipSpec
from semivideo.data.clips import sampling

sizes = st.integers(1, 300)
uniforms = st.floats(0, 1, exclude_max=True)


def test_clip_indices__of_one_start_contain_each_other():
    dense, middle, sparse = ClipSpec(32, 2), ClipSpec(16, 4), ClipSpec(8, 8)
    frames = [sampling.clip_indices(7, spec) for spec in (dense, middle, sparse)]
    assert frames[2].tolist() == [7, 15, 23, 31, 39, 47, 55, 63]
    assert np.array_equal(frames[0][::2], frames[1])
    assert np.array_equal(frames[1][::2], frames[2])


def test_within__fills_up_short_videos():
    indices = np.array([[0, 3, 4], [5, 9, 11]])
    looped = sampling.within(indices, 4, past_end="loop")
    assert looped.tolist() == [[0, 3, 0], [1, 1, 3]]
    assert sampling.within(indices, 4, past_end="repeat_last").tolist() == [[0, 3, 3], [3, 3, 3]]


@given(sizes, sizes, uniforms)
def test_random_start__lies_in_the_video(num_available, window, uniform):
    start = sampling.random_start(num_available, window, uniform=uniform)
    assert start == 0 if num_available <= window else 0 <= start <= num_available - window


def test_random_start__gives_each_window_the_same_share():
    draws = (np.arange(700) + 0.5) / 700
    starts = [sampling.random_start(10, 4, uniform=u) for u in draws]
    assert np.bincount(starts).tolist() == [100] * 7


@given(sizes, sizes, st.integers(2, 20))
def test_uniform_starts__reach_both_ends_evenly(num_available, window, num_clips):
    starts = sampling.uniform_starts(num_available, window, num_clips=num_clips)
    last = max(0, num_available - window)
    assert (starts[0], starts[-1]) == (0, last)
    assert set(np.diff(starts)) <= {last // (num_clips - 1), last // (num_clips - 1) + 1}


def test_shifted_start__gives_every_start_in_reach_and_in_the_video_the_same_share():
    draws = (np.arange(500) + 0.5) / 500
    starts = [sampling.shifted_start(5, max_frames=2, last_start=100, uniform=u) for u in draws]
    assert np.bincount(starts).tolist() == [0, 0, 0, 100, 100, 100, 100, 100]
    starts = [sampling.shifted_start(5, max_frames=50, last_start=9, uniform=u) for u in draws]
    assert np.bincount(starts).tolist() == [50] * 10  # the ends are no more likely than others


@given(sizes, uniforms)
def test_shifted_start__without_offset_stays(start, uniform):
    shifted = sampling.shifted_start(start, max_frames=0, last_start=300, uniform=uniform)
    assert shifted == start


@pytest.mark.parametrize("rate", [24, 25, 29.97, 30, 50, 60])
@pytest.mark.parametrize("unit", [1e-9, 1e-3])  # exact times, and times rounded to milliseconds
def test_resampled__to_its_own_rate_changes_nothing(rate, unit):
    seconds = np.round(np.arange(90) / rate / unit) * unit
    frames = sampling.resampled(seconds, duration_seconds=90 / rate, frame_rate=rate)
    assert frames.tolist() == list(range(90))


def test_resampled__takes_the_nearest_frame_of_any_spacing():
    seconds = np.array([0.0, 0.1, 0.5, 0.6, 0.7, 2.0])
    frames = sampling.resampled(seconds, duration_seconds=2.1, frame_rate=4)
    wanted = [0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    assert frames.tolist() == [int(np.argmin(np.abs(seconds - t))) for t in wanted]


def test_resampled__doubles_and_halves():
    seconds = np.arange(4) / 10
    assert sampling.resampled(seconds, duration_seconds=0.4, frame_rate=5).tolist() == [0, 2]
    doubled = sampling.resampled(seconds, duration_seconds=0.4, frame_rate=20)
    assert doubled.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert sampling.resampled([0.0], duration_seconds=0.0, frame_rate=30).tolist() == [0]


@given(sizes, st.lists(uniforms, min_size=1, max_size=40))
def test_segment_indices__take_one_frame_of_each_segment(num_available, positions):
    num = len(positions)
    indices = sampling.segment_indices(num_available, positions)
    for j, index in enumerate(indices):
        low, high = num_available * j / num, num_available * (j + 1) / num
        assert np.floor(low) <= index <= min(np.ceil(high), num_available - 1)
    assert (np.diff(indices) >= 0).all()


def test_segment_indices__can_take_every_frame():
    places = np.linspace(0, 1, 50, endpoint=False)
    taken = {tuple(sampling.segment_indices(6, pair)) for pair in itertools.product(places, places)}
    assert taken == set(itertools.product([0, 1, 2], [3, 4, 5]))


@given(uniforms, st.sampled_from([(16, 8), (16, 4), (8, 8), (32, 8)]))
def test_thinned__takes_every_nth_frame_of_one_phase(uniform, numbers):
    fine, coarse = numbers
    step = fine // coarse
    phase = int(uniform * step)
    thin = sampling.thinned(np.arange(fine) * 3, coarse, uniform=uniform)
    assert thin.tolist() == list(range(3 * phase, 3 * fine, 3 * step))
