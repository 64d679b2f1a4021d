"""From a decoded frame to an image on the canvas: size, colours, depth, and which way is up."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from semivideo.data.video.depth import Stretch, is_deep, stretch_of
from semivideo.data.video.orientation import upright

Image = NDArray[np.uint8]

_LONGEST_SIDE = 2  # of the canvas, in short sides
_scalers = threading.local()


def canvas_size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    """Say how large the frames of a video are on the canvas.

    Frames are shrunk, never enlarged, to ``short_side``; the long side is cut to twice the short
    one around the middle, so that one very wide video does not pad a whole batch.

    Args:
        width: Displayed width in pixels.
        height: Displayed height in pixels.
        short_side: Largest short side in pixels; None changes nothing.

    Returns:
        Height and width in pixels.

    >>> canvas_size(640, 360, 128), canvas_size(320, 240, 256), canvas_size(400, 100, 50)
    ((128, 228), (240, 320), (50, 100))
    """
    scaled_width, scaled_height = scaled_size(width, height, short_side)
    if short_side is None:
        return scaled_height, scaled_width
    longest = _LONGEST_SIDE * min(scaled_width, scaled_height)
    return min(scaled_height, longest), min(scaled_width, longest)


def scaled_size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    """Return width and height after shrinking to ``short_side``, before the cut to the canvas."""
    if short_side is None or min(width, height) <= short_side:
        return width, height
    scale = short_side / min(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


class Developer:
    """Turns decoded frames of one file into images of one size.

    Args:
        path: The file.
        rotation: Which way is up, see ``orientation``.
        short_side: As in ``canvas_size``; None gives whole frames, bit-identical to PyAV's rgb24.
    """

    def __init__(self, path: Path, *, rotation: int, short_side: int | None) -> None:
        self.path, self.rotation, self.short_side = path, rotation, short_side
        self._size: tuple[int, int] | None = None
        self._stretch: Stretch | None = None

    def __call__(self, frame: VideoFrame) -> Image:
        """Return the image of a frame: uint8 (height, width, 3), RGB."""
        # The first frame decides: a stream may change its size on the way, a clip may not.
        if self._size is None:
            self._size = scaled_size(frame.width, frame.height, self.short_side)
            self._stretch = stretch_of(self.path) if is_deep(frame.format) else None
        width, height = self._size
        if not hasattr(_scalers, "scaler"):
            _scalers.scaler = VideoReformatter()  # setting one up costs as much as ten frames
        is_whole = (width, height) == (frame.width, frame.height)
        pixels = _scalers.scaler.reformat(
            frame,
            width,
            height,
            "rgb24" if self._stretch is None else self._stretch.format,
            interpolation=Interpolation.BILINEAR if is_whole else Interpolation.AREA,
            threads=1,
        ).to_ndarray()
        image: Image = pixels if self._stretch is None else self._stretch(pixels)
        rows, columns = canvas_size(width, height, self.short_side)
        top, left = (height - rows) // 2, (width - columns) // 2
        image = image[top : top + rows, left : left + columns]
        return upright(image, self.rotation) if self.rotation else image
