"""EVIDENCE.md from runs: what was measured, how, and which of the papers' claims it bears.

    python benchmarks/evidence.py            # writes EVIDENCE.md from the records in evidence/
    python benchmarks/evidence.py --run      # first does the next runs that are missing

A run is kept as a record, a small file with its settings, split, summary and test scores, so that
the evidence grows from one sitting to the next and anybody can compute it anew. ``--run`` goes
through the plan below in order and can be stopped and started at any time; started twice, two
processes share the work. Nothing in EVIDENCE.md is written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated

import accuracy
import typer

from semivideo.analysis import comparison, comparison_table
from semivideo.analysis.comparison import Line
from semivideo.analysis.result import ENDING, Result
from semivideo.base.errors import ConfigError
from semivideo.base.files import write_bytes
from semivideo.base.progress import Progress
from semivideo.cli.console import note, progress_bars, run_plainly
from semivideo.evaluation.bootstrap import paired_difference
from semivideo.methods import METHODS
from semivideo.recipes.grids import GRIDS, Grid
from semivideo.run.many.cells import grid_cells, sweep
from semivideo.run.many.recorded import identity
from semivideo.run.resolve import resolve_settings
from semivideo.settings import Settings

FOUR = ("supervised", "fixmatch", "cmpl", "ltg")
NUM_SEEDS = 3
RECORDS = Path(__file__).parents[1] / "evidence"


@dataclass(frozen=True)
class Part:
    """One table: methods or a grid on a data set with so many labels per class (0: all)."""

    dataset: str
    labels: int
    methods: tuple[str, ...] = ()
    grid: str | None = None

    @property
    def folder(self) -> str:
        """Of its runs, and of their records; parts on the same videos and labels share it."""
        return accuracy.folder_name(self.dataset, self.labels)

    @property
    def place(self) -> str:
        """Data set and labels, for people."""
        return f"{self.dataset}, {per_class(self.labels)}"

    @property
    def title(self) -> str:
        """Heading of the table."""
        return f"{self.place} - {GRIDS[self.grid].source}" if self.grid else self.place

    @property
    def variants(self) -> Grid:
        """What is run."""
        if self.grid is not None:
            return GRIDS[self.grid]
        return Grid("", {name: {"recipe": f"small-{name}"} for name in self.methods})

    @cached_property
    def settings(self) -> dict[str, Settings]:
        """Complete settings of each variant, but for the seed."""
        common = accuracy.DATASETS[self.dataset].settings
        found = {}
        for name in self.variants.variants:
            recipe, changes = self.variants.cell(name)
            found[name] = resolve_settings(
                recipe=recipe, method=None, steps=None, seed=None, settings={**common, **changes}
            )
        return found


def per_class(labels: int) -> str:
    """How many labels there are, in words."""
    return {0: "all labels", 1: "1 label per class"}.get(labels, f"{labels} labels per class")


# In the order in which they are run.
PLAN = {
    "4 labels": Part("utd-mhad", 4, FOUR),
    "1 label": Part("utd-mhad", 1, FOUR),
    "2 labels": Part("utd-mhad", 2, FOUR),
    "all labels": Part("utd-mhad", 0, ("supervised",)),
    "networks": Part("utd-mhad", 4, grid="cmpl-fig1"),
    "schemes": Part("utd-mhad", 4, grid="cmpl-table-a2"),
    "parts of cmpl": Part("utd-mhad", 4, grid="cmpl-table2"),
    "jhmdb 5": Part("jhmdb", 5, FOUR),
    "jhmdb 10": Part("jhmdb", 10, FOUR),
    "methods": Part("utd-mhad", 4, tuple(METHODS)),
    "parts of ltg, jhmdb": Part("jhmdb", 5, grid="ltg-table1"),
    "parts of ltg": Part("utd-mhad", 4, grid="ltg-table1"),
}

# What the papers claim: part of PLAN, better, worse, where.
CLAIMS = (
    *(
        (part, *pair)
        for part in ("4 labels", "1 label", "2 labels", "jhmdb 5", "jhmdb 10")
        for pair in (
            ("fixmatch", "supervised", "CMPL Table 1, LTG Table 1"),
            ("cmpl", "fixmatch", "CMPL Table 1"),
            ("ltg", "fixmatch", "LTG Table 1"),
        )
    ),
    *(
        ("schemes", *pair, "CMPL Table A2")
        for name in ("self_first", "opposite_first", "maximum", "average")
        for pair in (("scheme-cross", f"scheme-{name}"), (f"scheme-{name}", "fixmatch"))
    ),
    ("parts of cmpl", "auxiliary", "fixmatch", "CMPL Table 2"),
    ("parts of cmpl", "frame-rate", "auxiliary", "CMPL Table 2"),
    ("parts of cmpl", "offset", "frame-rate", "CMPL Table 2"),
    *(
        ("methods", "ltg", name, "LTG Table 2")
        for name in ("mvpl", "actorcutmix", "videossl", "s4l")
    ),
    *(("methods", name, "pseudo_label", "LTG Table 2") for name in ("s4l", "mvpl", "actorcutmix")),
    *(
        (name, *pair, "LTG Table 1")
        for name in ("parts of ltg, jhmdb", "parts of ltg")
        for pair in (("both", "alignment"), ("alignment", "fixmatch"), ("contrast", "fixmatch"))
    ),
)


def main(
    run: Annotated[bool, typer.Option("--run", help="Do what is missing first.")] = False,
    runs: Annotated[Path, typer.Option(help="Folder of run folders.")] = Path("runs/accuracy"),
    records: Annotated[Path, typer.Option(help="Folder of the records.")] = RECORDS,
    out: Annotated[Path, typer.Option(help="The file.")] = Path("EVIDENCE.md"),
) -> None:
    """Write the evidence that there is."""
    if run:
        with progress_bars() as progress:
            for part in PLAN.values():
                do(part, runs / part.folder, records, progress=progress)
    write_bytes(out, "\n".join(document(records)).encode())
    note(f"wrote {out}")


def do(part: Part, runs: Path, records: Path, *, progress: Progress | None) -> None:
    """Do the runs of one part that have no record and that nobody is at."""
    dataset = accuracy.DATASETS[part.dataset]
    manifest, splits = dataset.splits(
        runs, labels=part.labels, num_seeds=NUM_SEEDS, progress=progress
    )
    for cell in grid_cells(part.variants, splits, manifest, settings=dataset.settings):
        variant = cell.name.removesuffix(f"-{cell.seed}")
        record = record_of(part, variant, cell.seed, records)
        if record.is_file() and Result.read(record).split == cell.split:
            continue
        cell = replace(cell, name=record.name.removesuffix(ENDING))
        for path in sweep([cell], manifest, out=runs, progress=progress):
            keep(Result.read(path), record, part.settings[variant])


def keep(result: Result, record: Path, settings: Settings) -> None:
    """Write the record of a run, which must have these settings."""
    found = result.settings.updated({"engine.seed": settings.engine.seed})
    if identity(found) != identity(settings):
        raise ConfigError(
            f"{result.run.path} was trained with settings that are not the plan's any more; move "
            "it away to train it anew"
        )
    result.write(record)


def record_of(part: Part, variant: str, seed: int, records: Path) -> Path:
    """File of one run; variants with the same settings share their runs, whatever their part."""
    name = names()[part.folder, identity(part.settings[variant])]
    return records / part.folder / f"{name}-{seed}{ENDING}"


@cache
def names() -> dict[tuple[str, str], str]:
    """Folder and identity to the name of a run: the variant's that comes first in the plan."""
    found: dict[tuple[str, str], str] = {}
    for part in PLAN.values():
        for variant, settings in part.settings.items():
            name = variant if part.grid is None else f"{part.grid}-{variant}"
            found.setdefault((part.folder, identity(settings)), name)
    return found


