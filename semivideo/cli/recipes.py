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
    all_: Annotated[
        bool, typer.Option("--all", help="Show those of published tables too.")
    ] = False,
) -> None:
    """List the recipes: name, method, data, cost, the paper's number.

    Without PATTERN and --all these are the ones for one's own videos, the usual one first.
    """
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
    table = Table("name", "method", "data", "cost", "top-1 in the paper, or purpose")
    for name in chosen:
        recipe = RECIPES[name]
        data, price = str(recipe.data), recipe.cost or ""
        if not isinstance(recipe.data, str):
            where, percent = recipe.data
            data = f"{where}, {percent} % labelled"
            price = cost(recipe.settings(), data=where, percent=percent)
        table.add_row(name, recipe.method, data, price, recipe.paper)
    show(table)
    if not pattern and not all_:
        note(
            f"semivideo recipes --all shows {len(named) - len(chosen)} more, of published tables; "
            "a word shows those that have it in their name"
        )
    note(f"costs are counted; hours at {TERAFLOPS:g} TFLOP/s, without decoding")
