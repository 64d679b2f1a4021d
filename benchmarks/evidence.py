"""EVIDENCE.md from runs: what was measured, how, and which of the papers' claims it bears.

    python benchmarks/evidence.py            # writes EVIDENCE.md from the records in evidence/
    python benchmarks/evidence.py --run      # first does the next runs that are missing
    python benchmarks/evidence.py --run --part "jhmdb 5"       # of this part of the plan alone

A run is kept as a record, a small file with its settings, split, summary and test scores, so that
the evidence grows from one sitting to the next and anybody can compute it anew. ``--run`` goes
through the plan below in order and can be stopped and started at any time; started twice, two
processes share the work. Nothing in EVIDENCE.md is written by hand.
"""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated

import accuracy
import numpy as np
import typer
from evidence_plan import (
    CLAIMS,
    FOUR,
    NOT_COMPARED,
    NUM_SEEDS,
    ON_FEATURES,
    PLAN,
    RECORDS,
    SEEDS,
    Part,
    per_class,
    record_of,
    run_name,
)
from numpy.typing import NDArray
from on_features import BASELINE, folder_of

from semivideo.analysis import comparison, comparison_table
from semivideo.analysis.comparison import Line
from semivideo.analysis.groups import by_method
from semivideo.analysis.result import ENDING, Result
from semivideo.base.errors import ConfigError, nearest
from semivideo.base.files import write_bytes
from semivideo.base.progress import Progress
from semivideo.cli.console import note, progress_bars, run_plainly
from semivideo.evaluation.bootstrap import Interval, difference_by_group, paired_difference
from semivideo.evaluation.claims import LEAST_DRAWS, Claim, Judged, judge
from semivideo.run.many.cells import grid_cells, sweep
from semivideo.run.many.recorded import identity
from semivideo.settings import Settings


def main(
    run: Annotated[bool, typer.Option("--run", help="Do what is missing first.")] = False,
    parts: Annotated[
        list[str] | None, typer.Option("--part", help="Do only this part of the plan; repeatable.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder of run folders.")] = Path("runs/accuracy"),
    records: Annotated[Path, typer.Option(help="Folder of the records.")] = RECORDS,
    out: Annotated[Path, typer.Option(help="The file.")] = Path("EVIDENCE.md"),
) -> None:
    """Write the evidence that there is."""
    for name in parts or ():
        if name not in PLAN:
            raise ConfigError(
                f"no part {name!r} of the plan{nearest(name, PLAN)} [{', '.join(PLAN)}]"
            )
    if run:
        with progress_bars() as progress:
            for part in (PLAN[name] for name in parts or PLAN):
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


def document(records: Path) -> Iterator[str]:
    """Lines of the file."""
    yield INTRODUCTION
    tables = {name: lines_of(part, records) for name, part in PLAN.items()}
    yield from overview(tables)
    yield from claims(tables)
    shown: set[Path] = set()
    for name, part in PLAN.items():
        if part != PLAN["4 labels"]:  # which are among all methods
            files = {record_of(part, v, seed, records) for v in tables[name] for seed in SEEDS}
            files = {file for file in files if file.is_file()}
            # A table of runs that other tables have says nothing under its own heading.
            yield from section(part, tables[name] if files - shown else {})
            shown |= files
    yield from on_features(records)


