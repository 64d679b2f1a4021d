"""Which frames each stream takes, and which ones its modality compares them with."""

from dataclasses import replace

import numpy as np
import pytest

from semivideo.base.randomness import uniform
from semivideo.base.records import ClipSpec
from semivideo.data.clips import plan, sampling
from semivideo.data.clips.plan import Timeline, training_indices
from semivideo.settings import DataSettings

SPEC = ClipSpec(4, 4)
GRADIENT = replace(SPEC, modality="fast_gradient")
SLOW = replace(SPEC, modality="slow_gradient")
SAMPLINGS = ("window", "segments")


def drawn(specs, draw, *, num_frames=40, frame=None, sampling="window", **settings):
    timeline = Timeline(np.arange(num_frames) if frame is None else frame, 25.0)
    chosen = DataSettings(sampling=sampling, **settings)
    return training_indices(timeline, specs=specs, settings=chosen, draw=draw)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("modality", ["fast_gradient", "flow"])
def test_training_indices__fast_successors_are_the_next_frames(sampling, modality):
    specs = {"primary": SPEC, "motion": replace(SPEC, modality=modality)}
    for draw in range(50):
        chosen = drawn(specs, draw, sampling=sampling)
        assert chosen["motion"].shape == (4, 2)
        assert (chosen["motion"][:, 0] == chosen["primary"]).all()
        assert (chosen["motion"][:, 1] == chosen["primary"] + 1).all()


def test_training_indices__slow_pairs_are_the_frames_of_one_more_in_the_window():
    for draw in range(200):  # also windows at the very end
        chosen = drawn({"primary": SPEC, "motion": SLOW}, draw)
        start = chosen["primary"][0]
        frames = [*chosen["motion"][:, 0], chosen["motion"][-1, 1]]
        assert frames == [start + step for step in (0, 3, 6, 9, 12)]  # five in a window of 16
        assert (chosen["motion"][:-1, 1] == chosen["motion"][1:, 0]).all()


def test_clip_spec__of_eight_slow_gradients_has_nine_frames_that_are_seven_apart():
    assert ClipSpec(8, 8, modality="slow_gradient").step_frames == 7  # LTG's stride
    assert ClipSpec(8, 8, modality="fast_gradient").step_frames == 8
    assert ClipSpec(4, 1, modality="slow_gradient").step_frames == 1


def test_training_indices__slow_successors_in_segments_are_the_clips_next_frames():
    for draw in range(200):
        pairs = drawn({"primary": SPEC, "motion": SLOW}, draw, sampling="segments")["motion"]
        assert (pairs[:-1, 1] == pairs[1:, 0]).all()
        step = int(np.median(np.diff(pairs[:, 0])))
        assert pairs[-1, 1] == min(pairs[-1, 0] + step, 39)
        assert pairs[-1, 1] > pairs[-1, 0]


