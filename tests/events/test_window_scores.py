"""Scores over time and their file."""

import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.events.window_scores import WindowScores


def make():
    starts = np.array([0.0, 1.0, 2.0])
    shares = np.array([[1, 0], [0.5, 0.5], [0, 1]], dtype=np.float32)
    return WindowScores("a.mp4", ("run", "eat"), starts, starts + 5, shares, 8.0)


def test_window_scores__speak_for_the_time_around_their_middles():
    scores = make()
    assert scores.edges_seconds.tolist() == [0.0, 3.0, 4.0, 8.0]
    assert scores.at(np.array([0.0, 2.9, 3.0, 7.9]))[:, 0].tolist() == [1, 1, 0.5, 0]


def test_window_scores__come_back_from_their_file():
    key, found = WindowScores.from_bytes(make().to_bytes(key="k"), name="s.npz")
    assert key == "k"
    assert (found.video, found.classes, found.duration_seconds) == ("a.mp4", ("run", "eat"), 8.0)
    assert (found.probabilities == make().probabilities).all()


@pytest.mark.parametrize("part", [b"", b"PK\x03\x04", make().to_bytes(key="k")[:200]])
def test_window_scores__half_a_file_is_none(part):
    with pytest.raises(DataError, match=r"s.npz holds no scores of windows"):
        WindowScores.from_bytes(part, name="s.npz")
