"""Each stage by itself, and all of them in a row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semivideo.base.errors import ConfigError
from semivideo.events.event_stages import (
    Event,
    Stages,
    background_class,
    events_of,
    hysteresis,
    joined,
    long_enough,
    smoothed,
    stretches,
    without_background,
)
from semivideo.events.window_scores import WindowScores

SHARES = st.lists(st.floats(0, 1, width=16), min_size=1, max_size=30)


def scores_of(shares_WK, *, classes=("run", "eat"), length=2.0, stride=1.0):
    starts = stride * np.arange(len(shares_WK))
    duration = float(starts[-1] + length)
    shares = np.asarray(shares_WK, dtype=np.float32)
    return WindowScores("a.mp4", tuple(classes), starts, starts + length, shares, duration)


def spans(events):
    return [(e.label, e.start_seconds, e.end_seconds) for e in events]


def test_smoothed__is_a_weighted_mean_of_what_lies_around():
    """Cells of 1, 2 and 1 seconds; the middle one sees 4 seconds, all of it."""
    edges = np.array([0.0, 1.0, 3.0, 4.0])
    found = smoothed(np.array([[1.0], [0.5], [0.0]]), edges, seconds=4.0)
    assert found[1, 0] == pytest.approx((1 * 1.0 + 2 * 0.5 + 1 * 0.0) / 4)
    assert found[0, 0] == pytest.approx((1 * 1.0 + 1.5 * 0.5) / 2.5)  # cut at the beginning


@given(SHARES, st.floats(0, 20))
def test_smoothed__stays_between_the_lowest_and_the_highest(shares, seconds):
    found = smoothed(np.array(shares)[:, None], np.arange(len(shares) + 1.0), seconds=seconds)
    assert found.min() >= min(shares) - 1e-5
    assert found.max() <= max(shares) + 1e-5


def test_background_class__is_found_by_its_name_or_named():
    assert background_class(["run", "Background"], None) == 1
    assert background_class(["run", "eat"], None) is None
    assert background_class(["run", "eat"], "eat") == 1
    with pytest.raises(ConfigError, match="background is 'rum', which is none of the classes; did"):
        background_class(["run", "eat"], "rum")


def test_without_background__the_winner_counts_or_all_above_the_background():
    shares = np.array([[0.5, 0.3, 0.2], [0.3, 0.2, 0.5]], dtype=np.float32)
    one = without_background(shares, 1, overlap=False)
    assert one.tolist() == pytest.approx(np.array([[0.5, 0, 0], [0, 0, 0.5]]))
    several = without_background(np.array([[0.5, 0.1, 0.2]], dtype=np.float32), 1, overlap=True)
    assert (several > 0).tolist() == [[True, False, True]]


@given(SHARES)
def test_hysteresis__of_equal_thresholds_is_one_threshold(shares):
    shares = np.array(shares)
    assert (hysteresis(shares, high=0.5, low=0.5) == (shares >= 0.5)).all()


@given(SHARES, st.floats(0.05, 0.5))
def test_hysteresis__every_run_has_a_sure_moment(shares, low):
    shares = np.array(shares)
    active = hysteresis(shares, high=0.5, low=low)
    assert not (active & (shares < low)).any()
    assert active[shares >= 0.5].all()
    for run in np.split(np.arange(len(shares)), np.flatnonzero(np.diff(active)) + 1):
        assert not active[run[0]] or shares[run].max() >= 0.5


def test_stretches__have_the_borders_of_their_cells():
    active = np.array([True, False, True, True])
    found = stretches(active, np.array([1, 0, 0.5, 1.0]), np.array([0, 1, 2, 4, 5.0]), label="run")
    assert spans(found) == [("run", 0, 1), ("run", 2, 5)]
    assert found[1].score == pytest.approx((2 * 0.5 + 1 * 1.0) / 3)


def test_joined__over_gaps_of_one_class_only():
    given = [Event("run", 0, 1, 0.5), Event("eat", 1.2, 1.5, 1), Event("run", 2, 3, 0.7)]
    assert spans(joined(given, seconds=1.0)) == [("run", 0, 3), ("eat", 1.2, 1.5)]
    assert spans(joined(given, seconds=0.9)) == spans(given)


def test_long_enough__leaves_out_the_shorter_ones():
    given = [Event("run", 0, 1, 0.5), Event("run", 2, 4, 0.5)]
    assert long_enough(given, seconds=2.0) == given[1:]


def test_events_of__finds_what_happens_in_turn():
    shares = [[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 4
    found = events_of(scores_of(shares), Stages(smooth_seconds=0))
    assert spans(found) == [("run", 0.0, 4.5), ("eat", 4.5, 9.0)]


def test_events_of__a_short_doubt_is_smoothed_away():
    shares = [[0.9, 0.1]] * 4 + [[0.4, 0.6]] + [[0.9, 0.1]] * 4
    assert len(events_of(scores_of(shares), Stages(smooth_seconds=0, shortest_seconds=0))) == 3
    assert spans(events_of(scores_of(shares), Stages(smooth_seconds=3))) == [("run", 0.0, 10.0)]


def test_events_of__background_is_no_event():
    shares = [[0.9, 0.1]] * 3 + [[0.2, 0.8]] * 3
    found = events_of(scores_of(shares, classes=("run", "background")), Stages(smooth_seconds=0))
    assert {event.label for event in found} == {"run"}


def test_events_of__low_above_high_is_refused():
    with pytest.raises(ConfigError, match=r"low must be at most high, got low 0.6 and high 0.5"):
        Stages(low=0.6)
