"""Average precision and F1 of classes that may be there at once, beside scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from semivideo.events.presence import (
    average_precisions,
    best_thresholds,
    f1_scores,
    one_of_them,
)


def drawn(seed, *, ties=False):
    random = np.random.default_rng(seed)
    scores = random.random((40, 3)).astype(np.float32)
    if ties:
        scores = scores.round(1)
    return scores, random.random((40, 3)) < 0.3


@pytest.mark.parametrize("ties", [False, True])
def test_average_precisions__agree_with_scikit_learn(ties):
    scores, present = drawn(1, ties=ties)
    expected = average_precision_score(present, scores, average=None)
    assert average_precisions(scores, present) == pytest.approx(expected, abs=1e-6)


def test_f1_scores__agree_with_scikit_learn():
    scores, present = drawn(2)
    expected = f1_score(present, scores >= np.array([0.3, 0.5, 0.9]), average=None)
    assert f1_scores(scores, present, np.array([0.3, 0.5, 0.9])) == pytest.approx(expected)


def test_figures__of_a_class_that_is_nowhere_are_no_number():
    scores, present = drawn(3)
    present[:, 1] = False
    assert np.isnan(average_precisions(scores, present)[1])
    assert np.isnan(f1_scores(scores, present, np.full(3, 0.5))[1])
    assert best_thresholds(scores, present)[1] == 0.5


def test_best_thresholds__have_the_highest_f1():
    scores, present = drawn(4)
    best = f1_scores(scores, present, best_thresholds(scores, present))
    for level in np.linspace(0.01, 0.99, 99):
        assert (f1_scores(scores, present, np.full(3, level)) <= best + 1e-9).all()


def test_one_of_them__is_the_best_that_is_there():
    scores = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.9, 0.5, 0.1]], dtype=np.float32)
    present = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 0]], dtype=bool)
    assert one_of_them(scores, present).tolist() == [1, 0, 2]
