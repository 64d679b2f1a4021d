import pytest

from semivideo.analysis.drawing import new_figure
from semivideo.analysis.figures.setting_sweep import _draw, setting_sweep
from semivideo.base.errors import CheckpointError, ConfigError


def row(method, value, top1):
    return {"method": method, "setting": "s", "value": value, "seed": 0, "top1": top1}


def drawn(rows):
    axes = new_figure().subplots()
    entries = _draw(axes, rows)
    return axes, entries


def test_sweep__finds_the_setting_that_varies(finished_run, csv_rows, tmp_path):
    runs = [finished_run("fixmatch", "f", right=(1, 1, 1, 1))]
    for seed, right in ((0, (5, 5, 5, 5)), (1, (5, 5, 0, 0))):
        for threshold in (0.5, 0.9):
            name = f"{threshold}-{seed}"
            changes = {"method__threshold": threshold, "seed": seed, "right": right}
            runs.append(finished_run("cmpl", name, **changes))
    files = setting_sweep(runs, out=tmp_path / "s.png")
    found = [(r["method"], r["value"], r["seed"], float(r["top1"])) for r in csv_rows(files[0])]
    assert found == [
        ("fixmatch", "none", "0", pytest.approx(0.2)),
        ("cmpl", "0.5", "0", 1.0),
        ("cmpl", "0.9", "0", 1.0),
        ("cmpl", "0.5", "1", 0.5),
        ("cmpl", "0.9", "1", 0.5),
    ]
    assert {r["setting"] for r in csv_rows(files[0])} == {"method.threshold"}


def test_sweep__draws_means_points_and_a_level():
    rows = [row("a", 1, 0.2), row("a", 1, 0.4), row("a", 2, 0.6), row("b", "none", 0.5)]
    axes, (line, level) = drawn(rows)
    assert axes.lines[0].get_xydata().tolist() == [[1, 0.2], [1, 0.4], [2, 0.6]]
    assert line.get_xydata().tolist() == [[1, pytest.approx(0.3)], [2, 0.6]]
    assert list(level.get_ydata()) == [0.5, 0.5]
    assert axes.get_xscale() == "linear"


def test_sweep__takes_a_logarithmic_axis_for_wide_values():
    axes, _ = drawn([row("a", value, 0.5) for value in (0.5, 1.0, 10.0)])
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.5", "1", "10"]
    axes, _ = drawn([row("a", value, 0.5) for value in (0.0, 1.0, 10.0)])
    assert axes.get_xscale() == "linear"


def test_sweep__places_words_in_order():
    axes, (line,) = drawn([row("a", "cross", 0.5), row("a", "average", 0.6)])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cross", "average"]
    assert line.get_linestyle() == "None"


def test_sweep__refuses_other_runs(finished_run, run_of, tmp_path):
    one = finished_run("cmpl", "a")
    other = finished_run("cmpl", "b", method__threshold=0.5, method__weight=1.0)
    with pytest.raises(ConfigError, match=r"these differ in method\.threshold, method\.weight;"):
        setting_sweep([one, other], out=tmp_path / "s.png")
    with pytest.raises(ConfigError, match="these differ in nothing but the seed; name"):
        setting_sweep([one, finished_run("cmpl", "c", seed=1)], out=tmp_path / "s.png")
    untested = run_of("cmpl", name="d")
    untested.evaluation_file.unlink()
    with pytest.raises(CheckpointError, match="run `semivideo evaluate` first"):
        setting_sweep([untested.path], out=tmp_path / "s.png")
