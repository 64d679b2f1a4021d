"""Which frame of a clip is shown at each place, in strong views.

TemporalAugment (Zou et al., arXiv 2103.16565) takes a quarter of the clips each, for a clip A B of
two halves with frames 0 to T - 1:

========  ================================================================================
none      all frames in their order
half      A A or B B, each as likely; of an odd number of frames the middle one stays
reverse   T - 1 to 0
cutout    each frame but the first is hidden with probability 0.5: the last shown one stays
========  ================================================================================

Temporal warping (Xing et al., CVPR 2023) keeps the order and lets some frames stand for others;
reversed segments (Huang et al., AAAI 2025) run two short pieces of a clip backwards.
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


def sample_warp(keys: Integers, *, stream: str, num_frames: int) -> Integers:
    """Draw SVFormer's temporal warping: some frames are kept, the others are shown as a neighbour.

    A quarter, a half or all of the frames are kept, each with probability 1/3, whichever they are.
    Between two kept frames the first one is shown up to a place that is drawn, then the second::

        frames 0 .. 7, kept 1 and 5, switch after 2:   1 1 1 5 5 5 5 5

    Args:
        keys: (N,), the clips' draw keys.
        stream: Name of the stream; streams draw independently.
        num_frames: T, frames per clip.

    Returns:
        (N, T): the frame shown at each place, in [0, T), never falling.
    """
    T, place = num_frames, np.arange(num_frames)
    draws = uniform(keys, "warp", stream, size=1 + 2 * T)
    levels = np.array([max(1, T // 4), max(1, T // 2), T])
    num_kept = levels[(draws[:, 0] * 3).astype(np.int64)]
    rank = draws[:, 1 : 1 + T].argsort(axis=1).argsort(axis=1)
    kept = rank < num_kept[:, None]
    before = np.maximum.accumulate(np.where(kept, place, -1), axis=1)
    after = np.minimum.accumulate(np.where(kept, place, T)[:, ::-1], axis=1)[:, ::-1]
    # The draw of the kept frame before a gap decides where the gap is divided.
    share = np.take_along_axis(draws[:, 1 + T :], np.maximum(before, 0), axis=1)
    switch = before + (share * (after - before)).astype(np.int64)
    order: Integers = np.where((place <= switch) & (before >= 0), before, after)
    return np.where(after == T, before, order)


def sample_reversed_segments(keys: Integers, *, stream: str, num_frames: int) -> Integers:
    """Draw SeFAR's strong view: two of the quarters of a clip run backwards, the rest stays.

    Quarters have two frames or more, so a clip of less than 4 frames stays as it is; what is left
    over at the end of T frames is in no quarter.

    Args:
        keys: (N,), the clips' draw keys.
        stream: Name of the stream; streams draw independently.
        num_frames: T, frames per clip.

    Returns:
        (N, T): the frame shown at each place, in [0, T).
    """
    place = np.tile(np.arange(num_frames), (len(keys), 1))
    if num_frames < 4:
        return place
    length = max(2, num_frames // 4)
    num = num_frames // length
    chosen = uniform(keys, "reverse", stream, size=num).argsort(axis=1)[:, :2]
    quarter = np.minimum(place // length, num)
    is_reversed = (quarter[:, :, None] == chosen[:, None]).any(axis=2)
    backwards = quarter * length + (length - 1) - place % length
    order: Integers = np.where(is_reversed, backwards, place)
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
