"""What a published recipe costs, counted: clips that pass through the networks times their FLOPs.

A pass that is learned from costs three times a forward pass. Hours are for a machine that sustains
``TERAFLOPS``; decoding and views come on top.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from semivideo.data.splits.published import NUM_VIDEOS
from semivideo.models import NETWORKS, create
from semivideo.settings import NetworkSettings, Settings

log = logging.getLogger("semivideo")

TERAFLOPS = 120.0
LEARNED = 3.0
_SLOW_TERAFLOP = 5.0  # a step; two cores do about 0.1 TFLOP/s

# Forward passes of a labelled and an unlabelled clip, by method; one in LEARNED where nothing is
# learned, as from the teacher.
PASSES: dict[str, tuple[float, float]] = {
    "supervised": (1, 0),
    "pseudo_label": (1, 1),
    "mean_teacher": (1, 1 + 1 / LEARNED),
    "s4l": (4, 4),
    "ups": (1, 1),
    "fixmatch": (1, 2),
    "videossl": (1, 1),
    "tcl": (1, 1.5),  # the slow path has half the frames
    "actorcutmix": (1, 2),
    "mvpl": (1, 2),  # of each modality
    "cmpl": (1, 2),
    "ltg": (1, 2),
}


def cost(settings: Settings, *, data: str, percent: int) -> str:
    """Return the cost of a recipe in words, such as ``"37 EFLOP, 86 h"``.

    Args:
        settings: Of the recipe.
        data: A key of ``NUM_VIDEOS``.
        percent: Labelled share.
    """
    s, engine = settings.data, settings.engine
    if engine.epoch_of == "labeled":
        num_batches = NUM_VIDEOS[data] * percent / 100 / s.labeled_batch
    else:
        num_batches = NUM_VIDEOS[data] / s.unlabeled_batch
    num_steps = engine.steps or engine.epochs * num_batches
    exaflop = num_steps * step_flops(settings) / 1e18
    hours = exaflop * 1e6 / TERAFLOPS / 3600
    return f"{_two_digits(exaflop)} EFLOP, {_two_digits(hours)} h"


def step_flops(settings: Settings) -> float:
    """Return the FLOPs of one step of a method of this package, two for each multiplication."""
    labeled, unlabeled = PASSES[settings.method.name]
    clips = settings.data.labeled_batch * labeled + settings.data.unlabeled_batch * unlabeled
    return LEARNED * clips * _flops_per_clip(settings)


def warn_if_slow(settings: Settings) -> None:
    """Say so where a processor without a GPU is given the work of one, before it is at it."""
    networks = settings.networks
    given = [networks.primary, networks.auxiliary, networks.temporal]
    is_known = all(network is None or network.name in NETWORKS for network in given)
    if settings.method.name not in PASSES or not is_known or torch.accelerator.is_available():
        return
    teraflop = step_flops(settings) / 1e12
    if teraflop > _SLOW_TERAFLOP:
        log.warning(
            "a step of these settings takes %s TFLOP and this machine has no GPU, so expect "
            "minutes for each; `semivideo bench` measures them, and `semivideo recipes small` "
            "lists settings for processors, such as --recipe small-cmpl",
            _two_digits(teraflop),
        )


def _two_digits(value: float) -> str:
    """A positive number with two digits that count, never as a power of ten."""
    return f"{float(f'{value:.2g}'):g}"


def _flops_per_clip(settings: Settings) -> float:
    """Forward FLOPs of all networks of the method, each on its own clip."""
    networks, side = settings.networks, settings.views.crop_size
    used = [networks.primary]
    used += [networks.auxiliary] if settings.method.name == "cmpl" and networks.auxiliary else []
    used += [networks.temporal or networks.primary] if settings.method.name == "ltg" else []
    modalities = len(settings.method.options.get("modalities", "1"))
    return modalities * sum(_flops(*_identity(network), side) for network in used)


def _identity(network: NetworkSettings) -> tuple[str, int, tuple[tuple[str, Any], ...]]:
    """What the arithmetic of a network depends on."""
    return network.name, network.num_frames, tuple(sorted(network.options.items()))


@cache
def _flops(name: str, num_frames: int, options: tuple[tuple[str, Any], ...], side: int) -> float:
    """FLOPs of one forward pass of one clip, two for each multiplication."""
    with torch.device("meta"):
        network = create(name, 400, **dict(options)).eval()
        clip = torch.empty(1, 3, num_frames, side, side)
    with FlopCounterMode(display=False) as counter:
        network(clip)
    return float(counter.get_total_flops())
