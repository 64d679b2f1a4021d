"""Pooling in the precision of its input."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MaxPool(nn.MaxPool3d):
    """A max-pool in the precision of its input, in which a maximum is exact.

    On a CPU autocast would turn all of it into fp32, and with it what follows up to the next
    convolution; on a GPU it does not.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to (N, C, T', H', W')."""
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                y: Tensor = super().forward(x)
                return y
        y = super().forward(x)
        return y
