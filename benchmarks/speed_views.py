"""How many views a second one core makes, beside torchvision and Pillow.

    python benchmarks/speed_views.py

All three make the same views of the same clips: scale jitter, crop, flip and normalisation
("standard"), the centre crop ("weak"), or scale jitter, crop, flip and two operations of
RandAugment ("strong"), to which SemiVideo adds Cutout. torchvision's operations run clip by clip on
tensors, Pillow's frame by frame.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from timing import Row, figure, machine, markdown, one_thread, take_turns, torchvision_transforms
from torch import Tensor

from semivideo.base.machine.allocator import keep_freed_memory
from semivideo.base.records import Clips
from semivideo.settings import ViewSettings
from semivideo.transforms import Views
from semivideo.transforms.views import Kind

OURS = "SemiVideo"
TORCHVISION = "torchvision v2, clip by clip"
PILLOW = "Pillow, frame by frame"
STRONG_TARGET = 400.0
"""Strong views a second at crop 112."""


class Size(NamedTuple):
    """One size of clips and views, and the kinds that are made of it."""

    height: int
    width: int
    crop: int
    kinds: tuple[Kind, ...]
    num_clips: int
    num_frames: int = 8


SIZES = (
    Size(128, 171, 112, ("standard", "weak", "strong"), num_clips=24),
    Size(256, 342, 224, ("strong",), num_clips=8),
    Size(56, 75, 48, ("strong",), num_clips=24),
)


def rows() -> list[Row]:
    """Clips a second and core of every size and kind, beside each competitor."""
    return [
        Row(f"{kind} views, {_what(size)}", "clips/s", rates[OURS], name, rates.get(name))
        for size, kind, rates in _measured()
        for name in (TORCHVISION, PILLOW)
    ]


def table() -> list[str]:
    """The rate that was aimed at, in Markdown."""
    rate = next(rates[OURS] for _, kind, rates in _measured() if kind == "strong")
    return [
        "| what | clips/s and core | target |",
        "|---|--:|--:|",
        f"| strong views, {_what(SIZES[0])} | {figure(rate)} | {STRONG_TARGET:g} |",
    ]


@cache
def _measured() -> list[tuple[Size, Kind, dict[str, float]]]:
    """Clips a second of each way, on one core."""
    keep_freed_memory()
    with one_thread():
        return [(size, kind, _rates(size, kind)) for size in SIZES for kind in size.kinds]


def _rates(size: Size, kind: Kind) -> dict[str, float]:
    """Clips a second of each way that is installed; competitors get a few of the clips a turn."""
    frames, few = _frames(size), 4
    ways: dict[str, Callable[[], object]] = {OURS: _ours(size, kind, frames)}
    if (v2 := torchvision_transforms()) is not None:
        make = torchvision_view(v2, size, kind)
        pictures = [[Image.fromarray(f.permute(1, 2, 0).numpy()) for f in clip] for clip in frames]
        ways[TORCHVISION] = lambda: torch.stack([make(clip) for clip in frames[:few]])
        ways[PILLOW] = lambda: torch.stack(
            [torch.stack([make(picture) for picture in clip]) for clip in pictures[:few]]
        )
    seconds = take_turns(ways, rounds=15)
    return {
        name: (size.num_clips if name == OURS else few) / spent for name, spent in seconds.items()
    }


def _ours(size: Size, kind: Kind, frames: Tensor) -> Callable[[], Tensor]:
    """SemiVideo's views of all clips; each call draws anew."""
    views = Views(ViewSettings(crop_size=size.crop))
    make, turn = getattr(views, kind), itertools.count()
    sizes = torch.tensor([[size.height, size.width]] * size.num_clips)
    number = torch.arange(size.num_clips)

    def call() -> Tensor:
        draw = number * 7919 + next(turn) * 1_000_003
        made: Tensor = make(Clips({"primary": frames}, sizes, number, draw), "primary")
        return made

    return call


def torchvision_view(v2: Any, size: Size, kind: Kind) -> Callable[[Any], Any]:
    """The same views by torchvision; of single pictures, which draw apart, at the same cost."""
    settings = ViewSettings(crop_size=size.crop)
    low, high = (round(scale * size.crop) for scale in settings.jitter_scale)
    steps = [v2.RandomResize(low, high + 1), v2.RandomCrop(size.crop), v2.RandomHorizontalFlip()]
    if kind == "weak":
        steps = [v2.Resize(round(settings.weak_scale * size.crop)), v2.CenterCrop(size.crop)]
    if kind == "strong":
        bilinear = v2.InterpolationMode.BILINEAR
        steps.append(v2.RandAugment(2, 10, interpolation=bilinear, fill=[128, 128, 128]))
    last = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    make: Callable[[Any], Any] = v2.Compose([*steps, *last, v2.Normalize((0.45,), (0.225,))])
    return make


def _frames(size: Size) -> Tensor:
    """Smooth coloured noise, uint8 (N, T, 3, H, W)."""
    generator = np.random.default_rng(0)
    coarse = torch.from_numpy(generator.random((size.num_clips, size.num_frames * 3, 17, 22)))
    smooth = torch.nn.functional.interpolate(coarse * 255, (size.height, size.width), mode="area")
    return smooth.to(torch.uint8).view(size.num_clips, -1, 3, size.height, size.width)


def _what(size: Size) -> str:
    """The words of a row."""
    return f"T = {size.num_frames}, {size.width}x{size.height} to {size.crop}"


if __name__ == "__main__":
    sys.stdout.write("\n".join([machine(), "", *markdown(rows()), "", *table(), ""]))
