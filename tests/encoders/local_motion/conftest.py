"""Pairs of frames with moving squares."""

import numpy as np
import pytest

from semivideo.encoders.local_motion import PairClip, describe, learn_codebook
from semivideo.encoders.local_motion import codebook as module
from semivideo.encoders.local_motion.local_descriptors import Pairs


def clip_of(frames, *, window=None):
    """Pairs of neighbouring frames of a video uint8 (T, H, W, 3)."""
    first = np.arange(0, len(frames) - 1)
    numbers = np.stack([first, first + 1], axis=1)
    window = np.zeros(len(first), dtype=np.int64) if window is None else np.asarray(window)
    shown = np.moveaxis(frames[numbers], -1, 2)
    return PairClip(np.ascontiguousarray(shown), Pairs(numbers, window, 1 / 30))


def moving(dx, dy, *, num_frames=10, seed=0, size=(120, 160)):
    """A textured square that moves (dx, dy) pixels a frame over a still texture."""
    random = np.random.default_rng(seed)
    ground = random.integers(60, 120, (*size, 3))
    square = random.integers(120, 255, (48, 48, 3))
    frames = []
    for t in range(num_frames):
        frame = ground.copy()
        top, left = 36 + round(t * dy), 56 + round(t * dx)
        frame[top : top + 48, left : left + 48] = square
        frames.append(frame)
    # Smoothed a little, as videos are: flow of noise is noise.
    stack = np.stack(frames).astype(np.float32)
    for axis in (1, 2):
        stack = (np.roll(stack, 1, axis) + 2 * stack + np.roll(stack, -1, axis)) / 4
    return stack.astype(np.uint8)


@pytest.fixture(scope="session")
def squares():
    """Moving squares, and the pairs of their frames."""
    return moving, clip_of


@pytest.fixture(scope="session", autouse=True)
def few_descriptors():
    """Codebooks are learned from few descriptors, to be quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LEARNED_FROM", 2000)
        yield


@pytest.fixture(scope="session")
def videos():
    """Descriptors of squares that move to the right or up."""
    steps = [(2, 0), (0, -2)] * 4
    return [describe(clip_of(moving(dx, dy, seed=n))) for n, (dx, dy) in enumerate(steps)]


@pytest.fixture(scope="session")
def codebook(few_descriptors, videos):
    return learn_codebook(videos)
