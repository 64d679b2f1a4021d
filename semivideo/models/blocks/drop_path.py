"""Stochastic depth: in training a residual block is now and then its shortcut (Huang et al. 2016).

Whole clips are dropped, not frames or places. Without a rate nothing is computed and nothing drawn.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Draws which clips go without a residual branch; it has no weights.

    Attributes:
        rate: Probability of leaving the branch out, in [0, 1); 0 never does.
    """

    rate = 0.0

    def factors(self, like: Tensor, *, num_clips: int | None = None) -> Tensor | None:
        """Return what the branch is multiplied by: 0, or 1 / (1 - rate), so that its mean stays.

        Args:
            like: (N, ...), the branch or its input.
            num_clips: Clips that the N rows belong to, in equal runs; None for one row each.

        Returns:
            (N, 1, ...), or None where the branch stays as it is: in testing and at rate 0.
        """
        if not (self.training and self.rate):
            return None
        num_rows = len(like)
        clips = torch.empty(num_clips or num_rows, device=like.device, dtype=like.dtype)
        drawn = clips.bernoulli_(1 - self.rate).div_(1 - self.rate)
        rows = drawn.repeat_interleave(num_rows // len(clips), output_size=num_rows)
        return rows.view(-1, *(1 for _ in like.shape[1:]))


class DropLayer:
    """A forward hook that drops a whole layer of another library, both of its branches at once.

    Args:
        drop_path: Draws; registered in the network, so that it is trained and tested with it.
    """

    def __init__(self, drop_path: DropPath) -> None:
        self._drop_path = drop_path

    def __call__(self, layer: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        """Return ``x + factor * (layer(x) - x)``; None leaves the output as it is."""
        x: Tensor = args[0] if args else kwargs["hidden_states"]
        factors = self._drop_path.factors(x)
        if factors is None:
            return None
        if isinstance(output, tuple):
            return (x + factors * (output[0] - x), *output[1:])
        return x + factors * (output - x)


def set_drop_path(drop_paths: list[DropPath], rate: float) -> None:
    """Let rates rise evenly from 0 in the first block to ``rate`` in the last one.

    Args:
        drop_paths: In the order of the blocks, at least one.
        rate: In [0, 1).
    """
    last = max(1, len(drop_paths) - 1)
    for number, drop_path in enumerate(drop_paths):
        drop_path.rate = rate * (number / last if len(drop_paths) > 1 else 1)
