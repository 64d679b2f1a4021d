"""Our records beside the papers' cells, and the commands of the cells."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from semivideo.analysis.result import ENDING, Result
from semivideo.cli import app
from semivideo.recipes.paper_tables import TABLES
from semivideo.run.many.recorded import command, ours, records_below

EVIDENCE = Path(__file__).parents[3] / "evidence"


@pytest.fixture(scope="module")
def some(tmp_path_factory):
    """Two records of CMPL, as in the project's folder, and one of drawn-anew labels."""
    folder = tmp_path_factory.mktemp("evidence") / "utd-mhad-4-labels"
    for seed in (0, 1):
        result = Result.read(EVIDENCE / "utd-mhad-4-labels" / f"cmpl-{seed}{ENDING}")
        result.write(folder / f"cmpl-{seed}{ENDING}")
    return folder.parent


def cell(table, row):
    return next(each for each in TABLES[table].cells if each.row == row)


def test_ours__finds_a_cell_by_its_settings_whatever_it_is_called(some):
    records = records_below(some)
    for table, row in (("cmpl-2", "+ frame rate"), ("cmpl-6", "both"), ("cmpl-a2", "cross")):
        [found] = ours(cell(table, row), records)
        assert (found.place, found.num_draws) == ("utd-mhad-4-labels", 2)
        assert found.top1.low < found.top1.value < found.top1.high
        assert found.top5 > found.top1.value
    assert ours(cell("cmpl-2", "+ auxiliary network"), records) == []
    assert ours(cell("cmpl-a3", "uniform"), records) == []  # labels that are drawn anew


def test_ours__of_a_column_are_those_of_its_place(some):
    records = records_below(some)
    cells = [each for each in TABLES["cmpl-1"].cells if each.row == "cmpl, r50"]
    assert [len(ours(each, records)) for each in cells] == [0, 0, 0, 0]  # 1, 2, 5, 10 labels


def test_command__names_the_run():
    assert command("small-cmpl") == (
        "semivideo train manifest.parquet --split split.json --recipe small-cmpl "
        "--out runs/small-cmpl"
    )
    assert command("cmpl-table2/offset") == (
        "semivideo sweep cmpl-table2 manifest.parquet --split split.json --variant offset "
        "--out runs/cmpl-table2"
    )
    assert "--recipe supervised-ucf101-10-r50 --set x=FILE --out" in command(
        "paper-cmpl-table-a1/random-weights", add="--set x=FILE"
    )


def test_command_line__shows_a_table_and_the_list(some):
    shown = CliRunner().invoke(
        app, ["recipes", "--table", "cmpl-6", "--records", str(some)], env={"COLUMNS": "200"}
    )
    assert shown.exit_code == 0
    for words in ("10.57, top-5 25.53", "not run", "(utd-mhad-4-labels, 2 draws)"):
        assert words in shown.stdout
    assert command("paper-cmpl-table6/labels-only") in shown.stdout
    listed = CliRunner().invoke(app, ["recipes", "--tables"], env={"COLUMNS": "200"})
    assert all(name in listed.stdout for name in TABLES)
    wrong = CliRunner().invoke(app, ["recipes", "--table", "cmpl-22"])
    assert wrong.exit_code == 2
    assert "no table 'cmpl-22'; did you mean 'cmpl-2'" in wrong.stderr
    absent = CliRunner().invoke(app, ["recipes", "--table", "cmpl-4", "--records", "nowhere"])
    assert "nowhere holds no records, so nothing of ours is shown" in absent.stderr
