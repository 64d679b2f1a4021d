"""Parts that residual video networks are built of: normalisation, stem, residual block, stages.

A block is a chain of ``Layer`` descriptions, so that a family of networks is a table of kernels
and strides, (time, height, width) throughout. Padding keeps the size at stride 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from semivideo.base.errors import ConfigError
from semivideo.models.blocks.drop_path import DropPath
from semivideo.models.blocks.factorized import convolved_by_planes
from semivideo.models.blocks.first_layer import convolved_first, suits
from semivideo.models.blocks.pooling import MaxPool
from semivideo.models.blocks.recomputed import recomputed

Norm = Literal["batch", "group"]
Triple = tuple[int, int, int]
Stages = tuple[int, int, int, int]
Normalize = Callable[[int], nn.Module]

BASE_CHANNELS = 64
GROUP_CHANNELS = 16
BLOCKS: dict[int, Stages] = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
}
BOTTLENECK_DEPTHS = {50}
BOTTLENECK_EXPANSION = 4


class Layer(NamedTuple):
    """One convolution of a block: output channels, kernel and stride as (time, height, width)."""

    channels: int
    kernel: Triple
    stride: Triple = (1, 1, 1)


class ConvNorm(nn.Module):
    """A convolution without bias and the normalisation after it.

    Args:
        in_channels: Channels of the input.
        layer: What the convolution looks like.
        normalize: Makes the normalisation of that many channels.

    Attributes:
        is_factorized: Whether it is computed as a 2D convolution where that gives the same.
    """

    def __init__(self, in_channels: int, layer: Layer, *, normalize: Normalize) -> None:
        super().__init__()
        self.is_factorized = False
        time, height, width = layer.kernel
        self.conv = nn.Conv3d(
            in_channels,
            layer.channels,
            kernel_size=layer.kernel,
            stride=layer.stride,
            padding=(time // 2, height // 2, width // 2),
            bias=False,
        )
        self.norm = normalize(layer.channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to (N, C', T', H', W')."""
        normalized: Tensor = self.norm(convolved(self.conv, x, factorized=self.is_factorized))
        return normalized


def convolved(conv: nn.Conv3d, x: Tensor, *, factorized: bool = False) -> Tensor:
    """Return ``conv(x)``; on a CPU in fp32 where the clip is smaller than the kernel.

    There, torch 2.13's bf16 kernels give wrong weight gradients (often not finite) or crash: seen
    with 2 to 4 frames under a kernel of 5, 2 under 3, and 1x1 pixel under 3x3. fp32 is right.
    """
    is_smaller = any(size < k for size, k in zip(x.shape[2:], conv.kernel_size, strict=True))
    if x.device.type == "cpu" and is_smaller and torch.is_autocast_enabled("cpu"):
        with torch.autocast("cpu", enabled=False):
            y: Tensor = conv(x.float())
            return y
    if suits(conv, x):
        return convolved_first(conv, x)
    y = convolved_by_planes(conv, x) if factorized else conv(x)
    return y


