"""Weights kept in fewer bits; what is computed with them stays in single precision.

    half    16-bit floating point
    int8    q = round(w / s), s = max |w| / 127 for each output of a layer

Vectors (biases, normalisation) and small matrices stay as they are: they are few, and errors in
them cost most. So a file shrinks to a half or a quarter, and the time per clip does not change.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

Precision = Literal["single", "half", "int8"]
_FEWEST = 1024  # numbers of a weight that is worth it


class Half(nn.Module):
    """Keeps a weight in half precision."""

    def right_inverse(self, weight: Tensor) -> tuple[Tensor]:
        """Return what is kept of a weight of any shape."""
        return (weight.half(),)

    def forward(self, kept: Tensor) -> Tensor:
        """Return the weight, float32, of the same shape."""
        return kept.float()


class Int8(nn.Module):
    """Keeps a weight as whole numbers in [-127, 127] and a scale for each output."""

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is kept of a weight (outputs, ...): int8 of its shape, and scales."""
        largest = weight.abs().amax(dim=tuple(range(1, weight.ndim)), keepdim=True)
        scale = (largest / 127).clamp_min(torch.finfo(torch.float32).tiny)
        return (weight / scale).round().to(torch.int8), scale

    def forward(self, kept: Tensor, scale: Tensor) -> Tensor:
        """Return the weight, float32."""
        return kept.float() * scale


def compressed(network: nn.Module, precision: Precision) -> nn.Module:
    """Keep the large weights of a network in fewer bits.

    Args:
        network: Changed in place; it cannot learn any more.
        precision: Of the weights; "single" changes nothing.

    Returns:
        The network.
    """
    if precision == "single":
        return network
    for module in list(network.modules()):
        for name, weight in list(module.named_parameters(recurse=False)):
            if weight.ndim >= 2 and weight.numel() >= _FEWEST:
                weight.requires_grad = False
                kept = Half() if precision == "half" else Int8()
                parametrize.register_parametrization(module, name, kept, unsafe=True)
    return network
