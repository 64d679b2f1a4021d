"""From a manifest, a split and settings to a trained network in a run folder.

``train`` does it all. ``begin`` checks everything and writes what defines the run; ``proceed`` does
the work and can be called again after a kill, since it needs nothing but the folder.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from semivideo.base.errors import ConfigError, DataError, SemiVideoError
from semivideo.base.progress import Progress
from semivideo.data.cache.reader import opened_cache
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader, hardware_of
from semivideo.data.clips.loader import training_loader
from semivideo.data.clips.store import filled_store
from semivideo.data.splits import Split
from semivideo.engine.checkpoint import settings_hash
from semivideo.engine.loop import Feed, fit
from semivideo.engine.runtime import Runtime
from semivideo.engine.trainer import Plan
from semivideo.evaluation import Recognizer
from semivideo.evaluation import evaluate as evaluate_videos
from semivideo.methods import Method
from semivideo.models.weights import save_network
from semivideo.run import build
from semivideo.run.cost import warn_if_slow
from semivideo.run.finished import Run
from semivideo.run.resolve import resolve_settings
from semivideo.run.splitting import chosen_split
from semivideo.run.videos import Videos, as_manifest
from semivideo.runfolder import RunFolder
from semivideo.settings import EngineSettings, Settings


def train(
    videos: Videos | None = None,
    *,
    method: str | type[Method] | None = None,
    split: str | Path | Split | None = None,
    labels_per_class: int | None = None,
    recipe: str | None = None,
    steps: int | None = None,
    seed: int | None = None,
    settings: dict[str, Any] | Settings | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train a recogniser and leave a run folder.

    Without ``split`` and ``labels_per_class`` every label there is may be used.

    Args:
        videos: A manifest, its file, or anything ``scan`` takes.
        method: A name of ``METHODS``, ``module:Class`` or a class; None takes the recipe's.
        split: A split or its file.
        labels_per_class: Draw a split with that many labels, seeded by ``seed``.
        recipe: A name of ``RECIPES`` to start from.
        steps: Iterations; None takes the recipe's.
        seed: Of everything random.
        settings: Dotted keys to change, e.g. ``{"method.threshold": 0.8}``, or whole settings.
        out: The run folder; must not exist or be empty.
        resume: A run folder to continue instead; everything else then comes from it.
        progress: See ``semivideo.api``.

    Raises:
        SemiVideoError: Anything that cannot be used, before training starts where possible.
    """
    if resume is not None:
        given = {"videos": videos, "method": method, "split": split, "recipe": recipe, "out": out}
        extra = [name for name, value in given.items() if value is not None]
        if extra:
            raise ConfigError(
                f"resume takes everything from the run folder; leave out {extra[0]!r}"
            )
        return Run(proceed(RunFolder.open(resume), progress=progress))
    if videos is None or out is None:
        missing = "videos" if videos is None else "out"
        raise ConfigError(
            f"train needs {missing!r}: the videos to learn from and a folder for the run"
        )
    if split is not None and labels_per_class is not None:
        raise ConfigError("both are given of split and labels_per_class; give one of them")
    resolved = resolve_settings(
        recipe=recipe, method=method, steps=steps, seed=seed, settings=settings
    )
    warn_if_slow(resolved)
    run = begin(
        out,
        resolved,
        manifest=lambda: as_manifest(videos, progress=progress),
        split=lambda manifest: chosen_split(manifest, split, labels_per_class, seed or 0),
    )
    return Run(proceed(run, progress=progress))


def begin(
    out: str | Path,
    settings: Settings,
    *,
    manifest: Callable[[], Manifest],
    split: Callable[[Manifest], Split],
) -> RunFolder:
    """Write settings, manifest and split of a new run; on bad input nothing of it stays.

    Of several processes one writes and the others wait for it.

    Args:
        out: The run folder; must not exist or be empty.
        settings: Checked settings.
        manifest: Finds the videos.
        split: Says which of them are labelled, unlabelled and held out.

    Raises:
        SemiVideoError: As ``manifest`` and ``split``; the folder is taken; or there is nothing to
            learn from.
    """
    runtime = Runtime(precision=settings.engine.precision)
    if runtime.is_main:
        _write(RunFolder.create(out), settings, manifest=manifest, split=split)
    runtime.wait_for_all()
    return RunFolder.open(out)


