"""Sweeps: every cell once, whoever takes it, and on after a stop."""

import subprocess
import sys
from dataclasses import replace

import pytest

from semivideo.base.errors import ConfigError, DataError
from semivideo.data.splits import Split
from semivideo.recipes import RECIPES
from semivideo.recipes.grids import GRIDS, Grid, find_grid
from semivideo.run.many import cells
from semivideo.run.many.cells import grid_cells, is_finished, sweep
from semivideo.run.resolve import resolve_settings

GRID = Grid("small-cmpl", {"a": {"method.weight": 2.0}, "b": {"recipe": "small-fixmatch"}})


@pytest.fixture
def work(monkeypatch):
    """Training and evaluation that leave files only; the calls that were made."""
    calls = []

    def train(manifest=None, *, out=None, resume=None, recipe=None, settings=None, **options):
        run = out or resume
        calls.append(("resume" if resume else "train", run.name, recipe, settings))
        (run / "model").mkdir(parents=True, exist_ok=True)
        (run / "settings.yaml").touch()
        if run.name == "b-0" and not resume:
            raise DataError("broken")
        (run / "model" / "card.json").touch()

    def evaluate(run, **options):
        (run / "evaluation.json").touch()

    monkeypatch.setattr(cells, "train", train)
    monkeypatch.setattr(cells, "evaluate", evaluate)
    return calls


def test_grid_cells__go_seed_by_seed():
    cells = grid_cells(GRID, ["s0", "s1"], None, steps=7)
    assert [(c.name, c.recipe, c.seed, c.split) for c in cells] == [
        ("a-0", "small-cmpl", 0, "s0"),
        ("b-0", "small-fixmatch", 0, "s0"),
        ("a-1", "small-cmpl", 1, "s1"),
        ("b-1", "small-fixmatch", 1, "s1"),
    ]
    assert cells[1].settings == {}
    assert cells[0].settings == {"method.weight": 2.0}


def test_grid_cells__of_table_a3_draw_the_labelled_videos_anew(monkeypatch):
    split = Split(name="s", seed=0, labeled=("a", "b"), unlabeled=("c",), test=())
    monkeypatch.setattr(
        cells, "redrawn", lambda manifest, split, labels: replace(split, name=labels)
    )
    found = grid_cells(GRIDS["cmpl-table-a3"], [split], object())
    assert {cell.name: cell.split.name for cell in found} == {
        "balanced-0": "balanced",
        "by_frequency-0": "by_frequency",
    }
    assert found[0].settings == found[1].settings


def test_grid__of_some_variants_keeps_their_order_and_refuses_others():
    assert list(GRID.of(["b"]).variants) == ["b"]
    with pytest.raises(ConfigError, match=r"no variant 'c' in this grid \[known: a, b\]"):
        GRID.of(["c"])


def test_sweep__goes_on_after_a_stop_and_does_nothing_twice(work, tmp_path):
    cells = grid_cells(GRID, ["s0", "s1"], None)
    with pytest.raises(DataError):
        sweep(cells, None, out=tmp_path)
    assert [call[:2] for call in work] == [("train", "a-0"), ("train", "b-0")]
    done = sweep(cells, None, out=tmp_path)
    assert [run.name for run in done] == ["a-0", "b-0", "a-1", "b-1"]
    assert [call[:2] for call in work[2:]] == [
        ("resume", "b-0"),
        ("train", "a-1"),
        ("train", "b-1"),
    ]
    sweep(cells, None, out=tmp_path)
    assert len(work) == 5
    assert not list(tmp_path.glob(".*.lock"))


def test_sweep__leaves_cells_that_another_process_is_at(work, tmp_path, limited):
    holder = (
        "import sys; from pathlib import Path; from semivideo.base.locks import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    cells = grid_cells(GRID, ["s0"], None)[:1]
    other = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / "a-0.claim")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with limited(other):
        assert other.stdout.readline() == b"held\n"
        assert sweep(cells, None, out=tmp_path) == []
        assert not work
        other.kill()  # and the lock is free
    assert [run.name for run in sweep(cells, None, out=tmp_path)] == ["a-0"]
    assert is_finished(tmp_path / "a-0")


@pytest.mark.parametrize("name", GRIDS)
def test_grids__every_variant_is_valid(name):
    grid = GRIDS[name]
    for variant in grid.variants:
        recipe, changes = grid.cell(variant)
        assert recipe in RECIPES
        resolve_settings(recipe=recipe, method=None, steps=None, seed=0, settings=changes)


def test_find_grid__reads_a_file_and_names_faults(tmp_path):
    file = tmp_path / "grid.yaml"
    file.write_text("recipe: small-cmpl\nvariants:\n  strict: {method.threshold: 0.95}\n")
    grid = find_grid(str(file))
    assert grid.cell("strict") == ("small-cmpl", {"method.threshold": 0.95})
    with pytest.raises(ConfigError, match=r"no grid 'cmpl-table22'; did you mean 'cmpl-table2'"):
        find_grid("cmpl-table22")
    for content, sentence in (
        ("[1]", "is not a grid; it needs the keys recipe"),
        ("recipe: small-cmpl\nvariants: {}", "is not a grid"),
        ("recipe: small-cmlp\nvariants: {a: {}}", r"no recipe 'small-cmlp'; did you mean"),
        ("recipe: small-cmpl\nvariants: {a/b: {}}", "variant 'a/b' has a slash"),
        ("{", "cannot read the grid"),
    ):
        file.write_text(content)
        with pytest.raises(ConfigError, match=sentence):
            find_grid(str(file))
