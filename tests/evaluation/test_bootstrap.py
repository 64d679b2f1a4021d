"""Paired differences against cases whose answer is known."""

import numpy as np
import pytest

from semivideo.base.errors import ConfigError
from semivideo.evaluation.bootstrap import paired_difference
from semivideo.evaluation.metrics import Evaluation


def evaluation(is_right, ids=None):
    """Two classes; every video is of class 0 and scored best there where ``is_right``."""
    right = np.asarray(is_right, dtype=np.float32)
    names = tuple(ids or (f"v{i}" for i in range(len(right))))
    scores = np.stack([right, 1 - right], axis=1)
    return Evaluation("1x1", ("a", "b"), names, scores, np.zeros(len(right), dtype=np.int64))


def test_paired_difference__of_a_run_and_itself_is_nothing():
    one = evaluation([1, 0, 1, 1])
    assert paired_difference([one], [one]) == (0.0, 0.0, 0.0)


def test_paired_difference__is_the_mean_over_seeds_of_the_gain():
    better, worse = evaluation([1, 1, 1, 0]), evaluation([1, 0, 0, 0])
    found = paired_difference([better, worse], [worse, worse])
    assert found.value == pytest.approx(0.25)


def test_paired_difference__interval_narrows_as_the_binomial_says():
    rng = np.random.default_rng(1)
    gain = rng.random(400) < 0.3
    found = paired_difference([evaluation(gain)], [evaluation(np.zeros(400))])
    half = 1.96 * np.sqrt(gain.mean() * (1 - gain.mean()) / 400)
    assert found.high - found.value == pytest.approx(half, rel=0.15)
    assert found.value - found.low == pytest.approx(half, rel=0.15)


def test_paired_difference__refuses_other_videos_and_names_one():
    with pytest.raises(ConfigError, match=r"different test videos, 2 are in one only, such as w"):
        paired_difference([evaluation([1], ["w"])], [evaluation([1], ["x"])])


def test_paired_difference__refuses_unequal_seeds():
    with pytest.raises(ConfigError, match="got 1 and 0; evaluate both on the same seeds"):
        paired_difference([evaluation([1])], [])