def document(records: Path) -> Iterator[str]:
    """Lines of the file."""
    yield INTRODUCTION
    tables = {name: lines_of(part, records) for name, part in PLAN.items()}
    yield from overview(tables)
    yield from claims(tables)
    for name, part in PLAN.items():
        if part != PLAN["4 labels"]:  # which are among all methods
            yield from section(part, tables[name])


INTRODUCTION = """# Evidence

Written by `python benchmarks/evidence.py` from the records of runs in `evidence/`; never by hand.
Each line is a method with its runs: every seed draws other labels and other initial weights. Gains
are paired differences of top-1 in points. Every method of a table had the same number of steps; the
last step is the result; settings were chosen on a held-out training subject of UTD-MHAD and never
on test videos. Networks are the small recipes' (3D-ResNet-10 at a quarter of the width, 8 frames,
crops of 48 pixels), from scratch.

Intervals are 95 % bootstrap intervals over the draws and over groups of test videos: the people of
UTD-MHAD, of whom four are tested, and the sources of J-HMDB's clips. Where there is one run they
are over the groups alone. With so few draws and people they are too narrow rather than too wide:
`semivideo/evaluation/bootstrap.py` says by how much.

Pseudo-labels are those of the last fifth of the training. These records were kept when clips of
labelled videos still counted among them. Those are right nearly always: among unlabelled clips
alone the share of right ones is lower.

**The papers' numbers** are on UCF-101, HMDB-51 and Kinetics-400, with networks sixty times as
large. No cell here has the data and the network of a cell there, so no number is set beside theirs;
what can be compared is the order of the methods. What was tried where an order does not appear
stands on the methods' pages in `docs/methods/`.

`docs/benchmarks.md` says how far runs lie apart that differ in rounding alone, and sets earlier
runs of all methods beside these. Minutes are of one core, mostly beside other programs: they say
little.

Not run on a GPU.
"""