INTRODUCTION = """# Evidence

Written by `python benchmarks/evidence.py` from the records of runs in `evidence/`; never by hand.
Each line is a method with its runs: every seed draws other labels and other initial weights. Gains
are paired differences of top-1 in points. Every method of a table had the same number of steps; the
last step is the result; settings were chosen on held-out training subjects of UTD-MHAD, not on test
videos. One of them was first thought of because of a test figure, that S4L's labels count for
upright clips only; it was chosen anew on two training subjects (docs/log.md). Networks are the
small recipes' (3D-ResNet-10 at a quarter of the width, 8 frames, crops of 48 pixels), from scratch.

Intervals are 95 % bootstrap intervals over the draws and over groups of test videos: the people of
UTD-MHAD, of whom four are tested, and the sources of J-HMDB's clips. Where there is one run they
are over the groups alone. With so few draws and people they are too narrow rather than too wide:
`semivideo/evaluation/bootstrap.py` says by how much.

Pseudo-labels are those of the last fifth of the training. Records of seeds 0 to 2 were kept when
clips of labelled videos still counted among them, which are right nearly always: among unlabelled
clips alone the share of right ones is lower. Later records count these alone. Each way of counting
has columns of its own, a mean over the draws that have it.

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
        for seed in SEEDS
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
    yield paragraph(
        "Top-1 in percent, mean over the draws that all of a line have; the tables below have all "
        "runs, deviations and intervals."
    )
    yield ""
    yield f"| data | {' | '.join(FOUR)} |"
    yield "|---|" + "--:|" * len(FOUR)
    for name in ("1 label", "2 labels", "4 labels", "all labels", "jhmdb 5", "jhmdb 10"):
        lines = {method: line for method, line in tables[name].items() if method in FOUR}
        scores = {
            method: {r.settings.engine.seed: r.evaluation.top1 for r in line.results}
            for method, line in lines.items()
        }
        shared = set.intersection(*map(set, scores.values())) if scores else set[int]()
        cells = {
            method: f"{100 * fmean(by_seed[seed] for seed in shared):.1f}" if shared else "-"
            for method, by_seed in scores.items()
        }
        yield f"| {PLAN[name].place} | {' | '.join(cells.get(m, '-') for m in FOUR)} |"
    yield ""


def claims(tables: dict[str, dict[str, Line]]) -> Iterable[str]:
    """The papers' orderings, and whether they appear."""
    yield "## Which of the papers' orderings appear"
    yield ""
    yield paragraph(VERDICTS)
    yield ""
    yield paragraph(NOT_COMPARED)
    yield ""
    yield (
        "| claim | from | here, on | difference in points | low, 95 % over draws and groups | high "
        "| draws ahead | draws | p before correction | p, corrected | verdict |"
    )
    yield "|---|---|---|--:|--:|--:|--:|--:|--:|--:|---|"
    found = [compared(tables[name], better, worse) for name, better, worse, _ in CLAIMS]
    judged = judge(claims_of(found))
    for (name, better, worse, source), pair, verdict in zip(CLAIMS, found, judged, strict=True):
        cells = " | ".join(in_words(pair, verdict))
        yield f"| {better} over {worse} | {source} | {PLAN[name].place} | {cells} |"
    yield ""


def claims_of(pairs: Iterable[Pair | None]) -> list[Claim]:
    """The list of claims, with what their runs gave."""
    return [
        Claim(
            PLAN[name].place,
            run_name(PLAN[name], better),
            run_name(PLAN[name], worse),
            None if pair is None else pair.table,
        )
        for (name, better, worse, _), pair in zip(CLAIMS, pairs, strict=True)
    ]


VERDICTS = f"""Appears: the better one is ahead, by more than chance in a list as long as this one.
Reversed: the other one is. Open: neither, or fewer than {LEAST_DRAWS} draws. The interval is one
claim's own, by a bootstrap over draws and groups. A verdict goes by p: of a two-way layout of draws
and groups whose spread is at least the mean of all claims on the same data, corrected by Holm for
all {len(CLAIMS)} claims, run or not (`semivideo/evaluation/claims.py`). Before correction p depends
on the other methods at its place and may move when these are run. Where nothing differs at most 5 %
of lists like this one have a false verdict (`tests/benchmarks/test_evidence.py`); the intervals by
themselves promise no such thing."""


@dataclass(frozen=True)
class Pair:
    """Two lines on the seeds that both have.

    Attributes:
        interval: Difference of top-1.
        num_ahead: With how many draws the better one leads.
        table: float (draws, groups), see ``difference_by_group``.
    """

    interval: Interval
    num_ahead: int
    table: NDArray[np.float64]


def compared(lines: dict[str, Line], better: str, worse: str) -> Pair | None:
    """Compare two lines; None where there is no seed that both have."""
    if better not in lines or worse not in lines:
        return None
    ours, theirs = (
        {r.settings.engine.seed: r.evaluation for r in lines[name].results}
        for name in (better, worse)
    )
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return None
    runs = [ours[s] for s in seeds], [theirs[s] for s in seeds]
    groups = comparison.common_groups([*lines[better].results, *lines[worse].results])
    gains = [a.top1 - b.top1 for a, b in zip(*runs, strict=True)]
    return Pair(
        paired_difference(*runs, groups=groups),
        sum(gain > 0 for gain in gains),
        difference_by_group(*runs, groups=groups),
    )


NOT_RUN = ("-", "-", "-", "-", "-", "-", "-", "not run yet")


def in_words(pair: Pair | None, judged: Judged) -> tuple[str, ...]:
    """Difference, its ends, draws ahead, draws, p, p corrected, the verdict."""
    if pair is None:
        return NOT_RUN
    num_draws = len(pair.table)
    lacking = f": {num_draws} of {LEAST_DRAWS} draws" if num_draws < LEAST_DRAWS else ""
    chances = (_chance(p) for p in (judged.p, judged.corrected))
    points = (f"{100 * share:+.1f}" for share in pair.interval)
    return (*points, str(pair.num_ahead), str(num_draws), *chances, judged.verdict + lacking)


