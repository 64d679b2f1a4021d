"""``semivideo recipes``: the table of recipes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from semivideo.cli.console import note, show


def recipes(
    pattern: Annotated[
        str, typer.Argument(help="Show only names that contain this, such as ltg or ucf101-10.")
    ] = "",
) -> None:
    """List the recipes: name, method, data, cost, the paper's number."""
    from semivideo.base.errors import ConfigError
    from semivideo.recipes import RECIPES
    from semivideo.run.cost import TERAFLOPS, cost

    chosen = {name: recipe for name, recipe in RECIPES.items() if pattern in name}
    if not chosen:
        raise ConfigError(f"no recipe has {pattern!r} in its name; leave it out to see all")
    table = Table("name", "method", "data", "cost", "top-1 in the paper, or purpose")
    for name, recipe in chosen.items():
        data, price = str(recipe.data), recipe.cost or ""
        if not isinstance(recipe.data, str):
            where, percent = recipe.data
            data = f"{where}, {percent} % labelled"
            price = cost(recipe.settings(), data=where, percent=percent)
        table.add_row(name, recipe.method, data, price, recipe.paper)
    show(table)
    note(f"costs are counted; hours at {TERAFLOPS:g} TFLOP/s, without decoding")