class Residual(nn.Module):
    """A residual block, relu(shortcut(x) + branch(x)).

    The shortcut is a strided 1x1x1 convolution where shape changes and the identity elsewhere.

    Args:
        in_channels: Channels of the input.
        layers: Convolutions of the branch; a ReLU stands between them, none after the last.
        normalize: Makes the normalisation of that many channels.

    Attributes:
        is_recomputed: Whether its inner tensors are made again in the backward pass, not kept.
    """

    def __init__(self, in_channels: int, layers: Sequence[Layer], *, normalize: Normalize) -> None:
        super().__init__()
        self.is_recomputed = False
        strides = zip(*(layer.stride for layer in layers), strict=True)
        time, height, width = (max(sizes) for sizes in strides)  # an axis is strided once at most
        stride = (time, height, width)
        out_channels = layers[-1].channels
        inputs = [in_channels, *(layer.channels for layer in layers[:-1])]
        self.branch = nn.Sequential()
        for channels, layer in zip(inputs, layers, strict=True):
            if len(self.branch) > 0:
                self.branch.append(nn.ReLU(inplace=True))
            self.branch.append(ConvNorm(channels, layer, normalize=normalize))
        self.shortcut: nn.Module = nn.Identity()
        if stride != (1, 1, 1) or in_channels != out_channels:
            projection = Layer(out_channels, (1, 1, 1), stride)
            self.shortcut = ConvNorm(in_channels, projection, normalize=normalize)
        self.relu = nn.ReLU(inplace=True)
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to (N, C', T', H', W')."""
        # Drawn before, so that what is computed twice drops the same clips.
        computed = partial(self._computed, factors=self.drop_path.factors(x))
        if self.is_recomputed and torch.is_grad_enabled():
            return recomputed(self, computed, x)
        return computed(x)

    def _computed(self, x: Tensor, *, factors: Tensor | None) -> Tensor:
        """The sum of both ways."""
        branch = self.branch(x)
        if factors is not None:
            branch = branch * factors.to(branch.dtype)
        out: Tensor = self.relu(self.shortcut(x) + branch)
        return out


def normalization(channels: int, *, norm: Norm, eps: float = 1e-5) -> nn.BatchNorm3d | nn.GroupNorm:
    """Return the normalisation of ``channels`` channels.

    Args:
        channels: C >= 1.
        norm: "batch": statistics of the batch in training, running ones in testing. "group": each
            clip by itself in groups of 16 channels (Wu and He 2018), so that a clip's logits do
            not depend on its neighbours; smaller groups where 16 does not divide C.
        eps: Added to the variance.

    Raises:
        ConfigError: Another ``norm``.
    """
    if norm == "batch":
        return nn.BatchNorm3d(channels, eps=eps)
    if norm == "group":
        return nn.GroupNorm(channels // math.gcd(channels, GROUP_CHANNELS), channels, eps=eps)
    raise ConfigError(f"norm must be 'batch' or 'group', got {norm!r}")


def stem(
    channels: int, *, frames: int, stride: int, pool: bool, normalize: Normalize
) -> nn.Sequential:
    """Build conv1 (frames x 7 x 7), its ReLU and the 1x3x3 max-pool of stride 2.

    Args:
        channels: Channels of the output.
        frames: Kernel size in time, odd.
        stride: Spatial stride of the convolution, >= 1.
        pool: Whether the max-pool is there.
        normalize: Makes the normalisation of that many channels.

    Raises:
        ConfigError: An even or non-positive kernel, or a stride below 1.
    """
    if frames < 1 or frames % 2 == 0:
        raise ConfigError(f"temporal_stem must be odd and positive, got {frames}; write 1, 3 or 5")
    kernel = (frames, 7, 7)
    conv1 = ConvNorm(3, Layer(channels, kernel, stem_strides(stride)), normalize=normalize)
    return nn.Sequential(conv1, nn.ReLU(inplace=True), *stem_pools(pool=pool))


def stem_strides(stride: int) -> Triple:
    """Return the strides of conv1.

    Raises:
        ConfigError: A spatial stride below 1.
    """
    if stride < 1:
        raise ConfigError(f"stem_stride must be at least 1, got {stride}; the papers use 2")
    return (1, stride, stride)


def stem_pools(*, pool: bool) -> list[nn.Module]:
    """Return the 1x3x3 max-pool of stride 2 if it is wanted."""
    return [MaxPool((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))] if pool else []


def residual_stages(
    channels: int,
    *,
    depth: int,
    frames: Stages,
    second_frames: int = 1,
    time_strides: Stages = (1, 1, 1, 1),
    normalize: Normalize,
) -> list[nn.Sequential]:
    """Build res2 to res5; height and width halve at the entry of res3, res4 and res5.

    Args:
        channels: Channels of the stem and of res2's inner convolutions; they double by stage.
        depth: A key of ``BLOCKS``.
        frames: Kernel size in time of the first convolution of the blocks, by stage.
        second_frames: Kernel size in time of the second convolution of a basic block.
        time_strides: Temporal stride at the entry of each stage.
        normalize: Makes the normalisation of that many channels.
    """
    stages = []
    in_channels = channels
    for i, num_blocks in enumerate(BLOCKS[depth]):
        inner, side = channels * 2**i, 1 if i == 0 else 2
        if depth in BOTTLENECK_DEPTHS:
            describe = partial(bottleneck, inner, frames=frames[i])
        else:
            describe = partial(basic, inner, frames=(frames[i], second_frames))
        blocks = [
            describe(stride=(time_strides[i], side, side) if j == 0 else (1, 1, 1))
            for j in range(num_blocks)
        ]
        stages.append(residual_stage(in_channels, blocks, normalize=normalize))
        in_channels = blocks[-1][-1].channels
    return stages


def residual_stage(
    in_channels: int, blocks: Sequence[Sequence[Layer]], *, normalize: Normalize
) -> nn.Sequential:
    """Chain residual blocks.

    Args:
        in_channels: Channels of the input.
        blocks: The layers of each block.
        normalize: Makes the normalisation of that many channels.
    """
    inputs = [in_channels, *(layers[-1].channels for layers in blocks[:-1])]
    return nn.Sequential(
        *(
            Residual(channels, layers, normalize=normalize)
            for channels, layers in zip(inputs, blocks, strict=True)
        )
    )


def basic(channels: int, *, frames: tuple[int, int], stride: Triple) -> list[Layer]:
    """Describe a basic block: two convolutions of 3x3 in space, the first one strided."""
    first, second = frames
    return [Layer(channels, (first, 3, 3), stride), Layer(channels, (second, 3, 3))]


def bottleneck(channels: int, *, frames: int, stride: Triple) -> list[Layer]:
    """Describe a bottleneck: frames x1x1, 1x3x3, 1x1x1.

    The paper does not say which convolution is strided; like SlowFast it is the 1x3x3 here, since
    a strided 1x1 throws three quarters of its input away.
    """
    return [
        Layer(channels, (frames, 1, 1)),
        Layer(channels, (1, 3, 3), stride),
        Layer(BOTTLENECK_EXPANSION * channels, (1, 1, 1)),
    ]


def num_features(channels: int, *, depth: int) -> int:
    """Return the channels of res5 for a network whose stem has ``channels``."""
    return channels * 2**3 * (BOTTLENECK_EXPANSION if depth in BOTTLENECK_DEPTHS else 1)


def stem_channels(width: float) -> int:
    """Return 64 * width.

    Raises:
        ConfigError: The product is not a positive whole number.
    """
    channels = BASE_CHANNELS * width
    if channels < 1 or not float(channels).is_integer():
        nearest_width = max(1, round(channels)) / BASE_CHANNELS
        raise ConfigError(
            f"width must be a positive multiple of 1/{BASE_CHANNELS}, got {width:g}; "
            f"the nearest is {nearest_width:g}"
        )
    return int(channels)