def _chance(p: float) -> str:
    """A p-value in words."""
    if math.isnan(p):
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


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
    hashes = {  # of the splits as they were drawn first
        result.settings.engine.seed: result.split.short_hash
        for name, line in lines.items()
        if part.variants.labels(name) is None
        for result in line.results
    }
    splits = ", ".join(f"seed {seed}: {hashes[seed]}" for seed in sorted(hashes))
    machines = sorted(
        {
            f"{r.summary.get('machine', r.summary['device'])}, {r.summary['precision']}"
            for r in results
        }
    )
    yield paragraph(
        f"{len(first.split.labeled)} labelled, {len(first.split.unlabeled)} other training and "
        f"{len(first.split.test)} test videos; views {first.evaluation.protocol}; splits: "
        f"{splits}; {' and '.join(machines)}. Settings: "
        f"{settings_of(part)}. Complete settings, splits and scores: records in "
        f"[evidence/{part.folder}](evidence/{part.folder})."
    )
    yield ""


def on_features(records: Path) -> Iterable[str]:
    """Tables of methods on the features of an image network, a league of its own."""
    yield "## On the features of an image network (league: image weights)"
    yield ""
    tables = {place: feature_lines(records / folder_of(*place)) for place in ON_FEATURES}
    gains = [
        (place, name, compared(lines, name, BASELINE))
        for place, lines in tables.items()
        for name in lines
        if name != BASELINE
    ]
    judged = judge(
        [
            Claim(folder_of(*place), name, BASELINE, None if pair is None else pair.table)
            for place, name, pair in gains
        ]
    )
    found = [
        (place, f"`{name}` {100 * pair.interval.value:+.1f}")
        for (place, name, pair), verdict in zip(gains, judged, strict=True)
        if pair is not None and verdict.verdict != "open"
    ]
    yield paragraph(FEATURES.format(num_gains=len(gains)))
    yield ""
    for (dataset, labels), lines in tables.items():
        yield f"### {dataset}, {per_class(labels)}, on features"
        yield ""
        if not lines:
            yield "Not run yet."
            yield ""
            continue
        yield comparison_table.as_markdown(comparison_table.in_numbers(list(lines.values())))
        told = ", ".join(words for place, words in found if place == (dataset, labels)) or "none"
        split, folder = lines[BASELINE].results[0].split, f"evidence/{folder_of(dataset, labels)}"
        yield paragraph(
            f"Differences to `{BASELINE}` beyond chance, after correction: {told}. "
            f"{len(split.labeled)} labelled, {len(split.unlabeled)} other training and "
            f"{len(split.test)} test videos. Settings: recipe `features-METHOD`. Records in "
            f"[{folder}]({folder})."
        )
        yield ""


def feature_lines(folder: Path) -> dict[str, Line]:
    """Method to its line of the comparison, supervised training first, the others by top-1."""
    files = sorted(folder.glob(f"*{ENDING}"))
    if not files:
        return {}
    runs = {
        members[0].settings.method.name: members
        for _, members in by_method(comparison.tested_alike(files))
    }
    mean = {name: fmean(run.evaluation.top1 for run in members) for name, members in runs.items()}
    order = sorted(runs, key=lambda name: (name != BASELINE, -mean[name]))
    lines = comparison.lines_of([run for name in order for run in runs[name]])
    return {name: replace(line, name=name) for name, line in zip(order, lines, strict=True)}


FEATURES = """EfficientNet-Lite0 with ImageNet's weights, frozen; heads and classifiers learn on the
features of a clip's cached views, and the test clips of above are scored on their weak views
(`python benchmarks/on_features.py`). These numbers are never set against those from scratch. CMPL
and LTG have two heads on one encoder in place of two networks. `svformer`, `timebalance` and
`votes` are methods after both papers. `docs/features.md` says what each sees. The {num_gains}
differences to supervised training are judged by the rule of the claims above, in a list of their
own; intervals are not corrected."""


def paragraph(text: str) -> str:
    """Text in lines of at most a hundred characters, as in every page."""
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def settings_of(part: Part) -> str:
    """The recipe, and what each variant changes, for people."""
    if part.grid is None:
        return "recipe `small-METHOD`"
    return f"grid `{part.grid}` on recipe `{part.variants.recipe}` (`semivideo sweep list`)"


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
