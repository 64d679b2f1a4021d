"""``semivideo recipes``: the table of recipes."""

from __future__ import annotations

from rich.table import Table

from semivideo.cli.console import show


def recipes() -> None:
    """List the recipes: name, method, data, cost, the paper's number."""
    from semivideo.recipes import RECIPES

    table = Table("name", "method", "data", "cost", "paper")
    for name, recipe in RECIPES.items():
        table.add_row(name, recipe.method, recipe.data, recipe.cost, recipe.paper)
    show(table)
