"""A probe where several classes may be there at once: one logistic regression a class.

    min over w, b  1/2 |w|^2 + C sum_i log(1 + exp(-y_i (w x_i + b))),  y_i = 1 or -1

C and the threshold of each class come from labelled groups that are left out: C by their
likelihood, the threshold by F1 of their probabilities. Views are rows as in ``regression``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from semivideo.events.presence import best_thresholds
from semivideo.features.closed_form import Known
from semivideo.models.contract import Network

GRID = tuple(10.0**power for power in range(-3, 4))
USUAL = 100.0
NUM_FOLDS = 5
_SURE = 30.0  # the logit of a class that is in all labelled videos or in none
_MOST_ITERATIONS = 1000
Rows = NDArray[np.float64]


def presence_probe(head: Network, known: Known) -> dict[str, Any]:
    """Fill a linear head, and choose C and thresholds on held-out groups.

    Args:
        head: Takes standardised descriptors.
        known: The labelled videos; ``sets`` says what labels stand for.

    Returns:
        C, where it came from, and the threshold of each class.
    """
    assert known.sets is not None
    present_VK = known.sets[known.labels]
    views_VWD = known.labeled.double().numpy()
    folds = list(_folds(known))
    if folds:
        shares = {C: _left_out(views_VWD, present_VK, folds, strength=C) for C in GRID}
        likelihood = {C: _likelihood(p, present_VK, folds) for C, p in shares.items()}
        chosen = max(GRID, key=likelihood.__getitem__)
        tested = np.concatenate([out for _, out in folds])
        thresholds = _thresholds(shares[chosen][tested], present_VK[tested])
        because = f"highest likelihood of left-out labelled groups, {len(folds)} folds"
    else:
        chosen, because = USUAL, "too few labelled groups to leave some out"
        thresholds = [0.5] * present_VK.shape[1]
    W, b = _fitted(views_VWD, present_VK, strength=chosen)
    layer: Any = head.get_submodule("classifier")
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(W))
        layer.bias.copy_(torch.from_numpy(b))
    return {"C": chosen, "C_because": because, "thresholds": thresholds}


def _folds(known: Known) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Places of the videos that are kept and of those of the groups that are left out."""
    from sklearn.model_selection import GroupKFold

    number = min(NUM_FOLDS, len(set(known.groups.tolist())))
    if number >= 2:
        yield from GroupKFold(number).split(known.labels, groups=known.groups)


def _fitted(
    views_VWD: Rows, present_VK: NDArray[np.bool_], *, strength: float
) -> tuple[Rows, Rows]:
    """W (K, D) and b (K,)."""
    from sklearn.linear_model import LogisticRegression

    num_views = views_VWD.shape[1]
    rows = views_VWD.reshape(-1, views_VWD.shape[-1])
    W, b = np.zeros((present_VK.shape[1], rows.shape[1])), np.zeros(present_VK.shape[1])
    for number, present in enumerate(present_VK.T):
        if present.all() or not present.any():
            b[number] = _SURE if present.all() else -_SURE
            continue
        model = LogisticRegression(C=strength / num_views, max_iter=_MOST_ITERATIONS, tol=1e-4)
        model.fit(rows, present.repeat(num_views))
        W[number], b[number] = model.coef_[0], model.intercept_[0]
    return W, b


def _left_out(
    views_VWD: Rows,
    present_VK: NDArray[np.bool_],
    folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    *,
    strength: float,
) -> Rows:
    """Probabilities (V, K) of each video by those of other groups, mean over its views."""
    shares = np.full(present_VK.shape, 0.5)
    for kept, left_out in folds:
        W, b = _fitted(views_VWD[kept], present_VK[kept], strength=strength)
        logits = views_VWD[left_out] @ W.T + b
        shares[left_out] = (1 / (1 + np.exp(-logits))).mean(axis=1)
    return shares


def _likelihood(
    shares_VK: Rows,
    present_VK: NDArray[np.bool_],
    folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> float:
    """Sum of logarithms of the probabilities of what is so, of left-out videos."""
    tested = np.concatenate([out for _, out in folds])
    right = np.where(present_VK[tested], shares_VK[tested], 1 - shares_VK[tested])
    return float(np.log(right.clip(1e-6)).sum())


def _thresholds(shares_VK: Rows, present_VK: NDArray[np.bool_]) -> list[float]:
    """As ``best_thresholds``, with four digits and within what a rare class can bear."""
    found = best_thresholds(shares_VK, present_VK)
    return [round(float(each), 4) for each in found.clip(0.05, 0.95)]
