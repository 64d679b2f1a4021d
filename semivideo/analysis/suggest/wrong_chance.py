"""How probably a given label is wrong, by a classifier that did not see it and is often wrong too.

A classifier that knows half of the videos contradicts half of the labels, and most of these are
right. So its probabilities p_n are first made as sure as they are right, by a temperature T, and
set against how rare wrong labels are. A label is that of another class with probability e, each of
the others alike:

    q_n      = p_n ^ (1 / T), scaled to sum 1
    L(T, e)  = sum_n log((1 - e) q_n(y_n) + e (1 - q_n(y_n)) / (K - 1))       greatest over a grid
    chance_n = e (1 - q_n(y_n)) / (K - 1)  /  ((1 - e) q_n(y_n) + e (1 - q_n(y_n)) / (K - 1))

T is that of Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2; the
noise is the symmetric one of Angluin and Laird, "Learning from Noisy Examples", Machine Learning 2,
1988. Shape letters: N labelled videos, K classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TEMPERATURES = tuple(float(t) for t in np.geomspace(0.25, 32, 43))
SHARES = tuple(float(e) for e in np.geomspace(0.001, 0.5, 60))
"""Values of e that are tried."""


class WrongChances(NamedTuple):
    """What is found of N labels.

    Attributes:
        chances: float64 (N,) in [0, 1].
        share: e, the estimated share of wrong labels.
        temperature: T; above 1 the classifier was surer than right.
    """

    chances: Floats
    share: float
    temperature: float


def wrong_chances(
    probabilities_NK: NDArray[np.floating], labels_N: NDArray[np.int64]
) -> WrongChances:
    """Estimate how probably each label is wrong.

    Args:
        probabilities_NK: float (N, K), N >= 1, K >= 2, each row by a classifier that was not
            trained on it.
        labels_N: int64 (N,) in [0, K), as given.
    """
    num_classes = probabilities_NK.shape[1]
    logs = np.log(np.clip(probabilities_NK.astype(np.float64), 1e-12, 1))
    shares = np.array(SHARES)[:, None]
    best: tuple[float, float, float, Floats] | None = None
    for temperature in TEMPERATURES:
        own_N = _own(logs / temperature, labels_N)
        right, wrong = (1 - shares) * own_N, shares * (1 - own_N) / (num_classes - 1)
        likelihood = np.log(right + wrong).sum(axis=1)
        place = int(likelihood.argmax())
        if best is None or likelihood[place] > best[0]:
            chances = wrong[place] / (right[place] + wrong[place])
            best = (float(likelihood[place]), SHARES[place], temperature, chances)
    assert best is not None  # there are temperatures
    return WrongChances(best[3], best[1], best[2])


def _own(logits_NK: Floats, labels_N: NDArray[np.int64]) -> Floats:
    """Softmax of the given class: float64 (N,)."""
    shares = np.exp(logits_NK - logits_NK.max(axis=1, keepdims=True))
    return np.asarray(shares[np.arange(len(labels_N)), labels_N] / shares.sum(axis=1))
