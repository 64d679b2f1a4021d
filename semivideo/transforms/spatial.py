"""Where a view comes from: crop boxes, maps from view to canvas, and the one resampling pass.

Coordinates are continuous pixels (x, y): pixel i covers [i, i + 1) and its centre is i + 0.5, as in
Pillow. A box is (top, left, height, width) in canvas pixels and always lies inside the valid area:

    canvas   +-------------+-----+      view   0 --------- side
             | valid  +--+ | pad |              |  box, scaled |
             |        |  | |     |     <---     |  to a square |
             |        +--+ |     |              |              |
             +-------------+-----+             side -----------+

A box says where; a matrix maps view coordinates (x, y, 1) to canvas coordinates. Crop, flip and all
geometric operations of a clip are one matrix, so pixels are read once. There is no antialiasing,
as in SlowFast: choose a canvas (data.short_side) of less than twice the crop.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semivideo.base.devices import on_device
from semivideo.base.errors import ConfigError
from semivideo.transforms.pixels import by_frame, by_pixel, read_grid, read_rows

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_TRIES = 10
_INSET = 2.0**-10  # keeps float32 error of a coordinate from touching the pixel after the last one


def jitter_box(size: Integers, uniform: Floats, *, side: int, scale: tuple[float, float]) -> Floats:
    """Scale the short side to a random length, then crop a random square (SlowFast).

    Args:
        size: (N, 2), height and width of the valid area.
        uniform: (N, 3) in [0, 1): scale, vertical and horizontal position.
        side: Side of the crop in view pixels.
        scale: Range of the scaled short side as a multiple of ``side``, >= 1.

    Returns:
        Boxes (N, 4). At scale 1 to the canvas they lie on whole pixels.
    """
    low, high = scale
    short = np.rint((low + (high - low) * uniform[:, :1]) * side)
    return _crop_of_scaled(size, short, side=side, position=uniform[:, 1:3])


def center_box(size: Integers, *, side: int, scale: float) -> Floats:
    """Scale the short side to ``scale * side`` and crop the centre square.

    Args:
        size: (N, 2), height and width of the valid area.
        side: Side of the crop in view pixels.
        scale: Short side before the crop as a multiple of ``side``, >= 1.

    Returns:
        Boxes (N, 4).
    """
    short = np.full((len(size), 1), np.rint(scale * side))
    return _crop_of_scaled(size, short, side=side, position=np.full((len(size), 2), 0.5))


def resized_box(
    size: Integers, uniform: Floats, *, area: tuple[float, float], ratio: tuple[float, float]
) -> Floats:
    """Choose a box of random area and aspect ratio (Inception's random resized crop).

    Args:
        size: (N, 2), height and width of the valid area.
        uniform: (N, 22) in [0, 1): ten tries of area and ratio, then the position.
        area: Range of the box's share of the valid area, in (0, 1].
        ratio: Range of width / height, drawn uniformly in its logarithm.

    Returns:
        Boxes (N, 4) on whole pixels: the first try that fits, else the last one cut to fit.
    """
    tries = uniform[:, : 2 * _TRIES].reshape(-1, _TRIES, 2)
    pixels = (area[0] + (area[1] - area[0]) * tries[..., 0]) * size.prod(axis=1)[:, None]
    low, high = np.log(ratio)
    width_per_height = np.exp(low + (high - low) * tries[..., 1])
    shape = np.sqrt(np.stack([pixels / width_per_height, pixels * width_per_height], axis=-1))
    shape = np.maximum(np.rint(shape), 1)
    fits = (shape <= size[:, None]).all(axis=-1)
    chosen = np.where(fits.any(axis=1), fits.argmax(axis=1), _TRIES - 1)
    shape = np.minimum(shape[np.arange(len(size)), chosen], size)
    start = np.floor(uniform[:, 2 * _TRIES :] * (size - shape + 1))
    return np.concatenate([start, shape], axis=1)


def long_side_boxes(size: Integers, *, side: int, num_crops: int, scale: float = 1.0) -> Floats:
    """Scale the short side to ``scale * side``, take squares along the longer side (SlowFast).

    Args:
        size: (N, 2), height and width of the valid area.
        side: Side of the crop in view pixels.
        num_crops: 1 for the centre; 3 for left, centre, right (portrait: top, centre, bottom).
        scale: Short side before the crop as a multiple of ``side``, >= 1.

    Returns:
        Boxes (N, num_crops, 4), centred along the short side.

    Raises:
        ConfigError: If ``num_crops`` is neither 1 nor 3.
    """
    if num_crops not in (1, 3):
        raise ConfigError(
            f"num_crops must be 1 or 3, got {num_crops}; "
            "1 is the centre, 3 lie along the longer side"
        )
    short = np.full((len(size), 1), np.rint(scale * side))
    is_longer = np.stack([size[:, 0] > size[:, 1], size[:, 0] <= size[:, 1]], axis=1)
    positions = [0.5] if num_crops == 1 else [0.0, 0.5, 1.0]
    boxes = [
        _crop_of_scaled(size, short, side=side, position=np.where(is_longer, position, 0.5))
        for position in positions
    ]
    return np.stack(boxes, axis=1)


def cutout_box(uniform: Floats, *, side: int, largest: float | Floats) -> Integers:
    """Choose the square of the view that Cutout greys (DeVries and Taylor, arXiv 1708.04552).

    Args:
        uniform: (N, 3) in [0, 1]: side, vertical and horizontal centre.
        side: Side of the view in pixels.
        largest: Largest side of the square as a share of ``side``, in [0, 1]; of all or (N,).

    Returns:
        Boxes (N, 4) in whole view pixels; the part of a square outside the view is cut off.
    """
    square = np.rint(uniform[:, :1] * np.reshape(largest, (-1, 1)) * side)
    start = np.rint(uniform[:, 1:] * side - square / 2)
    end = np.clip(start + square, 0, side)
    start = np.clip(start, 0, side)
    return np.concatenate([start, end - start], axis=1).astype(np.int64)


def levels_in(box: Tensor, *, side: int) -> Tensor:
    """Mark the levels of a view that lie in a box.

    Args:
        box: int64 (N, 4), in whole view pixels.
        side: Side of the view in pixels.

    Returns:
        float32 (N, 1, side, side, 3), 1 inside and 0 elsewhere.
    """
    pixel = torch.arange(side, device=box.device)
    top, left, height, width = box.unsqueeze(-1).unbind(1)
    rows = (pixel >= top) & (pixel < top + height)
    columns = (pixel >= left) & (pixel < left + width)
    # A column's three levels first, so that whole rows of levels are multiplied.
    levels = columns.float().repeat_interleave(3, dim=1)
    return (rows.float().unsqueeze(2) * levels.unsqueeze(1)).view(-1, 1, side, side, 3)


def view_to_canvas(box: Floats, *, side: int, flip: NDArray[np.bool_] | None = None) -> Floats:
    """Map a view's coordinates (x, y, 1) to the canvas: mirror, scale to the box, shift.

    Args:
        box: (..., 4).
        side: Side of the view in pixels.
        flip: (...), whether the view is mirrored left to right; None for never.

    Returns:
        Matrices (..., 3, 3).
    """
    top, left, height, width = np.moveaxis(box, -1, 0)
    mirrored = np.zeros(top.shape, dtype=bool) if flip is None else flip
    matrix = np.zeros((*top.shape, 3, 3))
    matrix[..., 0, 0] = np.where(mirrored, -width, width) / side
    matrix[..., 0, 2] = np.where(mirrored, left + width, left)
    matrix[..., 1, 1] = height / side
    matrix[..., 1, 2] = top
    matrix[..., 2, 2] = 1
    return matrix


def warp(
    frames_NTCHW: Tensor,
    matrix: Floats,
    *,
    size: Integers,
    side: int,
    box: Floats | None = None,
) -> Tensor:
    """Read K square views of each clip, bilinearly, all frames and channels at once.

    Args:
        frames_NTCHW: uint8 (N, T, C, H, W).
        matrix: (N, K, 3, 3), from view to canvas coordinates.
        size: (N, 2), valid area; pixels outside it are never read.
        side: Side of the views in pixels.
        box: (N, 4); what lies outside it becomes grey. None where the views are boxes.

    Returns:
        float32 (N, T, C, K * side, side) in [0, 255], views one below the other.
    """
    N, T, C = frames_NTCHW.shape[:3]
    K, device = matrix.shape[1], frames_NTCHW.device
    m = _on(device, matrix.reshape(N, K, 9, 1, 1)).unbind(2)
    centers = torch.arange(side, dtype=torch.float32, device=device) + 0.5
    rows = centers[:, None]
    # Written out: affine_grid is a matrix product, which autocast would round to bfloat16.
    x = m[0] * centers + m[1] * rows + m[2]
    y = m[3] * centers + m[4] * rows + m[5]
    inside = None
    if box is not None:
        top, left, box_height, box_width = _on(device, box.reshape(N, 4, 1, 1, 1)).unbind(1)
        inside = (x >= left) & (x < left + box_width) & (y >= top) & (y < top + box_height)
    height, width = _on(device, size.reshape(N, 2, 1, 1, 1)).unbind(1)
    read = read_rows if device.type == "cpu" else read_grid
    views = read(frames_NTCHW, _clamped(x, width), _clamped(y, height), inside=inside)
    return views.view(N, T, C, K * side, side)


def four_rotations(clips_NCTHW: Tensor) -> Tensor:
    """Return (4 N, C, T, H, W): all clips, then all turned by one, two and three quarter turns.

    Args:
        clips_NCTHW: Square clips, H = W.
    """
    return torch.cat([torch.rot90(clips_NCTHW, k, dims=(3, 4)) for k in range(4)])


def plain_crop(frames_NTCHW: Tensor, box: Floats, *, side: int) -> Tensor | None:
    """Cut the views out where nothing needs resampling: one box of ``side`` whole pixels for all.

    Args:
        frames_NTCHW: uint8 (N, T, C, H, W).
        box: (N, 4).
        side: Side of the views in pixels.

    Returns:
        float32 (N, T, C, side, side) in [0, 255], or None where clips have to be resampled.
    """
    top, left, height, width = box[0]
    if height != side or width != side or top % 1 or left % 1 or (box != box[0]).any():
        return None
    rows, columns = slice(int(top), int(top) + side), slice(int(left), int(left) + side)
    cut = frames_NTCHW[..., rows, columns]
    if cut.shape[2] == 3 and cut.stride(-1) == 1 and cut.device.type == "cpu":
        cut = by_frame(by_pixel(cut))  # now, while a level is a byte
    return cut.float()


def _crop_of_scaled(size: Integers, short: Floats, *, side: int, position: Floats) -> Floats:
    """Boxes of squares at whole pixels of the video scaled to a short side of ``short`` (N, 1)."""
    short = np.maximum(short, side)
    canvas_per_scaled = size.min(axis=1, keepdims=True) / short
    # Tolerance: 85 / (64 / 64) must not become 84.999...
    room = np.floor(size / canvas_per_scaled + 1e-6) - side
    start = np.minimum(np.floor(position * (room + 1)), room) * canvas_per_scaled
    shape = np.broadcast_to(side * canvas_per_scaled, size.shape)
    return np.concatenate([start, shape], axis=1)


def _clamped(coordinate: Tensor, length: Tensor) -> Tensor:
    """Move coordinates to between the centres of the first and last valid pixel."""
    return torch.minimum(coordinate.clamp(min=0.5), length - (0.5 + _INSET))


def _on(device: torch.device, values: Floats | Integers) -> Tensor:
    """float32 copy of an array on a device."""
    return on_device(values.astype(np.float32), device)
