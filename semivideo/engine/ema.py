"""A running average of the deployed network, which may be deployed in its place."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of a network's parameters and batch statistics.

    After t updates the decay is min(decay, (1 + t) / (10 + t)), as TensorFlow's average has it: a
    short training is not dominated by its random initial weights.

    Args:
        network: What is followed.
        decay: In [0, 1); 0 copies the network.

    Attributes:
        network: The average, a network of its own in evaluation mode, without gradients.
        num_updates: t.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.num_updates = 0
        self._decay = decay
        self._followed = network

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the network's present state; call it after each step."""
        self.num_updates += 1
        decay = min(self._decay, (1 + self.num_updates) / (10 + self.num_updates))
        floats, targets = [], []
        for mine, theirs in zip(
            self._tensors(self.network), self._tensors(self._followed), strict=True
        ):
            if mine.is_floating_point():
                floats.append(mine)
                targets.append(theirs)
            else:
                mine.copy_(theirs)  # counters, such as num_batches_tracked
        torch._foreach_lerp_(floats, targets, 1.0 - decay)

    def state_dict(self) -> dict[str, Any]:
        """Return the average and t."""
        return {"network": self.network.state_dict(), "num_updates": self.num_updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        self.network.load_state_dict(state["network"])
        self.num_updates = state["num_updates"]

    @staticmethod
    def _tensors(network: nn.Module) -> list[Tensor]:
        """Parameters, then buffers."""
        return [*network.parameters(), *network.buffers()]
