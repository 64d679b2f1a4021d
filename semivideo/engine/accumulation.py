"""Gradient accumulation: a step whose clips are computed in equal parts, one after the other.

The mean of the parts' losses is the loss of the whole batch where that is a mean over clips, and so
is the gradient. It is another one where clips of a batch meet: batch norm (each part has its own
statistics, and running averages move once a part), contrasts (LTG, TCL: fewer other clips to be
told apart from), partners (ActorCutMix's scenes, SVFormer), mixup and cutmix (pairs within a part),
thresholds and means that follow the batch, and dropout, which is drawn anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import torch

from semivideo.base.errors import ConfigError
from semivideo.base.records import Batch, Clips, LabeledClips, PseudoLabels, StepResult

C = TypeVar("C", bound=Clips)


def in_parts(batch: Batch, num_parts: int) -> list[Batch]:
    """Divide the clips of a batch evenly, in their order.

    Args:
        batch: Of this process.
        num_parts: >= 1.

    Raises:
        ConfigError: ``num_parts`` does not divide the labelled or the unlabelled clips.
    """
    if num_parts == 1:
        return [batch]
    labeled = _divided(batch.labeled, num_parts, name="labeled_batch")
    unlabeled: Sequence[Clips | None] = [None] * num_parts
    if batch.unlabeled is not None:
        unlabeled = _divided(batch.unlabeled, num_parts, name="unlabeled_batch")
    return [
        replace(batch, labeled=some, unlabeled=others)
        for some, others in zip(labeled, unlabeled, strict=True)
    ]


def joined(results: Sequence[StepResult]) -> StepResult:
    """Return the result of the whole step: means of losses and terms, all pseudo-labels.

    Args:
        results: Of the parts, of one size; at least one.
    """
    if len(results) == 1:
        return results[0]
    first = results[0]
    return StepResult(
        loss=torch.stack([result.loss.detach() for result in results]).mean(),
        terms={
            name: torch.stack([result.terms[name] for result in results]).mean()
            for name in first.terms
        },
        pseudo=tuple(
            _concatenated([result.pseudo[place] for result in results])
            for place in range(len(first.pseudo))
        ),
    )


def _divided(clips: C, num_parts: int, *, name: str) -> list[C]:
    """Runs of neighbouring clips."""
    size, rest = divmod(len(clips), num_parts)
    if rest or not size:
        raise ConfigError(
            f"engine.accumulate = {num_parts} must divide the {len(clips)} clips that a process "
            f"gets of data.{name}; set that to a multiple of {num_parts} for every process"
        )
    return [_rows(clips, slice(i * size, (i + 1) * size)) for i in range(num_parts)]


def _rows(clips: C, rows: slice) -> C:
    """Some clips, without copying them."""
    part = replace(
        clips,
        frames={name: frames[rows] for name, frames in clips.frames.items()},
        size=clips.size[rows],
        video=clips.video[rows],
        draw=clips.draw[rows],
    )
    if isinstance(part, LabeledClips):
        part.label = part.label[rows]
    return part


def _concatenated(parts: Sequence[PseudoLabels]) -> PseudoLabels:
    """The labels of one network for the clips of all parts."""
    return PseudoLabels(
        parts[0].network,
        *(
            torch.cat([getattr(part, field) for part in parts])
            for field in ("video", "label", "confidence", "kept")
        ),
    )
