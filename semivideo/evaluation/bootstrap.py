"""How sure a figure, or a difference between two methods, is: a bootstrap over test videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from semivideo.base.errors import ConfigError
from semivideo.evaluation.metrics import Evaluation


class Interval(NamedTuple):
    """A figure with its 95 % interval, all shares in [-1, 1].

    Attributes:
        value: The figure itself.
        low: 2.5th percentile over resampled sets of videos.
        high: 97.5th percentile.
    """

    value: float
    low: float
    high: float


def accuracy_interval(runs: Sequence[Evaluation], *, num_samples: int = 2000) -> Interval:
    """Return top-1 accuracy, mean over seeds, with its interval over the test videos.

    Args:
        runs: One evaluation a seed, all of the same videos, at least one.
        num_samples: Sets of videos drawn, >= 1.
    """
    return _bootstrapped(np.mean([_is_right(run) for run in runs], axis=0), num_samples)


def paired_difference(
    ours: Sequence[Evaluation], theirs: Sequence[Evaluation], *, num_samples: int = 2000
) -> Interval:
    """Return the difference of top-1 accuracy, mean over seeds, on the same videos.

    Test videos are drawn with replacement, the same ones for both methods and all seeds, so that
    hard and easy videos cancel. It says how far other videos of this kind could change the figure;
    how far other labels could, the deviation over seeds says.

    Args:
        ours: One evaluation a seed.
        theirs: As many of the other method, on the same videos.
        num_samples: Sets of videos drawn, >= 1.

    Raises:
        ConfigError: Other numbers of seeds, or other test videos.
    """
    if len(ours) != len(theirs) or not ours:
        raise ConfigError(
            f"a paired difference needs as many evaluations of both methods, got {len(ours)} and "
            f"{len(theirs)}; evaluate both on the same seeds"
        )
    right = []
    for a, b in zip(ours, theirs, strict=True):
        if a.ids != b.ids:
            other = sorted(set(a.ids) ^ set(b.ids))
            raise ConfigError(
                f"the evaluations are of different test videos, {len(other)} are in one only"
                f"{', such as ' + other[0] if other else ''}; evaluate both on one split"
            )
        right.append(_is_right(a).astype(float) - _is_right(b))
    return _bootstrapped(np.mean(right, axis=0), num_samples)


def _bootstrapped(value_V: np.ndarray, num_samples: int) -> Interval:
    """The mean of a figure over videos, and of videos drawn with replacement."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(value_V), size=(num_samples, len(value_V)))
    low, high = np.percentile(value_V[drawn].mean(axis=1), [2.5, 97.5])
    return Interval(float(value_V.mean()), float(low), float(high))


def _is_right(evaluation: Evaluation) -> np.ndarray:
    """Bool (V,): whether the best scored class is the true one."""
    return np.asarray(evaluation.scores.argmax(axis=1) == evaluation.labels)
