"""CMPL's step as one writes it first in plain PyTorch: what ``gpu.py`` compares with.

The networks and the losses are SemiVideo's; everything around them is the usual: convolutions in
PyTorch's default layout, clips augmented one by one (by torchvision where it is installed), copies
and ``loss.item()`` that wait for the device, PyTorch's default SGD.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from timing import torchvision_transforms
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, interpolate

from semivideo import models
from semivideo.base.records import Batch, Clips
from semivideo.settings import NetworkSettings, Settings

View = Callable[[Tensor], Tensor]
"""Maps uint8 (T, 3, H, W) to float (T, 3, side, side), normalised."""


class PlainLoop:
    """Two networks, their optimiser, and a step.

    Args:
        settings: Of a CMPL run: networks, crop, threshold, weight, optimiser.
        device: Where to compute.
        dtype: Of the forward pass.
    """

    def __init__(self, settings: Settings, *, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        auxiliary = settings.networks.auxiliary
        assert auxiliary is not None
        self.networks = {
            role: _network(network).to(device)
            for role, network in (("primary", settings.networks.primary), ("auxiliary", auxiliary))
        }
        self.parameters = [p for n in self.networks.values() for p in n.parameters()]
        engine = settings.engine
        self.threshold: float = settings.method.options["threshold"]
        self.weight: float = settings.method.options["weight"]
        self.optimizer = torch.optim.SGD(
            self.parameters,
            engine.learning_rate,
            momentum=engine.momentum,
            weight_decay=engine.weight_decay,
        )
        self.views = plain_views(settings.views.crop_size)

    def step(self, batch: Batch) -> float:
        """Learn from a batch on the CPU."""
        assert batch.unlabeled is not None
        y = batch.labeled.label.to(self.device)
        logits = {}
        for role, network in self.networks.items():
            x = self._viewed(batch.labeled, role, "standard")
            w = self._viewed(batch.unlabeled, role, "weak")
            s = self._viewed(batch.unlabeled, role, "strong")
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                joint = network(torch.cat([x, w, s]))
            logits[role] = joint.float().split([len(x), len(w), len(s)])
        (F_x, F_w, F_s), (A_x, A_w, A_s) = logits["primary"], logits["auxiliary"]
        loss = cross_entropy(F_x, y) + cross_entropy(A_x, y)
        loss = loss + self.weight * (self._unlabeled(F_s, A_w) + self._unlabeled(A_s, F_w))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.item()

    def _viewed(self, clips: Clips, role: str, kind: str) -> Tensor:
        """Views (N, 3, T, side, side), clip by clip."""
        view, frames = self.views[kind], clips.frames[role].to(self.device)
        return torch.stack([view(clip) for clip in frames]).transpose(1, 2).contiguous()

    def _unlabeled(self, learned: Tensor, teacher: Tensor) -> Tensor:
        """Cross-entropy to the teacher's confident labels."""
        confidence, label = teacher.detach().softmax(dim=1).max(dim=1)
        loss = cross_entropy(learned, label, reduction="none")
        return (loss * (confidence >= self.threshold)).mean()


def plain_views(side: int) -> dict[str, View]:
    """Return the standard, weak and strong view: torchvision's, or ours in plain PyTorch."""
    v2 = torchvision_transforms()
    if v2 is None:
        return {
            "standard": lambda clip: _normalized(_random_crop(clip, side)),
            "weak": lambda clip: _normalized(_center_crop(clip, side)),
            "strong": lambda clip: _normalized(_distorted(_random_crop(clip, side))),
        }
    mean, std = [0.45] * 3, [0.225] * 3
    end: list[Any] = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
    crop = [v2.RandomResizedCrop(side, scale=(0.5, 1.0)), v2.RandomHorizontalFlip()]
    center = [v2.Resize(side * 256 // 224), v2.CenterCrop(side)]
    return {
        "standard": v2.Compose([*crop, *end]),
        "weak": v2.Compose([*center, *end]),
        "strong": v2.Compose([*crop, v2.RandAugment(2, magnitude=10), *end]),
    }


def _network(network: NetworkSettings) -> models.Network:
    return models.create(network.name, 400, **network.options)


def _resized(clip: Tensor, short: int) -> Tensor:
    """Float levels, the short side scaled."""
    height, width = clip.shape[-2:]
    scale = short / min(height, width)
    size = (max(short, round(height * scale)), max(short, round(width * scale)))
    return interpolate(clip.float(), size, mode="bilinear", align_corners=False)


def _random_crop(clip: Tensor, side: int) -> Tensor:
    resized = _resized(clip, random.randint(side * 256 // 224, side * 320 // 224))
    top, left = (random.randint(0, length - side) for length in resized.shape[-2:])
    crop = resized[..., top : top + side, left : left + side]
    return crop.flip(-1) if random.random() < 0.5 else crop


def _center_crop(clip: Tensor, side: int) -> Tensor:
    resized = _resized(clip, side * 256 // 224)
    top, left = ((length - side) // 2 for length in resized.shape[-2:])
    return resized[..., top : top + side, left : left + side]


def _distorted(clip: Tensor) -> Tensor:
    """Two random operations and a grey square."""
    for operation in random.choices(_OPERATIONS, k=2):
        clip = operation(clip)
    half = clip.shape[-1] // 4
    top, left = (random.randint(0, clip.shape[-1] - half) for _ in range(2))
    clip[..., top : top + half, left : left + half] = 128.0
    return clip


def _rotated(clip: Tensor) -> Tensor:
    angle = torch.tensor(random.uniform(-0.5, 0.5))
    matrix = torch.stack(
        [angle.cos(), -angle.sin(), angle * 0, angle.sin(), angle.cos(), angle * 0]
    )
    theta = matrix.view(1, 2, 3).expand(len(clip), 2, 3).to(clip.device)
    grid = affine_grid(theta, list(clip.shape), align_corners=False)
    return grid_sample(clip, grid, align_corners=False)


_OPERATIONS: tuple[View, ...] = (
    lambda clip: clip * 0.6,
    lambda clip: (clip - clip.mean()) * 0.6 + clip.mean(),
    lambda clip: torch.where(clip < 170, clip, 255 - clip),
    lambda clip: (clip / 16).floor() * 16,
    _rotated,
)


def _normalized(clip: Tensor) -> Tensor:
    return (clip / 255 - 0.45) / 0.225
