"""``semivideo bench``: its options, what it prints and writes, and its sentences."""

import json

import pytest
from rich.cells import cell_len

import semivideo
from semivideo.data.synthetic.rendering import render

TINY = {
    "data.short_side": 32,
    "data.labeled_batch": 2,
    "data.unlabeled_batch": 2,
    "views.crop_size": 24,
    "networks.primary.num_frames": 2,
    "networks.primary.options": "{width: 0.125}",
    "evaluation.crop_size": 24,
}
SET = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    render(folder, videos_per_class=3, seed=0, classes=["wave", "squat"])
    return folder


def test_bench__tables_fit_80_columns_and_end_in_advice(run, videos, tmp_path):
    out = tmp_path / "bench.md"
    arguments = ("--recipe", "small-fixmatch", "--labels-per-class", 1, "--steps", 2, *SET)
    result = run("bench", videos, *arguments, "--out", out)
    assert result.code == 0
    assert max(cell_len(line.rstrip()) for line in result.out.splitlines()) <= 80
    assert "videos: 2 labelled + 6 unlabelled, 0 held out" in result.out
    assert "* The training of 1200 steps takes about " in result.out
    assert "| strong view, primary |" in out.read_text()
    assert result.err.endswith(f"wrote {out}\n")
    # That one may be written again, and so comes as far as the next fault.
    assert "no method 'x'" in run("bench", videos, "--method", "x", "--out", out).err
    (tmp_path / "b.json").write_text('{\n "machine": "x"}\n')
    again = run("bench", videos, "--method", "x", "--out", tmp_path / "b.json")
    assert "no method 'x'" in again.err


@pytest.mark.parametrize("name", ["b.MD", "b.json"])
def test_bench__never_over_another_file(run, videos, tmp_path, name):
    (tmp_path / name).write_text('{"mine": 1}')
    assert run("bench", videos, "--out", tmp_path / name).err == (
        f"error: {tmp_path / name} exists and is neither empty nor an earlier benchmark; choose "
        "another --out, or move it away\n"
    )


def test_bench__json_is_all_there_is_on_stdout(run, videos):
    result = run("bench", videos, "--recipe", "small-supervised", "--steps", 2, "--json", *SET)
    content = json.loads(result.out)
    assert content["setup"]["method"] == "supervised"
    assert content["step"]["num_unlabeled"] == 0
    assert sum(content["step"]["parts"].values()) == pytest.approx(content["step"]["seconds"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "a.txt"], "--out a.txt ends in '.txt'; allowed: .md, .json"),
        (["--recipe", "small-fixmach"], "no recipe 'small-fixmach'; did you mean"),
        (["--set", "engine.steps"], "--set 'engine.steps' is not section.key=value"),
        (["--method", "fixmath"], "no method 'fixmath'; did you mean 'fixmatch'"),
        (["--recipe", "features-fixmatch"], "networks.primary.name = linear is a head on features"),
    ],
)
def test_bench__says_what_is_wrong_before_it_measures(run, videos, arguments, sentence):
    result = run("bench", videos, *arguments)
    assert result.code == 2
    assert sentence in result.err


def test_bench__an_empty_folder_is_no_data(run, tmp_path):
    result = run("bench", tmp_path, "--recipe", "small-fixmatch")
    assert result.code != 0
    assert "error: " in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("recipe", [[], ["--recipe", "features-fixmatch"]])
def test_bench__refuses_features(run, videos, tmp_path, recipe):
    manifest = semivideo.scan(videos)
    features = tmp_path / "features"
    semivideo.extract_features(manifest, out=features, encoder="local_motion", views=1)
    result = run("bench", features, "--labels-per-class", 1, *recipe)
    assert result.code == 2
    assert f"{features} holds features, on which a training takes seconds" in result.err