def _write(
    run: RunFolder,
    settings: Settings,
    *,
    manifest: Callable[[], Manifest],
    split: Callable[[Manifest], Split],
) -> None:
    """Fill an empty run folder, or remove it."""
    try:
        videos = manifest()
        parts = split(videos)
        _check_parts(settings, parts)
        _check_reading(settings, videos)
        videos.write(run.manifest_file)
        parts.write(run.split_file)
        run.write_text(run.settings_file, settings.to_yaml())
    except SemiVideoError:
        shutil.rmtree(run.path)  # it was made empty by this call
        raise


def proceed(run: RunFolder, *, progress: Progress | None = None) -> RunFolder:
    """Train the run that ``begin`` wrote, from its last checkpoint if there is one.

    Raises:
        SemiVideoError: What stops a training; the run folder can be resumed.
    """
    settings, split = run.settings(), Split.read(run.split_file)
    manifest = Manifest.read(run.manifest_file)
    runtime = Runtime(precision=settings.engine.precision)
    torch.manual_seed(settings.engine.seed)
    method = build.build_method(settings, num_classes=len(manifest.classes))
    method.prepare(manifest.ids)
    streams = build.build_streams(settings, manifest=manifest, split=split)
    num_steps = number_of_steps(
        settings, num_labeled=len(streams.labeled), num_unlabeled=len(streams.unlabeled)
    )
    steps_of_pass = math.ceil(len(streams.unlabeled) / settings.data.unlabeled_batch)
    store = filled_store(
        manifest,
        sorted({*streams.labeled, *streams.unlabeled}),
        settings=settings.data,
        progress=progress,
    )
    reader = ClipReader(manifest, method.clips, settings=settings.data, store=store)
    loader = partial(
        training_loader,
        reader,
        streams,
        seed=settings.engine.seed,
        rank=runtime.rank,
        world_size=runtime.world_size,
    )
    card = build.build_card(settings, network=method.deployed, classes=manifest.classes)

    def quick(network: nn.Module) -> dict[str, float]:
        recognizer = Recognizer(
            network, card, precision=runtime.precision, decoder=settings.data.decoder
        )
        found = evaluate_videos(recognizer, manifest, split.test, protocol="1x1")
        return {"top1": found.top1}

    fitted = fit(
        method,
        feed=Feed(
            batches=lambda start_step: loader(num_steps=num_steps, start_step=start_step),
            unlabeled_pass=lambda: loader(num_steps=steps_of_pass),
        ),
        plan=Plan(num_steps, settings.engine, split.hash, settings_hash(settings)),
        run=run,
        runtime=runtime,
        evaluate=quick if split.test else None,
        progress=progress,
    )
    if runtime.is_main:
        save_network(run.model, fitted.network, card)
    return run


def number_of_steps(settings: Settings, *, num_labeled: int, num_unlabeled: int) -> int:
    """Iterations of the run: as set, or from epochs of the stream they count.

    Args:
        settings: ``engine.steps``, or ``engine.epochs`` of ``engine.epoch_of``.
        num_labeled: Labelled videos.
        num_unlabeled: Videos in the unlabelled stream; if there are none, epochs count labelled.
    """
    engine: EngineSettings = settings.engine
    if engine.steps is not None:
        return engine.steps
    if engine.epoch_of == "labeled" or num_unlabeled == 0:
        return max(1, math.ceil(engine.epochs * num_labeled / settings.data.labeled_batch))
    return max(1, math.ceil(engine.epochs * num_unlabeled / settings.data.unlabeled_batch))


def _check_parts(settings: Settings, split: Split) -> None:
    """Refuse a split that the method cannot learn from."""
    if not split.labeled:
        raise DataError("the split labels no video; label some, at least one of each class")
    cls = build.method_class(settings.method.name)
    if cls.uses_unlabeled and not split.unlabeled:
        raise DataError(
            f"method {settings.method.name!r} learns from unlabelled videos and there are none: "
            f"all {len(split.labeled)} are labelled; add videos, draw a split with "
            "--labels-per-class, or use --method supervised"
        )


def _check_reading(settings: Settings, manifest: Manifest) -> None:
    """Refuse a decoder that is not there, and a cache that is not finished or leaves out frames."""
    cache = opened_cache(manifest, short_side=settings.data.short_side)
    hardware_of(settings.data, is_cached=cache is not None)
    if cache is not None and cache.form.every > 1:
        method = build.build_method(settings, num_classes=len(manifest.classes))
        cache.check(method.clips, settings.data)
