"""The stages of ``semivideo bench``, in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from semivideo.base.errors import ConfigError
from semivideo.base.machine.threads import num_cores
from semivideo.base.progress import Progress
from semivideo.base.records import Batch
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.loader import Streams
from semivideo.data.clips.store import FrameStore
from semivideo.data.splits import Split
from semivideo.engine.batch_size import largest_batch, within_memory
from semivideo.engine.trainer import Training
from semivideo.profile.advice import advice
from semivideo.profile.machine import watch_others
from semivideo.profile.measured import LargestBatch, Reading, Report, Rival, Videos
from semivideo.profile.reading import Source, measured
from semivideo.profile.rivals import compared
from semivideo.profile.step import in_turn, learn, measured_step
from semivideo.profile.whole import measured_loop, measured_testing, measured_variants
from semivideo.run import build
from semivideo.run.choice.trial import (
    USUAL_STEPS,
    check_memory,
    few_clips,
    free_memory_gb,
    sentence_for_memory,
    set_up,
    with_clips,
)
from semivideo.run.feature_runs import with_features
from semivideo.run.resolve import number_of_steps
from semivideo.settings import Settings

_MOST_TIMES = 16  # the batch of the settings, in search of the largest one


def require_videos(manifest: Manifest) -> None:
    """Refuse features: a training on them reads no video, and none of what is measured is in it.

    Raises:
        ConfigError: The manifest is one of features.
    """
    if manifest.features is not None:
        raise ConfigError(
            f"{manifest.features} holds features, on which a training takes seconds and prints its "
            "own rate; what is measured here is a training on videos: name those"
        )


def bench(
    manifest: Manifest,
    split: Split,
    settings: Settings,
    *,
    steps: int = 10,
    compare: bool = False,
    find_largest_batch: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Measure a training without beginning it.

    Args:
        manifest: The videos.
        split: Who is labelled, unlabelled and held out. Where nobody is unlabelled and the method
            wants some, labelled videos stand in: speed does not depend on labels.
        settings: Checked settings, as for training.
        steps: How often batches and steps are repeated, 2 to 200; less if they take long.
        compare: Also measure other precisions and memory formats.
        find_largest_batch: Also look for the largest batch.
        progress: Is told the stages.

    Raises:
        SemiVideoError: What would stop the training, or a step does not fit in memory.
    """
    require_videos(manifest)
    settings = with_features(settings, manifest)
    tell = _stages(4 + compare + find_largest_batch, progress)
    tell("reading")
    others = watch_others()
    training = set_up(settings, manifest)
    source = Source(
        manifest,
        streams=_streams(settings, manifest, split),
        specs=training.method.clips,
        settings=settings.data,
        seed=settings.engine.seed,
    )
    check_memory(training, few_clips(training, manifest, source.streams, settings), settings)
    read = _read(source, num_batches=steps)
    tell("a step")
    with sentence_for_memory(settings):
        step = measured_step(training, read.batches, num_steps=steps)
    tell("steps and loader")
    loop = measured_loop(training, read.source, read.batches, store=read.store, num_steps=steps)
    tell("evaluation")
    testing = measured_testing(training, settings, manifest, split.test or split.labeled)
    largest, variants = None, []
    if find_largest_batch:
        tell("the largest batch")
        largest = largest_of(training, read.batches[0])
    if compare:
        tell("precision")
        variants = measured_variants(
            settings, manifest, read.batches, num_turns=steps, num_steps=USUAL_STEPS
        )
    report = Report(
        machine=training.runtime.machine(),
        cores=num_cores(),
        others=others(),
        free_memory_gb=free_memory_gb(),
        setup=_setup(settings, training),
        run_steps=number_of_steps(
            settings, num_labeled=len(split.labeled), num_unlabeled=len(split.unlabeled)
        ),
        videos=_videos(source, split, read),
        reading=read.rates,
        rivals=read.rivals,
        step=step,
        loop=loop,
        testing=testing,
        variants=variants,
        largest=largest,
    )
    tell("")
    return replace(report, advice=advice(report))


