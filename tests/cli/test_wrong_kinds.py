"""A path of the wrong kind: a run for videos, a folder of runs for a run, a video for a list."""

import shutil

import pytest

import semivideo
from semivideo.base.places import what_is
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.synthetic.rendering import render


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """One of everything that people have lying around."""
    root = tmp_path_factory.mktemp("places")
    render(root / "videos", videos_per_class=3, seed=0, classes=["wave", "squat"])
    video = sorted((root / "videos").rglob("*.mp4"))[0]
    shutil.copy(video, root / "11.MP4")
    manifest = semivideo.scan(root / "videos", out=root / "m.parquet")
    semivideo.split(manifest, labels_per_class=1, out=root / "s.json")
    run = root / "runs" / "a"
    run.mkdir(parents=True)
    (run / "settings.yaml").write_text("{}")
    shutil.copy(root / "m.parquet", run / "manifest.parquet")
    shutil.copy(root / "s.json", run / "split.json")
    (root / "list.csv").write_text("path,label\nvideos/x.mp4,a\n")
    (root / "model").mkdir()
    (root / "model" / "card.json").write_text("{}")
    return root


RUN = "is a folder of runs; name one of them, such as {root}/runs/a"
CASES = [
    ("train 11.MP4 --out new", "11.MP4 is a video and no list of videos; give the folder"),
    ("scan 11.MP4 --out n.parquet", "is a video and no list of videos; give the folder that"),
    ("scan videos --list 11.MP4 --out n.parquet", "is a video and no list of videos"),
    ("scan videos --list m.parquet --out n.parquet", "is a manifest of videos and no list of"),
    ("scan videos --list runs/a --out n.parquet", "is a run folder and no list of videos"),
    ("train runs/a --out new", "is a run folder, and videos are wanted; the videos it was trained"),
    ("train runs --out new", "is a folder of runs, and videos are wanted"),
    ("train s.json --out new", "is a split, and videos are wanted; name the videos, and the split"),
    ("scan model --out n.parquet", "is the folder of a trained network, and videos are wanted"),
    ("split runs/a --labels-per-class 1 --out new", "is a run folder, and videos are wanted"),
    ("bench s.json", "is a split, and videos are wanted"),
    ("train videos --split m.parquet --out new", "is a manifest of videos and no split"),
    ("train videos --split runs/a --out new", "its split is {root}/runs/a/split.json"),
    ("train videos --split list.csv --out new", "list.csv is not a split"),
    ("evaluate runs", RUN),
    ("evaluate m.parquet", "is a manifest of videos and no run folder"),
    ("evaluate videos", "is not a run folder (it has no settings.yaml)"),
    ("evaluate model", "is the folder of a trained network; name its run, the folder around it"),
    ("evaluate s.json", "is a split and no run folder"),
    ("evaluate nothing", "there is no run folder {root}/nothing"),
    ("predict runs 11.MP4", RUN),
    ("predict m.parquet 11.MP4", "is a manifest of videos and no run folder"),
    ("predict videos 11.MP4", "is not a run folder"),
    ("train --resume runs", RUN),
    ("train --resume videos", "is not a run folder"),
    ("train --resume s.json", "is a split and no run folder"),
    (
        "split videos --labels-per-class 1 --out runs",
        "runs exists and is not a split; choose another name",
    ),
]


@pytest.mark.parametrize(("line", "words"), CASES, ids=[line for line, _ in CASES])
def test_commands__say_what_lies_at_a_path_of_the_wrong_kind(run, places, line, words):
    named = {"new", "n.parquet", "nothing", "runs/a"}
    is_place = {each.name for each in places.iterdir()} | named
    arguments = [str(places / word) if word in is_place else word for word in line.split()]
    result = run(*arguments)
    assert result.code == 2
    assert words.format(root=places) in result.err
    assert result.err.count("\n") == 1
    assert not any((places / name).exists() for name in ("new", "n.parquet"))


@pytest.mark.parametrize(
    ("place", "what"), [("s.json", "a split"), ("runs/a", "a run"), ("model", "the folder of")]
)
def test_predict__wants_videos(run, places, place, what, monkeypatch):
    from semivideo.run import prediction

    card = type("Card", (), {"classes": ["a", "b"], "weights_sha256": "0"})
    monkeypatch.setattr(prediction, "load", lambda *_, **__: type("R", (), {"card": card}))
    result = run("predict", places / "runs" / "a", places / place)
    assert result.code == 2
    assert f"{places / place} is {what}" in result.err
    assert "and no video; name video files, or the folder that holds them" in result.err


def test_scan__a_run_among_the_videos_does_no_harm(run, places, tmp_path):
    among = shutil.copytree(places / "videos", tmp_path / "videos")
    shutil.copytree(places / "runs" / "a", among / "run")
    assert what_is(among) == "folder"
    assert run("scan", among, "--out", tmp_path / "m.parquet").code == 0
    assert Manifest.read(tmp_path / "m.parquet").ids == sorted(
        each.relative_to(among).as_posix() for each in among.rglob("*.mp4")
    )
