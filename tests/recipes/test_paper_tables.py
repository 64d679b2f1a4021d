"""The written list of both papers' tables and figures: all are there, each cell can be run."""

import pytest

from semivideo.analysis.figures.table import FIGURES
from semivideo.recipes import RECIPES, cmpl_paper, ltg_paper
from semivideo.recipes.grids import GRIDS
from semivideo.recipes.paper_tables import TABLES, base_of
from semivideo.recipes.table_cells import SMALL_PLACES

# What the two papers print. LTG's Tables 4 and 5 and later figures: see ``UNREAD``.
PRINTED = {
    **{f"cmpl-{n}": f"CMPL Table {n}" for n in (1, 2, 3, 4, 5, 6)},
    **{f"cmpl-a{n}": f"CMPL Table A{n}" for n in (1, 2, 3, 4)},
    **{f"cmpl-fig{n}": f"CMPL Fig. {n}" for n in (1, 2, 3, "4a", "4b", "4c", 5, 6, 7)},
    **{f"ltg-{n}": f"LTG Table {n}" for n in (1, 2, *(f"3{part}" for part in "abcdefg"), 6)},
    **{f"ltg-fig{n}": f"LTG Fig. {n}" for n in (1, 2, 3)},
}


def test_tables__are_all_that_the_papers_print():
    assert {name: table.source for name, table in TABLES.items()} == PRINTED


@pytest.mark.parametrize("name", TABLES)
def test_table__every_cell_is_a_named_run_at_both_sizes(name):
    table = TABLES[name]
    assert table.cells or table.remark
    assert table.figure is None or table.figure in FIGURES
    for cell in table.cells:
        for run in (cell.run, cell.small):
            recipe, _ = base_of(run)
            assert recipe in RECIPES
        is_small = [RECIPES[base_of(run)[0]].cost is not None for run in (cell.run, cell.small)]
        assert is_small == [False, True]  # costs of published sizes are counted
        assert cell.share is None or cell.share in SMALL_PLACES
    columns = [(cell.row, cell.column) for cell in table.cells]
    assert len(set(columns)) == len(columns)


def test_tables__hold_every_published_recipe():
    """No recipe of a published share stands outside of the tables, and no grid of the papers'."""
    named = {cell.run for table in TABLES.values() for cell in table.cells}
    used = {base_of(run)[0] for run in named} | {base_of(run)[0] for run in named}
    published = {
        n for n, r in RECIPES.items() if "Table" in r.paper and not isinstance(r.data, str)
    }
    assert published <= used
    grids = {run.partition("/")[0] for run in named if "/" in run}
    assert {name for name in GRIDS if name.startswith("paper-")} == grids


def test_tables__have_the_numbers_of_the_recipes():
    """Numbers are written down once; those of the grids here, as the papers print them."""
    main = [cell.paper for cell in TABLES["cmpl-1"].cells]
    assert len(main) == 4 * len(cmpl_paper.TABLE) + 3
    assert len(TABLES["ltg-2"].cells) == sum(
        number is not None
        for method, row in ltg_paper.TABLE.items()
        for number in row.values()
        if method != "fixmatch"
    )
    assert [cell.paper for cell in TABLES["cmpl-a2"].cells] == [
        *(6.78, 10.80, 11.13),
        *(11.85, 12.16, 12.90),
    ]
    [both] = [c for c in TABLES["ltg-1"].cells if c.row == "both" and c.share == ("ucf101", 20)]
    assert (both.paper, both.also) == (76.1, {"top-5": 92.1})
    assert both.run == "paper-ltg-table1/both"


def test_paper_grids__are_of_the_published_size():
    for name, grid in GRIDS.items():
        is_paper = name.startswith("paper-")
        recipes = {grid.cell(variant)[0] for variant in grid.variants}
        assert {RECIPES[recipe].cost is None for recipe in recipes} == {is_paper}
