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


def test_ours__of_all_labels_and_of_weights_from_a_file(some):
    """A1 is of all labels; what a file of weights gave is not told from what began afresh."""
    assert ours(cell("cmpl-a1", "CMPL"), records_below(some)) == []  # 4 labels a class
    records = records_below(EVIDENCE)
    [found] = ours(cell("cmpl-a1", "random weights"), records)
    assert found.place == "utd-mhad-all-labels"
    assert ours(cell("cmpl-a1", "CoCLR"), records) == []


def test_command__names_the_run():
    assert command("small-cmpl") == (
        "semivideo train manifest.parquet --split split.json --recipe small-cmpl "
        "--out runs/small-cmpl"
    )
    assert command("cmpl-table2/offset") == (
        "semivideo sweep cmpl-table2 manifest.parquet --split split.json --variant offset "
        "--out runs/cmpl-table2"
    )
    assert (
        "--recipe supervised-ucf101-10-r50 --set engine.steps=311921 --set x=FILE --out"
        in command("paper-cmpl-table-a1/random-weights", add="--set x=FILE")
    )


def test_command_line__shows_a_table_and_the_list(some):
    shown = CliRunner().invoke(
        app, ["recipes", "--table", "cmpl-6", "--records", str(some)], env={"COLUMNS": "200"}
    )
    assert shown.exit_code == 0
    for words in ("10.57, top-5 25.53", "scratch", "not run", "(utd-mhad-4-labels, 2 draws)"):
        assert words in shown.stdout
    assert command("paper-cmpl-table6/labels-only") in shown.stdout
    weights = CliRunner().invoke(app, ["recipes", "--table", "cmpl-a1", "--records", str(some)])
    lines = {
        line.split("│")[1].strip(): line for line in weights.stdout.splitlines() if "│" in line
    }
    for words in ("86.2", "image weights"):
        assert words in lines["ImageNet weights"]
    small = weights.stdout.partition("\nsmall:\n")[2]
    assert "--recipe small-supervised --set networks.primary.weights=COCLR_FILE" in small
    listed = CliRunner().invoke(app, ["recipes", "--tables"], env={"COLUMNS": "200"})
    assert all(name in listed.stdout for name in TABLES)
    wrong = CliRunner().invoke(app, ["recipes", "--table", "cmpl-22"])
    assert wrong.exit_code == 2
    assert "no table 'cmpl-22'; did you mean 'cmpl-2'" in wrong.stderr
    absent = CliRunner().invoke(app, ["recipes", "--table", "cmpl-4", "--records", "nowhere"])
    assert "nowhere holds no records, so nothing of ours is shown" in absent.stderr
