"""Asking about each unlabelled video once: what teachers say then stays for all further steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from semivideo.base.processes import gathered
from semivideo.base.records import Clips
from semivideo.methods.parts.selection import first_draws


@torch.no_grad()
def asked_once(ask: Callable[[Clips], Tensor], clips: Iterable[Clips]) -> tuple[Tensor, Tensor]:
    """Ask about the first clip of each video; the same answers in all processes.

    Args:
        ask: Maps N clips to answers (N, ...), each of its clip alone.
        clips: This process's part of one pass over the videos.

    Returns:
        The videos' numbers int64 (V,), rising, and the answers (V, ...).
    """
    parts = [(u.video, u.draw.to(u.video.device), ask(u)) for u in clips]
    video, draw, answers = (gathered(torch.cat(part)) for part in zip(*parts, strict=True))
    first = first_draws(video, draw)
    return video[first], answers[first]


def untouched(parameters: Iterable[Tensor]) -> Tensor:
    """Return 0 with a graph to all of some parameters.

    Distributed training wants a gradient of every parameter in each step, also of networks that
    have said what they had to say.
    """
    return 0.0 * torch.stack([p.sum() for p in parameters if p.requires_grad]).sum()
