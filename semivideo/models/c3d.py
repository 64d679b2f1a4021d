"""C3D: eight 3x3x3 convolutions, five max-pools, two hidden layers (Tran et al., ICCV 2015).

For 16 frames at 112 x 112 (T x H x W, channels), the only size of the original:

    conv1a, pool1 (1x2x2)             16x56x56    64
    conv2a, pool2                     8x28x28    128
    conv3a, conv3b, pool3             4x14x14    256
    conv4a, conv4b, pool4             2x7x7      512
    conv5a, conv5b, pool5             1x4x4      512
    fc6                               4096            the paper's "C3D feature"
    fc7                               4096

Deviation: an adaptive average pool to 1x4x4 before fc6 lets any size in; at 16 x 112 x 112 it
changes nothing. Pools round sizes up, as Caffe does.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from semivideo.base.checked import Proportion
from semivideo.models.blocks.pooling import MaxPool
from semivideo.models.blocks.residual import (
    BASE_CHANNELS,
    ConvNorm,
    Layer,
    Normalize,
    Triple,
    normalization,
    stem_channels,
)
from semivideo.models.blocks.staged import initialize
from semivideo.models.contract import HEAD, Network

HIDDEN = 4096
POOLED: Triple = (1, 4, 4)
GROUPS = ((1,), (2,), (4, 4), (8, 8), (8, 8))  # channels of the convolutions over those of conv1a


class C3D(Network):
    """C3D of Tran et al.: plain 3x3x3 convolutions and max-pools, no shortcuts.

    Its feature is fc6's output and no mean over places, hence it has no ``stages``.

    Args:
        num_classes: K >= 1.
        width: Multiplier of all channels, 1 for 64 in conv1a and 4096 in fc6 and fc7; 64 * width
            must be whole.
        dropout: Probability of dropping a value after fc6 and after fc7, in [0, 1).
        norm: "none" (the original: each convolution has a bias), or "batch" or "group" in place of
            the bias.

    Raises:
        ConfigError: A value out of its range.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        width: float = 1.0,
        dropout: Proportion = 0.5,
        norm: Literal["none", "batch", "group"] = "none",
    ) -> None:
        channels = stem_channels(width)
        hidden = HIDDEN // BASE_CHANNELS * channels
        normalize: Normalize = Bias if norm == "none" else partial(normalization, norm=norm)
        super().__init__()
        self.num_classes = num_classes
        self.num_features = hidden
        self.convolutions = nn.Sequential(*convolution_groups(channels, normalize=normalize))
        self.pool = nn.AdaptiveAvgPool3d(POOLED)
        self.fc6 = nn.Linear(GROUPS[-1][-1] * channels * math.prod(POOLED), hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden, num_classes)
        initialize(self)
        for linear in (self.fc6, self.fc7):  # their outputs go through a ReLU, unlike the logits
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips (N, C, T, H, W) to fc6's activations (N, D)."""
        pooled: Tensor = self.pool(self.convolutions(clip_NCTHW))
        features_ND: Tensor = self.fc6(pooled.flatten(1)).relu()
        return features_ND

    def classify(self, features_ND: Tensor) -> Tensor:
        """Map features (N, D) to logits (N, K) through fc7, with dropout before and after it."""
        hidden_ND: Tensor = self.fc7(self.dropout(features_ND)).relu()
        logits_NK: Tensor = self.classifier(self.dropout(hidden_ND))
        return logits_NK

    def part_of(self, name: str) -> str:
        """Name the part of a weight: conv1 to conv5, fc6, head (fc7 and the classifier)."""
        first, _, rest = name.partition(".")
        if first == "convolutions":
            return f"conv{int(rest.partition('.')[0]) + 1}"
        return first if first == "fc6" else HEAD


class Bias(nn.Module):
    """One number added to each channel, 0 at first; stands where other networks normalise.

    Args:
        channels: C >= 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to the same shape."""
        return x + self.bias.to(x.dtype)[:, None, None, None]


def convolution_groups(channels: int, *, normalize: Normalize) -> list[nn.Sequential]:
    """Build the five groups of 3x3x3 convolutions with their pools.

    Args:
        channels: Channels of conv1a.
        normalize: Makes what follows each convolution.
    """
    groups = []
    in_channels = 3
    for i, factors in enumerate(GROUPS):
        parts: list[nn.Module] = []
        for factor in factors:
            layer = Layer(factor * channels, (3, 3, 3))
            parts += [ConvNorm(in_channels, layer, normalize=normalize), nn.ReLU(inplace=True)]
            in_channels = layer.channels
        window = (1 if i == 0 else 2, 2, 2)
        parts.append(MaxPool(window, stride=window, ceil_mode=True))
        groups.append(nn.Sequential(*parts))
    return groups
