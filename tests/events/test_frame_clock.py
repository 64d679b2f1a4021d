"""Frames to seconds and back, on even and uneven clocks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semivideo.events.frame_clock import Clock


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.integers(0, 30))
def test_clock__frame_reverses_start(steps, frame):
    clock = Clock(25.0, np.cumsum([0, *steps]) / 100)
    assert clock.frame(clock.start(frame)) == frame


def test_clock__both_ends_of_a_span_belong():
    clock = Clock(10.0, np.array([0.0, 0.1, 0.5]))
    assert clock.span(1, 1) == (0.1, 0.5)
    assert clock.span(1, 2) == (0.1, 0.6)
    assert clock.duration_seconds == 0.6
