"""From a decoded frame to an image on the canvas: size, colours, depth, and which way is up."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from semivideo.data.video.depth import Stretch, is_deep, stretch_of
from semivideo.data.video.orientation import upright
from semivideo.settings import DataSettings

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Resizing:
    """How frames come to the size that the weights of an encoder want: as Pillow resizes pictures.

    Attributes:
        side: Short side in pixels, to which frames are shrunk or enlarged.
        filter: Of the pixels, widened where frames are shrunk ("antialiased").
        keeps_ratio: Off squeezes the whole frame into a square of ``side``.
    """

    side: int
    filter: Literal["bilinear", "bicubic"]
    keeps_ratio: bool = True


FrameSize = int | Resizing | None
"""A short side in pixels, to which frames are shrunk by area, never enlarged; None is as it is."""

_LONGEST_SIDE = 2  # of the canvas, in short sides
_scalers = threading.local()


def frame_size(settings: DataSettings) -> int | Resizing:
    """Return what settings want of the size of frames.

    Args:
        settings: Their ``short_side``, ``resize`` and ``keep_ratio`` say it.
    """
    if settings.resize == "area":
        return settings.short_side
    return Resizing(settings.short_side, settings.resize, keeps_ratio=settings.keep_ratio)


def canvas_size(width: int, height: int, short_side: FrameSize) -> tuple[int, int]:
    """Say how large the frames of a video are on the canvas.

    Frames are shrunk, never enlarged, to ``short_side``; the long side is cut to twice the short
    one around the middle, so that one very wide video does not pad a whole batch.

    Args:
        width: Displayed width in pixels.
        height: Displayed height in pixels.
        short_side: Largest short side in pixels; None changes nothing. A ``Resizing`` also
            enlarges, and leaves the long side odd or even as the short one is: the middle of both
            is then the same pixel for everyone.

    Returns:
        Height and width in pixels.

    >>> canvas_size(640, 360, 128), canvas_size(320, 240, 256), canvas_size(400, 100, 50)
    ((128, 228), (240, 320), (50, 100))
    """
    scaled_width, scaled_height = scaled_size(width, height, short_side)
    if short_side is None:
        return scaled_height, scaled_width
    short = min(scaled_width, scaled_height)
    longest = _LONGEST_SIDE * short
    rows, columns = min(scaled_height, longest), min(scaled_width, longest)
    if isinstance(short_side, Resizing):
        return rows - (rows - short) % 2, columns - (columns - short) % 2
    return rows, columns


def scaled_size(width: int, height: int, short_side: FrameSize) -> tuple[int, int]:
    """Return width and height after shrinking to ``short_side``, before the cut to the canvas."""
    if isinstance(short_side, Resizing):
        side, short = short_side.side, min(width, height)
        if not short_side.keeps_ratio:
            return side, side
        return int(side * width / short), int(side * height / short)
    if short_side is None or min(width, height) <= short_side:
        return width, height
    scale = short_side / min(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def resized(image: Image, *, size: tuple[int, int], resizing: Resizing) -> Image:
    """Resize an image as Pillow does, up to two levels, and cut it to the canvas.

    Args:
        image: uint8 (H, W, 3).
        size: Width and height before the cut, from ``scaled_size``.
        resizing: How.
    """
    import torch  # reading alone does without it

    width, height = size
    if image.shape[:2] != (height, width):
        pixels = torch.from_numpy(np.require(image, requirements=["C", "W"]))
        pixels = pixels.permute(2, 0, 1)[None]
        pixels = torch.nn.functional.interpolate(
            pixels, size=(height, width), mode=resizing.filter, antialias=True
        )
        image = pixels[0].permute(1, 2, 0).numpy()
    return _cut(image, canvas_size(width, height, resizing))


def _cut(image: Image, size: tuple[int, int]) -> Image:
    """The middle of an image."""
    rows, columns = size
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    return image[top : top + rows, left : left + columns]


class Developer:
    """Turns decoded frames of one file into images of one size.

    Args:
        path: The file.
        rotation: Which way is up, see ``orientation``.
        short_side: As in ``canvas_size``; None gives whole frames, bit-identical to PyAV's rgb24.
    """

    def __init__(self, path: Path, *, rotation: int, short_side: FrameSize) -> None:
        self.path, self.rotation = path, rotation
        self.resizing = short_side if isinstance(short_side, Resizing) else None
        self.short_side = None if isinstance(short_side, Resizing) else short_side
        self._size = (0, 0)  # none yet
        self._stretch: Stretch | None = None

    def fit(self, first: VideoFrame) -> None:
        """Give all images the size that this frame asks for."""
        self._size = scaled_size(first.width, first.height, self.short_side)
        self._stretch = stretch_of(self.path) if is_deep(first.format) else None

    def __call__(self, frame: VideoFrame) -> Image:
        """Return the image of a frame: uint8 (height, width, 3), RGB."""
        # The first frame decides: a stream may change its size on the way, a clip may not.
        if not any(self._size):
            self.fit(frame)
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
        image = _cut(image, canvas_size(width, height, self.short_side))
        image = upright(image, self.rotation) if self.rotation else image
        if self.resizing is not None:
            size = scaled_size(image.shape[1], image.shape[0], self.resizing)
            image = resized(image, size=size, resizing=self.resizing)
        return image
