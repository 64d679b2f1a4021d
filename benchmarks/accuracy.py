"""Accuracy from few labels on real video, method by method, at equal iterations.

    python benchmarks/accuracy.py utd-mhad            # 3 methods x 3 seeds
    python benchmarks/accuracy.py utd-mhad --quick    # one seed

Odd subjects of UTD-MHAD train, even ones test; the few labels are drawn by the seed; flips are off,
since left and right are different classes. The last step is the result. Each cell is a run folder:
stop the program at any time and start it again, and it goes on where it was.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import semivideo
from semivideo.analysis.pseudo_labels import late_labels
from semivideo.cli.console import ProgressFunction, percent, progress_bars, run_plainly
from semivideo.data.manifest import Manifest
from semivideo.errors import ConfigError, nearest
from semivideo.evaluation.compare import paired_difference
from semivideo.evaluation.metrics import Evaluation
from semivideo.files import write_bytes
from semivideo.runfolder import RunFolder

SHARED = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Dataset:
    """Where the videos are, who is held out, and which recipes suit them."""

    videos: Path
    group_pattern: str
    test_groups: tuple[str, ...]
    recipe: str


DATASETS = {
    "utd-mhad": Dataset(
        SHARED / "utd-mhad" / "videos", r"(s\d+)_t", ("s2", "s4", "s6", "s8"), "small-{method}"
    ),
}
METHODS = ("supervised", "fixmatch", "cmpl")


def main(
    dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(DATASETS)}.")],
    methods: Annotated[str, typer.Option(help="Names, separated by commas.")] = ",".join(METHODS),
    labels: Annotated[int, typer.Option(min=1, help="Labels per class.")] = 4,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, from 0.")] = 3,
    steps: Annotated[int | None, typer.Option(min=1, help="Iterations; default: recipe's.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One seed.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/accuracy"),
) -> None:
    """Train and test every method on every seed, then print and write the table."""
    if dataset not in DATASETS:
        raise ConfigError(f"no data set {dataset!r}{nearest(dataset, DATASETS)} [{list(DATASETS)}]")
    chosen, folder = DATASETS[dataset], out / f"{dataset}-{labels}-labels"
    cells: dict[str, list[Cell]] = {method: [] for method in methods.split(",")}
    with progress_bars() as progress:
        manifest = semivideo.scan(
            chosen.videos,
            group_pattern=chosen.group_pattern,
            out=folder / "manifest.parquet",
            progress=progress,
        )
        for seed in range(1 if quick else seeds):
            split = semivideo.split(
                manifest,
                labels_per_class=labels,
                test_groups=chosen.test_groups,
                seed=seed,
                out=folder / f"split-{seed}.json",
            )
            for method, done in cells.items():
                run = folder / f"{method}-{seed}"
                told = progress and named(run.name, progress)
                if not (run / "settings.yaml").exists():
                    semivideo.train(
                        manifest,
                        recipe=chosen.recipe.format(method=method),
                        split=split,
                        seed=seed,
                        steps=steps,
                        out=run,
                        progress=told,
                    )
                elif not (run / "model" / "card.json").exists():
                    semivideo.train(resume=run, progress=told)
                if not (run / "evaluation.json").exists():
                    semivideo.evaluate(run, progress=told)
                done.append(Cell.of(run, manifest))
    report(cells, title=f"{dataset}, {labels} labels per class", folder=folder)


@dataclass(frozen=True)
class Cell:
    """What came out of one run; shares lie in [0, 1], NaN where there is none."""

    evaluation: Evaluation
    steps: float
    minutes: float
    waiting: float
    memory_gb: float
    kept: float
    right: float

    @classmethod
    def of(cls, run: Path, manifest: Manifest) -> Cell:
        """Read a finished and evaluated run."""
        folder = RunFolder.open(run)
        summary, late = folder.summary(), late_labels(folder, manifest)
        return cls(
            evaluation=Evaluation.read(folder.evaluation_file),
            steps=summary["steps"],
            minutes=summary["seconds"] / 60,
            waiting=summary["waiting"],
            memory_gb=summary["peak_memory_mb"] / 1000,
            kept=late.kept,
            right=late.right,
        )


COLUMNS = ("method", "top-1 %", "by seed", "over supervised (95 %)", "over the line above (95 %)")
COLUMNS += ("labels kept %", "of these right %", "steps", "minutes", "waiting %", "memory GB")


def report(cells: dict[str, list[Cell]], *, title: str, folder: Path) -> None:
    """Print the table and write it as Markdown."""
    rows, above = [], None
    for method, runs in cells.items():
        rows.append(line(method, runs, base=cells.get("supervised"), above=above))
        above = runs
    table = Table(*COLUMNS, title=title)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 180).print(table)
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    text = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    write_bytes(folder / "table.md", text.encode())


def line(
    method: str, runs: list[Cell], *, base: list[Cell] | None, above: list[Cell] | None
) -> list[str]:
    """One line of the table: means over seeds, and paired gains with their intervals."""
    top1 = [100 * run.evaluation.top1 for run in runs]
    deviation = f" +- {statistics.stdev(top1):.1f}" if len(top1) > 1 else " (one seed)"

    def mean(name: str) -> float:
        return statistics.fmean(getattr(run, name) for run in runs)

    return [
        method,
        f"{statistics.fmean(top1):.1f}{deviation}",
        " ".join(f"{share:.1f}" for share in top1),
        gain(runs, base),
        gain(runs, above),
        *(percent(mean(name)) for name in ("kept", "right")),
        f"{mean('steps'):.0f}",
        f"{mean('minutes'):.1f}",
        percent(mean("waiting")),
        f"{mean('memory_gb'):.1f}",
    ]


def gain(runs: list[Cell], other: list[Cell] | None) -> str:
    """Difference in points with its interval over test videos; "-" without another method."""
    if other is None or other is runs:
        return "-"
    found = paired_difference([run.evaluation for run in runs], [run.evaluation for run in other])
    value, low, high = (100 * share for share in found)
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def named(name: str, progress: ProgressFunction) -> ProgressFunction:
    """A progress function whose descriptions begin with the run's name."""
    return lambda what, *rest: progress(f"{name}: {what}", *rest)


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
