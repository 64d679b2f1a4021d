"""``semivideo sweep``: the runs of a grid, shared by as many processes as are started."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from semivideo.base.foreign_code import allowing, modules_of
from semivideo.cli.console import note, on_interrupt, progress_bars, show


def sweep(
    grid: Annotated[
        str, typer.Argument(help="Named grid, a YAML file, or list, which shows the grids.")
    ],
    manifest: Annotated[
        str | None,
        typer.Argument(help="Manifest, cache, or address of a cache; needed, but for list."),
    ] = None,
    split: Annotated[
        list[Path] | None,
        typer.Option(help="Split file; repeat it: run i has seed i and split i. One is needed."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run folders; needed.")] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Iterations of every run.", show_default="the recipe's"),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(help="Run this variant alone; repeat it for several.", show_default="all"),
    ] = None,
) -> None:
    """Run a grid of settings with several seeds, then compare what is finished.

    Start the same command once per device or machine: each takes the next run that nobody is at. A
    sweep that was stopped goes on where it was.
    """
    from semivideo.base.errors import ConfigError
    from semivideo.recipes.grids import GRIDS, find_grid

    if grid == "list":
        table = Table("grid", "variants", "from")
        for name, one in GRIDS.items():
            table.add_row(name, ", ".join(one.variants), one.source)
        show(table)
        return
    chosen = find_grid(grid).of(variant) if variant else find_grid(grid)
    if manifest is None or not split or out is None:
        raise ConfigError(
            "a sweep needs a manifest, at least one --split and --out, such as: semivideo sweep "
            f"{grid} manifest.parquet --split s0.json --split s1.json --out runs/{Path(grid).stem}"
        )
    from semivideo.api import as_manifest
    from semivideo.cli.compare import show_comparison
    from semivideo.run.many.cells import grid_cells
    from semivideo.run.many.cells import sweep as sweep_cells

    videos = as_manifest(manifest)
    cells = grid_cells(chosen, split, videos, steps=steps)
    with on_interrupt(lambda: "run the same command again to go on"), progress_bars() as progress:
        done = sweep_cells(cells, videos, out=out, progress=progress)
    if done:
        with allowing(modules_of([cell.settings for cell in cells])):
            show_comparison(sorted(done, key=lambda run: run.name.rpartition("-")[0]))
    if left := len(cells) - len(done):
        note(f"{left} of {len(cells)} runs are not finished: other processes are at them")
