"""TemporalAugment (Zou et al., arXiv 2103.16565): which frame of a clip is shown at each place.

A quarter of the clips each, for a clip A B of two halves with frames 0 to T - 1:

========  ================================================================================
none      all frames in their order
half      A A or B B, each as likely; of an odd number of frames the middle one stays
reverse   T - 1 to 0
cutout    each frame but the first is hidden with probability 0.5: the last shown one stays
========  ================================================================================
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from semivideo.base.devices import on_device
from semivideo.base.randomness import uniform
from semivideo.transforms.spatial import Integers


def sample_frame_order(keys: Integers, *, stream: str, num_frames: int) -> Integers:
    """Draw the order of each clip's frames.

    Args:
        keys: (N,), the clips' draw keys.
        stream: Name of the stream; streams draw independently.
        num_frames: T, frames per clip; 0 for clips that keep their order.

    Returns:
        (N, T): the frame shown at each place, in [0, T).
    """
    draws = uniform(keys, "temporal", stream, size=2 + num_frames)
    place, half = np.arange(num_frames), num_frames // 2
    start_of_last = num_frames - half
    first_twice = np.where(place >= start_of_last, place - start_of_last, place)
    last_twice = np.where(place < half, place + start_of_last, place)
    halved = np.where(draws[:, 1:2] < 0.5, first_twice, last_twice)
    is_shown = (draws[:, 2:] >= 0.5) | (place == 0)
    cut = np.maximum.accumulate(np.where(is_shown, place, 0), axis=1)
    choice = (draws[:, :1] * 4).astype(np.int64)
    order: Integers = np.choose(choice, [place, halved, place[::-1], cut])
    return order


def reordered(frames_NTCHW: Tensor, order: Integers) -> Tensor:
    """Show frames in another order.

    Args:
        frames_NTCHW: (N, T, C, H, W).
        order: (N, T), frame numbers; (N, 0) for all as they are.
    """
    if not order.size:
        return frames_NTCHW
    clip = torch.arange(len(frames_NTCHW), device=frames_NTCHW.device)
    return frames_NTCHW[clip[:, None], on_device(order, frames_NTCHW.device)]
