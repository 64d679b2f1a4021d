"""``semivideo methods``: what can be trained and set."""

from __future__ import annotations

from itertools import groupby

from rich.table import Table

from semivideo.cli.console import show


def methods() -> None:
    """List methods, networks and the sections of the settings, one line each."""
    from semivideo.run import build

    table = Table("kind", "name", "what it is")
    for kind, rows in groupby(build.describe(), key=lambda row: row[0]):
        for number, (_, name, line) in enumerate(rows):
            table.add_row("" if number else kind, name, line)
        table.add_section()
    show(table)
