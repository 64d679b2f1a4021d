"""``semivideo figure``: what is handed on, what is listed, what is refused."""

import shlex
from pathlib import Path

from semivideo.analysis.figures import table as figures


def test_figure__hands_runs_and_options_on(run, monkeypatch):
    calls = []

    def draw(name, runs, *, out, options, progress):
        calls.append((name, runs, out, options))
        return [Path("a.png"), Path("a.csv")]

    monkeypatch.setattr(figures, "draw_figure", draw)
    result = run("figure", "sweep", "r1", "r2", "--out", "a.png", "--set", "protocol=1x1")
    assert (result.code, result.out) == (0, "wrote a.png, a.csv\n")
    assert calls == [("sweep", [Path("r1"), Path("r2")], Path("a.png"), {"protocol": "1x1"})]


def test_figure__lists_all(run):
    result = run("figure", "list")
    assert result.code == 0
    assert all(name in result.out for name in figures.FIGURES)
    assert "protocol" in result.out


def test_figure__says_what_is_wrong(run, tmp_path):
    result = run("figure", "sweep", tmp_path)
    assert result.code == 2
    words = shlex.split(result.err.partition("write ")[2])
    assert words == ["semivideo", "figure", "sweep", str(tmp_path), "--out", "sweep.png"]
    result = run("figure", "swep", tmp_path)
    assert (result.code, "did you mean 'sweep'?" in result.err) == (2, True)
    result = run("figure", "sweep", tmp_path, "--out", tmp_path / "a.png")
    assert (result.code, "there is no run in" in result.err) == (2, True)
    result = run("figure", "swep", tmp_path, "--out", tmp_path / "a.png")
    assert (result.code, "did you mean 'sweep'?" in result.err) == (2, True)
