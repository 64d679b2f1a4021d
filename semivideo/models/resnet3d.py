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

from functools import partial
from typing import Literal

from semivideo.base.checked import Share
from semivideo.base.errors import ConfigError
from semivideo.models.blocks.pooling import MaxPool
from semivideo.models.blocks.residual import (
    Norm,
    normalization,
    num_features,
    residual_stages,
    stem,
    stem_channels,
)
from semivideo.models.blocks.staged import StagedNetwork

Depth = Literal[10, 18, 34, 50]
BasicDepth = Literal[10, 18, 34]


class ResNet3D(StagedNetwork):
    """3D ResNet of CMPL: every block looks at 3 frames, time keeps its length (Table A4).

    Args:
        num_classes: K >= 1.
        depth: 10, 18 or 34 (basic blocks) or 50 (bottlenecks).
        width: Multiplier of all channels, 1 for 64 in the stem; 64 * width must be whole.
        dropout: Probability of dropping a feature before the classifier, in [0, 1).
        norm: "batch" or "group" (no statistics across clips).
        stem_stride: Spatial stride of conv1, >= 1; 1 for frames well below 112 pixels.
        stem_pool: Whether the max-pool after conv1 is there.
        temporal_stem: Kernel size of conv1 in frames, odd.
        zero_init: Whether each residual block starts as its shortcut.

    Raises:
        ConfigError: A value out of its range.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        depth: Depth = 50,
        width: float = 1.0,
        dropout: Share = 0.5,
        norm: Norm = "batch",
        stem_stride: int = 2,
        stem_pool: bool = True,
        temporal_stem: int = 5,
        zero_init: bool = True,
    ) -> None:
        check_depth(depth, (10, 18, 34, 50))
        channels = stem_channels(width)
        norms = partial(normalization, norm=norm)
        super().__init__(
            num_classes,
            stem=stem(
                channels, frames=temporal_stem, stride=stem_stride, pool=stem_pool, normalize=norms
            ),
            stages=residual_stages(channels, depth=depth, frames=(3, 3, 3, 3), normalize=norms),
            num_features=num_features(channels, depth=depth),
            dropout=dropout,
            zero_init=zero_init,
        )


class SlowResNet(StagedNetwork):
    """Slow pathway of SlowFast: only res4 and res5 look along time, 3 frames each.

    CMPL's Table 3 counts multiplications that fit this network as the primary (see the tests).

    Args:
        num_classes: K >= 1.
        depth: 10, 18 or 34 (basic blocks) or 50 (bottlenecks).
        width: Multiplier of all channels, 1 for 64 in the stem; 64 * width must be whole.
        dropout: Probability of dropping a feature before the classifier, in [0, 1).
        norm: "batch" or "group" (no statistics across clips).
        stem_stride: Spatial stride of conv1, >= 1; 1 for frames well below 112 pixels.
        stem_pool: Whether the max-pool after conv1 is there.
        temporal_stem: Kernel size of conv1 in frames, odd; SlowFast's slow pathway has 1.
        zero_init: Whether each residual block starts as its shortcut.

    Raises:
        ConfigError: A value out of its range.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        depth: Depth = 50,
        width: float = 1.0,
        dropout: Share = 0.5,
        norm: Norm = "batch",
        stem_stride: int = 2,
        stem_pool: bool = True,
        temporal_stem: int = 1,
        zero_init: bool = True,
    ) -> None:
        check_depth(depth, (10, 18, 34, 50))
        channels = stem_channels(width)
        norms = partial(normalization, norm=norm)
        super().__init__(
            num_classes,
            stem=stem(
                channels, frames=temporal_stem, stride=stem_stride, pool=stem_pool, normalize=norms
            ),
            stages=residual_stages(channels, depth=depth, frames=(1, 1, 3, 3), normalize=norms),
            num_features=num_features(channels, depth=depth),
            dropout=dropout,
            zero_init=zero_init,
        )


class R3D(StagedNetwork):
    """R3D of LTG: 3x3x3 convolutions throughout, time shrinks with the stages.

    LTG's paper does not mention it, but its published code halves time once more, by a max-pool
    after res2 (its res1); that is the default here, and the pool belongs to the stage's output.

    Args:
        num_classes: K >= 1.
        depth: 10, 18 or 34; basic blocks.
        width: Multiplier of all channels, 1 for 64 in the stem; 64 * width must be whole.
        dropout: Probability of dropping a feature before the classifier, in [0, 1).
        norm: "batch" or "group" (no statistics across clips); eps is 1e-3 as in LTG's code.
        stem_stride: Spatial stride of conv1, >= 1; 1 for frames well below 112 pixels.
        stem_pool: Whether the max-pool after conv1 is there.
        temporal_pool: Whether the max-pool over pairs of frames after res2 is there.
        zero_init: Whether each residual block starts as its shortcut; LTG's code says no.

    Raises:
        ConfigError: A value out of its range.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        depth: BasicDepth = 18,
        width: float = 1.0,
        dropout: Share = 0.5,
        norm: Norm = "batch",
        stem_stride: int = 2,
        stem_pool: bool = True,
        temporal_pool: bool = True,
        zero_init: bool = False,
    ) -> None:
        check_depth(depth, (10, 18, 34))
        channels = stem_channels(width)
        norms = partial(normalization, norm=norm, eps=1e-3)
        stages = residual_stages(
            channels,
            depth=depth,
            frames=(3, 3, 3, 3),
            second_frames=3,
            time_strides=(1, 2, 2, 2),
            normalize=norms,
        )
        if temporal_pool:
            # ceil_mode lets a clip of one frame pass; an even number of frames is the same.
            stages[0].append(MaxPool((2, 1, 1), stride=(2, 1, 1), ceil_mode=True))
        super().__init__(
            num_classes,
            stem=stem(channels, frames=3, stride=stem_stride, pool=stem_pool, normalize=norms),
            stages=stages,
            num_features=num_features(channels, depth=depth),
            dropout=dropout,
            zero_init=zero_init,
        )


def check_depth(depth: int, allowed: tuple[int, ...]) -> None:
    """Refuse a depth the family does not have.

    Raises:
        ConfigError: ``depth`` is not in ``allowed``.
    """
    if depth not in allowed:
        raise ConfigError(f"depth must be one of {', '.join(map(str, allowed))}, got {depth}")


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
