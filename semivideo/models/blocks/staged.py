"""What staged video networks share: their options, four stages, average pool, dropout, classifier.

A family is a dataclass: its fields are the options, after those of the classes here, so that only
what differs from the others is written down. Fields and ``Args`` of docstrings are inherited alike.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from semivideo.base.checked import Proportion
from semivideo.base.errors import ConfigError
from semivideo.models.blocks.residual import (
    ConvNorm,
    Norm,
    Residual,
    normalization,
    num_features,
    stem,
    stem_channels,
)
from semivideo.models.contract import HEAD, Network

Depth = Literal[10, 18, 34, 50]
BasicDepth = Literal[10, 18, 34]


@dataclass(eq=False, repr=False)  # a module is equal to itself alone, and prints its parts
class StagedNetwork(Network):
    """A stem and four stages, pooled over time and space; families build the parts.

    Args:
        num_classes: K >= 1.
        width: Multiplier of all channels, 1 for 64 in the stem; 64 * width must be whole.
        dropout: Probability of dropping a feature before the classifier, in [0, 1).
        norm: "batch" or "group" (no statistics across clips).
        stem_stride: Spatial stride of the first convolution, >= 1; 1 for frames well below 112
            pixels.
        stem_pool: Whether the max-pool after the first convolution is there.

    Attributes:
        eps: What normalizations add to the variance.

    Raises:
        ConfigError: A value out of its range.
    """

    eps: ClassVar[float] = 1e-5

    num_classes: int
    _: KW_ONLY
    width: float = 1.0
    dropout: Proportion = 0.5
    norm: Norm = "batch"
    stem_stride: int = 2
    stem_pool: bool = True

    def __post_init__(self) -> None:
        """Build the parts; numbers and words may be set on a module before it is initialized."""
        super().__init__()
        channels = stem_channels(self.width)
        self.num_features = self.count_features(channels)
        self.stem = self.make_stem(channels)
        self.res2, self.res3, self.res4, self.res5 = self.make_stages(channels)
        self.drop = nn.Dropout(self.dropout)
        self.classifier = nn.Linear(self.num_features, self.num_classes)
        initialize(self)

    @abstractmethod
    def make_stem(self, channels: int) -> nn.Module:
        """Build what maps clips to the input of res2; ``channels`` is 64 * width."""

    @abstractmethod
    def make_stages(self, channels: int) -> Sequence[nn.Module]:
        """Build res2 to res5."""

    @abstractmethod
    def count_features(self, channels: int) -> int:
        """Return D, the channels of res5."""

    def conv1(self, channels: int, *, frames: int) -> nn.Module:
        """Build a stem of one convolution, frames x 7 x 7, as the options say."""
        return stem(
            channels,
            frames=frames,
            stride=self.stem_stride,
            pool=self.stem_pool,
            normalize=self.normalize,
        )

    def normalize(self, channels: int) -> nn.Module:
        """Make the normalization of that many channels."""
        return normalization(channels, norm=self.norm, eps=self.eps)

    def stages(self, clip_NCTHW: Tensor) -> list[Tensor]:
        """Map clips (N, C, T, H, W) to the outputs (N, C_i, T_i, H_i, W_i) of res2 to res5."""
        outputs = []
        x = self.stem(clip_NCTHW)
        for stage in (self.res2, self.res3, self.res4, self.res5):
            x = stage(x)
            outputs.append(x)
        return outputs

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips (N, C, T, H, W) to res5 averaged over time and space, (N, D)."""
        return self.stages(clip_NCTHW)[-1].mean(dim=(2, 3, 4))

    def classify(self, features_ND: Tensor) -> Tensor:
        """Map features (N, D) to logits (N, K), after dropout."""
        logits_NK: Tensor = self.classifier(self.drop(features_ND))
        return logits_NK

    def part_of(self, name: str) -> str:
        """Name the part of a weight: stem, res2 to res5, head."""
        first = name.partition(".")[0]
        return HEAD if first == "classifier" else first


@dataclass(eq=False, repr=False, kw_only=True)
class ResidualNetwork(StagedNetwork):
    """A staged network of residual blocks.

    Args:
        depth: 10, 18 or 34 (basic blocks) or 50 (bottlenecks).
        zero_init: Whether each residual block starts as its shortcut.

    Attributes:
        depths: Those that the family has.
    """

    depths: ClassVar[tuple[int, ...]] = (10, 18, 34, 50)

    depth: Depth
    zero_init: bool = False

    def __post_init__(self) -> None:
        """Build the parts.

        Raises:
            ConfigError: The family has no such depth.
        """
        if self.depth not in self.depths:
            depths = ", ".join(map(str, self.depths))
            raise ConfigError(f"depth must be one of {depths}, got {self.depth}")
        super().__post_init__()
        if self.zero_init:
            start_as_shortcuts(self)

    def count_features(self, channels: int) -> int:
        """Return D, the channels of res5."""
        return num_features(channels, depth=self.depth)


def initialize(network: nn.Module) -> None:
    """Draw initial weights: He (fan-out) in convolutions, deviation 0.01 in linear layers.

    Args:
        network: Changed in place; draws from torch's global generator.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)


def start_as_shortcuts(network: nn.Module) -> None:
    """Set the scale of each residual branch's last normalization to 0 (Goyal et al. 2017).

    Args:
        network: Changed in place; each of its residual blocks then gives its shortcut.
    """
    for module in network.modules():
        if isinstance(module, Residual):
            last = module.branch[-1]
            assert isinstance(last, ConvNorm)
            assert isinstance(last.norm, nn.BatchNorm3d | nn.GroupNorm)
            nn.init.zeros_(last.norm.weight)
