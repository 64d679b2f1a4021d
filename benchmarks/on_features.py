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
test clip's score is the mean over its cached weak views. Each cell is a file: stop the program at
any time and start it again, and it goes on where it was.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any

import torch
import typer
from accuracy import DATASETS

import semivideo
from semivideo.base.errors import ConfigError, nearest
from semivideo.base.files import write_bytes
from semivideo.cli.console import note, run_plainly
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.evaluation import Evaluation, Recognizer
from semivideo.features.feature_cache import FeatureCache
from semivideo.recipes import RECIPES
from semivideo.run import feature_runs

PREFIX, BASELINE = "features-", "supervised"
STUDENT_T = (math.nan, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % points of Student's t by degrees of freedom."""


def main(
    dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(DATASETS)}.")],
    features: Annotated[Path, typer.Argument(help="Its features, see above.")],
    labels: Annotated[int, typer.Option(min=1, help="Labels per class.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, max=10, help="Draws of labels, from 0.")] = 3,
    methods: Annotated[str | None, typer.Option(help="With commas; all on features.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the cells.")] = Path("runs/on_features"),
) -> None:
    """Train and test what is missing, then write the table."""
    if dataset not in DATASETS:
        raise ConfigError(f"no data set {dataset!r}{nearest(dataset, DATASETS)} [{list(DATASETS)}]")
    cache = FeatureCache.open(features)
    manifest = cache.manifest
    folder = out / f"{dataset}-{labels}"
    names = methods.split(",") if methods else all_methods()
    splits = [_split(dataset, manifest, labels=labels, seed=seed) for seed in range(seeds)]
    for seed, split in enumerate(splits):
        for name in names:
            file = folder / f"{name}-{seed}.json"
            if not file.exists():
                made = cell(name, manifest, split, seed=seed)
                write_bytes(file, json.dumps(made).encode())
                note(f"{dataset} {labels} {name} {seed}: {100 * made['top1']:.1f} %")
    cells = {
        name: [json.loads((folder / f"{name}-{seed}.json").read_bytes()) for seed in range(seeds)]
        for name in names
    }
    write_bytes(folder / "table.md", "\n".join([*table(cells), ""]).encode())
    note(f"wrote {folder / 'table.md'}")


def all_methods() -> list[str]:
    """Every method that has a recipe on features, the baseline first.

    But for that which asks a network of text and images: name it where the features are of one.
    """
    found = [name.removeprefix(PREFIX) for name in RECIPES if name.startswith(PREFIX)]
    return sorted(set(found) - {"text_teacher"}, key=lambda name: (name != BASELINE, name))


def cell(method: str, manifest: Manifest, split: Split, *, seed: int) -> dict[str, Any]:
    """Train one method on one draw and test it: share right, seconds of the processor."""
    started = time.process_time()
    found, summary = tested(method, manifest, split, seed=seed)
    return {
        "top1": found.top1,
        "tested": len(found.ids),
        "cpu_seconds": round(time.process_time() - started, 1),
        "kept": summary.get("last", {}).get("kept", {}),
    }


def tested(
    method: str, manifest: Manifest, split: Split, *, seed: int
) -> tuple[Evaluation, dict[str, Any]]:
    """Train a method by its recipe and test it on cached weak views; its scores and summary."""
    with tempfile.TemporaryDirectory() as folder:
        run = semivideo.train(
            manifest,
            split=split,
            recipe=PREFIX + method,
            seed=seed,
            estimate=False,
            out=Path(folder) / "run",
        )
        made = Recognizer.load(run.path / "model", device=torch.device("cpu"))
        head = made.network.get_submodule("head")
        views = feature_runs.feature_views(run.folder.settings(), manifest, split)
        found = feature_runs.scored(head, made.card, views, manifest, split)
        return found, run.summary


def table(cells: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Rows by mean: share right with its interval over draws, gain over the baseline, seconds."""
    share = {name: [100 * made["top1"] for made in row] for name, row in cells.items()}
    lines = [
        "| method | top-1 %, mean [interval] | draws | gain over supervised | CPU s |",
        "|---|---|---|---|--:|",
    ]
    for name in sorted(share, key=lambda name: -mean(share[name])):
        draws = ", ".join(f"{value:.1f}" for value in share[name])
        gain = ""
        if BASELINE in share and name != BASELINE:
            pairs = zip(share[name], share[BASELINE], strict=True)
            gain = _interval([ours - theirs for ours, theirs in pairs], sign="+")
        seconds = mean(made["cpu_seconds"] for made in cells[name])
        lines.append(f"| {name} | {_interval(share[name])} | {draws} | {gain} | {seconds:.0f} |")
    return lines


def _interval(values: Sequence[float], *, sign: str = "") -> str:
    """Mean and its 95 % interval over draws, by Student's t."""
    if len(values) < 2:
        return f"{values[0]:{sign}.1f}"
    half = STUDENT_T[len(values) - 1] * stdev(values) / math.sqrt(len(values))
    low, middle, high = mean(values) - half, mean(values), mean(values) + half
    return f"{middle:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


def _split(dataset: str, manifest: Manifest, *, labels: int, seed: int) -> Split:
    chosen = DATASETS[dataset]
    groups = chosen.test_groups or chosen._drawn_groups(manifest)
    return semivideo.split(manifest, labels_per_class=labels, test_groups=groups, seed=seed)


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
