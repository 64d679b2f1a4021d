"""Smoothed labels, mixup and cutmix, of labelled clips alone.

    smoothing  y <- (1 - s) y + s / K                                  (Szegedy et al. 2016)
    mixup      x_i <- a x_i + (1 - a) x_j,  y_i <- a y_i + (1 - a) y_j   (Zhang et al. 2018)
    cutmix     a box of x_i, in all frames, is x_j's; a is what is left of x_i (Yun et al. 2019)

a is drawn from Beta(alpha, alpha) once a step; where both are on, a coin is thrown. j follows i
when the clips are put in the order of their draw keys, as a circle. Everything is a function of
the seed, the step and the clips. All streams of a clip are mixed alike, after they were normalised.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from semivideo.base.devices import on_device
from semivideo.base.randomness import key
from semivideo.base.records import LabeledClips, Mix
from semivideo.settings import EngineSettings


def with_soft_labels(
    clips: LabeledClips, settings: EngineSettings, *, num_classes: int, step: int
) -> LabeledClips:
    """Return clips with smoothed labels and with what their views are mixed by.

    Args:
        clips: B clips; returned as they are where the settings ask for nothing.
        settings: ``label_smoothing``, ``mixup``, ``cutmix`` and ``seed``.
        num_classes: K.
        step: Number of the step.
    """
    mix = drawn_mix(clips.draw, settings, step=step)
    if mix is None and settings.label_smoothing == 0:
        return clips
    label_BK = one_hot(clips.label, num_classes).float()
    label_BK = label_BK * (1 - settings.label_smoothing) + settings.label_smoothing / num_classes
    if mix is not None:
        mix = replace(mix, partner=on_device(mix.partner, clips.label.device))
        label_BK = torch.lerp(label_BK[mix.partner], label_BK, mix.share)
    return replace(clips, label=label_BK, mix=mix)


def drawn_mix(draw_B: Tensor, settings: EngineSettings, *, step: int) -> Mix | None:
    """Draw how B clips are mixed; None where the settings do not ask for it.

    Args:
        draw_B: int64 (B,), keys of the clips.
        settings: ``mixup``, ``cutmix`` and ``seed``.
        step: Number of the step.
    """
    alphas = {"mixup": settings.mixup, "cutmix": settings.cutmix}
    wanted = [name for name, alpha in alphas.items() if alpha > 0]
    if not wanted:
        return None
    random = np.random.default_rng(key(settings.seed, "mix", step))
    name = wanted[int(random.integers(len(wanted)))]
    share = float(random.beta(alphas[name], alphas[name]))
    partner = partners(draw_B, draw_B, torch.ones_like(draw_B, dtype=torch.bool))
    if name == "mixup":
        return Mix(partner, share)
    box = clipped_box(random.random(2), area=1 - share)
    return Mix(partner, 1 - box[2] * box[3], box)


def clipped_box(center: np.ndarray, *, area: float) -> tuple[float, float, float, float]:
    """Return top, left, height and width of a square box, as shares; what sticks out is cut off.

    Args:
        center: Its row and column, in [0, 1].
        area: Before it is cut, in [0, 1].
    """
    half = math.sqrt(area) / 2
    start, end = np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)
    (top, left), (height, width) = start.tolist(), (end - start).tolist()
    return top, left, height, width


def mixed(view_NCTHW: Tensor, mix: Mix) -> Tensor:
    """Mix the views of N clips; a box is rounded to whole pixels.

    Args:
        view_NCTHW: Square views (N, C, T, side, side).
        mix: Of these clips.
    """
    partner_NCTHW = view_NCTHW[mix.partner]
    if mix.box is None:
        return torch.lerp(partner_NCTHW, view_NCTHW, mix.share)
    side = view_NCTHW.shape[-1]
    top, left, height, width = mix.box
    rows = slice(round(top * side), round((top + height) * side))
    columns = slice(round(left * side), round((left + width) * side))
    pasted = view_NCTHW.clone()
    pasted[..., rows, columns] = partner_NCTHW[..., rows, columns]
    return pasted


def partners(draw_N: Tensor, draw_M: Tensor, is_valid_M: Tensor) -> Tensor:
    """Choose another clip for each clip: of the valid ones the next by draw key, in a circle.

    Draw keys are random, so this is a random partner; and it depends neither on the order of the
    clips nor on how they are shared by processes.

    Args:
        draw_N: int64 (N,), keys of the clips to find partners for.
        draw_M: int64 (M,), keys of all clips of the batch.
        is_valid_M: bool (M,), who may be a partner.

    Returns:
        int64 (N,), numbers of the partners among the M; a valid clip gets itself only where it is
        the only one. Without meaning where no clip is valid.
    """
    after_all = torch.iinfo(draw_M.dtype).max
    ascending, number = draw_M.masked_fill(~is_valid_M, after_all).sort()
    following = torch.searchsorted(ascending, draw_N, right=True)
    return number[following % is_valid_M.sum().clamp(min=1)]
