"""What lies below the logits: one forward that also gives features, and a head to contrast them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from semivideo.base.checked import Section, Weight
from semivideo.base.errors import ConfigError
from semivideo.models.contract import Network
from semivideo.objectives import info_nce

Block = Literal["res2", "res3", "res4", "res5"]
BLOCKS: tuple[Block, ...] = ("res2", "res3", "res4", "res5")


class Seen(NamedTuple):
    """What one network makes of labelled clips x and of weak and strong views w, s.

    Attributes:
        x: (B, K), logits in float32.
        w: (U, K), as ``x``.
        s: (U, K), as ``x``.
        features: (B + U, D), pooled features of x and w in float32.
        blocks: Name to (B + U, C_b, T_b, H_b, W_b), of x and w; empty for a network without stages.
    """

    x: Tensor
    w: Tensor
    s: Tensor
    features: Tensor
    blocks: dict[Block, Tensor]


def seen(network: Network, *, labeled: Tensor, weak: Tensor, strong: Tensor) -> Seen:
    """Run one forward over labelled, weak and strong clips, so that batch statistics see them all.

    Args:
        network: Where it has ``stages``, its feature is the mean of the last one over time and
            space, or what its method ``pooled`` makes of that.
        labeled: x (B, C, T, H, W).
        weak: w (U, C, T, H, W).
        strong: s (U, C, T, H, W).
    """
    clips = torch.cat([labeled, weak, strong])
    stages_of = _stages_of(network)
    stages = stages_of(clips) if stages_of else []
    features = _pooled(network, stages[-1]) if stages else network.features(clips)
    logits = network.classify(features).float()
    x, w, s = torch.split(logits, [len(labeled), len(weak), len(strong)])
    N = len(x) + len(w)
    last = BLOCKS[len(BLOCKS) - len(stages) :]  # a head has the last one alone
    blocks = {name: stage[:N] for name, stage in zip(last, stages, strict=True)}
    return Seen(x, w, s, features[:N].float(), blocks)


def check_stages(*networks: nn.Module) -> None:
    """Refuse networks that do not show their blocks.

    Raises:
        ConfigError: One of them has no ``stages``.
    """
    for network in networks:
        if _stages_of(network) is None:
            raise ConfigError(
                f"alignment compares the blocks of two networks, and {type(network).__name__} has "
                "no stages(); take a residual network, on features mlp or temporal_conv, or set "
                "method.alignment.weight=0"
            )


def block_pairs(
    first: Seen, second: Seen, *, blocks: Collection[Block]
) -> list[tuple[Tensor, Tensor]]:
    """Return the outputs of the same blocks in two networks, in the order of the networks.

    Raises:
        ConfigError: Both networks have none of ``blocks``, or one of another shape.
    """
    both = [name for name in BLOCKS if name in first.blocks and name in second.blocks]
    pairs = [(first.blocks[name], second.blocks[name]) for name in both if name in blocks]
    if not pairs:
        raise ConfigError(
            f"method.alignment.blocks = {list(blocks)} names none that both networks have; they "
            f"have {', '.join(both)}"
        )
    for one, other in pairs:
        if one.shape != other.shape:
            raise ConfigError(
                f"alignment needs blocks of one shape, got {tuple(one.shape[1:])} in "
                f"networks.primary and {tuple(other.shape[1:])} in networks.temporal (channels, "
                "time, height, width); make them twins, leave the block out of "
                "method.alignment.blocks or set method.alignment.weight=0"
            )
    return pairs


def _stages_of(network: nn.Module) -> Callable[[Tensor], list[Tensor]] | None:
    """What gives the outputs of all blocks, as in ``StagedNetwork``, or None."""
    return getattr(network, "stages", None)


def _pooled(network: Network, last_NCTHW: Tensor) -> Tensor:
    """The features (N, D) of a network from the output of its last block."""
    pooled: Callable[[Tensor], Tensor] | None = getattr(network, "pooled", None)
    return last_NCTHW.mean(dim=(2, 3, 4)) if pooled is None else pooled(last_NCTHW)


class Contrast(Section):
    """How both networks' features of one clip attract, and those of different clips repel."""

    weight: Weight = 1.0
    """Factor of the term; 0 for none."""
    temperature: float = Field(0.5, gt=0)
    """Of InfoNCE (LTG's Table 3g)."""
    dim: int = Field(512, ge=1)
    """Size of each layer of the projection heads."""


def contrasted(p_ND: Tensor, q_ND: Tensor, *, temperature: float) -> Tensor:
    """Return InfoNCE from the first network to the second and back, their mean (LTG's L_c).

    Args:
        p_ND: (N, D), projected features of the first network, of the clips of all processes.
        q_ND: (N, D), of the second one, of the same clips.
        temperature: > 0.
    """
    there = info_nce(p_ND, q_ND, temperature=temperature)
    return (there + info_nce(q_ND, p_ND, temperature=temperature)) / 2


class Projection(nn.Module):
    """Three linear layers, each with batch statistics, the last one without scale and shift (LTG).

    There are no running statistics, since nothing is tested through it. Where several processes
    share a batch, give every one the rows of all: the statistics are then those of one process.

    Args:
        num_features: D of the rows that come in.
        dim: Size of every layer, >= 1.
    """

    def __init__(self, num_features: int, *, dim: int) -> None:
        super().__init__()
        # No biases: the normalisation after each layer would take them out again.
        self.layers = nn.Sequential(
            nn.Linear(num_features, dim, bias=False),
            nn.BatchNorm1d(dim, track_running_stats=False),
            nn.ReLU(inplace=True),
            nn.Linear(dim, dim, bias=False),
            nn.BatchNorm1d(dim, track_running_stats=False),
            nn.ReLU(inplace=True),
            nn.Linear(dim, dim, bias=False),
            nn.BatchNorm1d(dim, affine=False, track_running_stats=False),
        )

    def forward(self, features_ND: Tensor) -> Tensor:
        """Map features (N, D) to projections (N, dim), N >= 2."""
        projected: Tensor = self.layers(features_ND)
        return projected
