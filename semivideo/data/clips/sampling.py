"""Which frames a clip takes: index arithmetic only, no video, no generator, no state.

Frames of a video are numbered from 0. A window is ``window_frames`` neighbouring frames, and a clip
takes ``num_frames`` of them, ``stride_frames`` apart. Streams that share a window share its start::

    window of 16   0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
    8 frames x 2   x     x     x     x     x     x     x     x
    4 frames x 4   x           x           x           x             every second one of 8 x 2
    4 frames x 2   x     x     x     x                               a shorter window: its start

Where randomness is wanted it comes as uniform numbers in [0, 1), which the caller can store.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from semivideo.base.records import ClipSpec, Indices

PastEnd = Literal["loop", "repeat_last"]


def clip_indices(start: int, spec: ClipSpec) -> Indices:
    """Return the frames of a clip whose window starts at ``start``; they may pass the end.

    Returns:
        int64 (num_frames,).

    >>> fast, slow = ClipSpec(num_frames=16, stride_frames=4), ClipSpec(8, 8)
    >>> bool((clip_indices(5, fast)[::2] == clip_indices(5, slow)).all())
    True
    """
    return start + spec.step_frames * np.arange(spec.num_frames, dtype=np.int64)


def within(indices: Indices, num_available: int, *, past_end: PastEnd) -> Indices:
    """Replace frames after the end of a video that is shorter than its window.

    A video of 5 frames, and a clip that wants 0 2 4 6 8::

        loop          0 2 4 1 3      the video starts over
        repeat_last   0 2 4 4 4      the last frame stands still

    Args:
        indices: int64, any shape, >= 0.
        num_available: Frames of the video, >= 1.
        past_end: The policy.

    Returns:
        int64 of the same shape, in [0, num_available).

    >>> within(np.arange(0, 10, 2), 5, past_end="loop").tolist()
    [0, 2, 4, 1, 3]
    """
    if past_end == "loop":
        return indices % num_available
    return np.minimum(indices, num_available - 1)


def random_start(num_available: int, window_frames: int, *, uniform: float) -> int:
    """Return the start of a window that lies in the video, all starts equally likely.

    A video of 6 frames has 3 windows of 4::

        0 1 2 3 4 5
        [. . . .]        uniform in [0, 1/3)
          [. . . .]                 [1/3, 2/3)
            [. . . .]               [2/3, 1)

    A video shorter than the window has one, at 0.

    >>> [random_start(6, 4, uniform=u) for u in (0.0, 0.3, 0.4, 0.999)]
    [0, 0, 1, 2]
    """
    return math.floor(uniform * (max(0, num_available - window_frames) + 1))


def uniform_starts(num_available: int, window_frames: int, *, num_clips: int) -> Indices:
    """Return the starts of windows spread over the video, the first and the last at its ends.

    As SlowFast does with ``use_offset``. A video of 10 frames, 3 windows of 4::

        0 1 2 3 4 5 6 7 8 9
        [. . . .]
              [. . . .]
                    [. . . .]

    One window is the middle one. In a video shorter than the window all start at 0.

    Returns:
        int64 (num_clips,), ascending.

    >>> uniform_starts(10, 4, num_clips=3).tolist(), uniform_starts(10, 4, num_clips=1).tolist()
    ([0, 3, 6], [3])
    """
    last = max(0, num_available - window_frames)
    if num_clips == 1:
        return np.array([last // 2], dtype=np.int64)
    return np.arange(num_clips, dtype=np.int64) * last // (num_clips - 1)


def shifted_start(start: int, *, max_frames: int, last_start: int, uniform: float) -> int:
    """Move a start by up to ``max_frames`` either way, all starts in the video equally likely.

    max_frames = 2, start = 1, last_start = 9::

        shift    -2 -1  0  1  2
        start     .  0  1  2  3      -1 would be before the video: it is not drawn

    CMPL's temporal offset: the paper gives t_s in seconds and no distribution (methods.md A.1).
    Clamping would put 30 % of Kinetics' clips of a 10-s offset at the first frame and 30 % at the
    last window.

    >>> [shifted_start(1, max_frames=2, last_start=9, uniform=u) for u in (0.0, 0.3, 0.5, 0.99)]
    [0, 1, 2, 3]
    """
    first, last = max(start - max_frames, 0), min(start + max_frames, last_start)
    return first + math.floor(uniform * (max(last - first, 0) + 1))


def resampled(seconds: ArrayLike, *, duration_seconds: float, frame_rate: float) -> Indices:
    """Return, for each frame of the video at another rate, the frame nearest to it in time.

    Frames at 10 per second, read at 4 per second::

        time       0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9
        frame       0   1   2   3   4   5   6   7   8   9
        wanted at   0.0       0.25      0.5       0.75
        taken       0       2           5       7            a tie goes to the earlier frame

    Args:
        seconds: float (num_frames,), time of each frame after the first, ascending; any spacing.
        duration_seconds: Time to the end of the last frame.
        frame_rate: Wanted frames per second, > 0.

    Returns:
        int64 (at least 1,), ascending: frame of the file for each frame at the new rate.

    >>> resampled(np.arange(10) / 10, duration_seconds=1.0, frame_rate=4).tolist()
    [0, 2, 5, 7]
    """
    times = np.asarray(seconds, dtype=np.float64)
    wanted = np.arange(max(1, round(duration_seconds * frame_rate))) / frame_rate
    borders = (times[:-1] + times[1:]) / 2
    # A microsecond decides ties that rounding would otherwise decide.
    return np.searchsorted(borders, wanted - 1e-6, side="right").astype(np.int64)


def segment_indices(num_available: int, positions: ArrayLike) -> Indices:
    """Return one frame from each of S equal segments of the whole video (Wang et al., TSN 2016).

    8 frames, 4 segments, positions 0.0 0.5 0.5 0.9::

        0 1 | 2 3 | 4 5 | 6 7
        x       x     x     x

    A video with fewer frames than segments gives some frames twice.

    Args:
        num_available: Frames of the video, >= 1.
        positions: float (S,) in [0, 1), place within each segment.

    Returns:
        int64 (S,), ascending.

    >>> segment_indices(8, [0.0, 0.5, 0.5, 0.9]).tolist()
    [0, 3, 5, 7]
    """
    places = np.asarray(positions, dtype=np.float64)
    shares = (np.arange(len(places)) + places) / len(places)
    return np.minimum(np.floor(shares * num_available), num_available - 1).astype(np.int64)


def thinned(indices: Indices, num_frames: int, *, uniform: float) -> Indices:
    """Take ``num_frames`` of the frames of a finer stream, evenly, from a random phase.

    8 frames to 4: every second one, from the first (uniform < 0.5) or the second one. Over the
    phases a coarse frame lies anywhere in its own, wider segment. Where the numbers do not divide,
    the frames are the evenly spaced ones, rounded down.

    Returns:
        int64 (num_frames,).

    >>> [thinned(np.arange(8), 4, uniform=u).tolist() for u in (0.2, 0.7)]
    [[0, 2, 4, 6], [1, 3, 5, 7]]
    """
    phase = math.floor(uniform * len(indices) / num_frames)
    return indices[np.arange(num_frames) * len(indices) // num_frames + phase]
