"""Optical flow between frames as an image of two channels, by OpenCV's DIS (Kroeger et al. 2016).

A displacement of ``BOUND`` of the short side and more is the end of the scale, as in two-stream
networks (20 pixels of 256, Wang et al., TSN 2016)::

    level   1        128        255
    flow   -BOUND     0        +BOUND      channel 0 to the right, channel 1 down
"""

from __future__ import annotations

import cv2
import numpy as np

from semivideo.base.errors import DataError
from semivideo.data.video.decode import Image

BOUND = 20 / 256
ZERO, STEPS = 128, 127
_SMALLEST_SIDE = 16  # pixels; below 12, and on narrower strips than 1 : 2, DIS fails or crashes


def can_flow(height: int, width: int) -> bool:
    """Whether frames of this size, in pixels, are large and square enough."""
    short, long = sorted((height, width))
    return short >= _SMALLEST_SIDE and long <= 2 * short


def flow_of_pairs(pairs_T2CHW: Image) -> Image:
    """Compute the flow from each frame to its successor.

    Args:
        pairs_T2CHW: uint8 (T, 2, 3, H, W), RGB.

    Returns:
        uint8 (T, 2, H, W): horizontal and vertical displacement on the scale above.

    Raises:
        DataError: The frames are too small or too narrow.
    """
    T, _, _, H, W = pairs_T2CHW.shape
    if not can_flow(H, W):
        raise DataError(
            f"optical flow needs frames of at least {_SMALLEST_SIDE}x{_SMALLEST_SIDE} pixels and "
            f"at most 1 : 2, got {W}x{H}; leave the video out or use no flow"
        )
    grey = pairs_T2CHW.mean(axis=2).astype(np.uint8)  # (T, 2, H, W)
    levels = np.empty((T, 2, H, W), dtype=np.uint8)
    scale = STEPS / (BOUND * min(H, W))
    for t, (first, second) in enumerate(grey):
        # A new one for each pair: one that is used again gives slightly other flow.
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        room = np.zeros((H, W, 2), dtype=np.float32)
        flow_HW2 = dis.calc(np.ascontiguousarray(first), np.ascontiguousarray(second), room)
        moved = np.clip(np.rint(flow_HW2 * scale), -STEPS, STEPS) + ZERO
        levels[t] = np.moveaxis(moved, -1, 0)
    return levels