def lines_of(part: Part, records: Path) -> dict[str, Line]:
    """Variant to its line of the comparison, of those that were run; the papers' order."""
    files = {
        record_of(part, variant, seed, records): variant
        for variant in part.variants.variants
        for seed in range(NUM_SEEDS)
    }
    there = [file for file in files if file.is_file()]
    if not there:
        return {}
    groups_of = accuracy.DATASETS[part.dataset].groups_of
    results = [
        replace(found, groups=groups_of(found.evaluation.ids))
        for found in comparison.tested_alike(there)
    ]
    variant_of = {file.name.removesuffix(ENDING): variant for file, variant in files.items()}
    by_variant = {
        variant_of[line.results[0].run.path.name]: line for line in comparison.lines_of(results)
    }
    return {name: by_variant[name] for name in part.variants.variants if name in by_variant}


def overview(tables: dict[str, dict[str, Line]]) -> Iterable[str]:
    """Top-1 of the four methods, a line for each number of labels."""
    yield "## Four methods, by number of labels"
    yield ""
    yield "Top-1 in percent, mean over the runs; the tables below have deviations and intervals."
    yield ""
    yield f"| data | {' | '.join(FOUR)} |"
    yield "|---|" + "--:|" * len(FOUR)
    for name in ("1 label", "2 labels", "4 labels", "all labels", "jhmdb 5", "jhmdb 10"):
        cells = {method: f"{100 * line.top1.value:.1f}" for method, line in tables[name].items()}
        yield f"| {PLAN[name].place} | {' | '.join(cells.get(m, '-') for m in FOUR)} |"
    yield ""


def claims(tables: dict[str, dict[str, Line]]) -> Iterable[str]:
    """The papers' orderings, and whether they appear."""
    yield "## Which of the papers' orderings appear"
    yield ""
    yield (
        "Appears: the better one is ahead with every draw of labels, and the interval over draws "
        "and groups of test videos lies above zero. Reversed: the other way round. Open: neither."
    )
    yield ""
    yield (
        "| claim | from | here, on | difference in points | low, 95 % over draws and groups | high "
        "| draws ahead | draws | verdict |"
    )
    yield "|---|---|---|--:|--:|--:|--:|--:|---|"
    for name, better, worse, source in CLAIMS:
        found = " | ".join(verdict(tables[name], better, worse))
        yield f"| {better} over {worse} | {source} | {PLAN[name].place} | {found} |"
    yield ""


NOT_RUN = ("-", "-", "-", "-", "-", "not run yet")


def verdict(lines: dict[str, Line], better: str, worse: str) -> tuple[str, ...]:
    """Difference, its ends, with how many draws the better one leads, of how many, the verdict."""
    if better not in lines or worse not in lines:
        return NOT_RUN
    ours, theirs = (
        {r.settings.engine.seed: r.evaluation for r in lines[name].results}
        for name in (better, worse)
    )
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return NOT_RUN
    found = paired_difference(
        [ours[s] for s in seeds],
        [theirs[s] for s in seeds],
        groups=comparison.common_groups([*lines[better].results, *lines[worse].results]),
    )
    gains = [ours[s].top1 - theirs[s].top1 for s in seeds]
    appears, is_reversed = found.low > 0 < min(gains), found.high < 0 > max(gains)
    word = "appears" if appears else "reversed" if is_reversed else "open"
    so_far = "" if len(seeds) == NUM_SEEDS else " so far"
    points = (f"{100 * share:+.1f}" for share in found)
    return (*points, str(sum(gain > 0 for gain in gains)), str(len(seeds)), word + so_far)


def section(part: Part, lines: dict[str, Line]) -> Iterable[str]:
    """One table with what a reader needs to repeat it."""
    yield f"## {part.title}"
    yield ""
    if not lines:
        yield "Not run yet."
        yield ""
        return
    # The cell's name: the comparison's own lists all settings that differ.
    named = [replace(line, name=name) for name, line in lines.items()]
    yield comparison_table.as_markdown(comparison_table.in_numbers(named))
    results = [result for line in lines.values() for result in line.results]
    first = results[0]
    hashes = {r.settings.engine.seed: r.split.short_hash for r in results}
    splits = ", ".join(f"seed {seed}: {hashes[seed]}" for seed in sorted(hashes))
    machines = sorted({str(r.summary.get("machine", r.summary["device"])) for r in results})
    yield (
        f"{len(first.split.labeled)} labelled, {len(first.split.unlabeled)} other training and "
        f"{len(first.split.test)} test videos; views {first.evaluation.protocol}; splits: "
        f"{splits}; {' and '.join(machines)}, {first.summary['precision']}. Settings: "
        f"{settings_of(part)}. Complete settings, splits and scores: records in "
        f"[evidence/{part.folder}](evidence/{part.folder})."
    )
    yield ""


def settings_of(part: Part) -> str:
    """The recipe, and what each variant changes, for people."""
    if part.grid is None:
        return "recipe `small-METHOD`"
    return f"grid `{part.grid}` on recipe `{part.variants.recipe}` (`semivideo sweep list`)"


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
