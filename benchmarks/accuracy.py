"""Accuracy from few labels on real video, method by method, at equal iterations.

    python benchmarks/accuracy.py utd-mhad                  # 3 methods x 3 seeds
    python benchmarks/accuracy.py utd-mhad --quick          # one seed
    python benchmarks/accuracy.py utd-mhad --methods all    # every method
    python benchmarks/accuracy.py jhmdb --labels 5 --methods supervised,fixmatch,cmpl,ltg

Odd subjects of UTD-MHAD train, even ones test, and flips are off, since left and right are
different classes. Of J-HMDB about three tenths of the source videos test, the same for all seeds.
The few labels are drawn by the seed; ``--labels 0`` takes all. Every method has the same number of
iterations, and the last step is the result. Each cell is a run folder: stop the program at any time
and start it again, and it goes on where it was; start it twice, and the two share the work.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import semivideo
from semivideo.analysis import comparison, comparison_table
from semivideo.base.errors import ConfigError, nearest
from semivideo.base.files import write_bytes
from semivideo.base.locks import locked
from semivideo.base.progress import Progress
from semivideo.cli.console import note, progress_bars, run_plainly
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.methods import METHODS
from semivideo.recipes.grids import Grid
from semivideo.run.many.cells import grid_cells, sweep

_PATIENCE = 600.0  # seconds: another process scans
SHARED = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Dataset:
    """Where the videos are and who is held out.

    Attributes:
        videos: Their folder.
        source: Arguments of ``scan`` that say what a group is.
        group_pattern: Names the same group, as ``group``, in the id of a video; records of before
            they held groups have the ids alone.
        test_groups: Groups that test; if empty, a fixed draw of ``test_fraction`` of the videos.
        test_fraction: See above.
        settings: What differs from the small recipes.
    """

    videos: Path
    source: dict[str, Any]
    group_pattern: str
    test_groups: tuple[str, ...] = ()
    test_fraction: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def splits(
        self, folder: Path, *, labels: int, num_seeds: int, progress: Progress | None = None
    ) -> tuple[Manifest, list[Split]]:
        """Scan the videos and draw one split a seed, all with the same test videos.

        Several processes may call this for one folder; they take turns.

        Args:
            folder: Keeps the manifest and the splits.
            labels: Labels per class; 0 for all.
            num_seeds: How many splits.
            progress: See ``semivideo.api``.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, doing="scan and split", patience_seconds=_PATIENCE):
            manifest = semivideo.scan(
                self.videos, out=folder / "manifest.parquet", progress=progress, **self.source
            )
            amount: dict[str, Any] = (
                {"labels_per_class": labels} if labels else {"labeled_fraction": 1}
            )
            groups = self.test_groups or self._drawn_groups(manifest)
            return manifest, [
                semivideo.split(
                    manifest,
                    **amount,
                    test_groups=groups,
                    seed=seed,
                    out=folder / f"split-{seed}.json",
                )
                for seed in range(num_seeds)
            ]

    def groups_of(self, ids: Iterable[str]) -> dict[str, str | None]:
        """Return the group of each video by its id."""
        found = ((id, re.search(self.group_pattern, id)) for id in ids)
        return {id: match["group"] if match else None for id, match in found}

    def _drawn_groups(self, manifest: Manifest) -> tuple[str, ...]:
        """Groups that test, the same whatever the seed of the labels."""
        drawn = semivideo.split(
            manifest, labels_per_class=1, test_fraction=self.test_fraction, seed=0
        )
        found = (manifest.groups[manifest.row_of(id)] for id in drawn.test)
        return tuple(sorted({group for group in found if group}))


DATASETS = {
    "utd-mhad": Dataset(
        SHARED / "utd-mhad" / "videos",
        source={"group_pattern": r"(s\d+)_t"},
        group_pattern=r"(?P<group>s\d+)_t",
        test_groups=("s2", "s4", "s6", "s8"),
    ),
    "jhmdb": Dataset(
        SHARED / "jhmdb" / "videos",
        source={"lists": [SHARED / "jhmdb" / "clips.csv"], "group_column": "source"},
        group_pattern=r"^(\w+)/(?P<group>.+)_\1_",
        test_fraction=0.3,
        settings={"views.flip": True},
    ),
}
DEFAULT_METHODS = ("supervised", "fixmatch", "cmpl")


def main(
    dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(DATASETS)}.")],
    methods: Annotated[
        str, typer.Option(help="Names of small recipes, separated by commas, or all methods.")
    ] = ",".join(DEFAULT_METHODS),
    labels: Annotated[int, typer.Option(min=0, help="Labels per class; 0 for all.")] = 4,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, from 0.")] = 3,
    steps: Annotated[int | None, typer.Option(min=1, help="Iterations; default: recipe's.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One seed.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/accuracy"),
) -> None:
    """Train and test every method on every seed, then print and write the table."""
    if dataset not in DATASETS:
        known = ", ".join(DATASETS)
        raise ConfigError(f"no data set {dataset!r}{nearest(dataset, DATASETS)} [{known}]")
    chosen, folder = DATASETS[dataset], out / folder_name(dataset, labels)
    names = list(METHODS) if methods == "all" else methods.split(",")
    with progress_bars() as progress:
        manifest, splits = chosen.splits(
            folder, labels=labels, num_seeds=1 if quick else seeds, progress=progress
        )
        grid = Grid("", {name: {"recipe": f"small-{name}"} for name in names})
        cells = grid_cells(grid, splits, manifest, steps=steps, settings=chosen.settings)
        done = sweep(cells, manifest, out=folder, progress=progress)
    done.sort(key=lambda run: names.index(run.name.rpartition("-")[0]))
    report(done, title=f"{dataset}, {labels or 'all'} labels per class", folder=folder)
    if left := len(cells) - len(done):
        note(f"{left} of {len(cells)} runs are not finished: other processes are at them")


def folder_name(dataset: str, labels: int) -> str:
    """Name of the folder of runs with so many labels per class."""
    return f"{dataset}-{labels}-labels" if labels else f"{dataset}-all-labels"


def report(runs: list[Path], *, title: str, folder: Path) -> None:
    """Print the table and write it as Markdown."""
    lines = comparison.compare(runs)
    rows = comparison_table.for_reading(lines)
    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*row.values())
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    numbers = comparison_table.as_markdown(comparison_table.in_numbers(lines))
    write_bytes(folder / "table.md", numbers.encode())


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
