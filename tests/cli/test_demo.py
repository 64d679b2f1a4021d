import sys
from types import SimpleNamespace

import pytest

import semivideo
from semivideo.cli import demo
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.data.synthetic import rendering as synthetic
from semivideo.run.many import at_once

TOP1 = {"supervised": 0.5, "fixmatch": 0.625, "cmpl": 0.75}


@pytest.fixture
def stage(api, monkeypatch):
    """A demo without work: everything it calls only takes notes."""
    calls = SimpleNamespace(render=[], train=[], figure=[])
    split = SimpleNamespace(labeled="ab", unlabeled="cdef", test="gh")

    def train(manifest, *, out, **options):
        calls.train.append(options)
        return SimpleNamespace(path=out, folder=None, summary={"seconds": 30})

    def render(folder, **options):
        calls.render.append(options)
        return [folder / "clip.mp4"]

    api.scan = lambda *_, **__: type("M", (), {"classes": "xyz", "__len__": lambda _: 8})()
    api.split = lambda *_, **__: split
    api.train = train
    api.evaluate = lambda run, **_: SimpleNamespace(top1=TOP1[run.path.name])
    api.predict = lambda *_, **__: [SimpleNamespace(classes=["kick"], probabilities=[0.9])]
    analysis = SimpleNamespace(learning_curves=lambda runs, out: calls.figure.append((runs, out)))
    monkeypatch.setattr(synthetic, "render", render)
    shares = SimpleNamespace(kept=0.5, right=float("nan"))
    pseudo_labels = SimpleNamespace(late_labels=lambda *_: shares)
    monkeypatch.setitem(sys.modules, "semivideo.analysis", analysis)
    monkeypatch.setitem(sys.modules, "semivideo.analysis.pseudo_labels", pseudo_labels)
    monkeypatch.setattr(semivideo, "analysis", analysis, raising=False)
    monkeypatch.setattr(at_once, "num_cores", lambda: 1)  # everything in this process
    monkeypatch.setattr(Manifest, "read", lambda _: "manifest")
    monkeypatch.setattr(Split, "read", lambda _: split)
    calls.split = split
    return calls


def test_demo__gives_three_methods_the_same_labels_and_steps(run, stage, tmp_path):
    result = run("demo", "--out", tmp_path / "d", "--steps", 20, "--seed", 5)
    assert result.code == 0, result.err
    assert [call["recipe"] for call in stage.train] == list(demo.METHODS.values())[::-1]
    for call in stage.train:
        assert call["split"] is stage.split
        assert (call["steps"], call["seed"]) == (20, 5)
        assert call["settings"] == stage.train[0]["settings"]
    assert stage.figure == [([tmp_path / "d" / name for name in TOP1], tmp_path / "d/learning.png")]


def test_demo__prints_whatever_came_out(run, stage, tmp_path):
    result = run("demo", "--out", tmp_path / "d")
    rows = [line.replace("│", "").split() for line in result.out.splitlines()]
    assert ["supervised", "50.0", "50.0", "-", "0.5"] in rows
    assert ["cmpl", "75.0", "50.0", "-", "0.5"] in rows
    assert "kick 90.0 %" in result.out
    assert "CMPL is ahead of FixMatch here (+12.5 points, one seed)" in result.err


def test_demo__the_new_clip_has_another_seed(run, stage, tmp_path):
    run("demo", "--out", tmp_path / "d", "--seed", 5)
    assert [call["seed"] for call in stage.render] == [5, 6]


def test_demo__refuses_a_folder_with_something_in_it(run, stage, tmp_path):
    (tmp_path / "file").touch()
    result = run("demo", "--out", tmp_path)
    assert result.code == 2
    assert "exists and is not empty; remove it or choose another --out" in result.err
    assert stage.render == []


def test_verdict__admits_that_cmpl_is_not_ahead():
    rows = [
        demo.Row(name, top1, 0.5, 0.5, 1) for name, top1 in zip(TOP1, (0.5, 0.6, 0.55), strict=True)
    ]
    assert demo._verdict(rows) == (
        "Unlabelled video changes top-1 by +10.0 points; CMPL is not ahead of FixMatch here "
        "(-5.0 points, one seed)."
    )


def test_demo__held_out_groups_are_rendered():
    names = {f"g{number:02d}" for number in range(demo.NUM_GROUPS)}
    assert set(demo.TEST_GROUPS) < names
    in_a_group = demo.VIDEOS_PER_CLASS / demo.NUM_GROUPS
    assert in_a_group * (demo.NUM_GROUPS - len(demo.TEST_GROUPS)) > 5 * demo.LABELS_PER_CLASS