def test_training_indices__slow_successor_of_the_last_frame_survives_starting_over():
    """Nine frames to choose from, wanted 0 4 8 12 16: they are 0 4 8 3 7, and 7 + 4 is too far."""
    specs = {"primary": replace(SLOW, num_frames=5, stride_frames=5)}
    pairs = drawn(specs, 0, num_frames=10)["primary"]
    assert pairs.tolist() == [[0, 4], [4, 8], [8, 3], [3, 7], [7, 9]]
    pairs = drawn(specs, 0, num_frames=10, past_end="repeat_last")["primary"]
    assert pairs.tolist() == [[0, 4], [4, 8], [8, 8], [8, 8], [8, 9]]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_testing_indices__compare_as_in_training(sampling):
    timeline, settings = Timeline(np.arange(40), 25.0), DataSettings(sampling=sampling)
    places, fast, slow = (
        plan.testing_indices(timeline, spec=spec, settings=settings, num_clips=3)
        for spec in (SPEC, GRADIENT, SLOW)
    )
    assert (places.shape, fast.shape, slow.shape) == ((3, 4), (3, 4, 2), (3, 4, 2))
    assert (fast[..., 1] == fast[..., 0] + 1).all()
    assert (slow[:, :-1, 1] == slow[:, 1:, 0]).all()
    assert (fast[..., 0] == places).all()
    assert max(fast.max(), slow.max()) <= 39


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_training_indices__last_frame_is_left_to_be_a_successor(sampling):
    specs = {"primary": SPEC, "motion": GRADIENT}
    both = [drawn(specs, draw, num_frames=17, sampling=sampling) for draw in range(300)]
    taken = np.concatenate([chosen["primary"] for chosen in both])
    successors = np.concatenate([chosen["motion"][:, 1] for chosen in both])
    assert taken.min() == 0
    assert taken.max() == 15 - (3 if sampling == "window" else 0)  # a window ends 3 after its last
    assert successors.max() == taken.max() + 1
    alone = [
        drawn({"primary": SPEC}, draw, num_frames=17, sampling="segments") for draw in range(300)
    ]
    assert max(chosen["primary"].max() for chosen in alone) == 16


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("modality", ["fast_gradient", "slow_gradient"])
def test_training_indices__of_two_frames_have_the_one_successor(sampling, modality):
    specs = {"primary": replace(SPEC, modality=modality)}
    pairs = drawn(specs, 3, num_frames=2, sampling=sampling)["primary"]
    assert (pairs[:, 0] == 0).all()
    assert pairs[-1].tolist() == [0, 1]


def test_training_indices__successors_follow_the_timeline_not_the_file():
    frame = np.arange(0, 80, 2)  # half the frame rate
    chosen = drawn({"primary": SPEC, "motion": GRADIENT}, 5, frame=frame)
    assert (chosen["motion"][:, 1] == chosen["primary"] + 2).all()


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_training_indices__streams_apart_draw_for_themselves(sampling):
    specs = {"primary": SPEC, "own": replace(SPEC, is_apart=True), "twin": SPEC}
    without = {name: specs[name] for name in ("primary", "twin")}
    different = 0
    for draw in range(50):
        chosen = drawn(specs, draw, sampling=sampling)
        shared = drawn(without, draw, sampling=sampling)
        assert (chosen["primary"] == chosen["twin"]).all()
        assert (chosen["primary"] == shared["primary"]).all()
        different += (chosen["own"] != chosen["primary"]).any()
        again = drawn(specs, draw, sampling=sampling)["own"]
        assert (again == chosen["own"]).all()
    assert different > 40


def test_training_indices__two_streams_apart_differ_from_each_other():
    specs = {name: replace(SPEC, is_apart=True) for name in ("a", "b")}
    starts = np.array([[c[0] for c in drawn(specs, draw).values()] for draw in range(300)])
    assert (starts[:, 0] != starts[:, 1]).mean() > 0.9
    assert set(starts[:, 0]) == set(starts[:, 1]) == set(range(25))  # every start of 40 - 16


def test_training_indices__a_long_stream_apart_does_not_bind_the_others():
    specs = {"primary": SPEC, "own": ClipSpec(8, 5, is_apart=True)}
    starts = {int(drawn(specs, draw)["primary"][0]) for draw in range(300)}
    assert starts == set(range(25))


def test_training_indices__rgb_alone_draws_as_ever():
    """Written out: what a checkpoint of an earlier version was trained on."""
    specs = {"primary": SPEC, "auxiliary": ClipSpec(8, 2)}
    for draw in range(20):
        start = sampling.random_start(40, 16, uniform=uniform([draw], "start")[0, 0])
        window = drawn(specs, draw)
        assert window["primary"].tolist() == list(range(start, start + 16, 4))
        assert window["auxiliary"].tolist() == list(range(start, start + 16, 2))
        segments = drawn(specs, draw, sampling="segments")
        fine = sampling.segment_indices(40, uniform([draw], "segments", size=8)[0])
        assert (segments["auxiliary"] == fine).all()
        phase = int(uniform([draw], "phase")[0, 0] * 2)
        assert (segments["primary"] == fine[phase::2]).all()
