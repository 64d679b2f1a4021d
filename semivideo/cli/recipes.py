"""``semivideo recipes``: the table of recipes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from semivideo.cli.console import note, percent, show

if TYPE_CHECKING:
    from semivideo.recipes.paper_tables import Cell
    from semivideo.run.many.recorded import Records


def recipes(
    pattern: Annotated[
        str, typer.Argument(help="Show only names that contain this, such as ltg or ucf101-10.")
    ] = "",
    all_: Annotated[
        bool, typer.Option("--all", help="Show those of published tables too.")
    ] = False,
    tables: Annotated[
        bool, typer.Option("--tables", help="List both papers' tables and figures.")
    ] = False,
    table: Annotated[
        str | None, typer.Option(help="Show one of these, such as cmpl-2, cell by cell.")
    ] = None,
    records: Annotated[
        Path, typer.Option(help="With --table: folder of folders of records of our runs.")
    ] = Path("evidence"),
) -> None:
    """List the recipes: name, method, data, cost, the paper's number and its league.

    Without PATTERN and --all these are the ones for one's own videos, the usual one first. With
    --tables or --table these are the papers' tables and figures, the runs behind each cell at the
    paper's size and small, and what came out of ours.
    """
    if tables:
        _show_tables()
        return
    if table is not None:
        _show_table(table, records)
        return
    import torch

    from semivideo.base.errors import ConfigError
    from semivideo.recipes import OWN_DATA, RECIPES
    from semivideo.run.choice.default import candidates
    from semivideo.run.cost import TERAFLOPS, cost

    has_gpu = torch.accelerator.is_available()
    usual = [name for name in candidates(None, has_unlabeled=True, has_gpu=has_gpu) if name]
    named = [*usual, *(name for name in RECIPES if name not in usual)]
    # The others are of published data sets and of a size for GPUs.
    wanted = RECIPES if all_ or pattern else {n for n, r in RECIPES.items() if r.data == OWN_DATA}
    chosen = [name for name in named if pattern in name and name in wanted]
    if not chosen:
        raise ConfigError(f"no recipe has {pattern!r} in its name; leave it out to see all")
    shown = Table(
        "name", "method", "data, labelled", "cost", "top-1 in the paper, or purpose", "league"
    )
    for name in chosen:
        recipe = RECIPES[name]
        data, price = str(recipe.data), recipe.cost or ""
        if not isinstance(recipe.data, str):
            where, percent = recipe.data
            data = f"{where}, {percent} %"
            price = cost(recipe.settings(), data=where, percent=percent)
        shown.add_row(name, recipe.method, data, price, recipe.paper, recipe.league)
    show(shown)
    if not pattern and not all_:
        note(
            f"semivideo recipes --all shows {len(named) - len(chosen)} more, of published tables; "
            "a word shows those that have it in their name"
        )
    note(f"costs are counted; hours at {TERAFLOPS:g} TFLOP/s, without decoding")


def _show_tables() -> None:
    """The written list of both papers."""
    from semivideo.recipes.paper_tables import TABLES, UNREAD

    shown = Table("name", "from", "what", "cells", "figure here", "remark")
    for name, one in TABLES.items():
        cells, figure = str(len(one.cells) or ""), one.figure or ""
        shown.add_row(name, one.source, one.title, cells, figure, one.remark)
    show(shown)
    note(f"semivideo recipes --table NAME shows the cells of one. {UNREAD}")


def _show_table(name: str, records: Path) -> None:
    """The cells of one table."""
    from semivideo.base.errors import ConfigError, nearest
    from semivideo.recipes.paper_tables import TABLES, league_of
    from semivideo.run.many.recorded import command, records_below

    if name not in TABLES:
        raise ConfigError(
            f"no table {name!r}{nearest(name, TABLES)} [known: {', '.join(TABLES)}]; "
            "`semivideo recipes --tables` says what each is"
        )
    one, known = TABLES[name], records_below(records)
    shown = Table("row", "column", "paper: top-1 %", "league", "ours, small: top-1 %")
    shown.title = one.source
    for cell in one.cells:
        paper = "-" if cell.paper is None else f"{cell.paper:g}"
        paper += "".join(f", {what} {number:g}" for what, number in cell.also.items())
        row = cell.row + (f" ({cell.remark})" if cell.remark else "")
        shown.add_row(row, cell.column, paper, league_of(cell), Text(_ours(cell, known)))
    if one.cells:
        show(shown)
    show(f"{one.source}: {one.title}" + (f"; {one.remark}" if one.remark else ""))
    sizes = {
        "the paper's size": [command(cell.run, add=cell.add) for cell in one.cells],
        "small": [command(cell.small, add=cell.add_small) for cell in one.cells],
    }
    for size, commands in sizes.items():
        for number, each in enumerate(dict.fromkeys(commands)):
            show(f"{'' if number else chr(10) + size + ':' + chr(10)}{each}")
    if one.figure is not None:
        show(f"\nsemivideo figure {one.figure} RUNS --out {name}.png")
    if not known:
        note(f"{records} holds no records, so nothing of ours is shown; name a folder of them")


def _ours(cell: Cell, records: Records) -> str:
    """Our own figures of a cell, in words."""
    from semivideo.run.many.recorded import ours

    found = [
        f"{percent(each.top1.value)} [{percent(each.top1.low)}, {percent(each.top1.high)}]"
        + (f", top-5 {percent(each.top5)}" if "top-5" in cell.also and each.top5 else "")
        + f" ({each.place}, {each.num_draws} draw{'s' if each.num_draws != 1 else ''})"
        for each in ours(cell, records)
    ]
    return "\n".join(found) or "not run"
