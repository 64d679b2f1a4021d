"""TSM: a 2D ResNet whose blocks see the neighbouring frames by a shift (Lin et al., ICCV 2019).

Before the first convolution of every block an eighth of the channels comes from the next frame and
an eighth from the one before (zeros past the ends); the shortcut is not shifted, so that no frame
loses its own features ("residual shift", section 3.2). All convolutions are 2D, run as 1 x d x d,
hence parameters and arithmetic are those of the 2D network on each frame.

Time keeps its length (T x H x W after res2 to res5 for 8 frames of 224 x 224): 8x56x56, 8x28x28,
8x14x14, 8x7x7. The mean over time of the features before the linear classifier is the mean of the
frames' logits, TSN's consensus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from semivideo.base.errors import ConfigError
from semivideo.models.blocks.residual import Residual, residual_stages
from semivideo.models.blocks.staged import Depth, ResidualNetwork


@dataclass(eq=False, repr=False, kw_only=True)
class TSM(ResidualNetwork):
    """TSM-ResNet of Lin et al.: a 2D ResNet, blocks shift channels to the neighbouring frames.

    TCL uses depth 18 with 8 and 4 segments.

    Args:
        zero_init: Whether each residual block starts as its shortcut; TSM starts from ImageNet
            and does not say.
        shift: Share of the channels that comes from the next frame, and as much from the previous
            one, in [0, 1/2]; 0 sees each frame alone.
    """

    depth: Depth = 18
    shift: float = 1 / 8

    def make_stem(self, channels: int) -> nn.Module:
        """Build conv1 and its pool."""
        return self.conv1(channels, frames=1)

    def make_stages(self, channels: int) -> Sequence[nn.Module]:
        """Build res2 to res5, each block with its shift."""
        stages = residual_stages(
            channels, depth=self.depth, frames=(1, 1, 1, 1), normalize=self.normalize
        )
        for stage in stages:
            for block in stage:
                assert isinstance(block, Residual)
                block.branch.insert(0, TemporalShift(self.shift))
        return stages


class TemporalShift(nn.Module):
    """Channels from the next frame, as many from the previous one, the others as they are.

        y_t = [x_{t+1}[:k], x_{t-1}[k:2k], x_t[2k:]]        k = share * C, rounded, at least 1

    Args:
        share: In [0, 1/2]; with 0 nothing moves.

    Raises:
        ConfigError: ``share`` is out of its range.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share <= 1 / 2:
            raise ConfigError(
                f"shift must lie in [0, 0.5], got {share:g}: it is moved in both directions; the "
                "paper moves 0.125 each"
            )
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to the same shape."""
        if not self.share:
            return x
        k = max(1, round(self.share * x.shape[1]))
        following = F.pad(x[:, :k, 1:], (0, 0, 0, 0, 0, 1))
        previous = F.pad(x[:, k : 2 * k, :-1], (0, 0, 0, 0, 1, 0))
        return torch.cat([following, previous, x[:, 2 * k :]], dim=1)


tsm_r18 = partial(TSM, depth=18)
tsm_r34 = partial(TSM, depth=34)
tsm_r50 = partial(TSM, depth=50)
