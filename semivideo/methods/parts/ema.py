"""A running average of a network: deployed in its place, or its teacher."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from semivideo.models.contract import Network


class WeightAverage(nn.Module):
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

    def __init__(self, network: Network, *, decay: float) -> None:
        super().__init__()
        self.network: Network = copy.deepcopy(network).eval().requires_grad_(False)
        self.num_updates = 0
        self._decay = decay
        self._followed = (network,)  # in a tuple, so that it does not become a part of this module

    def forward(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips to the averaged network's logits (N, K)."""
        logits_NK: Tensor = self.network(clip_NCTHW)
        return logits_NK

    def train(self, mode: bool = True) -> WeightAverage:
        """Stay in evaluation mode: the average predicts as it will be deployed."""
        return super().train(False)

    @torch.no_grad()
    def update(self, *, copies: bool = False) -> None:
        """Move the average towards the network's present state; call it after each step.

        Args:
            copies: Take that state over as it is, as if the average was made only now; t stays 0.
        """
        self.num_updates = 0 if copies else self.num_updates + 1
        decay = min(self._decay, (1 + self.num_updates) / (10 + self.num_updates))
        decay = 0.0 if copies else decay
        floats, targets = [], []
        for mine, theirs in zip(
            self._tensors(self.network), self._tensors(*self._followed), strict=True
        ):
            if mine.is_floating_point():
                floats.append(mine)
                targets.append(theirs)
            else:
                mine.copy_(theirs)  # counters, such as num_batches_tracked
        torch._foreach_lerp_(floats, targets, 1.0 - decay)

    def get_extra_state(self) -> Tensor:
        """Return t, as part of the state dict; on the CPU, so that no step waits for it."""
        return torch.tensor(self.num_updates)

    def set_extra_state(self, state: Tensor) -> None:
        """Take over t."""
        self.num_updates = int(state)

    @staticmethod
    def _tensors(network: nn.Module) -> list[Tensor]:
        """Parameters, then buffers."""
        return [*network.parameters(), *network.buffers()]