@dataclass(frozen=True)
class _Read:
    """What came of reading: rates, and what the steps are then measured on."""

    rates: list[Reading]
    rivals: list[Rival]
    skipped: dict[int, str]
    batches: list[Batch]
    source: Source
    frames_gb: float
    store: FrameStore | None = None
    fill_seconds: float | None = None


def _read(source: Source, *, num_batches: int) -> _Read:
    """Read from the files or their cache, by other libraries, and from memory if it is used."""
    manifest, settings = source.manifest, source.settings
    stored = measured(source, "files" if manifest.cache is None else "cache", num_batches)
    rates = [stored.reading]
    if settings.decoder == "hardware":
        software = settings.model_copy(update={"decoder": "software"})
        other = measured(source.with_settings(software), "files, in software", num_batches)
        rates = [other.reading, *rates]
    rivals = compared(source) if manifest.cache is None else []
    store = FrameStore(manifest, source.rows, settings=settings)
    if not store.fits:
        gb = source.frames_gb()
        return _Read(rates, rivals, stored.skipped, stored.batches, source, gb)
    gb, some = store.num_bytes / 1e9, source.some()
    store = FrameStore(manifest, some.rows, settings=settings)
    before = time.perf_counter()
    store.fill()
    seconds = (time.perf_counter() - before) / len(some.rows) * len(source.rows)
    memory = measured(some, "memory", num_batches, store=store)
    rates.append(memory.reading)
    return _Read(rates, rivals, stored.skipped, memory.batches, some, gb, store, seconds)


def _streams(settings: Settings, manifest: Manifest, split: Split) -> Streams:
    """The streams of training; labelled videos stand in where nobody is unlabelled."""
    streams = build.build_streams(settings, manifest=manifest, split=split)
    if build.method_class(settings.method.name).uses_unlabeled and not streams.unlabeled:
        return replace(streams, unlabeled=streams.labeled)
    return streams


def _videos(source: Source, split: Split, read: _Read) -> Videos:
    """The counts of the report."""
    manifest = source.manifest
    return Videos(
        labeled=len(source.streams.labeled),
        unlabeled=len(source.streams.unlabeled),
        test=len(split.test),
        unreadable=int((~manifest.usable).sum()),
        skipped={manifest.ids[row]: why for row, why in sorted(read.skipped.items())},
        frames_gb=read.frames_gb,
        memory_gb=source.settings.memory_gb,
        fill_seconds=read.fill_seconds,
    )


def _setup(settings: Settings, training: Training) -> dict[str, Any]:
    """The settings that matter most for speed."""
    networks = build.network_settings(settings, type(training.method))
    return {
        "method": settings.method.name,
        "networks": {
            role: f"{network.name} {network.num_frames}x{network.stride_frames}"
            for role, network in networks.items()
        },
        "parameters": sum(p.numel() for p in training.method.parameters()),
        "labeled_batch": settings.data.labeled_batch,
        "unlabeled_batch": settings.data.unlabeled_batch,
        "short_side": settings.data.short_side,
        "decoder": settings.data.decoder,
        "crop_size": settings.views.crop_size,
        "precision": training.runtime.precision,
        "channels_last": settings.engine.channels_last,
    }


def largest_of(training: Training, batch: Batch) -> LargestBatch:
    """Look for the largest batch of unlabelled clips, or of labelled ones without such."""
    runtime, turns = training.runtime, in_turn(training, [batch])
    stream = "labeled" if batch.unlabeled is None else "unlabeled"
    present = len(getattr(batch, stream))

    def try_step(size: int) -> None:
        learn(training, with_clips(next(turns), size, stream=stream))

    limit = _MOST_TIMES * present
    careful: Callable[[int], None] = try_step
    if runtime.device.type == "cpu" and (free := free_memory_gb()) is not None:
        budget_mb = runtime.peak_memory_mb() + 1000 * free / 2
        careful = within_memory(try_step, budget_mb=budget_mb, peak_mb=runtime.peak_memory_mb)
    value = largest_batch(careful, start=present, limit=limit)
    return LargestBatch(f"data.{stream}_batch", present, value, limit)


def _stages(number: int, progress: Progress | None) -> Callable[[str], None]:
    """Tell that a stage begins; at the end all are done."""
    done = -1

    def tell(name: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress("measuring", done, number, name)

    return tell
