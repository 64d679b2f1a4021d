"""One fit: the videos of a split, settings and a folder in, a trained network and its card out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import nn

from semivideo.base.errors import DataError
from semivideo.base.progress import Progress
from semivideo.base.records import Batch
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.loader import Streams, training_loader
from semivideo.data.clips.store import FrameStore
from semivideo.data.splits import Split
from semivideo.engine.checkpoint import settings_hash
from semivideo.engine.loop import Feed, fit
from semivideo.engine.runtime import Runtime
from semivideo.engine.trainer import Plan
from semivideo.evaluation import Evaluation, Recognizer
from semivideo.evaluation import evaluate as evaluate_videos
from semivideo.features.cached_views import FeatureViews
from semivideo.features.closed_form import ClosedForm
from semivideo.features.feature_loader import FeatureLoader
from semivideo.methods.parts.class_answers import SeveralClasses
from semivideo.models import Network
from semivideo.run import build, feature_runs
from semivideo.run.resolve import number_of_steps
from semivideo.runfolder import RunFolder
from semivideo.settings import ModelCard, Settings


@dataclass(frozen=True)
class Job:
    """What is trained on, and with what.

    Attributes:
        settings: Of the run.
        manifest: The videos.
        split: What may be known of them.
        runtime: Device, precision and processes.
        store: Frames in memory, or None to read files.
    """

    settings: Settings
    manifest: Manifest
    split: Split
    runtime: Runtime
    store: FrameStore | None = None

    @cached_property
    def features(self) -> FeatureViews | None:
        """Cached features in the place of videos, None where the run reads videos."""
        if self.settings.features is None:
            return None
        return feature_runs.feature_views(self.settings, self.manifest, self.split)

    @property
    def num_steps(self) -> int:
        """Iterations of the run."""
        streams = build.build_streams(self.settings, manifest=self.manifest, split=self.split)
        return number_of_steps(
            self.settings, num_labeled=len(streams.labeled), num_unlabeled=len(streams.unlabeled)
        )

    def score(
        self, network: nn.Module, card: ModelCard, *, protocol: str | None = None
    ) -> Evaluation:
        """Score the test videos of the split with a network; by cached features if it has them."""
        if self.features is not None:
            return feature_runs.scored(network, card, self.features, self.manifest, self.split)
        recognizer = Recognizer(
            network,
            card,
            precision=self.runtime.precision,
            decoder=self.settings.data.decoder,
        )
        return evaluate_videos(recognizer, self.manifest, self.split.test, protocol=protocol)


@dataclass(frozen=True)
class Look:
    """What is done with the quick evaluations of a training.

    Attributes:
        every: Steps from one to the next.
        at: Called with each; what it raises ends the training.
    """

    every: int
    at: Callable[[Evaluation], None]


def fitted(
    job: Job,
    run: RunFolder,
    *,
    num_steps: int,
    progress: Progress | None = None,
    look: Look | None = None,
) -> tuple[Network, ModelCard]:
    """Train, from the last checkpoint of the folder if there is one.

    Args:
        job: What is trained on, and with what.
        run: Takes what the engine writes.
        num_steps: Iterations.
        progress: As for ``engine.fit``.
        look: Who is shown quick evaluations; their steps are ``engine.evaluate_every``.

    Returns:
        The network to deploy, in evaluation mode, and its card.

    Raises:
        SemiVideoError: What stops a training; the folder can be resumed.
    """
    settings, manifest, runtime = job.settings, job.manifest, job.runtime
    torch.manual_seed(settings.engine.seed)
    classes = build.classes_of(settings, manifest)
    streams = build.build_streams(settings, manifest=manifest, split=job.split)
    method = build.method_of(settings, manifest, labels=streams.labels, views=job.features)
    if job.features is not None:
        feature_runs.teach(method, job.features, classes=classes)
    method.prepare(manifest.ids)
    share = {"seed": settings.engine.seed, "rank": runtime.rank, "world_size": runtime.world_size}
    loader: Callable[..., Iterable[Batch]]
    if job.features is not None:
        streams = feature_runs.readable(streams, job.features)
        training = feature_runs.readable(Streams.of(manifest, job.split), job.features)
        feature_runs.standardized(method, job.features, training)
        loader = partial(FeatureLoader, streams, settings.data, **share)
    else:
        reader = ClipReader(manifest, method.clips, settings=settings.data, store=job.store)
        loader = partial(training_loader, reader, streams, **share)
    steps_of_pass = math.ceil(len(streams.unlabeled) / settings.data.unlabeled_batch)
    if isinstance(method, ClosedForm):
        chosen = _compute(method, job, streams, run)
        network = method.deployed.eval()
        thresholds = chosen.get("thresholds")
        return network, build.build_card(
            settings, network=network, classes=classes, thresholds=thresholds
        )
    card = build.build_card(settings, network=method.deployed, classes=classes)

    def quick(network: nn.Module) -> dict[str, float]:
        found = job.score(network, card, protocol="1x1")
        if look is not None:
            look.at(found)
        return {"top1": found.top1}

    found = fit(
        method,
        feed=Feed(
            batches=lambda start_step: loader(num_steps=num_steps, start_step=start_step),
            unlabeled_pass=lambda: loader(num_steps=steps_of_pass),
        ),
        plan=Plan(
            num_steps,
            settings.engine,
            split_hash=job.split.hash,
            settings_hash=settings_hash(settings),
            ids=manifest.ids,
        ),
        run=run,
        runtime=runtime,
        evaluate=quick if job.split.test else None,
        progress=progress,
    )
    return found.network, card


def _compute(method: ClosedForm, job: Job, streams: Streams, run: RunFolder) -> dict[str, Any]:
    """Fill the head of a classifier that has no steps, and return and write what came of it."""
    start, runtime = time.monotonic(), job.runtime
    assert job.features is not None  # _refuse_heads
    if len(set(streams.labels)) < 2:
        raise DataError("fewer than two classes have a labelled video with features; label others")
    wanted = {*Streams.of(job.manifest, job.split).unlabeled}
    skipped = {
        job.manifest.ids[row]: why
        for row, why in sorted(job.features.errors.items())
        if row in wanted and why != feature_runs.NOT_COMPUTED
    }
    seed = job.settings.engine.seed
    known = feature_runs.known(job.features, streams, job.manifest, seed=seed)
    if isinstance(method.answer, SeveralClasses):
        known = replace(known, sets=method.answer.sets.bool().numpy())
    chosen = method.compute(known)
    summary = {
        "steps": 0,
        "seconds": round(time.monotonic() - start, 2),
        "waiting": 0.0,
        "peak_memory_mb": round(runtime.peak_memory_mb(), 1),
        "device": "cpu",
        "machine": runtime.machine(),
        "precision": "fp32",
        "processes": runtime.world_size,
        "skipped_videos": skipped,
        "warnings": [],
        "last": chosen,
    }
    if runtime.is_main:
        run.write_json(run.summary_file, summary)
    runtime.wait_for_all()
    return chosen
