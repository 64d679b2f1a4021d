"""``semivideo methods``: what can be trained and set."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Any

import typer
from rich.table import Table

from semivideo.cli.console import note, show


def methods(
    name: Annotated[
        str | None,
        typer.Argument(help="A method, network or section: show each of its settings."),
    ] = None,
) -> None:
    """List methods, networks and the sections of the settings, or the settings of one of them."""
    from semivideo.run import build

    if name is not None:
        _show_settings(name)
        return
    table = Table("kind", "name", "what it is")
    for kind, rows in groupby(build.describe(), key=lambda row: row[0]):
        for number, (_, each, line) in enumerate(rows):
            table.add_row("" if number else kind, each, line)
        table.add_section()
    show(table)
    note("semivideo methods NAME shows the settings of one of them")


def _show_settings(name: str) -> None:
    """One row a setting, as it is written after --set."""
    from semivideo.features.classifiers import CLASSIFIERS
    from semivideo.methods import METHODS
    from semivideo.options import REQUIRED
    from semivideo.run import build
    from semivideo.settings import Settings

    prefix = "method." if name in {**METHODS, **CLASSIFIERS} else "networks.primary.options."
    table = Table("--set", "what it does", "default", "allowed")
    rows = build.described_options(name)
    for row in rows:
        key = row.name if name in Settings.model_fields else f"{prefix}{row.name}"
        default = "must be given" if row.default is REQUIRED else in_yaml(row.default)
        table.add_row(key, row.meaning, default, row.allowed)
    if rows:
        show(table)
    else:
        show(f"{name} has no settings of its own")


def in_yaml(value: Any) -> str:
    """A default as one would write it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_yaml, value))}]"
    return str(value)
