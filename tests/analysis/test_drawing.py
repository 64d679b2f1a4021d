"""What all figures share: the three files, the caption, the curves, the table of figures."""

import math
import re
from dataclasses import replace

import pytest
from PIL import Image

from semivideo.analysis.drawing import caption, draw_curves, in_percent, new_figure, save
from semivideo.analysis.figures.table import FIGURES, draw_figure
from semivideo.analysis.groups import Trained
from semivideo.base.errors import CheckpointError, ConfigError


def picture():
    figure = new_figure(width=4, height=3)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1])
    in_percent(axes.yaxis)
    return figure


def test_save__writes_picture_drawing_and_numbers(tmp_path):
    rows = [{"name": "a,b", "share": 1 / 3, "n": 2}, {"name": "c", "share": math.nan, "n": 3}]
    files = save(picture(), tmp_path / "new" / "f.svg", rows)
    assert [file.name for file in files] == ["f.png", "f.svg", "f.csv"]
    assert files == sorted((tmp_path / "new").iterdir(), key=files.index)
    assert files[2].read_text() == 'name,share,n\n"a,b",0.333333,2\nc,,3\n'
    with Image.open(files[0]) as image:
        assert (image.format, image.size) == ("PNG", (600, 450))
    assert files[1].read_text().startswith("<?xml")


def test_save__is_deterministic(tmp_path):
    first = [file.read_bytes() for file in save(picture(), tmp_path / "f.png", [])]
    again = [file.read_bytes() for file in save(picture(), tmp_path / "f.png", [])]
    assert first == again
    assert not re.search(rb"20\d\d-\d\d-\d\d", first[1])  # no date


def test_save__refuses_other_endings(tmp_path):
    with pytest.raises(ConfigError, match=r"'.*f\.jpg' must end in \.png or \.svg"):
        save(picture(), tmp_path / "f.jpg", [])


def test_save__replaces_a_figure_with_the_same_columns_and_nothing_else(tmp_path):
    (tmp_path / "f.csv").write_text("mine\n")
    sentence = r"f\.csv exists and is neither empty nor of an earlier figure; choose another out"
    with pytest.raises(ConfigError, match=sentence):
        save(picture(), tmp_path / "f.png", [{"a": 1}])
    assert [each.name for each in tmp_path.iterdir()] == ["f.csv"]
    for _ in range(2):
        save(picture(), tmp_path / "g.PNG", [{"a": 1}])
    assert {each.name for each in tmp_path.glob("g.*")} == {"g.PNG", "g.svg", "g.csv"}
    (tmp_path / "g.csv").write_text("mine\n")
    with pytest.raises(ConfigError, match=r"g\.PNG exists and is neither empty nor of an earlier"):
        save(picture(), tmp_path / "g.PNG", [{"a": 1}])


def test_in_percent__drops_useless_digits():
    figure = picture()
    formatter = figure.axes[0].yaxis.get_major_formatter()
    assert [formatter(share, 0) for share in (0.3, -0.025, 0.0, 1.0)] == ["30", "-2.5", "0", "100"]


def test_draw_curves__draws_the_mean_of_those_that_have_the_step():
    axes = picture().axes[0]
    means = draw_curves(axes, [{0: 0.2, 1: 0.4}, {1: 0.8}], "#000000", line="--")
    assert means == pytest.approx([0.2, 0.6])
    assert axes.lines[-1].get_xydata().tolist() == [[0, 0.2], [1, pytest.approx(0.6)]]
    assert len(axes.collections) == 1  # the band


def test_caption__names_runs_and_splits(run_of):
    runs = [Trained.read(run_of("cmpl", name=f"my_$run$_{number}").path) for number in range(14)]
    figure = picture()
    caption(figure, [*runs, *runs], "Remark.")
    text = figure.get_supxlabel().replace("\n", " ")
    assert text.startswith("Runs: my_$run$_0, my_$run$_1, ")
    assert text.count("my_$run$") == 12
    assert f"and 2 more. Split: 4-per-class ({runs[0].split.hash[:8]}). Remark." in text


def test_caption__joins_runs_that_are_named_by_their_seeds(finished_run):
    runs = [
        Trained.read(finished_run(method, f"{method}-{seed}", seed=seed))
        for method in ("cmpl", "fixmatch", "ltg", "supervised")
        for seed in (0, 1, 2)
    ]
    figure = picture()
    caption(figure, [*runs, Trained.read(finished_run("tcl", "other", seed=7))], "Remark.")
    text = figure.get_supxlabel().replace("\n", " ")
    names = [f"{name} (seeds 0, 1, 2)" for name in ("cmpl", "fixmatch", "ltg", "supervised")]
    assert text.startswith(f"Runs: {', '.join(names)}, other. Split: ")


def test_caption__joins_splits_that_differ_in_the_seed(finished_run):
    runs = [Trained.read(finished_run("cmpl", f"cmpl-{seed}", seed=seed)) for seed in (0, 1)]
    own = [
        replace(run, split=replace(run.split, name=f"5-seed{s}", seed=s, test=run.split.test[s:]))
        for s, run in enumerate(runs)
    ]
    figure = new_figure()
    caption(figure, own, "")
    hashes = ", ".join(run.split.hash[:8] for run in own)
    assert f"Split: 5 ({hashes})." in figure.get_supxlabel().replace("\n", " ")


def test_draw_figure__names_the_nearest(run_of, tmp_path):
    with pytest.raises(ConfigError, match=r"no figure 'class-gab'; did you mean 'class-gap'\?"):
        draw_figure("class-gab", [], out=tmp_path / "f.png")
    with pytest.raises(ConfigError, match="wants any runs, also unfinished ones; name their"):
        draw_figure("learning", [], out=tmp_path / "f.png")
    run = run_of("cmpl", name="a").path
    with pytest.raises(ConfigError, match=r"learning has no option 'colour' \(it has none\)"):
        draw_figure("learning", [run], out=tmp_path / "f.png", options={"colour": 1})
    drop = "frame-rate-drop"
    with pytest.raises(ConfigError, match=r"'protocl'; did you mean 'protocol'\? \[accepts: proto"):
        draw_figure(drop, [run], out=tmp_path / "f.png", options={"protocl": "1x1"})
    with pytest.raises(ConfigError, match=r"drop: protocol = 3 is not allowed: input should be"):
        draw_figure(drop, [run], out=tmp_path / "f.png", options={"protocol": 3})


def test_figures__say_what_they_show():
    for entry in FIGURES.values():
        assert entry.shows
        assert entry.wants
        assert not entry.shows.endswith(".")


def test_learning__writes_its_numbers(run_of, csv_rows, tmp_path):
    run = run_of("fixmatch", name="a", final=0.8)
    draw_figure("learning", [run.path], out=tmp_path / "f.png")
    rows = csv_rows(tmp_path / "f.png")
    logged = [m["evaluation"]["top1"] for m in run.metrics() if "evaluation" in m]
    shares = [float(row["share"]) for row in rows if row["curve"] == "accuracy"]
    assert shares == pytest.approx(logged, abs=1e-5)
    assert [row["share"] for row in rows if row["curve"] == "final accuracy"] == ["0.8"]


@pytest.mark.parametrize("name", ["correct-labels"])
def test_figures_of_pseudo_labels__need_some(name, run_of, tmp_path):
    run = run_of("supervised", name="a").path
    with pytest.raises(CheckpointError, match="holds no pseudo-labels; supervised gives none"):
        draw_figure(name, [run], out=tmp_path / "f.png")
