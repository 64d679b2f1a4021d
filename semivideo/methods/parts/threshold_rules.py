"""Which predictions become labels: the interface between a method and a rule, and a fixed rule.

A method asks ``thresholds(p, video)`` for the labels of its unlabelled clips and adds ``penalty``
to the loss of learning from them. ``adaptive_rules`` has the rules that follow the training.
Shapes: p (N, K), video (N,).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from semivideo.base.processes import gathered
from semivideo.objectives import ConfidentLabels, confident_labels


class Thresholds(nn.Module, ABC):
    """Turns predictions into labels; what it learns on the way is in its buffers."""

    def forward(self, probabilities_NK: Tensor, video_N: Tensor) -> ConfidentLabels:
        """Return the labels of N clips; in training, learn from them.

        Args:
            probabilities_NK: (N, K), rows sum to 1; the graph is cut.
            video_N: int64 (N,), the number of each clip's video.
        """
        if self.training:
            with torch.no_grad():
                self.update(gathered(probabilities_NK.detach()), gathered(video_N))
        return self.judge(probabilities_NK.detach())

    @abstractmethod
    def judge(self, probabilities_NK: Tensor) -> ConfidentLabels:
        """Return the labels of N clips by the present state, which stays as it is."""

    def update(self, probabilities_NK: Tensor, video_N: Tensor) -> None:
        """Take in the predictions on the clips of all processes, in any order."""

    def prepare(self, num_videos: int) -> None:
        """Make room for videos number 0 to ``num_videos`` - 1."""

    def penalty(self, logits_NK: Tensor, labels: ConfidentLabels) -> Tensor:
        """Return a scalar to add to the unlabelled loss, from the logits of the strong views."""
        return logits_NK.new_zeros(())


class FixedThreshold(Thresholds):
    """The same threshold for every class at any time (FixMatch, CMPL)."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def judge(self, probabilities_NK: Tensor) -> ConfidentLabels:
        """Keep max p >= threshold."""
        return confident_labels(probabilities_NK, self.threshold)
