"""From features of the steps of a clip to what a head sees: a descriptor.

    mean      (T, D) -> mean over T                                                        (1, D)
    motion    -> mean, mean absolute difference of neighbours, later half minus earlier    (1, 3 D)
    steps     -> as it is                                                                  (T, D)

``models.heads`` standardise it before anything else.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Descriptor = Literal["mean", "motion", "steps"]


def described(features_NTD: Tensor, kind: Descriptor) -> Tensor:
    """Describe clips.

    Args:
        features_NTD: (N, T, D).
        kind: As in the module.

    Returns:
        (N, T', D').
    """
    if kind == "steps":
        return features_NTD
    mean = features_NTD.mean(dim=1)
    if kind == "mean":
        return mean[:, None]
    T = features_NTD.shape[1]
    if T == 1:
        rest = torch.zeros_like(mean)
        return torch.cat([mean, rest, rest], dim=1)[:, None]
    change = features_NTD.diff(dim=1).abs().mean(dim=1)
    trend = features_NTD[:, T // 2 :].mean(dim=1) - features_NTD[:, : T // 2].mean(dim=1)
    return torch.cat([mean, change, trend], dim=1)[:, None]


def described_dim(dim: int, kind: Descriptor) -> int:
    """Numbers a step of the descriptor."""
    return 3 * dim if kind == "motion" else dim
