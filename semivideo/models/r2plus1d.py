"""R(2+1)D: every 3D convolution is one in space, a ReLU and one in time (Tran et al., CVPR 2018).

A t x d x d convolution from N to N' channels becomes 1 x d x d to M and t x 1 x 1 to N' channels,
with as many weights as before:

    M = floor(t d^2 N N' / (d^2 N + t N'))                                       (section 3.5)

At 16 frames of 112 x 112 (T x H x W after each part):

    conv1  1x7x7, 3x1x1     16x56x56
    res2   1x3x3, 3x1x1     16x56x56
    res3   stride 2         8x28x28
    res4   stride 2         4x14x14
    res5   stride 2         2x7x7
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

from torch import nn

from semivideo.models.blocks.residual import (
    BASE_CHANNELS,
    BLOCKS,
    ConvNorm,
    Layer,
    Normalize,
    Triple,
    residual_stage,
    stem_pools,
    stem_strides,
)
from semivideo.models.blocks.staged import BasicDepth, ResidualNetwork

STEM_MIDDLE = 45  # of VMZ and torchvision; the formula gives 83 for 3 to 64 channels


@dataclass(eq=False, repr=False, kw_only=True)
class R2Plus1D(ResidualNetwork):
    """R(2+1)D of Tran et al.: residual blocks of convolutions in space, then in time.

    ActorCutMix uses depth 34. torchvision's r2plus1d_18 differs in one place: it takes the M of
    a block's first convolution for the second one too, which is ``middle="block"``.

    Args:
        depth: 10, 18 or 34; basic blocks.
        stem_pool: Whether a max-pool follows conv1; the paper has none at 112 pixels.
        zero_init: Whether each residual block starts as its shortcut; torchvision's does not.
        middle: Where M comes from: of each "convolution" (paper, VMZ), or of the first one of each
            "block" (torchvision).
    """

    depths: ClassVar[tuple[int, ...]] = (10, 18, 34)

    depth: BasicDepth = 18
    stem_pool: bool = False
    middle: Literal["convolution", "block"] = "convolution"

    def make_stem(self, channels: int) -> nn.Module:
        """Build conv1 in two parts."""
        return factorized_stem(
            channels, stride=self.stem_stride, pool=self.stem_pool, normalize=self.normalize
        )

    def make_stages(self, channels: int) -> Sequence[nn.Module]:
        """Build res2 to res5."""
        is_shared = self.middle == "block"
        return factorized_stages(
            channels, depth=self.depth, is_shared=is_shared, normalize=self.normalize
        )


def middle_channels(in_channels: int, out_channels: int) -> int:
    """Return M for a 3x3x3 convolution, at least 1 (section 3.5)."""
    return max(1, 27 * in_channels * out_channels // (9 * in_channels + 3 * out_channels))


def factorized(channels: int, *, middle: int, stride: Triple = (1, 1, 1)) -> list[Layer]:
    """Describe a 3x3x3 convolution to ``channels`` as 1x3x3 to ``middle``, then 3x1x1."""
    time, height, width = stride
    return [
        Layer(middle, (1, 3, 3), (1, height, width)),
        Layer(channels, (3, 1, 1), (time, 1, 1)),
    ]


def factorized_stem(
    channels: int, *, stride: int, pool: bool, normalize: Normalize
) -> nn.Sequential:
    """Build conv1: 1x7x7 to 45 channels at full width, 3x1x1, each with norm and ReLU."""
    middle = max(1, round(STEM_MIDDLE * channels / BASE_CHANNELS))
    return nn.Sequential(
        ConvNorm(3, Layer(middle, (1, 7, 7), stem_strides(stride)), normalize=normalize),
        nn.ReLU(inplace=True),
        ConvNorm(middle, Layer(channels, (3, 1, 1)), normalize=normalize),
        nn.ReLU(inplace=True),
        *stem_pools(pool=pool),
    )


def factorized_stages(
    channels: int, *, depth: int, is_shared: bool, normalize: Normalize
) -> list[nn.Sequential]:
    """Build res2 to res5; time, height and width halve at the entry of res3, res4 and res5.

    Args:
        channels: Channels of the stem and of res2; they double by stage.
        depth: A key of ``BLOCKS``.
        is_shared: Whether the second convolution of a block has the first one's M.
        normalize: Makes the normalisation of that many channels.
    """
    stages = []
    in_channels = channels
    for i, num_blocks in enumerate(BLOCKS[depth]):
        out_channels, step = channels * 2**i, 1 if i == 0 else 2
        blocks = []
        for j in range(num_blocks):
            first = middle_channels(in_channels if j == 0 else out_channels, out_channels)
            second = first if is_shared else middle_channels(out_channels, out_channels)
            stride = (step, step, step) if j == 0 else (1, 1, 1)
            blocks.append(
                factorized(out_channels, middle=first, stride=stride)
                + factorized(out_channels, middle=second)
            )
        stages.append(residual_stage(in_channels, blocks, normalize=normalize))
        in_channels = out_channels
    return stages


r2plus1d18 = partial(R2Plus1D, depth=18)
r2plus1d34 = partial(R2Plus1D, depth=34)
