"""From features of the steps of a clip to what a head sees: a descriptor.

    mean      (T, D) -> mean over T                                                        (1, D)
    motion    -> mean, mean absolute difference of neighbours, later half minus earlier    (1, 3 D)
    steps     -> as it is                                                                  (T, D)

Of several encoders each is described by itself, and one that says a vector of a whole video as it
is. ``models.heads`` standardise the parts before anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from semivideo.base.errors import ConfigError
from semivideo.models.heads import Dim
from semivideo.settings import FeatureSettings, PartSettings

Descriptor = Literal["mean", "motion", "steps"]


def described(features_NTD: Tensor, kind: Descriptor) -> Tensor:
    """Describe clips.

    Args:
        features_NTD: (N, T, D).
        kind: As in the module.

    Returns:
        (N, T', D').
    """
    if kind == "steps":
        return features_NTD
    mean = features_NTD.mean(dim=1)
    if kind == "mean":
        return mean[:, None]
    T = features_NTD.shape[1]
    if T == 1:
        rest = torch.zeros_like(mean)
        return torch.cat([mean, rest, rest], dim=1)[:, None]
    change = features_NTD.diff(dim=1).abs().mean(dim=1)
    trend = features_NTD[:, T // 2 :].mean(dim=1) - features_NTD[:, : T // 2].mean(dim=1)
    return torch.cat([mean, change, trend], dim=1)[:, None]


def described_dim(dim: int, kind: Descriptor) -> int:
    """Numbers a step of the descriptor."""
    return 3 * dim if kind == "motion" else dim


def described_parts(parts: Sequence[Tensor], kinds: Sequence[Descriptor]) -> Tensor:
    """Describe clips by several encoders.

    Args:
        parts: (N, T, D) of each encoder, T and D its own.
        kinds: Descriptor of each.

    Returns:
        (N, T', D'), the numbers of one after those of the other.

    Raises:
        ConfigError: The encoders say different numbers of steps.
    """
    found = [described(part, kind) for part, kind in zip(parts, kinds, strict=True)]
    if len(found) == 1:
        return found[0]
    num_steps = max(part.shape[1] for part in found)
    if any(part.shape[1] not in (1, num_steps) for part in found):
        numbers = " and ".join(str(part.shape[1]) for part in found)
        raise ConfigError(
            f"these encoders say {numbers} steps of a clip, which cannot be joined one by one; set "
            "features.descriptor=motion or mean"
        )
    return torch.cat([part.expand(-1, num_steps, -1) for part in found], dim=2)


def kind_of(is_whole: bool, kind: Descriptor) -> Descriptor:
    """Descriptor of an encoder: the wanted one, but a vector of a whole video as it is."""
    return "mean" if is_whole else kind


def encoders_of(settings: FeatureSettings) -> list[PartSettings]:
    """Return the encoders whose features a run learns from, one or several."""
    alone = PartSettings(
        encoder=settings.encoder,
        weights_sha256=settings.weights_sha256,
        dim=settings.dim,
        is_whole=settings.is_whole,
    )
    return settings.parts or [alone]


def head_dim(settings: FeatureSettings) -> Dim:
    """Return what a head has to know of its input: numbers a step, of several parts each."""
    kind = settings.descriptor
    parts = encoders_of(settings)
    dims = [described_dim(part.dim, kind_of(part.is_whole, kind)) for part in parts]
    return dims[0] if len(dims) == 1 else tuple(dims)
