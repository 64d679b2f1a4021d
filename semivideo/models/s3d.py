"""S3D and S3D-G: Inception with convolutions in space, then in time (Xie et al., ECCV 2018).

S3D-G multiplies each channel with a gate that sees the whole clip,

    y = sigmoid(W mean_THW(x) + b) * x,

after the last convolution of the stem and of every branch of an Inception block, as in the authors'
published code. For 64 frames at 224 x 224 (T x H x W, channels):

    stem   7x7x7 of stride 2, pool            32x56x56     64
    res2   1x1x1, 3x3x3                       32x56x56    192
    res3   pool, Inception 3b and 3c          32x28x28    480
    res4   pool, Inception 4b to 4f           16x14x14    832
    res5   pool, Inception 5b and 5c           8x7x7     1024

every k x k x k convolution being 1 x k x k and k x 1 x 1, each with normalisation and ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

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
    stem_pools,
    stem_strides,
)
from semivideo.models.blocks.staged import StagedNetwork

MULTIPLE = 4  # channels are rounded up to a multiple of it; at width 1 all of them are one


class Mixed(NamedTuple):
    """Output channels of an Inception block's convolutions, in the order papers print them.

    Branches: 1x1x1 | 1x1x1, 3x3x3 | 1x1x1, 3x3x3 | max-pool, 1x1x1.
    """

    single: int
    wide_1: int
    wide_3: int
    thin_1: int
    thin_3: int
    pooled: int

    @property
    def out_channels(self) -> int:
        """Channels of the four branches together."""
        return self.single + self.wide_3 + self.thin_3 + self.pooled


STEM, RES2_POINT, RES2 = 64, 64, 192
RES3 = (Mixed(64, 96, 128, 16, 32, 32), Mixed(128, 128, 192, 32, 96, 64))
RES4 = (
    Mixed(192, 96, 208, 16, 48, 64),
    Mixed(160, 112, 224, 24, 64, 64),
    Mixed(128, 128, 256, 24, 64, 64),
    Mixed(112, 144, 288, 32, 64, 64),
    Mixed(256, 160, 320, 32, 128, 128),
)
RES5 = (Mixed(256, 160, 320, 32, 128, 128), Mixed(384, 192, 384, 48, 128, 128))


@dataclass(eq=False, repr=False, kw_only=True)
class S3D(StagedNetwork):
    """S3D of Xie et al.: Inception, convolutions in space, then in time; S3D-G gates its features.

    Args:
        width: Multiplier of all channels, 1 for 64 in the stem; 64 * width must be whole, and
            products are rounded up to a multiple of 4.
        gating: Whether features are gated (S3D-G).
    """

    eps: ClassVar[float] = 1e-3  # of the authors' code

    dropout: Proportion = 0.2
    gating: bool = True

    def make_stem(self, channels: int) -> nn.Module:
        """Build a 7x7x7 convolution in two parts, and its pool."""
        _, height, width = stem_strides(self.stem_stride)
        out = scaled(STEM, base=channels)
        conv1 = separable(3, out, side=7, stride=(2, height, width), normalize=self.normalize)
        return nn.Sequential(*conv1, *stem_pools(pool=self.stem_pool))

    def make_stages(self, channels: int) -> Sequence[nn.Module]:
        """Build res2 to res5."""
        return inception_stages(channels, is_gated=self.gating, normalize=self.normalize)

    def count_features(self, channels: int) -> int:
        """Return the channels of the last block."""
        return scaled_mixed(RES5[-1], base=channels).out_channels


class Gate(nn.Module):
    """Scale channels by what the whole clip shows: sigmoid(W mean_THW(x) + b) * x.

    Args:
        channels: C >= 1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to the same shape."""
        gate_NC: Tensor = self.linear(x.mean(dim=(2, 3, 4))).sigmoid()
        return gate_NC[:, :, None, None, None] * x


class Inception(nn.Module):
    """Four branches side by side; time, height and width stay.

    Args:
        in_channels: Channels of the input.
        mixed: Channels of the branches.
        is_gated: Whether each branch ends in a gate.
        normalize: Makes the normalisation of that many channels.
    """

    def __init__(
        self, in_channels: int, mixed: Mixed, *, is_gated: bool, normalize: Normalize
    ) -> None:
        super().__init__()
        point = partial(pointwise, in_channels, normalize=normalize)
        cube = partial(separable, side=3, normalize=normalize)
        pool = MaxPool(3, stride=1, padding=1)
        self.branches = nn.ModuleList(
            nn.Sequential(*parts, *gates(channels, is_gated=is_gated))
            for channels, parts in (
                (mixed.single, point(mixed.single)),
                (mixed.wide_3, [*point(mixed.wide_1), *cube(mixed.wide_1, mixed.wide_3)]),
                (mixed.thin_3, [*point(mixed.thin_1), *cube(mixed.thin_1, mixed.thin_3)]),
                (mixed.pooled, [pool, *point(mixed.pooled)]),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to (N, C', T, H, W)."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def inception_stages(base: int, *, is_gated: bool, normalize: Normalize) -> list[nn.Sequential]:
    """Build res2 to res5; res3, res4 and res5 begin with the pool that halves their input.

    Args:
        base: Channels of the stem before rounding, 64 at width 1.
        is_gated: Whether features are gated.
        normalize: Makes the normalisation of that many channels.
    """
    point, out = scaled(RES2_POINT, base=base), scaled(RES2, base=base)
    res2 = nn.Sequential(
        *pointwise(scaled(STEM, base=base), point, normalize=normalize),
        *separable(point, out, side=3, normalize=normalize),
        *gates(out, is_gated=is_gated),
    )
    pools = (
        MaxPool((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        MaxPool(3, stride=2, padding=1),
        MaxPool(2, stride=2, ceil_mode=True),  # rounds up, so that one frame passes
    )
    stages = [res2]
    for pool, row in zip(pools, (RES3, RES4, RES5), strict=True):
        stage = nn.Sequential(pool)
        for mixed in row:
            sizes = scaled_mixed(mixed, base=base)
            stage.append(Inception(out, sizes, is_gated=is_gated, normalize=normalize))
            out = sizes.out_channels
        stages.append(stage)
    return stages


def separable(
    in_channels: int,
    channels: int,
    *,
    side: int,
    stride: Triple = (1, 1, 1),
    normalize: Normalize,
) -> list[nn.Module]:
    """Build a side^3 convolution as one in space and one in time, each with norm and ReLU."""
    time, height, width = stride
    return [
        ConvNorm(
            in_channels, Layer(channels, (1, side, side), (1, height, width)), normalize=normalize
        ),
        nn.ReLU(inplace=True),
        ConvNorm(channels, Layer(channels, (side, 1, 1), (time, 1, 1)), normalize=normalize),
        nn.ReLU(inplace=True),
    ]


def pointwise(in_channels: int, channels: int, *, normalize: Normalize) -> list[nn.Module]:
    """Build a 1x1x1 convolution with norm and ReLU."""
    layer = Layer(channels, (1, 1, 1))
    return [ConvNorm(in_channels, layer, normalize=normalize), nn.ReLU(inplace=True)]


def gates(channels: int, *, is_gated: bool) -> list[nn.Module]:
    """Return the gate of that many channels if it is wanted."""
    return [Gate(channels)] if is_gated else []


def scaled(channels: int, *, base: int) -> int:
    """Return ``channels * base / 64``, rounded up to a multiple of 4."""
    return MULTIPLE * math.ceil(channels * base / (BASE_CHANNELS * MULTIPLE))


def scaled_mixed(mixed: Mixed, *, base: int) -> Mixed:
    """Return an Inception block's channels at another width."""
    return Mixed(*(scaled(channels, base=base) for channels in mixed))


s3d = partial(S3D, gating=False)
s3dg = partial(S3D, gating=True)
