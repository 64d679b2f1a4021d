import pytest

from semivideo.analysis.figures.class_accuracy import accuracy_by_class
from semivideo.base.errors import CheckpointError


def test_accuracy_by_class__is_a_mean_over_seeds_sorted_by_the_first(
    finished_run, csv_rows, tmp_path
):
    runs = [
        finished_run("cmpl", "a", right=(5, 4, 0, 3)),
        finished_run("fixmatch", "b", right=(1, 2, 3, 4)),
        finished_run("cmpl", "c", right=(1, 4, 2, 3), seed=1),
    ]
    files = accuracy_by_class(runs, out=tmp_path / "c.png")
    assert [file.name for file in files] == ["c.png", "c.svg", "c.csv"]
    found = [(r["class"], r["method"], float(r["accuracy"])) for r in csv_rows(files[0])]
    assert found == [
        ("jog", "cmpl", 0.8),
        ("jog", "fixmatch", 0.4),
        ("hop", "cmpl", 0.6),
        ("hop", "fixmatch", 0.2),
        ("sit", "cmpl", 0.6),
        ("sit", "fixmatch", 0.8),
        ("run", "cmpl", 0.2),
        ("run", "fixmatch", 0.6),
    ]
    drawing = files[1].read_text()
    assert "cmpl, 55.0 %" in drawing
    assert "fixmatch, 50.0 %" in drawing


def test_accuracy_by_class__needs_an_evaluation(run_of, tmp_path):
    run = run_of("cmpl", name="a")
    run.evaluation_file.unlink()
    with pytest.raises(CheckpointError, match="run `semivideo evaluate` first"):
        accuracy_by_class([run.path], out=tmp_path / "c.png")
