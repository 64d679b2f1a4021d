"""Measured beyond the bare step: steps with their loader, evaluation, other engine settings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import numpy as np

from semivideo.base.records import Batch
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.loader import num_workers, training_loader
from semivideo.data.clips.store import FrameStore
from semivideo.engine.prefetch import delivered
from semivideo.engine.runtime import Runtime
from semivideo.engine.trainer import Training, timed
from semivideo.evaluation import Recognizer
from semivideo.evaluation import evaluate as evaluate_videos
from semivideo.evaluation.protocols import protocol_name
from semivideo.profile.measured import Loop, Testing, Variant
from semivideo.profile.reading import Source
from semivideo.profile.step import SECONDS, in_turn, seconds_of, wait
from semivideo.profile.stopwatch import paced
from semivideo.run import build
from semivideo.run.choice.trial import set_up
from semivideo.settings import Settings

_WARM_UP = 2  # steps
_TEST_VIDEOS, _TEST_SECONDS = 16, 10.0
_LEAST_LAPS = 3
_PREFETCHED = 2  # batches that each loader process makes ahead


def measured_loop(
    training: Training,
    source: Source,
    batches: Sequence[Batch],
    *,
    store: FrameStore | None,
    num_steps: int,
) -> Loop:
    """Train with the loader, as training does.

    Args:
        training: Is trained on.
        source: The videos.
        batches: For steps without loader afterwards: another program may have begun since the
            steps without loader before.
        store: Where frames are, instead of in the files.
        num_steps: Wanted, >= 2; fewer are done when they take long.
    """
    runtime, reader = training.runtime, source.reader(store=store)
    workers = num_workers(reader, 1)
    # Batches made before the clock started came for nothing.
    skip = workers * _PREFETCHED + 1
    middle = training.plan.num_steps // 2
    steps = range(middle, middle + skip + num_steps)
    num_all = training.plan.num_steps
    laps: list[tuple[float, float]] = []
    loader = partial(training_loader, reader, source.streams, seed=source.seed, num_steps=num_all)
    stream = delivered(timed(lambda step: loader(start_step=step), steps), runtime.device)
    try:
        start = before = time.perf_counter()
        for batch, waited in stream:
            training.learn(batch, waited=waited)
            if len(laps) < skip or len(laps) + 1 == len(steps):
                wait(runtime)  # not in between: the device works behind the program
            now = time.perf_counter()
            laps.append((now - before, waited))
            before = now
            if len(laps) >= _LEAST_LAPS and now - start > SECONDS:
                break
    finally:
        stream.close()
    counted = laps[skip:] or laps[-1:]
    total, waited = (sum(column) for column in zip(*counted, strict=True))
    turns = in_turn(training, batches)
    after = [seconds_of(training, next(turns)) for _ in paced(num_steps // 2, seconds=SECONDS / 4)]
    return Loop(
        num_steps=len(counted),
        workers=workers,
        seconds=total / len(counted),
        waiting=waited / total,
        alone=float(np.median(after)),
    )


def measured_testing(
    training: Training, settings: Settings, manifest: Manifest, ids: Sequence[str]
) -> Testing:
    """Time the evaluation of some videos, as ``semivideo evaluate`` does it.

    Args:
        training: Its deployed network is used.
        settings: Of the run.
        manifest: The videos.
        ids: Videos with a label, at least one.

    Raises:
        DataError: The first two cannot be read.
    """
    network = training.method.deployed
    card = build.build_card(settings, network=network, classes=manifest.classes)
    recognizer = Recognizer(network, card, decoder=settings.data.decoder)
    seconds, num_videos = 0.0, 0
    # A few first, for a long protocol may take long.
    for wanted in (2, _TEST_VIDEOS):
        if num_videos and seconds / num_videos * wanted > _TEST_SECONDS:
            break
        chosen = [ids[i * len(ids) // min(wanted, len(ids))] for i in range(min(wanted, len(ids)))]
        before = time.perf_counter()
        found = evaluate_videos(recognizer, manifest, chosen)
        seconds, num_videos = time.perf_counter() - before, len(found.ids)
    return Testing(protocol_name(card.evaluation), num_videos, seconds / num_videos)


def measured_variants(
    settings: Settings,
    manifest: Manifest,
    batches: Sequence[Batch],
    *,
    num_turns: int,
    num_steps: int,
) -> list[Variant]:
    """Time steps at each precision and memory format.

    Args:
        settings: Of the run; its own precision and memory format are among those measured.
        manifest: The videos.
        batches: As for ``measured_step``.
        num_turns: How often each is measured.
        num_steps: Length of the run.
    """
    engine, present = settings.engine, Runtime(precision=settings.engine.precision).precision
    kinds = [(p, c) for p in dict.fromkeys(["bf16", "fp32", present]) for c in (True, False)]
    trainings = [
        set_up(
            settings.updated({"engine.precision": precision, "engine.channels_last": layout}),
            manifest,
            num_steps=num_steps,
        )
        for precision, layout in kinds
    ]
    turns = [in_turn(training, batches) for training in trainings]
    laps: list[list[float]] = [[] for _ in kinds]
    # In turns, so that what else the machine does meets them all.
    for number in paced(_WARM_UP + num_turns, seconds=2 * SECONDS, least=_WARM_UP + 2):
        for training, batch, mine in zip(trainings, turns, laps, strict=True):
            seconds = seconds_of(training, next(batch))
            if number >= _WARM_UP:
                mine.append(seconds)
    return [
        Variant(*kind, float(np.median(mine)), kind == (present, engine.channels_last))
        for kind, mine in zip(kinds, laps, strict=True)
    ]
