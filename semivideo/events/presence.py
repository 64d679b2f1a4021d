"""Figures where several classes may be there at once: each class is a question of its own.

    average precision   sum over ranks of (R_n - R_(n-1)) P_n, videos in order of their scores
    F1                  2 TP / (2 TP + FP + FN) at a threshold of the class

Shape letters: V videos, K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]
Present = NDArray[np.bool_]
Shares = NDArray[np.float64]


def average_precisions(scores_VK: Scores, present_VK: Present) -> Shares:
    """Average precision of each class: float64 (K,), NaN for one that is in no video.

    Args:
        scores_VK: (V, K); equal scores count as one rank.
        present_VK: bool (V, K).
    """
    found = np.full(scores_VK.shape[1], np.nan)
    for number, (scores, present) in enumerate(zip(scores_VK.T, present_VK.T, strict=True)):
        if present.any():
            order = np.argsort(-scores, kind="stable")
            right = np.cumsum(present[order])
            last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # of equal scores
            recall = right[last] / right[-1]
            found[number] = np.sum(np.diff(recall, prepend=0) * right[last] / (last + 1))
    return found


def f1_scores(scores_VK: Scores, present_VK: Present, thresholds_K: Shares) -> Shares:
    """F1 of each class where it is said to be there from its threshold on: float64 (K,).

    NaN for a class that is in no video.
    """
    said = scores_VK >= thresholds_K
    right = np.sum(said & present_VK, axis=0)
    both = said.sum(axis=0) + present_VK.sum(axis=0)
    found: Shares = np.full(scores_VK.shape[1], np.nan)
    np.divide(2.0 * right, both, out=found, where=present_VK.any(axis=0))
    return found


def best_thresholds(scores_VK: Scores, present_VK: Present) -> Shares:
    """Threshold of each class with the highest F1; 0.5 for one that is in no video.

    Of equally good ones the one that lies in the middle between two scores and nearest to 0.5.
    Take scores of videos that the network did not learn from.
    """
    thresholds = np.full(scores_VK.shape[1], 0.5)
    for number, (scores, present) in enumerate(zip(scores_VK.T, present_VK.T, strict=True)):
        if not present.any():
            continue
        levels = np.unique(scores.astype(np.float64))
        between = np.concatenate([[levels[0] / 2], (levels[1:] + levels[:-1]) / 2])
        f1 = np.array([_f1(scores >= t, present) for t in between])
        best = between[f1 >= f1.max() - 1e-12]
        thresholds[number] = best[np.abs(best - 0.5).argmin()]
    return thresholds


def _f1(said: NDArray[np.bool_], present: NDArray[np.bool_]) -> float:
    return float(2 * np.sum(said & present) / (said.sum() + present.sum()))


def one_of_them(scores_VK: Scores, present_VK: Present) -> NDArray[np.int64]:
    """A class of each video to stand for all: the best scored one of those that are there.

    So the share of right videos is that of videos whose best scored class is there. Of a video in
    which no class is, the worst scored one, which is never right.
    """
    if scores_VK.shape[1] == 0:
        return np.zeros(len(scores_VK), dtype=np.int64)
    best = np.where(present_VK, scores_VK, -np.inf).argmax(axis=1)
    chosen: NDArray[np.int64] = np.where(present_VK.any(axis=1), best, scores_VK.argmin(axis=1))
    return chosen.astype(np.int64)
