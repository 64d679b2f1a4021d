"""How accurate with more labels: a power law of the error, and what is not known of it.

    error(n) = a + (e_0 - a) * (n / n_0) ^ -c       n labels; n_0 the most that were measured

(Hestness et al., "Deep Learning Scaling is Predictable, Empirically", arXiv 1712.00409, section 3:
power laws with a constant.) Few measured points do not fix three numbers, so none is taken for
true: every (a, e_0, c) of a grid weighs as well as it explains the points,

    weight = prod_r Normal(error_r | error(n_r), variance_r),
    variance_r = error (1 - error) / videos_r + deviation ^ 2,

with a uniform prior over a in [0, e_0], e_0 in [0, 1] and c in [0, 1.5]. A forecast is the weighted
mean of error(n) over the grid, its 95 % interval the weighted percentiles, with the deviation of a
draw added: where one further set of labels would land, not where the mean of many lies. With points
of one label count alone nothing can be said, which ``fit`` refuses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semivideo.base.errors import ConfigError

Floats = NDArray[np.float64]
USUAL_DEVIATION = 0.02
"""Of accuracy over draws of labels, where no two runs of one count say it."""
_LEAST_DEVIATION = 0.005  # two draws that happen to be equal do not say that all are
_REACH = 6.0  # deviations
_NOTHING = 1e-7  # of the greatest weight
_STEPS = 41
_STEEPEST = 1.5
_NORMAL = np.array([-1.64485, -1.03643, -0.67449, -0.38532, -0.12566])
"""Ten equally probable values of a normal variable, the lower half: quantiles 5, 15, ... 45 %."""


class Point(NamedTuple):
    """One measured accuracy.

    Attributes:
        num_labels: Labels it was trained on, >= 1.
        accuracy: Share of right videos, in [0, 1].
        num_videos: Independent videos (or groups) it was measured on, >= 1.
    """

    num_labels: int
    accuracy: float
    num_videos: float


class Forecast(NamedTuple):
    """Accuracy to expect.

    Attributes:
        num_labels: With so many labels.
        accuracy: Mean.
        low: 2.5th percentile.
        high: 97.5th percentile.
    """

    num_labels: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """A fitted learning curve: many curves and their weights.

    Attributes:
        points: What it was fitted to, by number of labels.
        deviation: Standard deviation of accuracy over draws of labels.
        floor: float64 (G,), a of each curve.
        error: float64 (G,), e_0.
        power: float64 (G,), c.
        weight: float64 (G,), sums to 1.
    """

    points: tuple[Point, ...]
    deviation: float
    floor: Floats
    error: Floats
    power: Floats
    weight: Floats

    @property
    def most_labels(self) -> int:
        """Greatest number of labels that was measured: n_0."""
        return max(point.num_labels for point in self.points)

    def at(self, num_labels: int) -> Forecast:
        """Say what to expect with so many labels, >= 1."""
        errors = _errors(num_labels / self.most_labels, self.floor, self.error, self.power)
        mean = float(self.weight @ errors)
        spread = self.deviation * np.concatenate([_NORMAL, -_NORMAL])
        drawn = np.clip(errors[:, None] + spread, 0, 1).ravel()
        share = np.repeat(self.weight, len(spread)) / len(spread)
        high, low = _percentiles(drawn, share, (0.025, 0.975))
        return Forecast(num_labels, 1 - mean, 1 - low, 1 - high)


def fit(points: Sequence[Point]) -> Curve:
    """Fit a learning curve.

    Args:
        points: Measured accuracies, of at least two different numbers of labels.

    Raises:
        ConfigError: All are of one number of labels.
    """
    counts = sorted({point.num_labels for point in points})
    if len(counts) < 2:
        raise ConfigError(
            f"a curve over label counts needs two of them or more, and all of these runs have "
            f"{counts[0] if counts else 'no'} labels; name runs with fewer or more labels"
        )
    deviation = _deviation(points)
    axis = (np.arange(_STEPS) + 0.5) / _STEPS
    last = [point for point in points if point.num_labels == counts[-1]]
    axes = (axis, _around(last, deviation, axis), axis * _STEEPEST)
    share, error, power = (grid.ravel() for grid in np.meshgrid(*axes, indexing="ij"))
    floor = share * error
    log_weight = np.zeros(len(floor))
    for point in points:
        expected = _errors(point.num_labels / counts[-1], floor, error, power)
        chance = np.clip(expected, 1e-3, 1 - 1e-3)
        variance = chance * (1 - chance) / point.num_videos + deviation**2
        log_weight -= ((1 - point.accuracy) - expected) ** 2 / (2 * variance)
        log_weight -= np.log(variance) / 2
    weight = np.exp(log_weight - log_weight.max())
    counts_for_something = weight > _NOTHING
    floor, error, power, weight = (
        each[counts_for_something] for each in (floor, error, power, weight)
    )
    ordered = tuple(sorted(points))
    return Curve(ordered, deviation, floor, error, power, weight / weight.sum())


def _around(last: Sequence[Point], deviation: float, axis: Floats) -> Floats:
    """Values of e_0 that the points at n_0 do not rule out: a fine grid where the weights are."""
    error = 1 - float(np.mean([point.accuracy for point in last]))
    chance = min(max(error, 1e-3), 1 - 1e-3)
    videos = min(point.num_videos for point in last)
    reach = _REACH * float(np.sqrt(chance * (1 - chance) / videos + deviation**2))
    low, high = max(0.0, error - reach), min(1.0, error + reach)
    return low + axis * (high - low)


def _errors(ratio: float, floor: Floats, error: Floats, power: Floats) -> Floats:
    """error(n) of each curve; fewer labels cannot be wrong more often than always."""
    return np.minimum(floor + (error - floor) * ratio**-power, 1.0)


def _deviation(points: Sequence[Point]) -> float:
    """Pooled standard deviation over runs of one number of labels."""
    by_count: dict[int, list[float]] = defaultdict(list)
    for point in points:
        by_count[point.num_labels].append(point.accuracy)
    several = [np.array(values) for values in by_count.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    if not freedom:
        return USUAL_DEVIATION
    pooled = float(np.sqrt(sum(((v - v.mean()) ** 2).sum() for v in several) / freedom))
    return max(pooled, _LEAST_DEVIATION)


def _percentiles(values: Floats, weights: Floats, shares: Sequence[float]) -> list[float]:
    """Weighted percentiles."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    places = np.searchsorted(total, np.asarray(shares) * total[-1])
    return [float(values[order[min(place, len(order) - 1)]]) for place in places.tolist()]
