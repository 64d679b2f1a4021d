"""The settings of a training whose recipe nobody named: the first candidate that fits here.

Nothing the program chooses may exhaust a machine, so each candidate is measured on a few clips.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from semivideo.base.devices import is_out_of_memory
from semivideo.base.errors import Sentence, option
from semivideo.base.progress import duration
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.features.feature_form import FeatureForm
from semivideo.recipes import RECIPES
from semivideo.run import build
from semivideo.run.choice.default import candidates
from semivideo.run.choice.trial import (
    counted_gb,
    few_clips,
    free_on_device_gb,
    set_up,
    step_memory,
    step_seconds,
)
from semivideo.run.resolve import Wanted, number_of_steps
from semivideo.settings import Settings

_LOG = logging.getLogger("semivideo")
_ROOM = 0.5
"""Share of the free memory that what the forward passes keep may take: the rest of a step, decoded
frames and other programs want some too."""
_SMALLEST_BATCH = 2


def default_settings(wanted: Wanted, manifest: Manifest, split: Split) -> Settings:
    """Choose for a user who named no recipe, and say what, why and what it costs.

    Args:
        wanted: What the user named.
        manifest: The videos; a few clips are read and two steps done.
        split: Who is labelled and unlabelled.

    Returns:
        Settings that fit or, where nothing does, the smallest.

    Raises:
        ConfigError: A key that the chosen method does not have.
        DataError: The videos cannot be read.
    """
    named, has_gpu = wanted.method_name, torch.accelerator.is_available()
    method = named if isinstance(named, str) or named is None else named.__name__
    names = candidates(method, has_unlabeled=bool(split.unlabeled), has_gpu=has_gpu)
    usual = "cmpl" if split.unlabeled else "supervised"
    chosen = None
    for recipe in names:
        settings = wanted.resolved(recipe, method=usual)
        cls = build.method_class(settings.method.name)
        if cls.uses_unlabeled and not split.unlabeled:
            return settings  # of a method that was named; it is refused with the reason
        chosen = fitting(settings, manifest, split, may_shrink=recipe is names[-1])
        if chosen is not None:
            _LOG.info("%s", Sentence("".join(_words(wanted, recipe, chosen, split))))
            return chosen.settings
    raise AssertionError("the last candidate is taken whatever it needs")


def default_on_features(wanted: Wanted, manifest: Manifest, split: Split) -> Settings:
    """Choose a recipe on cached features for a user who named none, and say which.

    Args:
        wanted: What the user named.
        manifest: The videos, with their features.
        split: Who is labelled and unlabelled.

    Raises:
        ConfigError: A key that the chosen method does not have.
    """
    named, why = wanted.method_name, ""
    if named is None:
        named = "fixmatch" if split.unlabeled else "supervised"
        if split.unlabeled and manifest.features is not None:
            form = FeatureForm.read(Path(manifest.features))
            if not form.num_strong:
                named, why = "supervised", ", for the features have no strong views"
    recipe = f"features-{named}"
    if recipe not in RECIPES:
        recipe = "features-supervised"
    if wanted.recipe is None:
        _LOG.info("%s", Sentence(f"no {option('recipe')} is named: training with {recipe}{why}"))
    return wanted.resolved(recipe)


@dataclass(frozen=True)
class Fitting:
    """Settings that fit, and what a step of them takes.

    Attributes:
        settings: Maybe with smaller batches.
        seconds: Of a step without reading; NaN for the smallest settings that do not fit.
    """

    settings: Settings
    seconds: float


def fitting(
    settings: Settings, manifest: Manifest, split: Split, *, may_shrink: bool
) -> Fitting | None:
    """Return settings that fit in memory; a few clips are read and two steps done.

    Args:
        settings: Of the run.
        manifest: The videos.
        split: Who is labelled and unlabelled.
        may_shrink: Whether batches may be smaller; then there is always an answer.
    """
    training = set_up(settings, manifest)
    free = free_on_device_gb(training.runtime)
    room = _ROOM * (math.inf if free is None else free)
    if not may_shrink and counted_gb(settings, training.runtime) > room:
        return None  # without trying even a few clips
    streams = build.build_streams(settings, manifest=manifest, split=split)
    batch = few_clips(training, manifest, streams, settings)
    data = settings.data
    try:
        memory = step_memory(training, batch)
    except (MemoryError, RuntimeError, ValueError) as error:
        if is_out_of_memory(error) and not may_shrink:
            return None
        return Fitting(settings, math.nan)  # the check that all settings get says what is wrong
    while memory.least_gb(data, training.runtime) > room:
        batches = (data.labeled_batch, data.unlabeled_batch)
        if not may_shrink:
            return None
        if max(batches) <= _SMALLEST_BATCH:
            # What is too large even so is refused by the check that all settings get.
            return Fitting(settings.model_copy(update={"data": data}), math.nan)
        labeled, unlabeled = (max(_SMALLEST_BATCH, size // 2) for size in batches)
        data = data.model_copy(update={"labeled_batch": labeled, "unlabeled_batch": unlabeled})
    settings = settings.model_copy(update={"data": data})
    return Fitting(settings, step_seconds(training, batch, settings))


def _words(wanted: Wanted, recipe: str | None, chosen: Fitting, split: Split) -> Iterator[str]:
    """Say what was chosen, why, and what it costs."""
    settings = chosen.settings
    yield f"no {option('recipe')} is named: training {settings.method.name} with the settings of "
    yield "the paper" if recipe is None else recipe
    if not torch.accelerator.is_available():
        yield ", for this machine has no GPU"
    if recipe is not None:
        data, usual = settings.data, RECIPES[recipe].settings().data
        if data.labeled_batch < usual.labeled_batch and data != usual:
            yield f", in batches of {data.labeled_batch} + {data.unlabeled_batch} clips for memory"
    if not split.unlabeled and wanted.method_name is None:
        yield (
            f"; all {len(split.labeled)} videos have a label, so no other method can learn more "
            f"from them, unless {option('labels_per_class')} hides labels"
        )
    if math.isnan(chosen.seconds):
        return
    num_steps = number_of_steps(
        settings, num_labeled=len(split.labeled), num_unlabeled=len(split.unlabeled)
    )
    length = duration(num_steps * chosen.seconds)
    yield f"; {num_steps} steps of {chosen.seconds:.2g} s take about {length}"
