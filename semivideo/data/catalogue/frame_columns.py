"""Frame times of many videos in few numbers: nearly all have evenly spaced frames and keyframes.

A list that goes on evenly to the end of its video is cut after its second number::

    all times, all keyframes              pts       num_frames  keyframes  keyframes_repeat
    0 512 1024 1536 2048,  0 2 4          0 512     5           0 2        yes
    0 33 67 100,           0              0 33 ..   4           0          no

A list is null where another row holds it. A million videos of 300 frames then take 50 MB instead of
2.5 GB, and come back as they were.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

NAMES = ("pts", "num_frames", "keyframes", "keyframes_repeat")
_KEPT = 2  # numbers that say all the others


def compact(pts: pa.ListArray, keyframes: pa.ListArray) -> dict[str, pa.Array]:
    """Cut lists that go on evenly.

    Args:
        pts: int64 lists, times of all frames of each video.
        keyframes: int32 lists, indices into them.

    Returns:
        The columns ``NAMES``.
    """
    num_frames = _lengths(pts)
    repeat = _go_on_evenly(keyframes)
    values, offsets = _numbers(keyframes)
    ends = offsets[1:][repeat]
    following = 2 * values[ends - 1] - values[ends - 2]
    repeat[repeat] = following >= num_frames[repeat]
    return {
        "pts": _cut(pts, _go_on_evenly(pts)),
        "num_frames": pa.array(num_frames, pa.int32()),
        "keyframes": _cut(keyframes, repeat),
        "keyframes_repeat": pa.array(repeat),
    }


def frame_times(pts: NDArray[np.int64], num_frames: int) -> NDArray[np.int64]:
    """All times of one video: int64 (num_frames,)."""
    if len(pts) == num_frames:
        return pts
    return np.asarray(pts[0] + (pts[1] - pts[0]) * np.arange(num_frames))


def keyframe_flags(
    keyframes: NDArray[np.int32], num_frames: int, *, repeat: bool
) -> NDArray[np.bool_]:
    """Whether each frame of one video is a keyframe: bool (num_frames,)."""
    is_keyframe = np.zeros(num_frames, dtype=bool)
    wanted = slice(keyframes[0], None, keyframes[1] - keyframes[0]) if repeat else keyframes
    is_keyframe[wanted] = True
    return is_keyframe


def spans(pts: pa.ListArray, num_frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Time from the first to the last frame of each video; 0 without frames: int64 (N,)."""
    values, offsets = _numbers(pts)
    lengths = np.diff(offsets)
    span = np.zeros(len(lengths), dtype=np.int64)
    some = lengths > 0
    span[some] = values[offsets[1:][some] - 1] - values[offsets[:-1][some]]
    return span * np.where(lengths < num_frames, num_frames - 1, 1)


def _numbers(lists: pa.ListArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Values of all lists, one list after the other, and where each starts and the last ends."""
    return lists.values.to_numpy(), lists.offsets.to_numpy().astype(np.int64)


def _lengths(lists: pa.ListArray) -> NDArray[np.int64]:
    return np.diff(_numbers(lists)[1])


def _go_on_evenly(lists: pa.ListArray) -> NDArray[np.bool_]:
    """Whether a list has more than two numbers, all equally far apart: bool (N,)."""
    values, offsets = _numbers(lists)
    # num_bends[j]: places before j at which the distance to the next number changes.
    num_bends = np.cumsum(np.concatenate([[0], np.diff(values, n=2) != 0]))
    is_long = np.diff(offsets) > _KEPT
    first, last = offsets[:-1][is_long], offsets[1:][is_long] - _KEPT
    is_even = is_long.copy()
    is_even[is_long] = num_bends[first] == num_bends[last]
    return is_even


def _cut(lists: pa.ListArray, is_cut: NDArray[np.bool_]) -> pa.ListArray:
    """Keep two numbers of some lists and all of the others."""
    values, offsets = _numbers(lists)
    kept = np.where(is_cut, _KEPT, np.diff(offsets))
    ends = np.concatenate([[0], np.cumsum(kept)])
    places = np.arange(ends[-1]) + np.repeat(offsets[:-1] - ends[:-1], kept)
    chosen = pa.array(values[places], lists.type.value_type)
    mask = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), chosen, mask=mask)
