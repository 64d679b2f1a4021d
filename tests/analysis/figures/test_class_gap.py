import pytest
from PIL import Image

from semivideo.analysis.figures.class_gap import _figure, class_gap
from semivideo.base.errors import ConfigError

SMALL = {"networks__primary__options": {"width": 0.125}}


def test_class_gap__is_small_minus_large_by_class(finished_run, csv_rows, tmp_path):
    runs = [
        finished_run("supervised", "l0", right=(5, 4, 0, 3)),
        finished_run("supervised", "s0", right=(2, 4, 1, 3), **SMALL),
        finished_run("supervised", "s1", right=(3, 4, 3, 2), seed=1, **SMALL),
    ]
    files = class_gap(runs, out=tmp_path / "gap.png")
    assert [file.name for file in files] == ["gap.png", "gap.svg", "gap.csv"]
    rows = csv_rows(files[0])
    # Classes hop, jog, run, sit; the small one's means are 2.5, 4, 2 and 2.5 of 5.
    assert [row["class"] for row in rows] == ["run", "jog", "sit", "hop"]
    assert [float(row["gap"]) for row in rows] == pytest.approx([0.4, 0.0, -0.1, -0.5])
    assert [float(row["small"]) for row in rows] == pytest.approx([0.4, 0.8, 0.5, 0.5])
    assert [float(row["large"]) for row in rows] == pytest.approx([0.0, 0.8, 0.6, 1.0])
    with Image.open(files[0]) as image:
        assert image.width == 1080


def test_class_gap__draws_a_bar_a_class():
    rows = [{"class": f"c{i}", "small": 0.5, "large": 0.4, "gap": g} for i, g in enumerate((1, -1))]
    figure = _figure(rows, ["a", "b"])
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [1, -1]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c0", "c1"]
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == ["a: better in 1 of 2 classes", "b: better in 1 of 2 classes"]


def test_class_gap__leaves_out_names_that_would_overlap():
    rows = [{"class": f"c{i}", "small": 0.0, "large": 0.0, "gap": 0.0} for i in range(400)]
    (axes,) = _figure(rows, ["a", "b"]).axes
    assert axes.get_yticklabels() == []


def test_class_gap__wants_two_networks(finished_run, tmp_path):
    runs = [finished_run("supervised", str(seed), seed=seed) for seed in (0, 1)]
    with pytest.raises(ConfigError, match=r"these runs are of 1 \(supervised\); name the runs of"):
        class_gap(runs, out=tmp_path / "gap.png")
