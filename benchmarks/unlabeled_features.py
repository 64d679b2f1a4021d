"""Does what uses the unlabelled videos of a feature cache gain over the probe?

    python benchmarks/unlabeled_features.py FEATURES --labels 5 --draws 5 --methods wccn,fixmatch

Each draw has labels and test groups of its own (``--test-fraction 0.3``). Prints top-1 of the probe
and of each method, and the difference to the probe with its interval over draws and groups.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from on_features import tested

import semivideo
from semivideo.cli.console import show
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.loader import Streams
from semivideo.data.splits import Split
from semivideo.evaluation import Evaluation
from semivideo.evaluation.bootstrap import Interval, paired_difference
from semivideo.features.cached_views import FeatureViews
from semivideo.features.classifiers import CLASSIFIERS
from semivideo.features.feature_cache import FeatureCache
from semivideo.models import create
from semivideo.run.feature_runs import known, scored, standardized
from semivideo.settings import (
    DataSettings,
    EvaluationSettings,
    ModelCard,
    NetworkSettings,
    ViewSettings,
)
from semivideo.transforms import Views

_PERCENT = 100


def main(
    features: Annotated[Path, typer.Argument(help="A finished feature cache.")],
    methods: Annotated[str, typer.Option(help="Names, separated by commas.")] = "wccn",
    labels: Annotated[int, typer.Option(min=1, help="Labels per class.")] = 5,
    draws: Annotated[int, typer.Option(min=1, help="Seeds, from 0.")] = 5,
    test_fraction: Annotated[float, typer.Option(help="Share of the videos for testing.")] = 0.3,
) -> None:
    """Score the probe and other methods on the same draws."""
    manifest = FeatureCache.open(features).manifest
    names = ["probe", *methods.split(",")]
    found: dict[str, list[Evaluation]] = {name: [] for name in names}
    for seed in range(draws):
        split = semivideo.split(
            manifest, labels_per_class=labels, test_fraction=test_fraction, seed=seed
        )
        for name in names:
            if name in CLASSIFIERS:
                found[name].append(_scored(name, manifest, split, features, seed=seed))
            else:
                found[name].append(tested(name, manifest, split, seed=seed).evaluation)
    groups = dict(zip(manifest.ids, manifest.groups, strict=True))
    for name in names:
        top1 = np.array([_PERCENT * _top1(each) for each in found[name]])
        line = f"{name:12} {top1.mean():5.1f} +- {top1.std(ddof=1) if draws > 1 else 0.0:.1f}"
        if name != "probe":
            ours, theirs = found[name], found["probe"]
            line += f"   {_told(paired_difference(ours, theirs, groups=groups, own_tests=True))}"
        show(line)


def _scored(
    name: str, manifest: Manifest, split: Split, features: Path, *, seed: int
) -> Evaluation:
    """Compute a classifier and score it on the test side."""
    cache, cls = FeatureCache.open(features), CLASSIFIERS[name]
    rows = np.unique(manifest.rows_of([*split.labeled, *split.unlabeled, *split.test]))
    views = FeatureViews(cache, rows=rows, kind="motion")
    streams = Streams.of(manifest, split)
    head = create(cls.head, len(manifest.classes), dim=views.dim)
    method = cls(head, views=Views(ViewSettings()), clips={})
    standardized(method, views, streams)
    method.compute(known(views, streams, manifest, seed=seed))
    card = ModelCard(
        network=NetworkSettings(),
        classes=list(manifest.classes),
        data=DataSettings(),
        views=ViewSettings(),
        evaluation=EvaluationSettings(),
        method=name,
        weights_sha256="",
    )
    return scored(head, card, views, manifest, split)


def _top1(evaluation: Evaluation) -> float:
    return float((evaluation.scores.argmax(axis=1) == evaluation.labels).mean())


def _told(difference: Interval) -> str:
    value, low, high = (_PERCENT * each for each in difference)
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f}) to the probe"


if __name__ == "__main__":
    typer.run(main)
