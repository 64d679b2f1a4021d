"""Human-centred CutMix (Zou et al., arXiv 2103.16565): boxes around people, and masks.

Boxes are (top, left, height, width) in pixels of a view, as in ``spatial``; they may reach beyond
the view, and a box without area says that nobody is seen. A clip has one box for all its frames.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from semivideo.base.devices import on_device
from semivideo.transforms.views import ViewParameters


def motion_boxes(views_NCTHW: Tensor, *, level: float = 0.15) -> Tensor:
    """Box what moves: where the smoothed change from frame to frame is large.

    The change is |frame - successor|, summed over frames and channels, averaged over a square of
    about an eighth of the side, so that the noise of single pixels counts little.

    Args:
        views_NCTHW: Square views, (N, C, T, side, side).
        level: What counts as large, as a share of the largest change of the clip, in (0, 1].

    Returns:
        (N, 4), the smallest box around all of it; without area where nothing moves.
    """
    side = views_NCTHW.shape[-1]
    change_NHW = views_NCTHW.diff(dim=2).abs().sum(dim=(1, 2))
    window = side // 16 * 2 + 1
    smooth_NHW = avg_pool2d(change_NHW, window, stride=1, padding=window // 2)
    largest = smooth_NHW.amax(dim=(1, 2), keepdim=True)
    is_moving = (smooth_NHW >= level * largest) & (largest > 0)
    top, bottom = _extent(is_moving.any(dim=2))
    left, right = _extent(is_moving.any(dim=1))
    return torch.stack([top, left, bottom - top, right - left], dim=1).float()


def motion_steps(views_NCTHW: Tensor) -> Tensor:
    """Choose the half of the steps in which most changes: a box in time, for clips without places.

    Args:
        views_NCTHW: Views of one place, (N, C, T, 1, 1), such as the features of frames.

    Returns:
        (N, 2), first step and number of steps; no steps where nothing changes.
    """
    half = views_NCTHW.shape[2] // 2
    if half == 0:
        return torch.zeros(len(views_NCTHW), 2, device=views_NCTHW.device)
    change_NT = views_NCTHW.diff(dim=2).abs().sum(dim=(1, 3, 4))
    inner = max(1, half - 1)  # changes between the steps of a half
    most, first = change_NT.unfold(1, inner, 1).sum(dim=2).max(dim=1)
    first = first.clamp(max=views_NCTHW.shape[2] - half)
    return torch.stack([first, half * (most > 0)], dim=1).float()


def within(steps_N2: Tensor, *, num: int) -> Tensor:
    """Return bool (N, 1, num, 1, 1): the steps of a clip that lie in its box in time.

    Args:
        steps_N2: (N, 2), as ``motion_steps`` gives it.
        num: T, steps of the clips.
    """
    step = torch.arange(num, device=steps_N2.device)
    first, length = steps_N2[:, :1], steps_N2[:, 1:]
    return ((step >= first) & (step < first + length))[:, None, :, None, None]


def boxes_in_views(boxes_N4: Tensor, parameters: ViewParameters, *, side: int) -> Tensor:
    """Move boxes of a video's frames into its view: the view's crop, scale and flip.

    Args:
        boxes_N4: (N, 4), boxes as shares of the frame's height and width, in [0, 1].
        parameters: Of the N views.
        side: Side of the views in pixels.

    Returns:
        (N, 4), boxes in view pixels.
    """
    p, device = parameters, boxes_N4.device
    size = on_device(p.size, device)
    crop = on_device(p.box, device)
    start = (boxes_N4[:, :2] * size - crop[:, :2]) / crop[:, 2:] * side
    shape = boxes_N4[:, 2:] * size / crop[:, 2:] * side
    mirrored = side - start[:, 1] - shape[:, 1]
    left = torch.where(on_device(p.flip, device), mirrored, start[:, 1])
    return torch.stack([start[:, 0], left, shape[:, 0], shape[:, 1]], dim=1).float()


def inside(boxes_N4: Tensor, *, side: int) -> Tensor:
    """Return bool (N, 1, 1, side, side): the pixels of a view whose centre lies in its clip's box.

    Args:
        boxes_N4: (N, 4), in view pixels.
        side: Side of the views in pixels.
    """
    center = torch.arange(side, device=boxes_N4.device) + 0.5
    top, left, height, width = boxes_N4.unsqueeze(2).unbind(1)
    rows_NH = (center >= top) & (center < top + height)
    columns_NW = (center >= left) & (center < left + width)
    return rows_NH[:, None, None, :, None] & columns_NW[:, None, None, None, :]


def _extent(is_set_NL: Tensor) -> tuple[Tensor, Tensor]:
    """First set position of each row, and the one after the last; equal where none is set."""
    length = is_set_NL.shape[1]
    first = is_set_NL.byte().argmax(dim=1)
    end = length - is_set_NL.flip(1).byte().argmax(dim=1)
    return first, torch.where(is_set_NL.any(dim=1), end, first)
