"""Judging unlabelled videos once a round, by predictions with dropout (Monte-Carlo dropout)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import one_hot

from semivideo.base.checked import Proportion, Section, Weight
from semivideo.base.processes import gathered
from semivideo.base.randomness import uniform
from semivideo.base.records import Clips
from semivideo.models.contract import Network
from semivideo.objectives import CertainLabels, certain_labels, excluded_classes
from semivideo.transforms import Views


class Selection(Section):
    """What is kept of the predictions; the defaults are UPS's published code's."""

    tau_p: Proportion = 0.7
    """Least probability of a label."""
    kappa_p: Weight = 0.05
    """Largest deviation of a label's probability."""
    tau_n: Proportion = 0.05
    """Largest probability of an excluded class."""
    kappa_n: Weight = 0.005
    """Largest deviation of an excluded class's probability."""
    temperature: float = Field(2.0, gt=0)
    """Divides the logits that classes are excluded by."""
    num_passes: int = Field(10, ge=2)
    """Predictions with dropout."""
    dropout: float = Field(0.3, ge=0, lt=1)
    """Share of the features dropped in each."""
    balanced_rounds: int = Field(9, ge=0)
    """In the first so many selections a class keeps no more labels than the rarest one has."""
    min_per_class: int = Field(25, ge=0)
    """But it keeps up to so many, even where the rarest class has fewer."""


class Judged(NamedTuple):
    """V videos, each once, the same in all processes.

    Attributes:
        video: int64 (V,), their numbers, rising.
        labels: Of each video.
        excluded: bool (V, K), classes other than the label that the video does not show.
    """

    video: Tensor
    labels: CertainLabels
    excluded: Tensor


@torch.no_grad()
def judged(
    network: Network, clips: Iterable[Clips], *, views: Views, selection: Selection, salt: int
) -> Judged:
    """Judge the weak view of each video's first clip.

    Args:
        network: In evaluation mode.
        clips: This process's part of one pass over the videos.
        views: Makes views of raw clips.
        selection: What is sure enough.
        salt: Another one draws other dropout of the same clips.
    """
    parts = [_judged(network, u, views=views, selection=selection, salt=salt) for u in clips]
    columns = [gathered(torch.cat(part)) for part in zip(*parts, strict=True)]
    first = first_draws(columns[0], columns[1])
    video, _, *labels, excluded = (column[first] for column in columns)
    return Judged(video, CertainLabels(*labels), excluded)


def _judged(
    network: Network, u: Clips, *, views: Views, selection: Selection, salt: int
) -> tuple[Tensor, ...]:
    """Video, draw, the fields of ``CertainLabels`` and excluded classes of U clips."""
    s = selection
    features_UD = network.features(views.weak(u, "primary")).float()
    scale_PUD = dropout_scales(
        u.draw,
        num_passes=s.num_passes,
        num_features=features_UD.shape[1],
        rate=s.dropout,
        salt=salt,
    ).to(features_UD.device)
    logits_PUK = torch.stack([network.classify(features_UD * scale) for scale in scale_PUD]).float()
    d, p = torch.std_mean(logits_PUK.softmax(dim=2), dim=0)
    e, q = torch.std_mean((logits_PUK / s.temperature).softmax(dim=2), dim=0)
    labels = certain_labels(p, d, tau=s.tau_p, kappa=s.kappa_p)
    is_label = one_hot(labels.label, p.shape[1]).bool()
    excluded = excluded_classes(q, e, tau=s.tau_n, kappa=s.kappa_n) & ~is_label
    return u.video, u.draw.to(u.video.device), *labels, excluded


def dropout_scales(
    draw: Tensor, *, num_passes: int, num_features: int, rate: float, salt: int
) -> Tensor:
    """Return what dropout multiplies features by, 0 or 1 / (1 - rate).

    Args:
        draw: int64 (N,), keys of the clips: a clip's dropout does not depend on its neighbours.
        num_passes: P.
        num_features: D.
        rate: Probability of 0, in [0, 1).
        salt: Names the purpose.

    Returns:
        float32 (P, N, D).
    """
    drawn = uniform(draw.cpu().numpy(), "dropout", salt, size=num_passes * num_features)
    kept_NPD = torch.from_numpy(drawn >= rate).view(len(draw), num_passes, num_features)
    return kept_NPD.transpose(0, 1).float() / (1 - rate)


def first_draws(video: Tensor, draw: Tensor) -> Tensor:
    """Return the row of each video's clip with the smallest key, by video; int64 (V,).

    A pass ends in the middle of a batch, whose other clips are of videos that it has seen.

    Args:
        video: int64 (N,).
        draw: int64 (N,).
    """
    order = draw.argsort(stable=True)
    order = order[video[order].argsort(stable=True)]
    video = video[order]
    is_first = torch.ones_like(video, dtype=torch.bool)
    is_first[1:] = video[1:] != video[:-1]
    return order[is_first]
