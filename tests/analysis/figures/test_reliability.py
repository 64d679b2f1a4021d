import numpy as np
import pytest

from semivideo.analysis.figures.reliability import reliability
from semivideo.base.errors import CheckpointError
from semivideo.evaluation import Evaluation
from semivideo.runfolder import RunFolder


def scored(path, *, confidence, num_right):
    """Give 20 test videos one confidence, so many of them right."""
    file = RunFolder(path).evaluation_file
    old = Evaluation.read(file)
    best = np.where(np.arange(20) < num_right, old.labels, (old.labels + 1) % 4)
    scores = np.full((20, 4), (1 - confidence) / 3, np.float32)
    scores[np.arange(20), best] = confidence
    Evaluation(old.protocol, old.classes, old.ids, scores, old.labels).write(file)
    return path


def test_reliability__tells_each_runs_bins_and_error(finished_run, csv_rows, tmp_path):
    runs = [
        scored(finished_run("cmpl", "a"), confidence=0.7, num_right=10),
        scored(finished_run("cmpl", "b", seed=1), confidence=0.95, num_right=19),
    ]
    files = reliability(runs, out=tmp_path / "r.png")
    assert [file.name for file in files] == ["r.png", "r.svg", "r.csv"]
    assert all(file.stat().st_size for file in files)
    rows = csv_rows(files[0])
    assert len(rows) == 2 * 15
    full = {row["run"]: row for row in rows if row["num_videos"] != "0"}
    found = {
        name: [float(row[c]) for c in ("from", "to", "confidence", "accuracy", "ece")]
        for name, row in full.items()
    }
    assert found["a"] == pytest.approx([10 / 15, 11 / 15, 0.7, 0.5, 0.2], abs=1e-5)
    assert found["b"] == pytest.approx([14 / 15, 1.0, 0.95, 0.95, 0.0], abs=1e-5)


def test_reliability__names_the_mean_error_of_a_method(finished_run, tmp_path):
    over = scored(finished_run("cmpl", "a"), confidence=0.7, num_right=10)
    under = scored(finished_run("cmpl", "b", seed=1), confidence=0.7, num_right=18)
    files = reliability([over, under, finished_run("fixmatch", "c")], out=tmp_path / "r.svg")
    # Errors of 20 points in both, though together the two are right 14 of 20 times.
    drawing = files[1].read_text()
    assert "cmpl, ECE 20.0 %" in drawing
    assert "fixmatch, ECE 30.0 %" in drawing


def test_reliability__needs_an_evaluation(run_of, tmp_path):
    run = run_of("cmpl", name="a")
    run.write_json(run.summary_file, {})
    run.evaluation_file.unlink()
    with pytest.raises(CheckpointError, match="run `semivideo evaluate` first"):
        reliability([run.path], out=tmp_path / "r.png")
