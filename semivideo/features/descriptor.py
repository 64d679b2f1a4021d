"""From features of the steps of a clip to what a head sees: a descriptor, standardised.

    mean      (T, D) -> mean over T                                                        (1, D)
    motion    -> mean, mean absolute difference of neighbours, later half minus earlier    (1, 3 D)
    steps     -> as it is                                                                  (T, D)

Standardised by mean and deviation over the training clips, then of unit length: what a probe on
frozen features wants, and a head too, whose learning rate then suits any encoder.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["mean", "motion", "steps"]


def described(features_NTD: Tensor, kind: Kind) -> Tensor:
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


def described_dim(dim: int, kind: Kind) -> int:
    """Numbers a step of the descriptor."""
    return 3 * dim if kind == "motion" else dim


class Standardize(nn.Module):
    """Subtract the mean, divide by the deviation, make it of unit length: state, not parameters.

    Args:
        dim: D', numbers a step.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))
        self.mean: Tensor
        self.std: Tensor

    def fit(self, described_NTD: Tensor) -> Standardize:
        """Take mean and deviation of training clips (N, T', D'); a constant number stays 0."""
        rows = described_NTD.flatten(0, 1).double()
        self.mean = rows.mean(dim=0).float()
        deviation = rows.std(dim=0, correction=0).float()
        self.std = torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation))
        return self

    def forward(self, described_NTD: Tensor) -> Tensor:
        """Map (N, T', D') to the same shape, every step of length 1."""
        return nn.functional.normalize((described_NTD - self.mean) / self.std, dim=2)
