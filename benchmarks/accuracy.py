"""Accuracy from few labels on real video, method by method, at equal iterations.

    python benchmarks/accuracy.py utd-mhad            # 3 methods x 3 seeds
    python benchmarks/accuracy.py utd-mhad --quick    # one seed

Odd subjects of UTD-MHAD train, even ones test; the few labels are drawn by the seed; flips are off,
since left and right are different classes. The last step is the result. Each cell is a run folder:
stop the program at any time and start it again, and it goes on where it was.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import semivideo
from semivideo.analysis.pseudo_labels import late_labels
from semivideo.cli.console import percent, progress_bars, run_plainly
from semivideo.data.manifest import Manifest
from semivideo.errors import ConfigError, nearest
from semivideo.evaluation.compare import paired_difference
from semivideo.evaluation.metrics import Evaluation
from semivideo.files import write_bytes
from semivideo.runfolder import RunFolder

SHARED = Path(__file__).parents[2] / "shared" / "data"
DATASETS: dict[str, dict[str, Any]] = {
    "utd-mhad": {
        "videos": SHARED / "utd-mhad" / "videos",
        "group_pattern": r"(s\d+)_t",
        "test_groups": ["s2", "s4", "s6", "s8"],
        "recipe": "small-{method}",
    },
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
    chosen = DATASETS[dataset]
    folder = out / f"{dataset}-{labels}-labels"
    cells: dict[str, list[dict[str, Any]]] = {}
    with progress_bars() as progress:
        manifest = semivideo.scan(
            chosen["videos"],
            group_pattern=chosen["group_pattern"],
            out=folder / "manifest.parquet",
            progress=progress,
        )
        for seed in range(1 if quick else seeds):
            split = semivideo.split(
                manifest,
                labels_per_class=labels,
                test_groups=chosen["test_groups"],
                seed=seed,
                out=folder / f"split-{seed}.json",
            )
            for method in methods.split(","):
                run = folder / f"{method}-{seed}"
                recipe = chosen["recipe"].format(method=method)

                def told(what: str, *rest: Any, name: str = run.name) -> None:
                    if progress is not None:
                        progress(f"{name}: {what}", *rest)

                if not (run / "evaluation.json").exists():
                    if (run / "settings.yaml").exists():
                        semivideo.train(resume=run, progress=told)
                    else:
                        semivideo.train(
                            manifest,
                            recipe=recipe,
                            split=split,
                            seed=seed,
                            steps=steps,
                            out=run,
                            progress=told,
                        )
                    semivideo.evaluate(run, progress=told)
                cells.setdefault(method, []).append(cell(run, manifest))
    report(cells, title=f"{dataset}, {labels} labels per class", folder=folder)


def cell(run: Path, manifest: Manifest) -> dict[str, Any]:
    """What came out of one run."""
    folder = RunFolder.open(run)
    summary, late = folder.summary(), late_labels(folder, manifest)
    return {
        "evaluation": Evaluation.read(folder.evaluation_file),
        "minutes": summary["seconds"] / 60,
        "steps": summary["steps"],
        "waiting": summary["waiting"],
        "memory_mb": summary["peak_memory_mb"],
        "kept": late.kept,
        "right": late.right,
    }


def report(cells: dict[str, list[dict[str, Any]]], *, title: str, folder: Path) -> None:
    """Print the table and write it as Markdown and JSON."""
    names = ["method", "top-1 %", "over seeds", "gain over supervised (95 %)", "kept %", "right %"]
    names += ["steps", "minutes a run", "waiting %"]
    rows, record = [], {}
    for method, runs in cells.items():
        top1 = [100 * run["evaluation"].top1 for run in runs]
        deviation = f"+- {statistics.stdev(top1):.1f}" if len(top1) > 1 else "(one seed)"
        gain = "-"
        if method != "supervised" and len(cells.get("supervised", [])) == len(runs):
            base = [run["evaluation"] for run in cells["supervised"]]
            found = paired_difference([run["evaluation"] for run in runs], base)
            value, low, high = (100 * share for share in found)
            gain = f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
        mean = {
            key: statistics.fmean(run[key] for run in runs)
            for key in runs[0]
            if key != "evaluation"
        }
        rows.append(
            [
                method,
                f"{statistics.fmean(top1):.1f} {deviation}",
                ", ".join(f"{t:.1f}" for t in top1),
            ]
            + [gain, percent(mean["kept"]), percent(mean["right"])]
            + [f"{mean['steps']:.0f}", f"{mean['minutes']:.1f}", percent(mean["waiting"])]
        )
        record[method] = {"top1": top1, **mean}
    table = Table(*names, title=title)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    lines = [names, ["---"] * len(names), *rows]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
    write_bytes(folder / "table.md", text.encode())
    write_bytes(folder / "table.json", json.dumps(record, indent=2).encode())


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
