"""Heads: small networks on features of a pretrained one, a clip of shape (D, T, 1, 1).

    linear          mean over T, dropout, one layer
    mlp             mean over T, a hidden layer with ReLU, dropout, one layer
    attentive       a learned question asks the T steps, softmax over them, one layer
    temporal_conv   a convolution over T (3 steps), ReLU, mean over T, dropout, one layer

A step of D numbers is of any kind: of an image network a frame, of a video network a piece of the
clip, or one descriptor of the whole clip (T = 1), see ``features.descriptor``. Steps are first
standardised by mean and deviation over training clips and made of unit length: what a probe on
frozen features wants, and one learning rate then suits any encoder. Where a step has parts, the
numbers of several encoders, each part is made of unit length and then all together, so that cosines
are the mean of those of the parts, however many numbers each has.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from semivideo.base.checked import Proportion
from semivideo.models.contract import BODY, HEAD, Network

Size = Annotated[int, Field(ge=1)]
Dim = Size | tuple[Size, ...]
"""Numbers a step; of several parts those of each."""


def total(dim: Dim) -> int:
    """Numbers a step, of all parts together."""
    return dim if isinstance(dim, int) else sum(dim)


class Standardize(nn.Module):
    """Subtract the mean, divide by the deviation, make steps of unit length: state, no parameters.

    Args:
        dim: D, numbers a step; of several parts, which count alike, those of each.

    Attributes:
        is_done: Whether clips come standardised by this mean and deviation already, as cached views
            do after their first use; a network that is loaded does it itself.
    """

    is_done = False

    def __init__(self, dim: Dim) -> None:
        super().__init__()
        self.parts = [dim] if isinstance(dim, int) else list(dim)
        self.register_buffer("mean", torch.zeros(total(dim)))
        self.register_buffer("std", torch.ones(total(dim)))
        self.mean: Tensor
        self.std: Tensor

    def fit(self, steps_ND: Tensor) -> None:
        """Take mean and deviation of steps of training clips (N, D); a constant number stays 0."""
        rows = steps_ND.double()
        self.mean = rows.mean(dim=0).float()
        deviation = rows.std(dim=0, correction=0).float()
        self.std = torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation))

    def forward(self, clip_NDTHW: Tensor) -> Tensor:
        """Map (N, D, T, 1, 1) to (N, D, T), every step of length 1, its parts of equal length."""
        steps_NDT = clip_NDTHW.flatten(2)
        if self.is_done:
            return steps_NDT
        scaled_NDT = (steps_NDT - self.mean[:, None]) / self.std[:, None]
        if len(self.parts) > 1:
            parts = [normalize(part, dim=1) for part in torch.split(scaled_NDT, self.parts, dim=1)]
            scaled_NDT = torch.cat(parts, dim=1)
        return normalize(scaled_NDT, dim=1)


class Head(Network):
    """What heads share: standardised steps, and a linear classifier at the end.

    Args:
        num_classes: K >= 1.
        dim: D, numbers a step, of several parts those of each.
        num_features: Numbers that the classifier sees.
        dropout: Probability of dropping one of them, in [0, 1).

    Attributes:
        standardize: Its mean and deviation are of the training clips once they are known.
    """

    def __init__(self, num_classes: int, *, dim: Dim, num_features: int, dropout: float) -> None:
        super().__init__()
        self.num_classes, self.num_features = num_classes, num_features
        self.standardize = Standardize(dim)
        self.drop = nn.Dropout(dropout)
        self.classifier = nn.Linear(num_features, num_classes)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def steps(self, clip_NDTHW: Tensor) -> Tensor:
        """Map (N, D, T, 1, 1) to standardised steps (N, D, T)."""
        standardized: Tensor = self.standardize(clip_NDTHW)
        return standardized

    def classify(self, features_ND: Tensor) -> Tensor:
        """Map features (N, D) to logits (N, K), after dropout."""
        x_DN = self.drop(features_ND).t()
        # As the layer itself; for few classes on a CPU this way round takes half of the time.
        return torch.addmm(self.classifier.bias[:, None], self.classifier.weight, x_DN).t()

    def part_of(self, name: str) -> str:
        """Name the part of a weight: body is what makes the features, head the classifier."""
        return HEAD if name.startswith("classifier.") else BODY


class LinearHead(Head):
    """A linear classifier on the mean over steps.

    Args:
        num_classes: K >= 1.
        dim: D, numbers a step, of several parts those of each.
        dropout: Probability of dropping a feature, in [0, 1).
    """

    def __init__(self, num_classes: int, *, dim: Dim, dropout: Proportion = 0.0) -> None:
        super().__init__(num_classes, dim=dim, num_features=total(dim), dropout=dropout)

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map (N, D, T, 1, 1) to the mean over T, (N, D)."""
        return _pooled(self.steps(clip_NCTHW))


