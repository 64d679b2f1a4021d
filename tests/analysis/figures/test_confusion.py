import numpy as np
import pytest

from semivideo.analysis.figures.confusion import _figure, confusion
from semivideo.base.errors import CheckpointError, ConfigError


def test_confusion__counts_the_videos_of_all_seeds(finished_run, csv_rows, tmp_path):
    # Of 5 videos a class so many are right, the others are taken for the next class.
    runs = [
        finished_run("cmpl", "a", right=(5, 4, 0, 3)),
        finished_run("cmpl", "b", right=(5, 2, 1, 3), seed=1),
    ]
    files = confusion(runs, out=tmp_path / "c.png")
    assert [file.name for file in files] == ["c.png", "c.svg", "c.csv"]
    rows = csv_rows(files[0])
    found = {(r["true"], r["predicted"]): int(r["num_videos"]) for r in rows}
    assert len(found) == 16
    wanted = {("hop", "hop"): 10, ("jog", "jog"): 6, ("jog", "run"): 4, ("run", "run"): 1}
    wanted |= {("run", "sit"): 9, ("sit", "sit"): 6, ("sit", "hop"): 4}
    assert {pair: number for pair, number in found.items() if number} == wanted
    assert [float(r["share"]) for r in rows if r["true"] == "jog"] == [0, 0.6, 0.4, 0]
    assert "jog (5)" in files[1].read_text()  # videos, not videos times runs


def test_confusion__writes_percents_and_names_where_they_fit():
    shares = np.array([[0.75, 0.25], [0.0, 1.0]])
    axes = _figure(shares, ["a", "b"], np.array([4, 7])).axes[0]
    assert [text.get_text() for text in axes.texts] == ["75", "25", "100"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a (4)", "b (7)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    names = [f"c{i}" for i in range(101)]
    many = _figure(np.eye(101), names, np.ones(101, np.int64)).axes[0]
    assert len(many.texts) == 0
    assert len(many.get_xticklabels()) == 101


def test_confusion__is_of_one_setting(finished_run, tmp_path):
    runs = [finished_run("cmpl", "a"), finished_run("fixmatch", "b")]
    with pytest.raises(ConfigError, match="is of one setting, got cmpl; fixmatch; name the runs"):
        confusion(runs, out=tmp_path / "c.png")


def test_confusion__needs_an_evaluation(run_of, tmp_path):
    run = run_of("cmpl", name="a")
    run.evaluation_file.unlink()
    with pytest.raises(CheckpointError, match="run `semivideo evaluate` first"):
        confusion([run.path], out=tmp_path / "c.png")
