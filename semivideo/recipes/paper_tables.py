"""Every table and figure of both papers: each cell with its number and the runs that stand for it.

``TABLES`` is the written list. A cell names two runs, one at the paper's size and a small one, each
as a recipe (``cmpl-ucf101-1-r50``) or as a variant of a grid (``cmpl-table2/auxiliary``).
`semivideo recipes --tables` shows the list, `--table NAME` one table beside our own records.

Small runs are on other data. A column such as "UCF-101 1 %" has a place of its own there
(``SMALL_PLACES``); ablations are wherever they were run. The numbers are therefore not to be set
against each other one by one; what can be compared is the order of the rows.
"""

from __future__ import annotations

from semivideo.recipes import RECIPES, cmpl_tables, ltg_tables
from semivideo.recipes.grids import GRIDS
from semivideo.recipes.table_cells import Cell, PaperTable

__all__ = ["TABLES", "UNREAD", "Cell", "PaperTable", "base_of", "league_of"]

TABLES: dict[str, PaperTable] = {**cmpl_tables.TABLES, **ltg_tables.TABLES}
UNREAD = (
    "Of LTG's Tables 4 and 5 and its figures after the third nothing is listed: what they hold "
    "could not be read when this list was written."
)
"""What is missing, and why."""


def base_of(run: str) -> tuple[str, dict[str, object]]:
    """Return the recipe of a run and the settings that it changes.

    Raises:
        KeyError: There is no such grid or variant.
    """
    grid, _, variant = run.partition("/")
    return GRIDS[grid].cell(variant) if variant else (run, {})


def league_of(cell: Cell) -> str:
    """Return what the network of a cell's number had seen before its first label."""
    return cell.league or RECIPES[base_of(cell.run)[0]].league
