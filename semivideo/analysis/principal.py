"""Principal components in NumPy, and places of text on a figure that do not overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semivideo.base.errors import DataError

Floats = NDArray[np.float64]


class Plane(NamedTuple):
    """Points in the plane of the first two principal components.

    Attributes:
        points: float64 (V, 2), their mean at the origin.
        explained: float64 (2,), share of the variance along each axis.
    """

    points: Floats
    explained: Floats


def principal_plane(features_VD: NDArray[np.floating]) -> Plane:
    """Project features onto their first two principal components.

    Args:
        features_VD: (V, D), V and D >= 2. The sign of an axis is such that its greatest weight is
            positive.

    Raises:
        DataError: All features are equal.
    """
    centered_VD = features_VD.astype(np.float64)
    centered_VD -= centered_VD.mean(axis=0)
    _, scale, axes_DD = np.linalg.svd(centered_VD, full_matrices=False)
    if np.allclose(features_VD, features_VD[0]):
        raise DataError("all videos have the same features; name a run whose network is trained")
    axes_2D = axes_DD[:2]
    greatest = axes_2D[np.arange(2), np.abs(axes_2D).argmax(axis=1)]
    axes_2D = axes_2D * np.sign(greatest)[:, None]
    return Plane(centered_VD @ axes_2D.T, (scale**2 / (scale**2).sum())[:2])


def kept_apart(places_K2: Floats, *, least: float, num_rounds: int = 200) -> Floats:
    """Move places as little as they need to be ``least`` apart, each pair pushing itself apart.

    Args:
        places_K2: (K, 2).
        least: Distance, > 0.
        num_rounds: After so many pushes a crowd may still be closer, >= 1.
    """
    # The small shifts part places that are equal.
    moved = places_K2 + 1e-6 * least * np.random.default_rng(0).normal(size=places_K2.shape)
    for _ in range(num_rounds):
        away = moved[:, None] - moved[None]
        distance = np.linalg.norm(away, axis=2) + np.eye(len(moved)) * least
        lacking = np.maximum(least - distance, 0)
        if not lacking.any():
            break
        moved += (away / distance[..., None] * lacking[..., None]).sum(axis=1) / 2
    return moved