class MLPHead(Head):
    """A hidden layer on the mean over steps.

    Args:
        num_classes: K >= 1.
        dim: D, numbers a step, of several parts those of each.
        hidden: Size of the hidden layer, >= 1.
        dropout: Probability of dropping a hidden feature, in [0, 1).
    """

    def __init__(
        self, num_classes: int, *, dim: Dim, hidden: int = 256, dropout: Proportion = 0.5
    ) -> None:
        super().__init__(num_classes, dim=dim, num_features=hidden, dropout=dropout)
        self.hidden = nn.Linear(total(dim), hidden)

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map (N, D, T, 1, 1) to (N, hidden)."""
        hidden_NH: Tensor = self.hidden(_pooled(self.steps(clip_NCTHW)))
        return hidden_NH.relu()

    def stages(self, clip_NCTHW: Tensor) -> list[Tensor]:
        """Map (N, D, T, 1, 1) to the one block there is, (N, hidden, 1, 1, 1)."""
        return [self.features(clip_NCTHW)[:, :, None, None, None]]


def _pooled(steps_NDT: Tensor) -> Tensor:
    """(N, D): the mean over steps; a descriptor of the whole clip is its own, without a copy."""
    return steps_NDT[:, :, 0] if steps_NDT.shape[2] == 1 else steps_NDT.mean(dim=2)


class AttentiveHead(Head):
    """Attentive pooling: one learned question weighs the steps.

    Args:
        num_classes: K >= 1.
        dim: D, numbers a step, of several parts those of each.
        dropout: Probability of dropping a feature, in [0, 1).
    """

    def __init__(self, num_classes: int, *, dim: Dim, dropout: Proportion = 0.0) -> None:
        super().__init__(num_classes, dim=dim, num_features=total(dim), dropout=dropout)
        self.question = nn.Parameter(torch.zeros(total(dim)))

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map (N, D, T, 1, 1) to the weighted mean over T, (N, D)."""
        steps_NDT = self.steps(clip_NCTHW)
        scores_NT = torch.einsum("ndt,d->nt", steps_NDT, self.question)
        weights_NT = (scores_NT / math.sqrt(steps_NDT.shape[1])).softmax(dim=1)
        return torch.einsum("ndt,nt->nd", steps_NDT, weights_NT)


class TemporalConvHead(Head):
    """A convolution over three neighbouring steps, then the mean over steps.

    Args:
        num_classes: K >= 1.
        dim: D, numbers a step, of several parts those of each.
        hidden: Channels of the convolution, >= 1.
        dropout: Probability of dropping a hidden feature, in [0, 1).
    """

    def __init__(
        self, num_classes: int, *, dim: Dim, hidden: int = 256, dropout: Proportion = 0.5
    ) -> None:
        super().__init__(num_classes, dim=dim, num_features=hidden, dropout=dropout)
        self.conv = nn.Conv1d(total(dim), hidden, 3, padding=1)

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map (N, D, T, 1, 1) to (N, hidden)."""
        (block,) = self.stages(clip_NCTHW)
        return block.mean(dim=(2, 3, 4))

    def stages(self, clip_NCTHW: Tensor) -> list[Tensor]:
        """Map (N, D, T, 1, 1) to the one block there is, (N, hidden, T, 1, 1)."""
        hidden_NHT: Tensor = self.conv(self.steps(clip_NCTHW))
        return [hidden_NHT.relu()[:, :, :, None, None]]
