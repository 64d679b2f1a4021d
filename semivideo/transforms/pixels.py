"""Reads pixels between pixels, bilinearly, at places given for each clip: the way of each device.

Both ways take positions in continuous canvas pixels (see ``spatial``) that lie between the centres
of the outermost pixels, and agree within rounding.

On a CPU most of the time would go into changing the order in which levels lie in memory, for frames
come frame by frame, are read pixel by pixel and leave frame by frame. Each change is one transposed
matrix for each clip here, which vector units can do:

    frames by frame  T x (H W C)  ->  table by pixel  (H W C) x T  ->  views by frame  T x (H W C)
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import channel_shuffle, embedding_bag, grid_sample

GREY = 128.0
"""Level of what lies outside the crop and of the cutout square, in [0, 255] (RandAugment's)."""


def read_rows(frames_NTCHW: Tensor, x: Tensor, y: Tensor, *, inside: Tensor | None) -> Tensor:
    """Read pixels bilinearly as rows of a table: all levels of a pixel lie together there.

    Of the two ways to read this is the fast one on a CPU, whose vector units gather single levels
    slowly, but load and add rows of T * C levels well.

    Args:
        frames_NTCHW: uint8 (N, T, C, H, W).
        x: float32 (N, K, side, side), where to read, between the centres of the outermost pixels.
        y: As ``x``.
        inside: bool (N, K, side, side), what is not grey; None for everything.

    Returns:
        float32 (N, T, C, K, side, side) in [0, 255]; in memory a pixel's levels lie together, the
        frames of a channel side by side.
    """
    N, T, C, H, W = frames_NTCHW.shape
    grey = W + 1  # a row whose neighbours above and to the left are grey too
    table = torch.empty(grey + 1 + N * H * W, C * T, device=frames_NTCHW.device)
    table[: grey + 1] = GREY
    table[grey + 1 :].view(N, H, W, C, T).permute(0, 4, 3, 1, 2).copy_(by_pixel(frames_NTCHW))
    right, lower = (x - 0.5).ceil_(), (y - 0.5).ceil_()
    of_left, of_upper = right - (x - 0.5), lower - (y - 0.5)  # weights of those neighbours
    first = torch.arange(1, 1 + N * H * W, H * W, dtype=torch.int32, device=x.device)
    row = first.view(N, 1, 1, 1) + lower.int() * W + right.int()
    if inside is not None:  # products: filling by a mask takes ten times as long
        row *= inside.int()
        of_left *= inside.float()
        of_upper *= inside.float()
    row += grey
    both = of_left * of_upper
    here = 1 - of_left - of_upper + both
    rows = torch.stack([row, row - 1, row - W, row - W - 1], dim=1)
    weights = torch.stack([here, of_left - both, of_upper - both, both], dim=1)
    rows, weights = (_transposed(each.flatten(2)).view(-1, 4) for each in (rows, weights))
    levels = embedding_bag(rows, table, per_sample_weights=weights, mode="sum")
    return levels.view(*x.shape, C, T).permute(0, 5, 4, 1, 2, 3)


def by_pixel(frames_NTCHW: Tensor) -> Tensor:
    """Bring the levels of each pixel together in memory, those of a channel's frames side by side.

    Args:
        frames_NTCHW: (N, T, C, H, W) on a CPU, stored as images (H, W, C) or as channels (H, W).

    Returns:
        The same levels, (N, T, C, H, W).
    """
    N, T, C, H, W = frames_NTCHW.shape
    images = frames_NTCHW.movedim(2, -1)
    if images.is_contiguous():
        table = _transposed(images.view(N, T, H * W * C))
    else:
        table = _transposed(frames_NTCHW.transpose(1, 2).reshape(N, C * T, H * W))
    return table.view(N, H, W, C, T).permute(0, 4, 3, 1, 2)


def by_frame(levels_NTCHW: Tensor) -> Tensor:
    """Bring levels that lie as ``by_pixel`` lays them into the order of views, channels_last_3d.

    Args:
        levels_NTCHW: (N, T, C, H, W).

    Returns:
        The same levels, (N, T, C, H, W); what lies otherwise is returned as it is.
    """
    table = levels_NTCHW.permute(0, 3, 4, 2, 1)
    if table.device.type != "cpu" or not table.is_contiguous():
        return levels_NTCHW
    N, H, W, C, T = table.shape
    frames = _transposed(table.view(N, H * W * C, T))
    return frames.view(N, T, H, W, C).permute(0, 1, 4, 2, 3)


def _transposed(matrices_NRC: Tensor) -> Tensor:
    """Contiguous (N, C, R): what ``.mT.contiguous()`` gives, in a tenth of the time."""
    N, R, C = matrices_NRC.shape
    channels = matrices_NRC.reshape(1, N, 1, R * C).permute(0, 3, 1, 2)
    return channel_shuffle(channels, R).permute(0, 2, 3, 1).reshape(N, C, R)


def read_grid(frames_NTCHW: Tensor, x: Tensor, y: Tensor, *, inside: Tensor | None) -> Tensor:
    """Read pixels bilinearly level by level, which suits a GPU; otherwise as ``read_rows``.

    Args:
        frames_NTCHW: uint8 (N, T, C, H, W).
        x: float32 (N, K, side, side), where to read, between the centres of the outermost pixels.
        y: As ``x``.
        inside: bool (N, K, side, side), what is not grey; None for everything.

    Returns:
        float32 (N, T, C, K, side, side) in [0, 255].
    """
    N, T, C, H, W = frames_NTCHW.shape
    K, side = x.shape[1:3]
    grid_x, grid_y = x * (2 / W) - 1, y * (2 / H) - 1
    if inside is not None:
        grid_x = grid_x.masked_fill(~inside, -3.0)  # far off the canvas, where grid_sample gives 0
    grid = torch.stack([grid_x, grid_y], dim=-1).view(N, K * side, side, 2)
    channels = frames_NTCHW.reshape(N, T * C, H, W).float()
    views = grid_sample(channels, grid, mode="bilinear", align_corners=False)
    if inside is not None:
        views += (~inside * GREY).view(N, 1, K * side, side)
    return views.view(N, T, C, K, side, side)
