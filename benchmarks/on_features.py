r"""Every method on cached features of real video: accuracy from few labels, draw by draw.

    MORE="--modality rgb --modality temporal-gradient --rotations"
    semivideo scan ../shared/data/jhmdb/videos --out jhmdb.parquet \
        --list ../shared/data/jhmdb/clips.csv --group-column source
    semivideo scan ../shared/data/utd-mhad/videos --out utd-mhad.parquet --group-pattern '(s\d+)_t'
    semivideo features jhmdb.parquet --out features/jhmdb $MORE
    semivideo features utd-mhad.parquet --out features/utd-mhad $MORE --no-flip
    python benchmarks/on_features.py jhmdb features/jhmdb --labels 5
    python benchmarks/on_features.py utd-mhad features/utd-mhad --labels 4

Splits are those of ``accuracy.py``: the same test clips for every draw of the labels. Settings are
those of the recipes, which were chosen on held-out training groups, never on these test clips. A
test clip's score is the mean over its cached weak views. Each run is kept as a record, which
``evidence.py`` reads: stop the program at any time and start it again, and it goes on where it was.
Rotations are for ``s4l`` alone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import torch
import typer
from accuracy import DATASETS, folder_name, report
from evidence_plan import RECORDS

import semivideo
from semivideo.analysis.result import ENDING, Result
from semivideo.base.errors import ConfigError, nearest
from semivideo.cli.console import note, run_plainly
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.evaluation import Recognizer
from semivideo.features.feature_cache import FeatureCache
from semivideo.recipes import RECIPES
from semivideo.run import feature_runs

PREFIX, BASELINE = "features-", "supervised"


def main(
    dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(DATASETS)}.")],
    features: Annotated[Path, typer.Argument(help="Its features, see above.")],
    labels: Annotated[int, typer.Option(min=1, help="Labels per class.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Draws of labels, from 0.")] = 5,
    methods: Annotated[str | None, typer.Option(help="With commas; all on features.")] = None,
    records: Annotated[Path, typer.Option(help="Folder of folders of records.")] = RECORDS,
    out: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("runs/on_features"),
) -> None:
    """Train and test what is missing, then write the table."""
    if dataset not in DATASETS:
        raise ConfigError(f"no data set {dataset!r}{nearest(dataset, DATASETS)} [{list(DATASETS)}]")
    manifest = FeatureCache.open(features).manifest
    folder = folder_of(dataset, labels)
    names = methods.split(",") if methods else all_methods()
    done = []
    for seed in range(seeds):
        split = _split(dataset, manifest, labels=labels, seed=seed)
        for name in names:
            done.append(records / folder / f"{name}-{seed}{ENDING}")
            if not done[-1].exists():
                made = tested(name, manifest, split, seed=seed)
                made.write(done[-1])
                note(f"{folder} {name} {seed}: {100 * made.evaluation.top1:.1f} %")
    done.sort(key=lambda run: names.index(run.name.rpartition("-")[0]))
    report(done, title=f"{dataset}, {labels} labels per class, features", folder=out / folder)


def folder_of(dataset: str, labels: int) -> str:
    """Name of the folder of records of runs on features."""
    return f"{folder_name(dataset, labels)}-on-features"


def all_methods() -> list[str]:
    """Every method that has a recipe on features, the baseline first.

    But for that which asks a network of text and images: name it where the features are of one.
    """
    found = [name.removeprefix(PREFIX) for name in RECIPES if name.startswith(PREFIX)]
    return sorted(set(found) - {"text_teacher"}, key=lambda name: (name != BASELINE, name))


def tested(method: str, manifest: Manifest, split: Split, *, seed: int) -> Result:
    """Train a method by its recipe and test it on cached weak views."""
    with tempfile.TemporaryDirectory() as folder:
        run = semivideo.train(
            manifest,
            split=split,
            recipe=PREFIX + method,
            seed=seed,
            estimate=False,
            out=Path(folder) / f"{method}-{seed}",
        )
        made = Recognizer.load(run.path / "model", device=torch.device("cpu"))
        head = made.network.get_submodule("head")
        views = feature_runs.feature_views(run.folder.settings(), manifest, split)
        found = feature_runs.scored(head, made.card, views, manifest, split)
        found.write(run.folder.evaluation_file)
        return Result.read(run.path)


def _split(dataset: str, manifest: Manifest, *, labels: int, seed: int) -> Split:
    chosen = DATASETS[dataset]
    groups = chosen.test_groups or chosen._drawn_groups(manifest)
    return semivideo.split(manifest, labels_per_class=labels, test_groups=groups, seed=seed)


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
