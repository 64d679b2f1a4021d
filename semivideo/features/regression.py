"""Multinomial logistic regression: the probe of frozen features.

    min_W,b  |W|^2 / 2 + C sum_i w_i H(y_i, softmax(W f_i + b))

f_i are the weak views of the labelled videos, standardised and of unit length, and w_i = 1. C is
one of 10^-3 ... 10^3, the one that gives left-out labelled groups the highest likelihood.

A solution lies in the span of the f_i, so it is computed in as many dimensions as there are rows
(a rotation changes no distance) and turned back.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semivideo.features.closed_form import ClosedForm, Known
from semivideo.features.presence_regression import presence_probe
from semivideo.models.contract import Network

_LOG = logging.getLogger("semivideo")
GRID = tuple(10.0**power for power in range(-3, 4))
"""Values of C that are tried."""
USUAL = 100.0
"""C where there are too few groups to leave some out: features of unit length want a large one."""
NUM_FOLDS = 5
_MOST_ITERATIONS = 2000

Rows = NDArray[np.float64]
Labels = NDArray[np.int64]


class Probe(ClosedForm):
    """Logistic regression on the labelled videos; C by leaving labelled groups out."""

    head = "linear"
    takes_several = True

    def compute(self, known: Known) -> dict[str, Any]:
        """Fill the linear head."""
        if known.sets is not None:
            return presence_probe(self.primary, known)
        chosen, reason = chosen_strength(known)
        rows, labels, weights = views_as_rows(known.labeled, known.labels)
        fill_linear(self.primary, *fitted(rows, labels, weights, strength=chosen))
        return {"C": chosen, "C_because": reason}


def views_as_rows(
    views_VWD: Tensor, labels_V: Labels, weights_V: NDArray[np.float64] | None = None
) -> tuple[Rows, Labels, NDArray[np.float64]]:
    """Return each view as a row with the label of its video; all views of one share its weight.

    Args:
        views_VWD: (V, W, D).
        labels_V: (V,).
        weights_V: (V,), >= 0; None for 1.
    """
    num_views = views_VWD.shape[1]
    weights = np.ones(len(labels_V)) if weights_V is None else weights_V
    rows = views_VWD.flatten(0, 1).double().numpy()
    return rows, labels_V.repeat(num_views), (weights / num_views).repeat(num_views)


def fitted(
    rows_ND: Rows, labels_N: Labels, weights_N: NDArray[np.float64], *, strength: float
) -> tuple[Rows, NDArray[np.float64], Labels]:
    """Solve the equation of the module.

    Args:
        rows_ND: (N, D).
        labels_N: (N,), at least two different ones.
        weights_N: (N,), >= 0.
        strength: C > 0.

    Returns:
        W (K', D), b (K',) and the K' classes that have labels, in order.
    """
    used = weights_N > 0
    rotated, back = _rotated(rows_ND[used])
    W, b, classes = _solved(rotated, labels_N[used], weights_N[used], strength=strength)
    return W @ back, b, classes


def _rotated(rows_ND: Rows) -> tuple[Rows, Rows]:
    """Coordinates (N, min(N, D)) in the span of the rows, and what turns them back."""
    if rows_ND.shape[0] >= rows_ND.shape[1]:
        return rows_ND, np.eye(rows_ND.shape[1])
    U, S, V = np.linalg.svd(rows_ND, full_matrices=False)
    return U * S, V


def _solved(
    rows: Rows, labels: Labels, weights: NDArray[np.float64], *, strength: float
) -> tuple[Rows, NDArray[np.float64], Labels]:
    """As ``fitted``; scikit-learn has one row of weights for two classes, ours are two."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=_MOST_ITERATIONS, tol=1e-5)
    with _few_labels():
        model.fit(rows, labels, sample_weight=weights)
    W, b = model.coef_, model.intercept_
    if len(W) == 1:
        W, b = np.concatenate([-W, W]) / 2, np.concatenate([-b, b]) / 2
    return W, b, model.classes_


@contextmanager
def _few_labels() -> Iterator[None]:
    """Few labels of many classes are what this is for; enough iterations are enough."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%")
        warnings.filterwarnings("ignore", "lbfgs failed to converge")
        yield


def fill_linear(head: Network, W: Rows, b: NDArray[np.float64], classes: Labels) -> None:
    """Give a linear head its weights; classes without labels get an intercept of minus 30."""
    layer: Any = head.get_submodule("classifier")
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.fill_(-30.0)
        rows = torch.from_numpy(classes)
        layer.weight[rows] = torch.from_numpy(W).to(layer.weight.dtype)
        layer.bias[rows] = torch.from_numpy(b).to(layer.bias.dtype)


def chosen_strength(known: Known) -> tuple[float, str]:
    """Choose C by leaving labelled groups out.

    Args:
        known: The labelled videos.

    Returns:
        C, and how it was found, or why it could not be.
    """
    folds = group_folds(known)
    if not folds:
        _LOG.info("too few labelled groups to choose C by leaving some out: it is %g", USUAL)
        return USUAL, "too few labelled groups to leave some out"
    likelihood = np.zeros(len(GRID))
    for kept, left_out in folds:
        rows, labels, weights = views_as_rows(known.of(kept).labeled, known.labels[kept])
        rotated, back = _rotated(rows)
        tested = known.of(left_out).labeled.double().numpy() @ back.T
        for number, strength in enumerate(GRID):
            W, b, classes = _solved(rotated, labels, weights, strength=strength)
            shares_VK = softmax(tested @ W.T + b).mean(axis=1)  # over the views
            at = np.searchsorted(classes, known.labels[left_out])
            likelihood[number] += np.log(shares_VK[np.arange(len(left_out)), at]).sum()
    best = GRID[int(likelihood.argmax())]
    return best, f"highest likelihood of left-out labelled groups, {len(folds)} folds"


def group_folds(known: Known) -> list[tuple[Labels, Labels]]:
    """Deal the labelled groups out to folds, each class as evenly as groups allow.

    Args:
        known: The labelled videos.

    Returns:
        Up to ``NUM_FOLDS`` pairs: places of the videos that are kept, and of those that are left
        out and whose class is known without them. None where that cannot be.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    fewest = min(Counter(known.labels.tolist()).values())
    number = min(NUM_FOLDS, fewest, len(set(known.groups.tolist())))
    if number < 2:
        return []
    dealer = StratifiedGroupKFold(number, shuffle=True, random_state=known.seed)
    found = []
    with _few_labels():
        dealt = list(dealer.split(known.labels, known.labels, known.groups))
    for kept, left_out in dealt:
        classes = np.unique(known.labels[kept])
        tested = left_out[np.isin(known.labels[left_out], classes)]
        if len(tested) and len(classes) > 1:
            found.append((kept, tested))
    return found


def softmax(logits: Rows) -> Rows:
    """Shares of the last axis; none is quite 0."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: Rows = (shares / shares.sum(axis=-1, keepdims=True)).clip(1e-30)
    return found
