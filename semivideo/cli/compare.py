"""``semivideo compare``: methods on equal terms, from their run folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from semivideo.base.foreign_code import allowing
from semivideo.cli.console import AllowCode, note, show, words_of_origins

if TYPE_CHECKING:
    from semivideo.analysis.comparison import LeftOut, Line


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders or records, or folders of them.")],
    markdown: Annotated[Path | None, typer.Option(help="Also write the table there.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table there.")] = None,
    records: Annotated[
        Path | None,
        typer.Option(help="Folder for a small file a run, which can stand in for the run here."),
    ] = None,
    allow_code: AllowCode = None,
) -> None:
    """Compare evaluated runs: mean, deviation, intervals, paired gains, cost.

    Runs that differ in the seed alone are one method. The first method is the baseline. Runs that
    were tested on different videos are refused; runs in a folder that were not evaluated are left
    out, and named. Networks that began with weights of pictures or of videos have tables of their
    own.
    """
    from semivideo.analysis.comparison import evaluated_runs, keep_records

    _check_tables(markdown, csv)
    with allowing(allow_code or ()):
        found, left_out = evaluated_runs(runs)
        tell_left_out(left_out)
        lines = show_comparison(found, markdown=markdown, csv=csv)
    if records is not None:
        num_records = len(keep_records(lines, folder=records))
        note(f"wrote {num_records} records into {records}")


def show_comparison(
    runs: Sequence[Path], *, markdown: Path | None = None, csv: Path | None = None
) -> list[Line]:
    """Print the comparison of runs, write it where asked to, and return it."""
    from semivideo.analysis import comparison, comparison_table
    from semivideo.base.files import write_bytes

    lines = comparison.compare(runs)
    leagues = comparison.by_league(lines)
    if len(leagues) > 1:
        show(comparison_table.WHY_APART)
    for league, part in leagues.items():
        rows = comparison_table.for_reading(part)
        table = Table(*rows[0])
        for row in rows:
            table.add_row(*row.values())
        if len(leagues) > 1 or league != "scratch":
            show(words_of_origins(comparison.origins_of(part), league))
        show(table)
    if markdown is not None:
        write_bytes(markdown, comparison_table.as_sections(lines).encode())
        note(f"wrote {markdown}")
    if csv is not None:
        write_bytes(csv, comparison_table.as_csv(comparison_table.in_numbers(lines)).encode())
        note(f"wrote {csv}")
    return lines


def _check_tables(markdown: Path | None, csv: Path | None) -> None:
    """Refuse to write over what is no comparison."""
    from semivideo.analysis.comparison_table import WHY_APART
    from semivideo.base.places import begins_with, check_output

    for out, named, words in (
        (markdown, "markdown", ("| method | runs |", WHY_APART)),
        (csv, "csv", ("method,runs,",)),
    ):
        if out is not None:
            check_output(
                out,
                what="an earlier comparison",
                is_ours=begins_with(*words),
                named=named,
            )


def tell_left_out(left_out: LeftOut) -> None:
    """Name the runs that are not in the comparison, and what they lack."""
    for runs, lack, next in (
        (left_out.unfinished, "not finished", "train --resume"),
        (left_out.untested, "not evaluated", "evaluate"),
    ):
        if runs:
            note(
                f"left out, {lack}: {', '.join(map(str, runs))}; go on with: semivideo {next} "
                f"{runs[0]}",
                style="yellow",
            )
