"""Pictures of more than 8 bits that are no photographs: depth in millimetres, heat, X-rays.

A depth camera writes 1000 and 2500 of 65535; cut to 8 bits that is 4 and 10 of 255, all black. So
grey of more than 8 bits is stretched, by one rule for the whole file::

    darkest -> 0, brightest -> 255, evenly between, cut beyond

Darkest and brightest are those of frames spread over the file, without the half percent of pixels
at either end, and without 0 and the largest value, by which cameras say that nothing was measured.
One step of the file never becomes more than one of 255. Colours of more than 8 bits a channel are
left as they are, unless the file uses less than an eighth of their range; then only the brightest
value is moved, so that no colour changes its hue. YUV of any depth is left alone.

The stretch is a function of the file, so that every way of reading it gives the same images.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from semivideo.data.video import frame_folder
from semivideo.data.video.container import opened
from semivideo.data.video.frame_names import frame_files

_GREY, _COLORS = "gray16le", "rgb48le"
_LARGEST = 2**16 - 1
_NUM_FRAMES = 8  # that are looked at
_PIXELS = 1 << 16  # of each, at most about so many
_OUTLIERS = 0.5  # percent
_UNUSED = 8  # colours are stretched where they use less than this part of their range


@dataclass(frozen=True, slots=True)
class Stretch:
    """How values of 16 bits become those of 8.

    Attributes:
        format: FFmpeg's name of the 16-bit format.
        low: Becomes 0.
        high: Becomes 255.
    """

    format: str
    low: float
    high: float

    def __call__(self, pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Stretch (H, W) or (H, W, 3): uint8 (H, W, 3)."""
        scale = 255 / max(self.high - self.low, 255)
        levels = np.rint((pixels.astype(np.float32) - self.low) * np.float32(scale))
        image = levels.clip(0, 255).astype(np.uint8)
        return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def is_deep(format: VideoFormat) -> bool:
    """Whether a format is grey, or RGB, of 9 to 16 bits a value."""
    return _is_deep(format.name)


@functools.lru_cache(maxsize=256)
def _is_deep(name: str) -> bool:
    """The same, by name."""
    format = VideoFormat(name)
    components = format.components
    is_other = format.is_bayer or format.has_palette or not 8 < components[0].bits <= 16
    return not is_other and (format.is_rgb or len(components) <= 2)  # grey, perhaps with alpha


def stretch_of(path: Path) -> Stretch | None:
    """Return the stretch of a file with a format that is deep; None for colours that need none."""
    status = path.stat()
    return _stretch_of(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _stretch_of(path: Path, num_bytes: int, modified_ns: int) -> Stretch | None:
    """The same, of a file that has not changed since it was looked at."""
    values: list[NDArray[np.uint16]] = []
    is_color = False
    for frame in _some_frames(path):
        is_color = frame.format.is_rgb
        whole = frame.reformat(format=_COLORS if is_color else _GREY, threads=1)
        pixels = np.asarray(whole.to_ndarray(), np.uint16)
        flat = pixels.reshape(-1, 3 if is_color else 1)
        values.append(flat[:: -(-len(flat) // _PIXELS)].reshape(-1))
    every = np.concatenate(values or [np.zeros(1, np.uint16)])
    measured = every[(every > 0) & (every < _LARGEST)]
    if is_color:
        high = float(np.percentile(measured, 100 - _OUTLIERS)) if len(measured) else _LARGEST
        return Stretch(_COLORS, 0.0, high) if high < _LARGEST / _UNUSED else None
    if not len(measured):
        return Stretch(_GREY, 0.0, float(_LARGEST))
    low, high = np.percentile(measured, [_OUTLIERS, 100 - _OUTLIERS]).tolist()
    return Stretch(_GREY, low, high)


def _some_frames(path: Path) -> Iterator[VideoFrame]:
    """Keyframes spread over a file; the first picture where one cannot jump in it."""
    if path.is_dir():
        num_frames = len(frame_files(path))
        spread = sorted({n * num_frames // _NUM_FRAMES for n in range(_NUM_FRAMES)})
        yield from (frame for _, frame in frame_folder.chosen(path, spread))
        return
    with opened(path) as (container, stream):
        start, duration = container.start_time or 0, container.duration or 0
        for number in range(_NUM_FRAMES):
            try:
                if number:
                    container.seek(start + number * duration // _NUM_FRAMES)
                yield next(container.decode(stream))
            except (av.error.FFmpegError, StopIteration):
                return
            if not duration:
                return
