"""From what the loader delivers of a frame to the three channels a network sees.

The number of channels says what it is (``records.Clips``): 3 are colours, 6 a frame and its
successor, of which the temporal gradient is made here, 2 optical flow. It is done after the one
resampling pass, which is linear: cropping the gradient or taking the gradient of crops is the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

_MIDDLE = 127.5  # level of no motion
_NO_FLOW = 128.0  # the same in ``data.video.flow``'s whole numbers
CHANNELS = (2, 3, 6)
"""Numbers of channels that views can be made of."""


def network_levels(levels_NTCHW: Tensor, flip: Tensor) -> Tensor:
    """Return the three channels of each frame.

    Args:
        levels_NTCHW: Float (N, T, C, H, W) in [0, 255], cropped and mirrored.
        flip: bool (N,), which clips were mirrored: their horizontal flow changes its sign.

    Returns:
        Float (N, T, 3, H, W) in [0, 255].
    """
    C = levels_NTCHW.shape[2]
    if C == 6:
        return temporal_gradient(levels_NTCHW[:, :, :3], levels_NTCHW[:, :, 3:])
    if C == 2:
        return _flow_image(levels_NTCHW, flip)
    return levels_NTCHW


def with_contrast(levels: Tensor, contrast: float) -> Tensor:
    """Return levels ``contrast`` times as far from the grey of no motion, within [0, 255].

    A network that sees frames too normalises both by statistics of the mix, in which a gradient is
    faint: on slow or small motion it deviates a tenth as much as frames do, or less.

    Args:
        levels: Levels of a temporal gradient or of flow in [0, 255], any shape.
        contrast: > 0.
    """
    return ((levels - _MIDDLE) * contrast + _MIDDLE).clamp_(0, 255)


def temporal_gradient(frame: Tensor, successor: Tensor) -> Tensor:
    """Return (frame - successor + 255) / 2 (LTG's code): [0, 255], and 127.5 where nothing moves.

    Args:
        frame: Levels in [0, 255], any shape.
        successor: As ``frame``.
    """
    return (frame - successor + 255) / 2


def rounded_gradient(frames_NTCHW: Tensor) -> Tensor:
    """Replace frames and successors by their gradient in whole levels, rounded down.

    What LTG's code wrote to disk before any crop; half a level is lost (its JPEG loses more).

    Args:
        frames_NTCHW: uint8 (N, T, 6, H, W).

    Returns:
        uint8 (N, T, 3, H, W).
    """
    levels = frames_NTCHW.to(torch.int16)
    return temporal_gradient(levels[:, :, :3], levels[:, :, 3:]).to(torch.uint8)  # rounds down


def _flow_image(levels_NTCHW: Tensor, flip: Tensor) -> Tensor:
    """Flow with the length of the displacement as a third channel."""
    moved = levels_NTCHW - _NO_FLOW
    sign = 1.0 - 2.0 * flip.to(moved)
    x, y = moved[:, :, 0] * sign.view(-1, 1, 1, 1), moved[:, :, 1]
    length = torch.sqrt(x * x + y * y)
    return (torch.stack([x, y, length], dim=2) + _MIDDLE).clamp_(0, 255)
