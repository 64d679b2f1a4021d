"""mAP over time and frame F1 against cases by hand and against a slow computation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semivideo.evaluation.event_metrics import (
    average_precision,
    event_accuracy,
    frame_f1,
    temporal_overlap,
)
from semivideo.events.event_stages import Event


def event(start, end, score=1.0, label="run"):
    return Event(label, start, end, score)


@st.composite
def events(draw, most=6, more=0.0):
    """Events on whole seconds, with different scores."""
    number = draw(st.integers(0, most))
    scores = draw(st.permutations([(n + 1) / 10 + more for n in range(number)]))
    starts = [draw(st.integers(0, 30)) for _ in range(number)]
    return [
        event(start, start + draw(st.integers(1, 9)), score)
        for start, score in zip(starts, scores, strict=True)
    ]


VIDEOS = st.fixed_dictionaries({"a": events(), "b": events(more=0.05)})


def overlap_by_counting(one, other):
    """Of whole seconds, as sets."""
    first, second = (set(range(e.start_seconds, e.end_seconds)) for e in (one, other))
    return len(first & second) / len(first | second)


def precision_by_curve(found, truth, overlap):
    """The same definition, computed from a recall-precision curve sampled at each recall."""
    ranked = sorted(
        ((e, v) for v, each in found.items() for e in each), key=lambda p: p[0].score, reverse=True
    )
    free = {video: list(each) for video, each in truth.items()}
    num_true = sum(map(len, truth.values()))
    points, right = [(0.0, 1.0)], 0
    for rank, (e, video) in enumerate(ranked, start=1):
        fits = [(overlap_by_counting(e, t), t.start_seconds, t) for t in free[video]]
        best = max((o for o, _, _ in fits), default=0)
        if best >= overlap:
            # Of several that fit equally well, the one that the module takes: the last.
            free[video].remove([t for o, _, t in fits if o == best][-1])
            right += 1
        points.append((right / num_true, right / rank))
    area = 0.0
    for level in range(1, num_true + 1):
        beyond = [p for r, p in points if r >= level / num_true - 1e-9]
        area += max(beyond, default=0.0) / num_true
    return area


@given(events(2), events(2))
def test_temporal_overlap__counts_seconds(first, second):
    for one in first:
        for other in second:
            assert temporal_overlap(one, other) == pytest.approx(overlap_by_counting(one, other))


@settings(max_examples=60)
@given(VIDEOS, VIDEOS, st.sampled_from([0.1, 0.3, 0.5, 0.7]))
def test_average_precision__is_the_area_under_the_curve(found, truth, overlap):
    if not any(truth.values()):
        assert np.isnan(average_precision(found, truth, overlap=overlap))
        return
    expected = precision_by_curve(found, truth, overlap)
    assert average_precision(found, truth, overlap=overlap) == pytest.approx(expected)


def test_average_precision__by_hand():
    """Right, wrong, right of two true events: precision 1, 1/2, 2/3, area 1/2 + 2/3 * 1/2."""
    truth = {"a": [event(0, 10), event(20, 30)]}
    found = {"a": [event(0, 10, 0.9), event(40, 50, 0.8), event(21, 30, 0.7)]}
    assert average_precision(found, truth, overlap=0.5) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_average_precision__a_true_event_counts_once():
    truth = {"a": [event(0, 10)]}
    found = {"a": [event(0, 10, 0.9), event(0, 9, 0.8)]}
    assert average_precision(found, truth, overlap=0.5) == 1.0


def test_frame_f1__by_hand():
    """Ten frames of 0.1 s; true 0-0.5, found 0.3-0.8: right 2, wrong 6."""
    times = np.arange(10) / 10
    f1 = frame_f1({"a": [event(0.3, 0.8)]}, {"a": [event(0, 0.5)]}, frames={"a": times})
    assert f1 == pytest.approx(2 * 2 / (2 * 2 + 3 + 3))


def test_event_accuracy__perfect_events_are_perfect():
    truth = {"a": [event(0, 1), event(1, 2, label="eat")], "b": []}
    times = {"a": np.arange(20) / 10, "b": np.arange(5) / 10}
    found = event_accuracy(truth, truth, frames=times)
    assert set(found.mean_average_precision.values()) == {1.0}
    assert (found.mean_frame_f1, found.classes, found.num_true) == (1.0, ("eat", "run"), (1, 1))
