"""Which videos to label next: a stated mixture of four reasons, drawn one after the other.

For each candidate, with probabilities p (of the deployed network) and q (of a second one):

    unsure      1 - (p_1 - p_2), the margin of the two most probable classes; or entropy / log K
    disagree    sum_k |p_k - q_k| / 2, the total variation distance; only where there is a q
    typical     1 / mean distance to the NEIGHBORS nearest videos in feature space
    new         distance to the nearest video that is labelled or already suggested

Each becomes a rank in [0, 1], so that none of them needs a scale; the mixture is their weighted
mean. The candidate with the greatest mixture is taken, "new" is measured again, and so on. Among
candidates of several groups none is asked a second time before every other was asked once: two
clips of one recording teach little more than one.

"Typical" is that of TypiClust (Hacohen, Dekel, Weinshall, "Active Learning on a Budget", ICML 2022,
Eq. 1), "new" that of core-sets (Sener and Savarese, ICLR 2018, greedy k-centre), "disagree" that of
query by committee (Seung, Opper, Sompolinsky, COLT 1992). Shape letters: N candidates, K classes,
D features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Doubt = Literal["margin", "entropy"]
NEIGHBORS = 20
"""Videos that say how typical one is; as in the paper."""
_BLOCK = 1024


@dataclass(frozen=True)
class Weights:
    """How much each reason counts, >= 0; not all 0.

    Attributes:
        unsure: The network is unsure.
        disagree: Two networks disagree.
        typical: Many videos are like it.
        new: No labelled video is like it.
    """

    unsure: float = 1.0
    disagree: float = 1.0
    typical: float = 1.0
    new: float = 1.0


class Candidates(NamedTuple):
    """What is known of N videos without label.

    Attributes:
        probabilities: float (N, K), of the deployed network.
        features: float (N, D).
        groups: Of each; None for one that belongs to nobody.
        others: float (N, K), of a second network; None without one.
    """

    probabilities: NDArray[np.floating]
    features: NDArray[np.floating]
    groups: Sequence[str | None]
    others: NDArray[np.floating] | None = None


class Chosen(NamedTuple):
    """A video to label, with the ranks in [0, 1] that spoke for it when it was taken.

    Attributes:
        place: Among the candidates.
        mixture: Weighted mean of the others.
        unsure: See the module.
        disagree: NaN without a second network.
        typical: See the module.
        new: See the module.
    """

    place: int
    mixture: float
    unsure: float
    disagree: float
    typical: float
    new: float


def margin_doubt(probabilities_NK: NDArray[np.floating]) -> Floats:
    """One minus the margin of the two most probable classes: float64 (N,) in [0, 1]."""
    best = np.sort(probabilities_NK.astype(np.float64), axis=1)[:, -2:]
    return np.asarray(1 - (best[:, 1] - best[:, 0]))


def entropy_doubt(probabilities_NK: NDArray[np.floating]) -> Floats:
    """Entropy as a share of that of all classes alike: float64 (N,) in [0, 1]."""
    p = np.clip(probabilities_NK.astype(np.float64), 1e-12, 1)
    return np.asarray(-(p * np.log(p)).sum(axis=1) / np.log(p.shape[1]))


def disagreement(one_NK: NDArray[np.floating], other_NK: NDArray[np.floating]) -> Floats:
    """Total variation distance of two networks' probabilities: float64 (N,) in [0, 1]."""
    return np.asarray(np.abs(one_NK.astype(np.float64) - other_NK).sum(axis=1) / 2)


def typicality(features_ND: NDArray[np.floating], *, neighbors: int = NEIGHBORS) -> Floats:
    """One over the mean distance to the nearest other videos: float64 (N,).

    Args:
        features_ND: float (N, D).
        neighbors: How many, >= 1; all others where there are fewer.
    """
    num = len(features_ND)
    count = min(neighbors, num - 1)
    if count < 1:
        return np.ones(num)
    found = np.empty(num)
    for start in range(0, num, _BLOCK):
        apart = distances(features_ND[start : start + _BLOCK], features_ND)
        rows = np.arange(len(apart))
        apart[rows, start + rows] = np.inf
        nearest = np.partition(apart, count - 1, axis=1)[:, :count]
        found[start : start + _BLOCK] = 1 / np.maximum(nearest.mean(axis=1), 1e-12)
    return found


