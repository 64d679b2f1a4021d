"""3D ResNets: CMPL's (Table A4), LTG's R3D, and SlowFast's slow pathway.

All three share stem, four stages, average pool, dropout and classifier and differ in where they
look along time, here for 8 frames at 224 x 224 (T x H x W after each part):

              ResNet3D (CMPL)       SlowResNet              R3D (LTG)
    conv1     5x7x7     8x112x112   1x7x7      8x112x112    3x7x7           8x112x112
    pool      1x3x3     8x56x56     1x3x3      8x56x56      1x3x3           8x56x56
    res2      3 frames  8x56x56     1 frame    8x56x56      3 and 3 frames  8x56x56, pool 4x56x56
    res3      3 frames  8x28x28     1 frame    8x28x28      stride 2        2x28x28
    res4      3 frames  8x14x14     3 frames   8x14x14      stride 2        1x14x14
    res5      3 frames  8x7x7       3 frames   8x7x7        stride 2        1x7x7

Depth 10, 18 and 34 have basic blocks, 50 bottlenecks (3x1x1, 1x3x3, 1x1x1). CMPL's paper describes
the bottleneck only; basic blocks follow SlowFast: 3x3x3, then 1x3x3. Where it is silent on initial
weights (He, zero-initialised residual branches, classifier deviation 0.01), so do those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from pydantic import PositiveFloat
from torch import nn

from semivideo.models.blocks.pooling import MaxPool
from semivideo.models.blocks.residual import Stages, residual_stages
from semivideo.models.blocks.staged import BasicDepth, Depth, ResidualNetwork


@dataclass(eq=False, repr=False, kw_only=True)
class FullRateNetwork(ResidualNetwork):
    """A 3D ResNet that keeps the length of time.

    Args:
        temporal_stem: Kernel size of conv1 in frames, odd.

    Attributes:
        frames: How many frames the first convolution of a block looks at, in res2 to res5.
    """

    frames: ClassVar[Stages]

    depth: Depth = 50
    zero_init: bool = True
    temporal_stem: int

    def make_stem(self, channels: int) -> nn.Module:
        """Build conv1 and its pool."""
        return self.conv1(channels, frames=self.temporal_stem)

    def make_stages(self, channels: int) -> Sequence[nn.Module]:
        """Build res2 to res5."""
        return residual_stages(
            channels, depth=self.depth, frames=self.frames, normalize=self.normalize
        )


@dataclass(eq=False, repr=False, kw_only=True)
class ResNet3D(FullRateNetwork):
    """3D ResNet of CMPL: every block looks at 3 frames, time keeps its length (Table A4)."""

    frames: ClassVar[Stages] = (3, 3, 3, 3)

    temporal_stem: int = 5


@dataclass(eq=False, repr=False, kw_only=True)
class SlowResNet(FullRateNetwork):
    """Slow pathway of SlowFast: only res4 and res5 look along time, 3 frames each.

    CMPL's Table 3 counts multiplications that fit this network as the primary (see the tests).
    """

    frames: ClassVar[Stages] = (1, 1, 3, 3)

    temporal_stem: int = 1


@dataclass(eq=False, repr=False, kw_only=True)
class R3D(ResidualNetwork):
    """R3D of LTG: 3x3x3 convolutions throughout, time shrinks with the stages.

    LTG's paper does not mention it, but its published code halves time once more, by a max-pool
    after res2 (its res1); that is the default here, and the pool belongs to the stage's output.

    Args:
        depth: 10, 18 or 34; basic blocks.
        zero_init: Whether each residual block starts as its shortcut; LTG's code says no.
        temporal_pool: Whether the max-pool over pairs of frames after res2 is there.
        eps: What normalisations add to the variance; 1e-3 as in LTG's code, torchvision's is 1e-5.
    """

    depths: ClassVar[tuple[int, ...]] = (10, 18, 34)

    depth: BasicDepth = 18
    temporal_pool: bool = True
    eps: PositiveFloat = 1e-3  # type: ignore[misc] # an option of this family alone

    def make_stem(self, channels: int) -> nn.Module:
        """Build conv1 and its pool."""
        return self.conv1(channels, frames=3)

    def make_stages(self, channels: int) -> Sequence[nn.Module]:
        """Build res2 to res5."""
        stages = residual_stages(
            channels,
            depth=self.depth,
            frames=(3, 3, 3, 3),
            second_frames=3,
            time_strides=(1, 2, 2, 2),
            normalize=self.normalize,
        )
        if self.temporal_pool:
            # ceil_mode lets a clip of one frame pass; an even number of frames is the same.
            stages[0].append(MaxPool((2, 1, 1), stride=(2, 1, 1), ceil_mode=True))
        return stages


resnet3d10 = partial(ResNet3D, depth=10)
resnet3d18 = partial(ResNet3D, depth=18)
resnet3d34 = partial(ResNet3D, depth=34)
resnet3d50 = partial(ResNet3D, depth=50)
slow_r10 = partial(SlowResNet, depth=10)
slow_r18 = partial(SlowResNet, depth=18)
slow_r34 = partial(SlowResNet, depth=34)
slow_r50 = partial(SlowResNet, depth=50)
r3d10 = partial(R3D, depth=10)
r3d18 = partial(R3D, depth=18)
r3d34 = partial(R3D, depth=34)
