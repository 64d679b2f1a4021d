"""Whether a network is right as often as its confidence says: bins of confidence, and the error.

A network is calibrated where the share of right videos in a bin is the mean confidence there. The
expected calibration error is the mean distance of the two, each bin weighing as its videos (Guo et
al., "On Calibration of Modern Neural Networks", ICML 2017, Eq. 3):

    ECE = sum_b n_b / n * |accuracy_b - confidence_b|,   bin b of M is ((b - 1) / M, b / M]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 15
Floats = NDArray[np.float64]


class Bins(NamedTuple):
    """What lies in each of M bins of equal width, float64 (M,); the means of an empty bin are NaN.

    Attributes:
        num_videos: How many videos.
        confidence: Their mean confidence.
        accuracy: Share of right ones.
    """

    num_videos: Floats
    confidence: Floats
    accuracy: Floats

    @property
    def error(self) -> float:
        """Expected calibration error, in [0, 1]."""
        is_full = self.num_videos > 0
        gaps = np.abs(self.accuracy - self.confidence)[is_full]
        return float(np.average(gaps, weights=self.num_videos[is_full]))


def calibration(
    confidence_V: NDArray[np.floating], is_right_V: NDArray[np.bool_], *, num_bins: int = NUM_BINS
) -> Bins:
    """Put videos into bins by their confidence.

    Args:
        confidence_V: (V,), the greatest probability of each video, V >= 1.
        is_right_V: bool (V,), whether its class is the true one.
        num_bins: M >= 1.
    """
    places = np.ceil(confidence_V.astype(np.float64) * num_bins).astype(np.int64) - 1
    places = np.clip(places, 0, num_bins - 1)  # rounding may leave 1.0000001
    num, sure, right = (
        np.bincount(places, weights=weights, minlength=num_bins).astype(np.float64)
        for weights in (None, confidence_V, is_right_V)
    )
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN of an empty bin
        return Bins(num, sure / num, right / num)
