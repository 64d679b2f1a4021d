"""``semivideo compare``: methods on equal terms, from their run folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from semivideo.cli.console import note, show

if TYPE_CHECKING:
    from semivideo.analysis.comparison import Line


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders or records, or folders of them.")],
    markdown: Annotated[Path | None, typer.Option(help="Also write the table there.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table there.")] = None,
    records: Annotated[
        Path | None,
        typer.Option(help="Folder for a small file a run, which can stand in for the run here."),
    ] = None,
) -> None:
    """Compare evaluated runs: mean, deviation, intervals, paired gains, cost.

    Runs that differ in the seed alone are one method. The first method is the baseline. Runs that
    were tested on different videos are refused.
    """
    from semivideo.analysis.comparison import keep_records, run_folders

    lines = show_comparison(run_folders(runs), markdown=markdown, csv=csv)
    if records is not None:
        num_records = len(keep_records(lines, folder=records))
        note(f"wrote {num_records} records into {records}")


def show_comparison(
    runs: Sequence[Path], *, markdown: Path | None = None, csv: Path | None = None
) -> list[Line]:
    """Print the comparison of runs, write it where asked to, and return it."""
    from semivideo.analysis import comparison
    from semivideo.base.files import write_bytes

    lines = comparison.compare(runs)
    rows = comparison.table_rows(lines)
    table = Table(*comparison.COLUMNS)
    for row in rows:
        table.add_row(*row)
    show(table)
    for file, text in ((markdown, comparison.as_markdown), (csv, comparison.as_csv)):
        if file is not None:
            write_bytes(file, text(rows).encode())
            note(f"wrote {file}")
    return lines
