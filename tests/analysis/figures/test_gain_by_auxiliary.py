import numpy as np
import pytest

from semivideo.analysis.figures.gain_by_auxiliary import _bins, _figure, fit, gain_by_auxiliary
from semivideo.base.errors import CheckpointError, ConfigError


def test_gain__is_cmpl_minus_fixmatch_by_class(finished_run, csv_rows, tmp_path):
    runs = [
        finished_run("supervised", "s", right=(0, 1, 2, 5)),
        finished_run("fixmatch", "f", right=(1, 1, 1, 1)),
        finished_run("cmpl", "c0", right=(1, 2, 3, 4)),
        finished_run("cmpl", "c1", right=(0, 2, 3, 5), seed=1),
    ]
    files = gain_by_auxiliary(runs, out=tmp_path / "g.png")
    rows = {row["class"]: row for row in csv_rows(files[0])}
    gains = {name: float(row["gain"]) for name, row in rows.items()}
    assert gains == pytest.approx({"hop": -0.1, "jog": 0.2, "run": 0.4, "sit": 0.7})
    assert [float(row["supervised"]) for row in rows.values()] == [0.0, 0.2, 0.4, 1.0]
    assert [float(row["bin"]) for row in rows.values()] == [0.0, 0.2, 0.4, 0.95]


def test_figure__puts_squares_at_the_means_of_their_classes():
    x, gain = np.array([0.16, 0.18, 0.5]), np.array([0.1, 0.3, -0.2])
    [axes] = _figure(x, gain, fit(x, gain)).axes
    [squares] = [line for line in axes.lines if line.get_marker() == "s"]
    assert squares.get_xydata() == pytest.approx(np.array([[0.17, 0.2], [0.5, -0.2]]))


def test_fit__equals_least_squares():
    rng = np.random.default_rng(0)
    x, y = rng.random(30), rng.random(30)
    y += 0.5 * x
    line = fit(x, y)
    slope, intercept = np.polyfit(x, y, 1)
    assert (line.slope, line.intercept) == (pytest.approx(slope), pytest.approx(intercept))
    assert line.low < line.slope < line.high
    assert fit(x, y) == line  # drawn from a fixed seed


def test_fit__knows_a_perfect_line():
    x = np.linspace(0, 1, 10)
    assert fit(x, 2 * x + 1) == pytest.approx((2, 1, 2, 2))


def test_fit__refuses_classes_that_are_alike():
    with pytest.raises(ConfigError, match="right in 50 % of every class; a line needs classes"):
        fit(np.full(4, 0.5), np.arange(4.0))


def test_bins__are_of_five_points():
    shares = np.array([0.0, 0.049, 0.05, 0.15, 0.3, 0.99, 1.0])
    assert _bins(shares).tolist() == [0, 0, 1, 3, 6, 19, 19]


def test_gain__refuses_other_runs(finished_run, run_of, tmp_path):
    runs = [finished_run("fixmatch", "f"), finished_run("cmpl", "c")]
    with pytest.raises(ConfigError, match="one setting of each, got fixmatch; cmpl"):
        gain_by_auxiliary(runs, out=tmp_path / "g.png")
    with pytest.raises(CheckpointError, match="training has not finished"):
        gain_by_auxiliary([run_of("supervised", name="s").path], out=tmp_path / "g.png")
