"""SlowFast: a slow pathway for appearance, a fast thin one for motion (Feichtenhofer et al. 2019).

One clip feeds both: the fast pathway sees all T frames, the slow one frames 0, alpha, 2 alpha ...,
so ``num_frames`` and ``stride_frames`` of the settings describe the fast one. "8x8" is 32 frames of
stride 2 with alpha = 4: 8 slow frames, 8 apart. The fast pathway has an eighth of the channels.

For 32 frames at 224 x 224 (T x H x W, channels):

             slow                                  fast
    conv1    1x7x7    8x112x112    64              5x7x7    32x112x112    8
    pool     1x3x3    8x56x56      64 (+ 16)       1x3x3    32x56x56      8
    res2     1 frame  8x56x56     256 (+ 64)       3 frames 32x56x56     32
    res3     1 frame  8x28x28     512 (+ 128)      3 frames 32x28x28     64
    res4     3 frames 8x14x14    1024 (+ 256)      3 frames 32x14x14    128
    res5     3 frames 8x7x7      2048              3 frames 32x7x7      256

In brackets what comes over from the fast pathway before the next stage: a convolution in time of
stride alpha with twice the fast pathway's channels, normalisation and ReLU, concatenated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from semivideo.base.errors import ConfigError
from semivideo.models.blocks.residual import (
    BLOCKS,
    BOTTLENECK_EXPANSION,
    ConvNorm,
    Layer,
    Normalize,
    bottleneck,
    num_features,
    residual_stage,
)
from semivideo.models.blocks.staged import StagedNetwork, start_as_shortcuts

Pair = tuple[Tensor, Tensor]

DEPTH = 50
FAST_SHARE = 1 / 8  # the paper's beta
LATERAL_FACTOR = 2  # channels of a lateral connection over those of the fast pathway
SLOW_FRAMES = (1, 1, 3, 3)
FAST_STEM_FRAMES, FAST_FRAMES = 5, 3


@dataclass(eq=False, repr=False, kw_only=True)
class SlowFast(StagedNetwork):
    """SlowFast-R50: few frames with many channels beside many frames with few channels.

    CMPL's Table 1 has it as the backbone of FixMatch.

    Args:
        width: Multiplier of all channels, 1 for 64 in the slow stem; 64 * width must be whole. The
            fast pathway has an eighth, rounded, at least 1.
        zero_init: Whether each residual block starts as its shortcut.
        alpha: Frames of the fast pathway to one of the slow one, >= 1; T must be a multiple.
        lateral_frames: Kernel of the lateral connections in frames, odd. The paper says 5; the
            published 8x8 network has 7 and the 4x16 network (alpha = 8) has 5.
    """

    zero_init: bool = True
    alpha: int = 4
    lateral_frames: int = 7

    def __post_init__(self) -> None:
        """Build the parts."""
        super().__post_init__()
        if self.zero_init:
            start_as_shortcuts(self)

    def make_stem(self, channels: int) -> nn.Module:
        """Build both stems."""
        slow = self.conv1(channels, frames=1)
        fast = self.conv1(fast_channels(channels), frames=FAST_STEM_FRAMES)
        return TwoStems(slow, fast, alpha=self.alpha)

    def make_stages(self, channels: int) -> Sequence[nn.Module]:
        """Build res2 to res5 of both pathways."""
        lateral = lateral_kernel(self.alpha, self.lateral_frames)
        fast = fast_channels(channels)
        return two_pathways(channels, fast, lateral=lateral, normalize=self.normalize)

    def count_features(self, channels: int) -> int:
        """Return the channels of both pathways' res5."""
        return sum(num_features(c, depth=DEPTH) for c in (channels, fast_channels(channels)))

    def check_clip(self, *, num_frames: int, size: int) -> None:
        """Refuse clips of another number of frames than a multiple of alpha.

        Args:
            num_frames: T.
            size: H and W in pixels; any.

        Raises:
            ConfigError: T is no multiple of alpha.
        """
        check_multiple(num_frames, of=self.alpha)

    def pathways(self, clip_NCTHW: Tensor) -> list[Pair]:
        """Map clips (N, C, T, H, W) to the slow and fast outputs of res2 to res5.

        Raises:
            ConfigError: T is no multiple of alpha.
        """
        outputs = []
        pair: Pair = self.stem(clip_NCTHW)
        for stage in (self.res2, self.res3, self.res4, self.res5):
            pair = stage(pair)
            outputs.append(pair)
        return outputs

    def stages(self, clip_NCTHW: Tensor) -> list[Tensor]:
        """Map clips (N, C, T, H, W) to both pathways' outputs at the slow frame rate.

        Returns:
            For res2 to res5 (N, C_i, T / alpha, H_i, W_i): the slow channels, then the fast ones,
            averaged over the alpha frames of each slow one.
        """
        return [
            torch.cat([slow, F.avg_pool3d(fast, (self.alpha, 1, 1))], dim=1)
            for slow, fast in self.pathways(clip_NCTHW)
        ]

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips (N, C, T, H, W) to res5 averaged over time and space, (N, D)."""
        return torch.cat([x.mean(dim=(2, 3, 4)) for x in self.pathways(clip_NCTHW)[-1]], dim=1)


class TwoStems(nn.Module):
    """Both stems; the slow one sees every alpha-th frame.

    PySlowFast spreads the slow frames from the first to the last instead, by index rounding; here
    they stand where the lateral connections look.

    Args:
        slow: Stem of the slow pathway.
        fast: Stem of the fast pathway.
        alpha: Frames of the fast pathway to one of the slow one.
    """

    def __init__(self, slow: nn.Module, fast: nn.Module, *, alpha: int) -> None:
        super().__init__()
        self.slow, self.fast = slow, fast
        self.alpha = alpha

    def forward(self, clip_NCTHW: Tensor) -> Pair:
        """Map (N, C, T, H, W) to (N, C_s, T / alpha, H', W') and (N, C_f, T, H', W').

        Raises:
            ConfigError: T is no multiple of alpha.
        """
        check_multiple(clip_NCTHW.shape[2], of=self.alpha)
        return self.slow(clip_NCTHW[:, :, :: self.alpha]), self.fast(clip_NCTHW)


class TwoStages(nn.Module):
    """One stage of both pathways; the slow one also gets what the fast one has found so far.

    Args:
        lateral: Maps the fast pathway's input to the slow pathway's number of frames.
        slow: Stage of the slow pathway; its input has the lateral channels at the end.
        fast: Stage of the fast pathway.
    """

    def __init__(self, lateral: nn.Module, slow: nn.Module, fast: nn.Module) -> None:
        super().__init__()
        self.lateral, self.slow, self.fast = lateral, slow, fast

    def forward(self, pair: Pair) -> Pair:
        """Map (N, C_s, T / alpha, H, W) and (N, C_f, T, H, W) to the same after the stage."""
        slow, fast = pair
        return self.slow(torch.cat([slow, self.lateral(fast)], dim=1)), self.fast(fast)


def fast_channels(slow: int) -> int:
    """Return the channels of the fast stem for those of the slow one, at least 1."""
    return max(1, round(FAST_SHARE * slow))


def check_multiple(num_frames: int, *, of: int) -> None:
    """Refuse a clip that the slow pathway cannot divide evenly.

    Raises:
        ConfigError: ``num_frames`` is no multiple of alpha.
    """
    if num_frames % of:
        nearest = of * max(1, round(num_frames / of))
        raise ConfigError(
            f"SlowFast got clips of {num_frames} frames; with alpha = {of} it takes multiples of "
            f"{of}; set num_frames to {nearest}"
        )


def lateral_kernel(alpha: int, frames: int) -> Layer:
    """Describe a lateral connection; its number of channels is set by stage.

    Raises:
        ConfigError: ``alpha`` below 1, or an even or non-positive number of frames.
    """
    if alpha < 1:
        raise ConfigError(f"alpha must be at least 1, got {alpha}; SlowFast 8x8 has 4")
    if frames < 1 or frames % 2 == 0:
        raise ConfigError(f"lateral_frames must be odd and positive, got {frames}; write 5 or 7")
    return Layer(0, (frames, 1, 1), (alpha, 1, 1))


def two_pathways(slow: int, fast: int, *, lateral: Layer, normalize: Normalize) -> list[TwoStages]:
    """Build res2 to res5 of both pathways, each with the lateral connection before it.

    Args:
        slow: Channels of the slow stem.
        fast: Channels of the fast stem.
        lateral: Kernel and stride of the lateral connections.
        normalize: Makes the normalisation of that many channels.
    """
    stages = []
    slow_in, fast_in = slow, fast
    for i, num_blocks in enumerate(BLOCKS[DEPTH]):
        over = LATERAL_FACTOR * fast_in
        connection = nn.Sequential(
            ConvNorm(fast_in, lateral._replace(channels=over), normalize=normalize),
            nn.ReLU(inplace=True),
        )
        layers = [
            [
                bottleneck(
                    inner * 2**i,
                    frames=frames,
                    stride=(1, 2, 2) if i > 0 and j == 0 else (1, 1, 1),
                )
                for j in range(num_blocks)
            ]
            for inner, frames in ((slow, SLOW_FRAMES[i]), (fast, FAST_FRAMES))
        ]
        stages.append(
            TwoStages(
                connection,
                residual_stage(slow_in + over, layers[0], normalize=normalize),
                residual_stage(fast_in, layers[1], normalize=normalize),
            )
        )
        slow_in, fast_in = (BOTTLENECK_EXPANSION * c * 2**i for c in (slow, fast))
    return stages
