"""Tubes: a mask of patches that is the same in all frames of a clip (Xing et al., CVPR 2023).

SVFormer mixes the tokens of two clips after a transformer has cut them into patches and before it
says where they are. Patches do not overlap, so mixing normalised pixels under a mask of whole
patches gives the same tokens; and it is defined for every network.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from semivideo.base.devices import on_device
from semivideo.base.randomness import key


class Tubes(NamedTuple):
    """Where a clip stays and where its partner is shown.

    Attributes:
        mask: float32 (1, 1, 1, side, side), 1 where the clip stays; on the CPU.
        share: Its mean.
    """

    mask: Tensor
    share: float


def drawn_tubes(step: int, *, alpha: float, grid: int, side: int) -> Tubes:
    """Draw the mask of a step: lambda from Beta(alpha, alpha), then so many patches at random.

    All clips of a step have one mask, as in the published code. Views of one place, such as
    features, have no patches: there the mask is lambda itself, a blend.

    Args:
        step: Number of the step, which the mask is a function of.
        alpha: > 0.
        grid: Patches along a side; of smaller views every pixel is one.
        side: Of the views, in pixels.
    """
    random = np.random.default_rng(key(step, "tubes"))
    share = float(random.beta(alpha, alpha))
    if side == 1:
        return Tubes(torch.full((1, 1, 1, 1, 1), share), share)
    grid = min(grid, side)
    is_kept = np.zeros(grid * grid, dtype=np.float32)
    is_kept[random.permutation(grid * grid)[: round(share * grid * grid)]] = 1
    patch = np.arange(side) * grid // side
    mask = is_kept.reshape(grid, grid)[patch[:, None], patch]
    return Tubes(torch.from_numpy(mask)[None, None, None], float(mask.mean()))


def mixed_in_tubes(views_NCTHW: Tensor, partners_NCTHW: Tensor, tubes: Tubes) -> Tensor:
    """Return M a + (1 - M) b.

    Args:
        views_NCTHW: a, (N, C, T, side, side).
        partners_NCTHW: b, likewise.
        tubes: M.
    """
    mask = on_device(tubes.mask, views_NCTHW.device).to(views_NCTHW.dtype)
    return torch.lerp(partners_NCTHW, views_NCTHW, mask)
