"""Views of raw clips: parameters are sampled first, then applied to a whole batch on its device.

A clip's parameters are a function of its ``draw`` key, the same for all its frames, and plain
arrays that can be stored and replayed. Crop and flip do not depend on the stream: the networks of a
method see the same crop of a clip. RandAugment and Cutout are drawn for each stream by itself.

    uint8 (N, T, C, H, W) -> crop + flip + geometry, one pass -> colour -> normalise + cutout
      -> float32 (N, C, T, crop, crop) in channels_last_3d
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semivideo.base.devices import on_device
from semivideo.base.errors import ConfigError, DataError
from semivideo.base.randomness import uniform
from semivideo.base.records import Clips, LabeledClips
from semivideo.settings import ViewSettings
from semivideo.transforms import modality, spatial
from semivideo.transforms.labeled_mix import mixed
from semivideo.transforms.pixels import GREY, by_frame
from semivideo.transforms.randaugment import (
    GEOMETRIC_OPERATIONS,
    OPERATIONS,
    apply_colors,
    inverse_affine,
    sample_operations,
)
from semivideo.transforms.spatial import Floats, Integers
from semivideo.transforms.temporal import reordered, sample_frame_order

Kind = Literal["standard", "weak", "strong", "center"]
_PART_LEVELS = 2**22  # levels of the canvas, 16 MB as float: smaller than a processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class ViewParameters:
    """All that was drawn for one view of N clips.

    Attributes:
        size: int64 (N, 2), height and width of the valid area.
        box: float64 (N, 4), the crop's top, left, height and width in canvas pixels.
        flip: bool (N,), whether the crop is mirrored left to right.
        operation: int64 (N, S), RandAugment's operations, numbers into ``OPERATIONS``.
        value: float64 (N, S), their values in the units of ``randaugment``'s table.
        cutout: int64 (N, 4), the grey square's top, left, height and width in view pixels.
        order: int64 (N, T), TemporalAugment's frame for each place; (N, 0) where it is off.
    """

    size: Integers
    box: Floats
    flip: NDArray[np.bool_]
    operation: Integers
    value: Floats
    cutout: Integers
    order: Integers

    def __len__(self) -> int:
        return len(self.box)

    def __getitem__(self, index: slice | Integers | list[int]) -> ViewParameters:
        """Return the parameters of some of the clips, in the order of ``index``."""
        return ViewParameters(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


class Views:
    """Makes the views that methods and evaluation see.

    Args:
        settings: Sizes, ranges and strengths.

    Raises:
        ConfigError: If a range of the settings is empty or out of bounds.
    """

    def __init__(self, settings: ViewSettings) -> None:
        _check(settings)
        self.settings = settings

    def standard(self, clips: Clips, stream: str) -> Tensor:
        """Return the labelled view of one stream: float32 (N, C, T, crop, crop).

        Labelled clips that say so are mixed with each other, see ``transforms.labeled_mix``.
        """
        view = self.apply(clips.frames[stream], self.sample("standard", clips, stream=stream))
        if isinstance(clips, LabeledClips) and clips.mix is not None:
            return mixed(view, clips.mix)
        return view

    def weak(self, clips: Clips, stream: str) -> Tensor:
        """Return the view that pseudo-labels are made of: float32 (N, C, T, crop, crop)."""
        return self.apply(clips.frames[stream], self.sample("weak", clips, stream=stream))

    def strong(self, clips: Clips, stream: str) -> Tensor:
        """Return the view that pseudo-labels are learned on: float32 (N, C, T, crop, crop)."""
        return self.apply(clips.frames[stream], self.sample("strong", clips, stream=stream))

    def center(self, clips: Clips, stream: str) -> Tensor:
        """Return the centre crop, as networks are tested: float32 (N, C, T, crop, crop)."""
        return self.apply(clips.frames[stream], self.sample("center", clips, stream=stream))

    def rotations(self, views_NCTHW: Tensor, clips: Sequence[Clips]) -> Tensor:
        """Return views and these by one, two and three quarter turns: (4 N, C, T, crop, crop).

        Args:
            views_NCTHW: Standard views of the clips, one after the other.
            clips: The clips; they are not looked at here, but cached views are found by them.
        """
        return spatial.four_rotations(views_NCTHW)

    def sample(self, kind: Kind, clips: Clips, *, stream: str) -> ViewParameters:
        """Draw the parameters of one view of each clip.

        Args:
            kind: Which view.
            clips: N clips; only ``size``, ``draw`` and, for TemporalAugment, T are read.
            stream: Name of the stream; RandAugment, Cutout and TemporalAugment depend on it, crop
                and flip do not.
        """
        s, keys = self.settings, clips.draw.cpu().numpy()
        size = clips.size.cpu().numpy().astype(np.int64)
        num_ops = s.randaugment_ops if kind == "strong" else 0
        operation, value = sample_operations(
            keys,
            stream=stream,
            num_ops=num_ops,
            magnitude=s.randaugment_magnitude,
            random_magnitude=s.randaugment_random_magnitude,
            pool=s.randaugment_pool,
        )
        cutout = self._hidden(kind, keys, stream=stream, operation=operation, value=value)
        is_reordered = kind == "strong" and s.temporal_augment
        num_frames = clips.frames[stream].shape[1] if is_reordered else 0
        place: Kind = "weak" if kind == "strong" and s.strong_crop == "weak" else kind
        is_centered = place == "center" or (place == "weak" and s.weak == "center")
        is_flipped = s.flip and not is_centered
        salt: tuple[str, ...] = (place,) if s.shared_crop else (place, stream)
        return ViewParameters(
            size=size,
            box=self._box(place, size, keys, salt=salt),
            flip=(uniform(keys, "flip", *salt)[:, 0] < 0.5) & is_flipped,
            operation=operation,
            value=value,
            cutout=cutout,
            order=sample_frame_order(keys, stream=stream, num_frames=num_frames),
        )

    def apply(self, frames_NTCHW: Tensor, parameters: ViewParameters) -> Tensor:
        """Make the views that ``parameters`` describe; nothing is drawn here.

        Args:
            frames_NTCHW: uint8 (N, T, C, H, W), on any device; C as in ``records.Clips``.
            parameters: What ``sample`` returned for these clips.

        Returns:
            float32 (N, 3, T, crop, crop), normalised, in channels_last_3d.

        Raises:
            DataError: If the frames are not uint8 (N, T, C, H, W) with one clip per parameter.
        """
        _check_frames(frames_NTCHW, num_clips=len(parameters))
        N, T = frames_NTCHW.shape[:2]
        views = _empty((N, 3, T), side=self.settings.crop_size, device=frames_NTCHW.device)
        for part in _parts(frames_NTCHW):
            self._view(frames_NTCHW[part], parameters[part], out=views[part].transpose(1, 2))
        return views

    def _view(self, frames_NTCHW: Tensor, p: ViewParameters, *, out: Tensor) -> None:
        """Write the normalised views of a part of the batch, float (N, T, 3, crop, crop)."""
        side, is_motion = self.settings.crop_size, frames_NTCHW.shape[2] != 3
        frames_NTCHW = reordered(self._rounded(frames_NTCHW), p.order)
        is_moved = np.isin(p.operation, [OPERATIONS.index(name) for name in GEOMETRIC_OPERATIONS])
        views = None
        if not is_moved.any() and not p.flip.any():
            views = spatial.plain_crop(frames_NTCHW, p.box, side=side)
        if views is None:
            matrix = spatial.view_to_canvas(p.box, side=side, flip=p.flip)
            matrix = matrix @ inverse_affine(p.operation, p.value, side=side)
            box = p.box if is_moved.any() else None
            views = spatial.warp(frames_NTCHW, matrix[:, None], size=p.size, side=side, box=box)
        views = self._levels(views, flip=p.flip, is_motion=is_motion)
        views = apply_colors(views, p.operation, p.value)
        self._normalize(by_frame(views), p.cutout, out=out)

    def test_crops(
        self,
        frames_NTCHW: Tensor,
        size: Tensor,
        *,
        num_crops: int,
        crop_size: int,
        scale: float = 1.0,
    ) -> Tensor:
        """Make the deterministic views of evaluation.

        Args:
            frames_NTCHW: uint8 (N, T, C, H, W); C as in ``records.Clips``.
            size: int64 (N, 2), height and width of the valid area.
            num_crops: 1 for the centre; 3 for left, centre, right (portrait: top, centre, bottom).
            crop_size: Side of the crops in pixels.
            scale: Short side before the crop as a multiple of ``crop_size``, >= 1.

        Returns:
            float32 (N, num_crops, 3, T, crop_size, crop_size), normalised.

        Raises:
            ConfigError: If ``num_crops`` is neither 1 nor 3.
            DataError: If the frames are not uint8 (N, T, C, H, W) with one clip per size.
        """
        _check_frames(frames_NTCHW, num_clips=len(size))
        sizes = size.cpu().numpy().astype(np.int64)
        box = spatial.long_side_boxes(sizes, side=crop_size, num_crops=num_crops, scale=scale)
        matrix = spatial.view_to_canvas(box, side=crop_size)
        N, T = frames_NTCHW.shape[:2]
        is_motion, unflipped = frames_NTCHW.shape[2] != 3, np.zeros(N, dtype=np.bool_)
        crops = _empty((N * num_crops, 3, T), side=crop_size, device=frames_NTCHW.device)
        crops = crops.view(N, num_crops, 3, T, crop_size, crop_size)
        for part in _parts(frames_NTCHW):
            frames = self._rounded(frames_NTCHW[part])
            made = spatial.warp(frames, matrix[part], size=sizes[part], side=crop_size)
            made = self._levels(made, flip=unflipped[part], is_motion=is_motion)
            made_NTCKHW = by_frame(made).view(-1, T, 3, num_crops, crop_size, crop_size)
            self._normalize(made_NTCKHW.permute(0, 3, 1, 2, 4, 5), out=crops[part].transpose(2, 3))
        return crops

    def _rounded(self, frames_NTCHW: Tensor) -> Tensor:
        """Raw clips, whose gradients are in whole levels where they are to be."""
        if frames_NTCHW.shape[2] == 6 and self.settings.gradient_uint8:
            return modality.rounded_gradient(frames_NTCHW)
        return frames_NTCHW

    def _levels(self, views_NTCHW: Tensor, *, flip: NDArray[np.bool_], is_motion: bool) -> Tensor:
        """The three channels of each cropped frame, of motion with the contrast wanted."""
        contrast = self.settings.motion_contrast
        levels = modality.network_levels(views_NTCHW, on_device(flip, views_NTCHW.device))
        return modality.with_contrast(levels, contrast) if is_motion and contrast != 1 else levels

    def _hidden(
        self, kind: Kind, keys: Integers, *, stream: str, operation: Integers, value: Floats
    ) -> Integers:
        """(N, 4): the grey square of each clip, by ``cutout`` or an operation of its own."""
        s, draws = self.settings, uniform(keys, "cutout", stream, size=3)
        largest = np.full(len(keys), s.cutout if kind == "strong" else 0.0)
        is_cutout = operation == OPERATIONS.index("Cutout")
        is_drawn = is_cutout.any(axis=1)
        largest[is_drawn] = np.where(is_cutout, value, 0.0).max(axis=1, initial=0.0)[is_drawn]
        draws[is_drawn, 0] = 1.0  # its size is given, only the place is drawn
        return spatial.cutout_box(draws, side=s.crop_size, largest=largest)

    def _box(self, kind: Kind, size: Integers, keys: Integers, *, salt: tuple[str, ...]) -> Floats:
        """(N, 4): the crop of each clip."""
        s = self.settings
        if kind == "center" or (kind == "weak" and s.weak == "center"):
            return spatial.center_box(size, side=s.crop_size, scale=s.weak_scale)
        if kind != "strong" and s.standard == "resized":
            draws = uniform(keys, "crop", *salt, size=22)
            return spatial.resized_box(size, draws, area=s.resized_area, ratio=s.resized_ratio)
        draws = uniform(keys, "crop", *salt, size=3)
        draws[:, 1:] = 0.5 + s.crop_shift * (draws[:, 1:] - 0.5)
        return spatial.jitter_box(size, draws, side=s.crop_size, scale=s.jitter_scale)

    def _normalize(self, views: Tensor, cutout: Integers | None = None, *, out: Tensor) -> None:
        """Grey the cutout squares, subtract the mean, divide by the deviation."""
        side, device = views.shape[-1], views.device
        std, mean = (
            on_device(torch.tensor(levels), device)
            for levels in (self.settings.std, self.settings.mean)
        )
        # Where the channels of a pixel lie together, whole rows at once: five times as fast.
        columns = side if views.stride(-3) == 1 else 1
        scale, shift = (each.repeat(1, columns, 1) for each in (1 / (255 * std), -mean / std))
        if cutout is not None and cutout[:, 2:].all(axis=1).any():
            # Folded into the affine map of levels: inside a square the scale is 0.
            hidden_scale = scale * spatial.levels_in(on_device(cutout, device), side=side)
            shift = shift + GREY * hidden_scale
            scale = scale - hidden_scale
        torch.addcmul(shift.movedim(-1, -3), views, scale.movedim(-1, -3), out=out)


def _parts(frames_NTCHW: Tensor) -> list[slice]:
    """Cut a batch into parts whose intermediate results stay in a processor's cache."""
    num_clips, step = len(frames_NTCHW), max(1, len(frames_NTCHW))
    if frames_NTCHW.device.type == "cpu":
        step = max(torch.get_num_threads(), _PART_LEVELS // max(1, frames_NTCHW[:1].numel()))
    return [slice(start, start + step) for start in range(0, num_clips, step)]


def _empty(shape: tuple[int, int, int], *, side: int, device: torch.device) -> Tensor:
    """Room for views, float32 (*shape, side, side), in the layout that convolutions prefer."""
    layout = torch.channels_last_3d
    return torch.empty((*shape, side, side), device=device, memory_format=layout)


def _check(s: ViewSettings) -> None:
    """Refuse ranges that no view can be drawn from."""
    low, high = s.jitter_scale
    if not 1 <= low <= high:
        raise ConfigError(
            f"views.jitter_scale must be two rising numbers of at least 1, "
            f"got ({low:g}, {high:g}); "
            "they are the short side before the crop as a multiple of crop_size"
        )
    for name, limit in (("resized_area", 1.0), ("resized_ratio", np.inf)):
        low, high = getattr(s, name)
        if not 0 < low <= high <= limit:
            raise ConfigError(
                f"views.{name} must be two rising numbers in (0, {limit:g}], "
                f"got ({low:g}, {high:g}); exchange or correct them"
            )


def _check_frames(frames: Tensor, *, num_clips: int) -> None:
    """Refuse what is not a batch of raw clips."""
    is_raw = frames.dtype == torch.uint8 and frames.ndim == 5
    is_raw = is_raw and frames.shape[2] in modality.CHANNELS
    if not is_raw or len(frames) != num_clips:
        raise DataError(
            f"views need raw clips, uint8 ({num_clips}, T, 3, H, W), got {frames.dtype} "
            f"{tuple(frames.shape)}; pass the frames that the loader yields"
        )
