"""``semivideo figure``: a figure of the papers, or of one's own runs, from run folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from semivideo.base.foreign_code import allowing
from semivideo.cli.console import AllowCode, command, progress_bars, show


def figure(
    name: Annotated[str, typer.Argument(help="Name of the figure, or list, which shows them.")],
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Run folders, or folders of them.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Such as gap.png; gap.svg and gap.csv lie beside it. Needed."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="An option of the figure, as `semivideo figure list` shows them; can be repeated.",
        ),
    ] = None,
    allow_code: AllowCode = None,
) -> None:
    """Draw a figure from run folders: PNG, SVG, and the numbers as CSV.

    `semivideo figure list` says what there is and which runs each wants.
    """
    from semivideo.base.errors import ConfigError

    if name == "list":
        show(_list())
        return
    from semivideo.analysis.figures.table import check_name, draw_figure

    check_name(name)
    if out is None:
        example = command(
            "semivideo", "figure", name, *(runs or [Path("RUN")]), "--out", f"{name}.png"
        )
        raise ConfigError(f"a figure needs --out: write {example}")
    from semivideo.cli.train import parse_settings

    with allowing(allow_code or ()), progress_bars() as progress:
        files = draw_figure(
            name, runs or [], out=out, options=parse_settings(set_ or []), progress=progress
        )
    show(f"wrote {', '.join(map(str, files))}")


def _list() -> Table:
    """One line a figure."""
    from semivideo.analysis.figures.table import FIGURES

    table = Table("figure", "shows", "wants", "options", "from")
    for name, entry in FIGURES.items():
        options = ", ".join(f"{o.name}={o.default}" for o in entry.options.rows())
        table.add_row(name, entry.shows, entry.wants, options, entry.source)
    return table