def distances(one_ND: NDArray[np.floating], other_MD: NDArray[np.floating]) -> Floats:
    """Euclidean distances of all pairs: float64 (N, M)."""
    one, other = one_ND.astype(np.float64), other_MD.astype(np.float64)
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def ranks(values_N: NDArray[np.floating]) -> Floats:
    """Ranks from 0 for the least to 1 for the greatest; equal values share their mean rank.

    >>> ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [0.75, 0.0, 0.75]
    """
    if len(values_N) < 2:
        return np.ones(len(values_N))
    _, place, count = np.unique(values_N, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean_rank = last - (count + 1) / 2
    return np.asarray(mean_rank[place] / (len(values_N) - 1))


def choose(
    candidates: Candidates,
    labeled_MD: NDArray[np.floating],
    *,
    count: int,
    doubt: Doubt = "margin",
    weights: Weights | None = None,
) -> list[Chosen]:
    """Choose videos to label, the most helpful first.

    Args:
        candidates: Videos without label.
        labeled_MD: float (M, D), features of the labelled videos; M may be 0.
        count: How many, >= 1; all of them where there are fewer.
        doubt: What "unsure" means.
        weights: Of the reasons; None for all alike.
    """
    weights = weights or Weights()
    measure = margin_doubt if doubt == "margin" else entropy_doubt
    features = candidates.features.astype(np.float64)
    num = len(features)
    fixed = {
        "unsure": ranks(measure(candidates.probabilities)),
        "typical": ranks(typicality(features)),
        "disagree": np.full(num, np.nan),
    }
    if candidates.others is not None:
        fixed["disagree"] = ranks(disagreement(candidates.probabilities, candidates.others))
    nearest = _nearest(features, labeled_MD)
    asked: Counter[str] = Counter()
    is_left = np.ones(num, dtype=bool)
    found: list[Chosen] = []
    while len(found) < min(count, num):
        parts = fixed | {"new": ranks(nearest)}
        mixture = _mean(parts, weights)
        free = _least_asked(candidates.groups, asked, is_left)
        place = int(free[mixture[free].argmax()])
        own = {name: float(values[place]) for name, values in parts.items()}
        found.append(Chosen(place, float(mixture[place]), **own))
        is_left[place] = False
        if (group := candidates.groups[place]) is not None:
            asked[group] += 1
        nearest = np.minimum(nearest, distances(features, features[place : place + 1])[:, 0])
    return found


def _nearest(features_ND: Floats, labeled_MD: NDArray[np.floating]) -> Floats:
    """Distance to the nearest labelled video; alike for all where there is none."""
    if not len(labeled_MD):
        return np.full(len(features_ND), np.inf)
    return np.concatenate(
        [
            distances(features_ND[start : start + _BLOCK], labeled_MD).min(axis=1)
            for start in range(0, len(features_ND), _BLOCK)
        ]
    )


def _mean(parts: dict[str, Floats], weights: Weights) -> Floats:
    """Weighted mean of the ranks that there are."""
    there = {name: values for name, values in parts.items() if not np.isnan(values).any()}
    total = sum(getattr(weights, name) for name in there)
    summed = sum(getattr(weights, name) * values for name, values in there.items())
    return np.asarray(summed / total if total else np.zeros(len(parts["new"])))


def _least_asked(
    groups: Sequence[str | None], asked: Counter[str], is_left: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Places of what is left, of the groups that were asked least; a video of nobody is a group."""
    left = np.flatnonzero(is_left)
    times = np.array([0 if groups[n] is None else asked[str(groups[n])] for n in left.tolist()])
    return np.asarray(left[times == times.min()])
