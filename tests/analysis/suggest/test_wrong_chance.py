import math

import numpy as np
import pytest

from semivideo.analysis.suggest.confident_learning import confident_learning
from semivideo.analysis.suggest.wrong_chance import SHARES, TEMPERATURES, wrong_chances


def made_up(num, *, share, temperature=1.0, seed=0, classes=6, sharpness=2.0):
    """Classes drawn by calibrated probabilities, labels of which some are wrong."""
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.normal(size=(num, classes))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = np.array([rng.choice(classes, p=row) for row in p])
    is_wrong = rng.random(num) < share
    labels = np.where(is_wrong, (true + rng.integers(1, classes, num)) % classes, true)
    told = p ** (1 / temperature)
    return told / told.sum(axis=1, keepdims=True), labels, is_wrong


def slowly(p, labels):
    """The module's equations, one video and one pair of T and e at a time."""
    best = (-math.inf, None)
    K = p.shape[1]
    for T in TEMPERATURES:
        q = [[max(x, 1e-12) ** (1 / T) for x in row] for row in p]
        own = [row[y] / sum(row) for row, y in zip(q, labels, strict=True)]
        for e in SHARES:
            right = [(1 - e) * x for x in own]
            wrong = [e * (1 - x) / (K - 1) for x in own]
            total = sum(math.log(a + b) for a, b in zip(right, wrong, strict=True))
            if total > best[0]:
                best = (total, (e, T, [b / (a + b) for a, b in zip(right, wrong, strict=True)]))
    return best[1]


def test_wrong_chances__are_the_equations_done_slowly():
    p, labels, _ = made_up(25, share=0.2)
    share, temperature, chances = slowly(p, labels)
    found = wrong_chances(p, labels)
    assert (found.share, found.temperature) == (share, temperature)
    np.testing.assert_allclose(found.chances, chances, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_wrong_chances__find_the_share_and_how_sure_the_classifier_is(temperature):
    p, labels, _ = made_up(4000, share=0.1, temperature=1 / temperature)
    found = wrong_chances(p, labels)
    assert found.share == pytest.approx(0.1, abs=0.025)
    assert found.temperature == pytest.approx(temperature, rel=0.15)


def test_wrong_chances__are_as_often_true_as_they_say():
    p, labels, is_wrong = made_up(8000, share=0.15)
    found = wrong_chances(p, labels)
    for low, high in ((0.0, 0.1), (0.2, 0.5), (0.5, 0.8), (0.8, 1.0)):
        inside = (found.chances >= low) & (found.chances < high)
        assert is_wrong[inside].mean() == pytest.approx(found.chances[inside].mean(), abs=0.06)


def test_wrong_chances__of_a_weak_classifier_are_more_precise_than_confident_learning():
    p, labels, is_wrong = made_up(2000, share=0.1, sharpness=1.2)
    assert (p.argmax(axis=1) == labels).mean() < 0.55
    chosen = wrong_chances(p, labels).chances >= 0.5
    published = confident_learning(p, labels).doubted
    assert is_wrong[chosen].mean() > 2 * is_wrong[published].mean()


def test_wrong_chances__of_labels_that_are_all_believed_are_small():
    labels = np.arange(60) % 3
    p = 0.9 * np.eye(3)[labels] + 0.1 / 3
    assert wrong_chances(p, labels).chances.max() < 0.01
