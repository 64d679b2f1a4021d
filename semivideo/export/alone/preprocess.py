"""Video file to clips, as the network beside this file wants them; needs NumPy and OpenCV only.

    frames of the file -> some of them, by number -> canvas, uint8 -> crops -> (level - mean) / std

``preprocessing.json`` says which frames, which sizes and which levels; this file is the same for
every network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Description = dict[str, Any]
Frame = NDArray[np.uint8]
Clips = NDArray[np.float32]
Integers = NDArray[np.int64]

_LONGEST = 2  # the long side of a canvas, in short sides
_INSET = 2.0**-10  # pixels
_GAP_SECONDS, _GAP_FRAMES = 2.0, 10.0  # a longer frame is a gap in the clock


def read_description(folder: str | Path) -> Description:
    """Return what ``preprocessing.json`` says.

    Args:
        folder: The exported folder.
    """
    found: Description = json.loads((Path(folder) / "preprocessing.json").read_text("utf-8"))
    return found


def clips_of_file(
    path: str | Path,
    description: Description,
    *,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
) -> Iterator[Clips]:
    """Cut clips out of a video file, spread over it.

    Args:
        path: Any file that OpenCV reads; it is read twice, and few frames are held.
        description: What ``read_description`` returned.
        start_seconds: Where to begin, counted from the first frame.
        end_seconds: Where to end; None for the end of the file.

    Yields:
        ``num_clips`` times float32 (num_crops, 3, num_frames, side, side).

    Raises:
        ValueError: There is no frame to be had.
    """
    seconds, frame_rate = _times(str(path))
    end = np.inf if end_seconds is None else end_seconds
    times = np.rint(seconds * 1e6)
    numbers = np.flatnonzero((times >= round(start_seconds * 1e6)) & (times < np.rint(end * 1e6)))
    if not len(numbers):
        raise ValueError(f"{path} has no frame that can be read; check the file and the times")
    at_rate = numbers
    if description["frame_rate"]:
        within = _resampled(seconds[numbers], frame_rate, wanted_rate=description["frame_rate"])
        at_rate = numbers[within]
    chosen = at_rate[chosen_frames(len(at_rate), description)]
    frames = _read(str(path), set(chosen.ravel().tolist()), description)
    for clip in chosen.tolist():
        yield crops_of([frames[number] for number in clip], description)


def clips_of_frames(frames: Sequence[Frame], description: Description) -> Iterator[Clips]:
    """Cut clips out of frames at hand, such as the last ones of a camera.

    Args:
        frames: RGB, uint8 (H, W, 3), one after the other, without a frame left out.
        description: What ``read_description`` returned.

    Yields:
        As ``clips_of_file``.
    """
    for clip in chosen_frames(len(frames), description).tolist():
        yield crops_of([on_canvas(frames[number], description) for number in clip], description)


def chosen_frames(num_available: int, description: Description) -> Integers:
    """Say which frames the clips take.

    Args:
        num_available: Frames to choose from, >= 1.
        description: Its ``sampling`` is "window", neighbouring frames ``stride_frames`` apart, or
            "segments", spread over all of them.

    Returns:
        int64 (num_clips, num_frames), in [0, num_available).
    """
    num_clips, num_frames = description["num_clips"], description["num_frames"]
    if description["sampling"] == "segments":
        places = (np.arange(num_clips) + 0.5) / num_clips
        shares = (np.arange(num_frames) + places[:, None]) / num_frames
        at = (shares * num_available).astype(np.int64)
        return np.asarray(np.minimum(at, num_available - 1))
    stride = description["stride_frames"]
    last = max(0, num_available - num_frames * stride)
    starts = np.array([last // 2])
    if num_clips > 1:
        starts = np.arange(num_clips) * last // (num_clips - 1)
    numbers = starts[:, None] + stride * np.arange(num_frames)
    if description["past_end"] == "loop":
        return np.asarray(numbers % num_available)
    return np.asarray(np.minimum(numbers, num_available - 1))


def on_canvas(frame: Frame, description: Description) -> Frame:
    """Resize a frame and cut its long side to twice the short one.

    Args:
        frame: RGB, uint8 (H, W, 3).
        description: What ``read_description`` returned.
    """
    height, width = frame.shape[:2]
    side, short = description["short_side"], min(height, width)
    if description["resize"] == "area":  # shrinks, never enlarges
        if short > side:
            size = [max(1, round(length * (side / short))) for length in (width, height)]
            frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    elif description["keep_ratio"]:
        size = [int(side * length / short) for length in (height, width)]
        frame = _antialiased(frame, size, description["resize"])
    else:
        frame = _antialiased(frame, [side, side], description["resize"])
    height, width = frame.shape[:2]
    short = min(height, width)
    rows, columns = min(height, _LONGEST * short), min(width, _LONGEST * short)
    if description["resize"] != "area":
        rows, columns = rows - (rows - short) % 2, columns - (columns - short) % 2
    top, left = (height - rows) // 2, (width - columns) // 2
    return frame[top : top + rows, left : left + columns]


def crops_of(frames: Sequence[Frame], description: Description) -> Clips:
    """Cut and scale squares along the longer side, and bring their levels to those of training.

    Args:
        frames: RGB, uint8 (H, W, 3), all of one size, as ``on_canvas`` returns them.
        description: Its ``num_crops`` is 1 (centre) or 3 (both ends too).

    Returns:
        float32 (num_crops, 3, T, side, side).
    """
    pixels = np.stack(frames).astype(np.float32)
    size, side = np.array(pixels.shape[1:3]), description["crop_side"]
    # Squares at whole pixels of the video scaled to this short side.
    per_pixel = size.min() / max(np.rint(description["scale"] * side), side)
    room = np.floor(size / per_pixel + 1e-6) - side
    long_axis = 0 if size[0] > size[1] else 1
    mean, std = (np.array(description[name], np.float32) for name in ("mean", "std"))
    crops = []
    for position in [0.5] if description["num_crops"] == 1 else [0.0, 0.5, 1.0]:
        places = np.full(2, 0.5)
        places[long_axis] = position
        start = np.minimum(np.floor(places * (room + 1)), room) * per_pixel
        crop = _read_between(pixels, start[0], side * per_pixel, side=side, axis=1)
        crop = _read_between(crop, start[1], side * per_pixel, side=side, axis=2)
        crops.append((crop / 255 - mean) / std)
    return np.ascontiguousarray(np.stack(crops).transpose(0, 4, 1, 2, 3), dtype=np.float32)


def _read_between(pixels: Clips, start: float, length: float, *, side: int, axis: int) -> Clips:
    """Read ``side`` places of a stretch of an axis, linearly between the centres of pixels."""
    size = pixels.shape[axis]
    places = start + (np.arange(side) + 0.5) * length / side
    places = np.clip(places, 0.5, size - 0.5 - _INSET) - 0.5
    first = np.floor(places).astype(np.int64)
    shape = [1] * pixels.ndim
    shape[axis] = side
    share = (places - first).astype(np.float32).reshape(shape)
    second = np.minimum(first + 1, size - 1)
    one, other = np.take(pixels, first, axis), np.take(pixels, second, axis)
    return np.asarray(one * (1 - share) + other * share)


def _antialiased(frame: Frame, size: Sequence[int], filter: str) -> Frame:
    """Resize to (height, width) as Pillow does: a filter that grows where the frame shrinks."""
    if list(frame.shape[:2]) == list(size):
        return frame
    rows, columns = (
        _weights(frame.shape[axis], size[axis], filter).astype(np.float32) for axis in (0, 1)
    )
    wide = np.einsum("hwc,vw->hvc", frame.astype(np.float32), columns, optimize=True)
    wide = np.clip(np.rint(wide), 0, 255)  # Pillow keeps whole levels between the two
    found = np.einsum("hvc,uh->uvc", wide, rows, optimize=True)
    return np.asarray(np.clip(np.rint(found), 0, 255), np.uint8)


def _weights(num_in: int, num_out: int, filter: str) -> NDArray[np.float64]:
    """Share of each pixel of the input in each one of the output, (num_out, num_in)."""
    scale = num_in / num_out
    stretch = max(scale, 1.0)
    centers = (np.arange(num_out) + 0.5)[:, None] * scale
    x = np.abs((np.arange(num_in) + 0.5 - centers) / stretch)
    if filter == "bilinear":
        weights = np.maximum(1 - x, 0)
    else:  # Catmull-Rom's cubic, a = -1/2
        near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
        weights = np.where(x < 1, near, np.where(x < 2, far, 0))
    shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return shares


def _times(path: str) -> tuple[NDArray[np.float64], float]:
    """Seconds of every frame after the first, and the frame rate that the file states."""
    video = cv2.VideoCapture(path)
    found = []
    while video.grab():
        found.append(video.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    rate = float(video.get(cv2.CAP_PROP_FPS))
    video.release()
    times = np.array(found, dtype=np.float64)
    return times - times[:1], rate


def _resampled(seconds: NDArray[np.float64], frame_rate: float, *, wanted_rate: float) -> Integers:
    """Number of the frame nearest in time to each moment at another rate."""
    steps = np.diff(seconds)
    if (steps > _GAP_SECONDS).any():
        usual = float(np.median(steps))
        steps[steps > max(_GAP_SECONDS, _GAP_FRAMES * usual)] = usual
    times = np.concatenate([[0.0], np.cumsum(steps)])
    duration = times[-1] + (1 / frame_rate if frame_rate > 0 else 0.0)
    wanted = np.arange(max(1, round(duration * wanted_rate))) / wanted_rate
    borders = (times[:-1] + times[1:]) / 2
    return np.searchsorted(borders, wanted - 1e-6, side="right").astype(np.int64)


def _read(path: str, wanted: set[int], description: Description) -> dict[int, Frame]:
    """Frames by number, on the canvas."""
    video, frames = cv2.VideoCapture(path), {}
    for number in range(max(wanted) + 1):
        if not video.grab():
            raise ValueError(f"{path} ends at frame {number}, and had more a moment ago")
        if number in wanted:
            _, frame = video.retrieve()
            rgb = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
            frames[number] = on_canvas(rgb, description)
    video.release()
    return frames
