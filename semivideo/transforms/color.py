"""Colour operations of RandAugment on whole groups of clips, as Pillow defines them.

Each takes float RGB clips (M, T, 3, H, W) in [0, 255] and one value per clip, (M, 1, 1, 1, 1),
overwrites the clips and returns them. The value is the same for all frames of a clip. Statistics
(histogram, mean grey) are those of each frame, as Pillow would take them, so a still clip stays
still. Fractions are kept where Pillow rounds to whole levels. Clips may lie in memory in any order;
what is computed for each frame is laid out to suit that of ``pixels.read_rows``.

==============  ============  ============================================
operation       value         Pillow
==============  ============  ============================================
auto_contrast   none          ImageOps.autocontrast, each channel by itself
brightness      factor        ImageEnhance.Brightness
color           factor        ImageEnhance.Color
contrast        factor        ImageEnhance.Contrast
equalize        none          ImageOps.equalize, each channel by itself
invert          none          ImageOps.invert
posterize       bits, 1 to 8  ImageOps.posterize
sharpness       factor        ImageEnhance.Sharpness
solarize        threshold     ImageOps.solarize
==============  ============  ============================================
"""

from __future__ import annotations

import torch
from torch import Tensor

from semivideo.base.devices import on_device

_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601-2, Pillow's conversion to "L"
_PIXEL_BY_PIXEL = (0, 3, 4, 2, 1)  # (M, H, W, 3, T), the order in memory of what read_rows reads


def auto_contrast(clips: Tensor, value: Tensor) -> Tensor:
    """Stretch each channel (M, T, 3, H, W) of each frame to the full range; constant ones stay."""
    pixels = clips.permute(_PIXEL_BY_PIXEL)
    # One dimension after the other: over both at once takes ten times as long.
    low = _of_frames(pixels.amin(dim=1).amin(dim=1)).round()
    spread = _of_frames(pixels.amax(dim=1).amax(dim=1)).round() - low
    scale = torch.where(spread > 0, 255 / spread.clamp(min=1), 1.0)
    # Not addcmul: with two factors that are not full tensors it is several times as slow.
    return clips.mul_(scale).sub_(torch.where(spread > 0, low * scale, 0.0)).clamp_(0, 255)


def brightness(clips: Tensor, value: Tensor) -> Tensor:
    """Blend clips (M, T, 3, H, W) with black: factor 0 is black, 1 the clip."""
    return clips.mul_(value).clamp_(0, 255)


def color(clips: Tensor, value: Tensor) -> Tensor:
    """Blend clips (M, T, 3, H, W) with their grey version: factor 0 is grey, 1 the clip."""
    red, green, blue = clips.unbind(dim=2)
    grey = (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])
    grey.mul_((1 - value).squeeze(2))
    clips.mul_(value)
    for channel in (red, green, blue):  # in one go, broadcast, it takes three times as long
        channel.add_(grey)
    return clips.clamp_(0, 255)


def contrast(clips: Tensor, value: Tensor) -> Tensor:
    """Blend clips (M, T, 3, H, W) with the mean grey of each frame: factor 1 is the clip."""
    luma = on_device(torch.tensor(_LUMA), clips.device).view(3, 1)
    mean = clips.permute(_PIXEL_BY_PIXEL).mean(dim=(1, 2))
    grey = (mean * luma).sum(dim=1, keepdim=True).round().expand_as(mean)
    return clips.mul_(value).add_(_of_frames(grey) * (1 - value)).clamp_(0, 255)


def equalize(clips: Tensor, value: Tensor) -> Tensor:
    """Flatten the histogram of each channel of each frame of clips (M, T, 3, H, W)."""
    num_histograms = clips.shape[0] * clips.shape[1] * clips.shape[2]
    offset = 256 * torch.arange(num_histograms, dtype=torch.int32, device=clips.device)
    offset = _of_frames(offset.view(clips.shape[0], 3, -1))
    level = _as_stored(clips.round_().int().add_(offset)).flatten()
    # Not bincount, which waits for a GPU to tell the largest level.
    count = level.new_zeros(256 * num_histograms).index_add_(0, level, torch.ones_like(level))
    count = count.view(-1, 256)
    last = 255 - count.flip(1).bool().long().argmax(dim=1, keepdim=True)
    step = (count.sum(dim=1, keepdim=True) - count.gather(1, last)) // 255
    before = count.cumsum(dim=1) - count
    table = ((before + step // 2) // step.clamp(min=1)).clamp_(max=255)
    table = torch.where(step > 0, table, torch.arange(256, device=clips.device))
    stored = _as_stored(clips)
    stored.copy_(table.to(clips.dtype).flatten().index_select(0, level).view_as(stored))
    return clips


def invert(clips: Tensor, value: Tensor) -> Tensor:
    """Turn light to dark and dark to light in clips (M, T, 3, H, W)."""
    return clips.neg_().add_(255)


def posterize(clips: Tensor, value: Tensor) -> Tensor:
    """Keep the highest bits of each level of clips (M, T, 3, H, W)."""
    step = 2 ** (8 - value)
    return clips.round_().mul_(1 / step).floor_().mul_(step)


def sharpness(clips: Tensor, value: Tensor) -> Tensor:
    """Blend clips (M, T, 3, H, W) with a smoothed version: factor 0 is smooth, 1 the clip."""
    # Pillow smooths with (1 1 1; 1 5 1; 1 1 1) / 13 and leaves the outermost pixels as they are.
    columns = clips[..., :-2, :] + clips[..., 1:-1, :] + clips[..., 2:, :]
    box = columns[..., :-2] + columns[..., 1:-1] + columns[..., 2:]
    inner = clips[..., 1:-1, 1:-1]
    inner.mul_(value + (1 - value) * (4 / 13)).add_(box.mul_((1 - value) / 13)).clamp_(0, 255)
    return clips


def solarize(clips: Tensor, value: Tensor) -> Tensor:
    """Invert levels of clips (M, T, 3, H, W) at or above the threshold."""
    is_inverted = torch.ge(clips.round_(), value, out=torch.empty_like(clips))  # 0.0 or 1.0
    return clips.sub_(is_inverted, alpha=255).abs_()


def _of_frames(statistic_M3T: Tensor) -> Tensor:
    """(M, T, 3, 1, 1): a number for each channel of each frame, laid out as ``read_rows`` lays."""
    return statistic_M3T.contiguous().transpose(1, 2)[..., None, None]


def _as_stored(clips: Tensor) -> Tensor:
    """Clips (M, T, 3, H, W) with dimensions in the order in memory, if it is ``read_rows``'s."""
    pixels = clips.permute(_PIXEL_BY_PIXEL)
    return pixels if pixels.is_contiguous() else clips
