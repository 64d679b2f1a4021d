"""Which given labels are probably wrong: confident learning on cross-validated probabilities.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR
70, 2021. p_n is what a network that did not see video n says of it, y_n the label it was given:

    t_j      = mean of p_n(j) over the videos with y_n = j                               (Eq. 2)
    C[i, j]  = number of videos with y_n = i whose class is confidently j: p_n(j) >= t_j,
               and j has the greatest probability among the classes that reach theirs   (Eq. 1)
    Q        = C with rows scaled to the counts of the given labels, divided by their sum (Eq. 3)

Videos off the diagonal of C are doubted ("confident joint"), the one with the least p_n(y_n) first
("self-confidence"). Shape letters: N labelled videos, K classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NOBODY = -1
"""The confident class of a video that reaches no class's threshold."""


class Confident(NamedTuple):
    """What confident learning says of N labels.

    Attributes:
        thresholds: float64 (K,), t; NaN for a class without labels.
        classes: int64 (N,), the confident class of each video, or ``NOBODY``.
        counts: int64 (K, K), C.
        joint: float64 (K, K), Q: shares of all labels, by given (row) and confident class.
        doubted: int64, places of the videos off the diagonal, the least believed label first.
    """

    thresholds: Floats
    classes: Ints
    counts: Ints
    joint: Floats
    doubted: Ints

    @property
    def wrong_share(self) -> float:
        """Estimated share of wrong labels: the weight of Q off its diagonal."""
        return float(1 - np.trace(self.joint))


def confident_learning(probabilities_NK: NDArray[np.floating], labels_N: Ints) -> Confident:
    """Find labels that a network which did not see them confidently contradicts.

    Args:
        probabilities_NK: float (N, K), N >= 1, each row by a network that was not trained on it.
        labels_N: int64 (N,) in [0, K), as given.
    """
    p = probabilities_NK.astype(np.float64)
    num_classes = p.shape[1]
    given = np.bincount(labels_N, minlength=num_classes)
    own = np.take_along_axis(p, labels_N[:, None], axis=1)[:, 0]
    total = np.bincount(labels_N, weights=own, minlength=num_classes)
    thresholds = np.full(num_classes, np.nan)
    np.divide(total, given, out=thresholds, where=given > 0)
    reaches = p >= np.where(given > 0, thresholds, np.inf)
    best = np.where(reaches, p, -1.0).argmax(axis=1)
    classes = np.where(reaches.any(axis=1), best, NOBODY).astype(np.int64)
    is_sure = classes != NOBODY
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(counts, (labels_N[is_sure], classes[is_sure]), 1)
    doubted = np.flatnonzero(is_sure & (classes != labels_N))
    order = np.lexsort((doubted, own[doubted]))
    return Confident(thresholds, classes, counts, _joint(counts, given), doubted[order])


def _joint(counts_KK: Ints, given_K: Ints) -> Floats:
    """Q; the labels of a class in which nobody is confident are believed."""
    joint = counts_KK.astype(np.float64)
    nobody = (joint.sum(axis=1) == 0) & (given_K > 0)
    joint[nobody, nobody] = 1
    rows = joint.sum(axis=1, keepdims=True)
    np.divide(joint * given_K[:, None], rows, out=joint, where=rows > 0)
    return np.asarray(joint / joint.sum())
