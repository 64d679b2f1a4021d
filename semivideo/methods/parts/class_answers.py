"""What a network's logits answer: which one of the classes it is, or which of them are there.

    one       p = softmax(z),  H = -w_y log p_y
    several   p_k = sigmoid(z_k),  H = binary cross-entropy, mean over the classes

Pages write ``answer.shares(z)`` and ``answer.loss(z, y)``; which of the two it is is a setting of
the data, not of the method. w is 1, or follows the frequency of the classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from semivideo.methods.parts.threshold_rules import Thresholds
from semivideo.objectives import ConfidentLabels, masked_cross_entropy
from semivideo.objectives.multi_label import (
    binary_cross_entropy,
    confident_presence,
    masked_binary_cross_entropy,
)

_MOST = 100.0  # of a weight: a class with one label does not rule the training


class Answer(nn.Module, ABC):
    """How logits become probabilities and losses."""

    @abstractmethod
    def shares(self, logits_NK: Tensor) -> Tensor:
        """Map logits (N, K) to probabilities (N, K)."""

    @abstractmethod
    def loss(self, logits_NK: Tensor, label: Tensor) -> Tensor:
        """Return the mean loss of N labelled clips, a scalar.

        Args:
            logits_NK: (N, K).
            label: As in ``records.LabeledClips``.
        """

    @abstractmethod
    def learned(
        self, logits_NK: Tensor, target: ConfidentLabels, *, soft_labels_NK: Tensor | None = None
    ) -> Tensor:
        """Return the loss of learning pseudo-labels, a scalar; see ``masked_cross_entropy``."""


class OneClass(Answer):
    """Each clip is of one class.

    Args:
        weights_K: float (K,), > 0, how much a label of each class counts; None for 1.
    """

    weights: Tensor | None

    def __init__(self, weights_K: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("weights", weights_K, persistent=False)

    def shares(self, logits_NK: Tensor) -> Tensor:
        """Softmax."""
        return logits_NK.softmax(dim=1)

    def loss(self, logits_NK: Tensor, label: Tensor) -> Tensor:
        """Cross-entropy; weights do not change the number that the sum is divided by."""
        if self.weights is None:
            return cross_entropy(logits_NK, label)
        return cross_entropy(logits_NK, label, weight=self.weights, reduction="none").mean()

    def learned(
        self, logits_NK: Tensor, target: ConfidentLabels, *, soft_labels_NK: Tensor | None = None
    ) -> Tensor:
        """Masked cross-entropy."""
        return masked_cross_entropy(logits_NK, target, soft_labels_NK=soft_labels_NK)


class SeveralClasses(Answer):
    """Each clip shows any number of classes; a label is the number of a set of them.

    Args:
        sets_SK: bool (S, K), the classes of each set.
        positive_weights_K: float (K,), > 0, how much it counts that a class is there; None for 1.
    """

    sets: Tensor
    positive_weights: Tensor | None

    def __init__(self, sets_SK: Tensor, positive_weights_K: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("sets", sets_SK.float(), persistent=False)
        self.register_buffer("positive_weights", positive_weights_K, persistent=False)

    def shares(self, logits_NK: Tensor) -> Tensor:
        """Sigmoid."""
        return logits_NK.sigmoid()

    def loss(self, logits_NK: Tensor, label: Tensor) -> Tensor:
        """Binary cross-entropy."""
        present_NK = self.sets[label]
        return binary_cross_entropy(
            logits_NK.float(), present_NK, positive_weight_K=self.positive_weights
        )

    def learned(
        self, logits_NK: Tensor, target: ConfidentLabels, *, soft_labels_NK: Tensor | None = None
    ) -> Tensor:
        """Masked binary cross-entropy."""
        return masked_binary_cross_entropy(logits_NK, target)


class PresenceThreshold(Thresholds):
    """The same threshold for every class, there or not there, at any time."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def judge(self, probabilities_NK: Tensor) -> ConfidentLabels:
        """Keep max(p, 1 - p) >= threshold."""
        return confident_presence(probabilities_NK, self.threshold)


def weights_by_frequency(counts_K: Tensor) -> Tensor:
    """Return w_k = N / (K n_k) over the K classes that have labels, 1 for the others; at most 100.

    Over the labelled clips the mean weight is 1.

    Args:
        counts_K: n, labels of each class.

    >>> weights_by_frequency(torch.tensor([30, 10])).tolist()
    [0.6666666865348816, 2.0]
    """
    counts = counts_K.float()
    there = counts > 0
    weights = counts.sum() / (there.sum() * counts.clamp(min=1))
    return torch.where(there, weights, torch.ones_like(weights)).clamp(max=_MOST)


def positive_weights_by_frequency(counts_K: Tensor, num_labels: int) -> Tensor:
    """Return w_k = (N - n_k) / n_k: there and not there count alike; within 1/100 and 100.

    Args:
        counts_K: n, labelled clips that show each class.
        num_labels: N, labelled clips.
    """
    counts = counts_K.float()
    return ((num_labels - counts) / counts.clamp(min=1)).clamp(1 / _MOST, _MOST)
