"""Where in a clip a network looks: Grad-CAM of convolutions, attention of transformers.

    Grad-CAM (Selvaraju et al., ICCV 2017): of the last map A (D, T, H, W) that has places
        a_d = mean over times and places of d logit_k / d A_d,   map = max(0, sum_d a_d A_d)
    attention: what the tokens of the last layer take from each place, mean over heads; by the class
        token where there is one, else the mean over all

Both say where, not why, and neither is proof that the class was told by it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from semivideo.base.errors import ConfigError
from semivideo.models import HuggingFace, Network


def relevance(network: Network, clip_CTHW: Tensor, *, label: int) -> NDArray[np.float32]:
    """Return how much each pixel of a clip counts: float32 (T, H, W) in [0, 1].

    Args:
        network: In evaluation mode.
        clip_CTHW: One view, float.
        label: Number of the class that Grad-CAM is of; attention is of none.

    Raises:
        ConfigError: The network has no map with places and no attention that can be drawn.
    """
    clip_NCTHW = clip_CTHW[None]
    if isinstance(network, HuggingFace):
        map_THW = network.attention_map(clip_NCTHW)[0]
    else:
        map_THW = grad_cam(network, clip_NCTHW, label=label)
    size = tuple(clip_CTHW.shape[1:])
    shown = interpolate(map_THW[None, None], size=size, mode="trilinear", align_corners=False)
    shown = shown[0, 0] - shown.min()
    found: NDArray[np.float32] = (shown / shown.max().clamp(min=1e-12)).cpu().numpy()
    return found


def grad_cam(network: nn.Module, clip_NCTHW: Tensor, *, label: int) -> Tensor:
    """Return Grad-CAM of the last map that has places: float (t, h, w), not negative.

    Args:
        network: Maps (1, C, T, H, W) to logits (1, K); its maps are (1, D, t, h, w) or, where it
            sees frames by themselves, (t, D, h, w).
        clip_NCTHW: One clip.
        label: Number of the class.

    Raises:
        ConfigError: There is no such map.
    """
    last: list[Tensor] = []

    def note(module: nn.Module, given: object, made: object) -> None:
        if isinstance(made, Tensor) and made.ndim in (4, 5) and max(made.shape[-2:]) > 1:
            last[:] = [made]

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    try:
        with torch.enable_grad():
            logits_NK = network(clip_NCTHW.requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
    if not last or not last[0].requires_grad:
        raise ConfigError(
            "the network has no map with places between the clip and its logits, so there is "
            "nothing that Grad-CAM could show; name a run of a convolutional network"
        )
    (slope,) = torch.autograd.grad(logits_NK[0, label], last[0])
    by_frame = last[0].ndim == 4
    map_DTHW, slope_DTHW = (
        (each.transpose(0, 1) if by_frame else each[0]).detach().float()
        for each in (last[0], slope)
    )
    weight_D = slope_DTHW.mean(dim=(1, 2, 3), keepdim=True)
    return (weight_D * map_DTHW).sum(dim=0).clamp(min=0)
