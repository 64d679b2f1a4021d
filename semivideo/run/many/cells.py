"""Many runs: each cell of a grid is a run folder, and a process that is free takes the next cell.

Start the same command as often as there are devices, on as many machines as share the folder (a
SLURM array, any queue): a cell is claimed by a lock that the system drops when its process ends, so
that a cell left behind by a kill is taken up again where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semivideo.base.foreign_code import modules_of
from semivideo.base.locks import HeldError, locked
from semivideo.base.progress import Progress, prefixed
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split, redrawn
from semivideo.recipes.grids import Grid
from semivideo.run.scoring import evaluate
from semivideo.run.training import train

_LOG = logging.getLogger("semivideo")


@dataclass(frozen=True)
class Cell:
    """One run of a sweep.

    Attributes:
        name: Of its folder.
        recipe: Where its settings start.
        split: What it may know; a split or its file.
        seed: Of everything random in it.
        settings: Dotted keys that differ from the recipe.
        steps: Iterations, None for the recipe's.
    """

    name: str
    recipe: str
    split: Split | Path
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    steps: int | None = None


def grid_cells(
    grid: Grid,
    splits: Sequence[Split | Path],
    manifest: Manifest | None,
    *,
    steps: int | None = None,
    settings: dict[str, Any] | None = None,
) -> list[Cell]:
    """List the runs of a grid: every variant with every split, seed i with split i.

    All variants of one seed come before the next seed, so that a sweep that is stopped early
    compares all variants on the seeds that it has.

    Args:
        grid: Recipe and variants.
        splits: Splits or their files, one a seed.
        manifest: The videos; None where no variant draws the labelled ones anew.
        steps: Iterations of every run; None for the recipe's.
        settings: Dotted keys that differ from the recipe in every run.
    """
    found = []
    for seed, split in enumerate(splits):
        for variant in grid.variants:
            recipe, changes = grid.cell(variant)
            own, labels = split, grid.labels(variant)
            if labels is not None and manifest is not None:
                known = split if isinstance(split, Split) else Split.read(split)
                own = redrawn(manifest, known, labels=labels)
            changes = {**(settings or {}), **changes}
            found.append(Cell(f"{variant}-{seed}", recipe, own, seed, changes, steps))
    return found


def sweep(
    cells: Sequence[Cell],
    manifest: Manifest,
    *,
    out: Path,
    progress: Progress | None = None,
) -> list[Path]:
    """Train and evaluate every cell that nobody else is at.

    Args:
        cells: The runs wanted.
        manifest: The videos.
        out: Folder of the run folders.
        progress: Is told as by ``train``, each word beginning with the cell's name.

    Returns:
        Folders of the runs that are finished and evaluated, in the order of ``cells``; fewer than
        there are cells where other processes are at work.

    Raises:
        SemiVideoError: What stops a run; the others are kept.
    """
    for cell in cells:
        if not is_finished(out / cell.name):
            try:
                with locked(out / f"{cell.name}.claim", doing="train this run"):
                    if not is_finished(out / cell.name):
                        _run(cell, manifest, out=out / cell.name, progress=progress)
            except HeldError as held:
                _LOG.info("%s", held)
    return [out / cell.name for cell in cells if is_finished(out / cell.name)]


def is_finished(run: Path) -> bool:
    """Whether a run was trained and evaluated."""
    return (run / "evaluation.json").is_file()


def _run(cell: Cell, manifest: Manifest, *, out: Path, progress: Progress | None) -> None:
    """Do what is left of one cell."""
    told = prefixed(progress, cell.name)
    own = sorted(modules_of(cell.settings))
    if not (out / "settings.yaml").is_file():
        train(
            manifest,
            recipe=cell.recipe,
            split=cell.split,
            seed=cell.seed,
            steps=cell.steps,
            settings=cell.settings,
            out=out,
            progress=told,
        )
    elif not (out / "model" / "card.json").is_file():
        train(resume=out, allow=own, progress=told)
    if not is_finished(out):
        evaluate(out, allow=own, progress=told)
