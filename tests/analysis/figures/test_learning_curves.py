import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from semivideo.analysis.figures.learning_curves import COLORS, _figure, _read, learning_curves
from semivideo.base.errors import CheckpointError, ConfigError


def drawn(axes, *, line: str, color: str) -> list[np.ndarray]:
    """Points (N, 2) of the lines of that style and colour."""
    wanted = [it for it in axes.lines if (it.get_linestyle(), it.get_color()) == (line, color)]
    return [it.get_xydata() for it in wanted]


def test_learning_curves__writes_one_figure(run_of, tmp_path):
    runs = [run_of(method, name=method) for method in ("supervised", "fixmatch", "cmpl")]
    out = learning_curves([runs[0].path, *runs[1:]], out=tmp_path / "figures" / "curves.png")
    with Image.open(out) as image:
        assert image.format == "PNG"
        assert image.size == (1440, 660)
        assert len(image.convert("RGB").getcolors(maxcolors=2**20)) > 50  # something is on it
    assert [path.name for path in out.parent.iterdir()] == ["curves.png"]


def test_figure__shows_the_accuracy_that_was_logged(run_of):
    run = run_of("cmpl", name="a", final=0.8)
    left = _figure([_read(run, None)]).axes[0]
    logged = [(m["step"], m["evaluation"]["top1"]) for m in run.metrics() if "evaluation" in m]
    (curve,) = drawn(left, line="-", color=COLORS[0])
    assert curve.tolist() == [list(point) for point in logged]
    (final,) = drawn(left, line="None", color=COLORS[0])
    assert final.tolist() == [[200, 0.8]]


def test_figure__rings_final_dots_that_would_hide_each_other(run_of):
    runs = [("supervised", 0.7), ("fixmatch", 0.7), ("cmpl", 0.7), ("ltg", 0.5)]
    read = [_read(run_of(method, name=method, final=final), None) for method, final in runs]
    left = _figure(read).axes[0]
    marks = [line for line in left.lines if line.get_linestyle() == "None"]
    assert [mark.get_markersize() for mark in marks] == [7, 12, 17, 7]
    assert [mark.get_markerfacecolor() for mark in marks[1:3]] == ["none", "none"]
    assert [mark.get_markerfacecolor() for mark in marks[::3]] == [COLORS[0], COLORS[3]]


def test_figure__shows_the_mean_of_the_runs_of_a_method(run_of):
    runs = [_read(run_of("cmpl", name=str(seed), seed=seed), None) for seed in range(3)]
    left = _figure(runs).axes[0]
    (curve,) = drawn(left, line="-", color=COLORS[0])
    assert curve[3, 1] == pytest.approx(np.mean([run.accuracy[80] for run in runs]))
    (band,) = left.collections
    heights = [y for x, y in band.get_paths()[0].vertices if x == 80]
    assert min(heights) == pytest.approx(min(run.accuracy[80] for run in runs))
    assert max(heights) == pytest.approx(max(run.accuracy[80] for run in runs))


def test_figure__judges_unlabeled_videos_of_all_networks(run_of):
    run = run_of("cmpl", name="a")
    right = _figure([_read(run, None)]).axes[1]
    rows = [r for r in pq.read_table(run.pseudo_labels_file).to_pylist() if r["video"] >= 4]
    first = [r for r in rows if r["step"] < 5]  # one of 40 spans of 200 steps
    assert len({r["network"] for r in first}) == 2
    used = [r for r in first if r["kept"]]
    right_ones = [r for r in used if r["label"] == r["video"] % 4]
    (kept,), (correct,) = (drawn(right, line=style, color=COLORS[0]) for style in ("--", "-"))
    assert kept[0].tolist() == pytest.approx([2.5, len(used) / len(first)])
    assert correct[0, 1] == pytest.approx(len(right_ones) / len(first))


def test_figure__takes_another_truth(run_of):
    run = run_of("fixmatch", name="a")
    nothing_right = {f"v{i:02d}.mp4": "swim" for i in range(40)}
    read = _read(run, nothing_right)
    assert set(read.correct.values()) == {0.0}
    assert max(read.kept.values()) > 0.5
    assert _read(run, {}).kept == {}


def test_figure__has_one_entry_a_method_and_mark(run_of):
    runs = [("supervised", "a"), ("cmpl", "b"), ("cmpl", "c")]
    figure = _figure([_read(run_of(method, name=name), None) for method, name in runs])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "supervised",
        "cmpl",
        "final (10x3)",
        "pseudo-labels used and right",
        "pseudo-labels used",
    ]
    assert "Runs: a, b, c. Split: 4-per-class" in figure.get_supxlabel()


def test_figure__of_a_run_without_pseudo_labels_says_so(run_of):
    right = _figure([_read(run_of("supervised", name="a"), None)]).axes[1]
    assert right.texts[0].get_text() == "no pseudo-labels of videos\nwhose class is known"


def test_figure__of_a_run_that_has_just_begun_is_empty(run_of):
    run = run_of("cmpl", name="a")
    for file in (run.metrics_file, run.pseudo_labels_file, run.evaluation_file):
        file.unlink()
    left = _figure([_read(run, None)]).axes[0]
    assert [line.get_linestyle() for line in left.lines] == [":"]  # chance


def test_learning_curves__need_a_run(tmp_path):
    with pytest.raises(ConfigError, match="need at least one run folder, got none"):
        learning_curves([], out=tmp_path / "a.png")
    with pytest.raises(CheckpointError, match="there is no run folder"):
        learning_curves([tmp_path / "nowhere"], out=tmp_path / "a.png")
