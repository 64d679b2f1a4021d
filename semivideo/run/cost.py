"""What a step and a published recipe cost, counted: clips through the networks times their FLOPs.

How often a clip passes is what its method declares (``Method.passes``), a user's method as well. A
pass that is learned from costs three times a forward pass. Hours are for a machine that sustains
``TERAFLOPS``; decoding and views come on top.
"""

from __future__ import annotations

import json
import logging
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from semivideo.data.splits.published import NUM_VIDEOS
from semivideo.methods import Method
from semivideo.models import NETWORKS, create
from semivideo.run import build
from semivideo.settings import NetworkSettings, Settings

log = logging.getLogger("semivideo")

TERAFLOPS = 120.0
LEARNED = 3.0
_SLOW_TERAFLOP = 5.0  # a step; two cores do about 0.1 TFLOP/s


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
        share = 1.0 if s.unlabeled_includes_labeled else 1 - percent / 100
        num_batches = share * NUM_VIDEOS[data] / s.unlabeled_batch
    num_steps = engine.steps or engine.epochs * num_batches
    exaflop = num_steps * step_flops(settings) / 1e18
    hours = exaflop * 1e6 / TERAFLOPS / 3600
    return f"{_two_digits(exaflop)} EFLOP, {_two_digits(hours)} h"


def step_flops(settings: Settings) -> float:
    """Return the FLOPs of one step, two for each multiplication.

    Raises:
        ConfigError: There is no such method, or it has no such options.
    """
    cls, data = build.method_class(settings.method.name), settings.data
    passes = cls.passes
    unlabeled = data.unlabeled_batch if cls.uses_unlabeled else 0
    learned = data.labeled_batch * passes.labeled + unlabeled * passes.unlabeled
    clips = LEARNED * learned + unlabeled * passes.without_graph
    if passes.for_each is not None:
        clips *= len(build.method_options(cls, settings.method.options)[passes.for_each])
    return clips * _flops_per_clip(settings, cls)


def warn_if_slow(settings: Settings) -> None:
    """Say so where a processor without a GPU is given the work of one, before it is at it."""
    used = build.network_settings(settings, build.method_class(settings.method.name))
    # A user's network is not built to be counted: nobody knows what that takes.
    if torch.accelerator.is_available() or any(n.name not in NETWORKS for n in used.values()):
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


def _flops_per_clip(settings: Settings, cls: type[Method]) -> float:
    """Forward FLOPs of the networks that clips go through, each on its own clip."""
    used, side = build.network_settings(settings, cls), settings.views.crop_size
    roles = cls.passes.of or tuple(used)
    return sum(_flops(*_identity(used[role]), side) for role in roles)


def _identity(network: NetworkSettings) -> tuple[str, int, str]:
    """What the arithmetic of a network depends on; options as text, since they can be nested."""
    return network.name, network.num_frames, json.dumps(network.options, sort_keys=True)


@cache
def _flops(name: str, num_frames: int, options: str, side: int) -> float:
    """FLOPs of one forward pass of one clip, two for each multiplication."""
    with torch.device("meta"):
        network = create(name, 400, **json.loads(options)).eval()
        clip = torch.empty(1, 3, num_frames, side, side)
    with FlopCounterMode(display=False) as counter:
        network(clip)
    return float(counter.get_total_flops())
