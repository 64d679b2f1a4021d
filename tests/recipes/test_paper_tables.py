"""The written list of both papers' tables and figures: all are there, each cell can be run."""

from collections import defaultdict

import pytest

from semivideo.analysis.figures.table import FIGURES
from semivideo.encoders.initial import with_weights
from semivideo.recipes import RECIPES, cmpl_paper, ltg_paper
from semivideo.recipes.grids import GRIDS
from semivideo.recipes.paper_tables import TABLES, base_of, league_of
from semivideo.recipes.table_cells import SMALL_PLACES
from semivideo.run.many.recorded import identity
from semivideo.run.resolve import number_of_steps

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
    cells = [cell for table in TABLES.values() for cell in table.cells]
    named, small = {cell.run for cell in cells}, {cell.small for cell in cells}
    used = {base_of(run)[0] for run in named}
    published = {
        n for n, r in RECIPES.items() if "Table" in r.paper and not isinstance(r.data, str)
    }
    assert published <= used
    grids = {run.partition("/")[0] for run in named | small if "/" in run}
    assert set(GRIDS) - {"controls"} == grids  # which are no paper's


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


TWICE = {
    ("ltg-1", "ltg-3a"): (54.1, 52.9),
    ("ltg-1", "ltg-3a", "ltg-3b", "ltg-3c", "ltg-3d", "ltg-3e", "ltg-3f"): (74.6, 74.1),
}
"""Tables of one and the same settings to the numbers that the paper prints for these."""


def test_tables__have_one_number_for_one_setting_but_where_the_paper_prints_two():
    alike = defaultdict(list)
    for name, table in TABLES.items():
        for cell in table.cells:
            recipe, changes = base_of(cell.run)
            settings = RECIPES[recipe].settings().updated(changes)
            grid, _, variant = cell.run.partition("/")
            labels = GRIDS[grid].labels(variant) if variant else None
            data = cell.folder or cell.share or RECIPES[recipe].data
            if cell.paper is not None:
                alike[identity(settings), labels, data, cell.add].append((name, cell.paper))
    found = {}
    for cells in alike.values():
        numbers = dict.fromkeys(number for _, number in cells)
        if len(numbers) > 1:
            found[tuple(name for name, _ in cells)] = tuple(numbers)
    assert found == TWICE
    for tables, numbers in TWICE.items():
        remarks = " ".join(TABLES[name].remark for name in tables)
        assert all(f"{number} " in remarks for number in numbers)


def test_tables__league_of_the_small_run_is_that_of_the_number():
    for name, table in TABLES.items():
        for cell in table.cells:
            recipe, changes = base_of(cell.small)
            small = with_weights(RECIPES[recipe].settings().updated(changes))
            assert cell.add_small or small.league == league_of(cell), (name, cell.row)
    leagues = {(cell.row, league_of(cell)) for cell in TABLES["cmpl-a1"].cells}
    assert leagues == {
        ("CMPL", "scratch"),
        ("random weights", "scratch"),
        ("ImageNet weights", "image weights"),
        ("CoCLR", "video weights"),
    }
    for name in ("cmpl-1", "ltg-2"):
        taught = {cell.row for cell in TABLES[name].cells if league_of(cell) != "scratch"}
        assert taught in ({"VideoSSL, R18"}, {"videossl"})


def test_tables__what_needs_a_file_is_matched_by_no_record_and_a1_by_all_labels():
    for cell in TABLES["cmpl-a1"].cells:
        assert cell.place == "utd-mhad-all-labels"
    with_file = [c for t in TABLES.values() for c in t.cells if c.add_small]
    assert [cell.row for cell in with_file] == ["CoCLR"]
    assert all(cell.add for cell in with_file)


def test_table_a1__trains_all_rows_for_the_same_number_of_steps():
    """CMPL's unlabelled clips are of Kinetics-400's videos and of the labelled ones."""
    recipe, changes = base_of("paper-cmpl-table-a1/random-weights")
    baseline = RECIPES[recipe].settings().updated(changes)
    recipe, changes = base_of("paper-cmpl-table-a1/cmpl")
    cmpl = RECIPES[recipe].settings().updated(changes)
    assert cmpl.data.unlabeled_includes_labeled
    steps = number_of_steps(cmpl, num_labeled=9_537, num_unlabeled=240_000 + 9_537)
    assert abs(baseline.engine.steps - steps) <= 1  # rounded


def test_paper_grids__are_of_the_published_size():
    for name, grid in GRIDS.items():
        is_paper = name.startswith("paper-")
        recipes = {grid.cell(variant)[0] for variant in grid.variants}
        assert {RECIPES[recipe].cost is None for recipe in recipes} == {is_paper}
