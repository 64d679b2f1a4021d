"""The estimate of a run without test videos: what it is made of, and that the run sees none."""

import json
import logging

import pytest
import safetensors.torch
import torch

import semivideo
from semivideo.base.errors import Stopped
from semivideo.run.choice import cross_validation
from semivideo.run.choice.cross_validation import Estimate


@pytest.fixture(scope="module")
def half(manifest):
    """Three labels a class, one in each scene, and no test videos."""
    return semivideo.split(manifest, labels_per_class=3, seed=1)


@pytest.fixture(scope="module")
def runs(manifest, half, settings, tmp_path_factory):
    """The same run with and without an estimate."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        wanted: semivideo.train(
            manifest,
            split=half,
            settings=settings("small-fixmatch", engine__steps=8),
            estimate=wanted,
            out=folder / str(wanted),
        )
        for wanted in (True, False)
    }


def weights(run):
    return safetensors.torch.load_file(run.folder.model / "model.safetensors")


def test_estimate__tests_labelled_videos_only_and_says_how(runs, half):
    found = runs[True].estimate
    assert found.num_videos + len(found.skipped) <= len(half.labeled)
    assert found.num_videos > 0
    assert (found.num_unlabeled, found.run_steps, found.fold_steps) == (6, 8, 2)
    assert found.labels == {"squat": 3, "wave": 3}
    assert runs[False].estimate is None


def test_estimate__changes_nothing_of_the_run(runs):
    one, other = weights(runs[True]), weights(runs[False])
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_estimate__leaves_one_file(runs):
    folder = runs[True].folder
    assert folder.estimate_file.is_file()
    assert not folder.estimate_folds.exists()
    content = json.loads(folder.estimate_file.read_text())
    assert content["low"] <= content["top1"] <= content["high"]


def test_run__names_its_estimate(runs):
    assert "estimated top-1" in repr(runs[True])
    assert repr(runs[True]).count("\n") == 0
    assert "estimated" not in repr(runs[False])


def test_estimate__is_left_out_with_a_reason_where_labels_are_few(manifest, settings, tmp_path):
    run = semivideo.train(
        manifest,
        split=semivideo.split(manifest, labels_per_class=2),
        settings=settings("small-supervised", engine__steps=2),
        out=tmp_path / "run",
    )
    assert run.estimate is None
    reason = "class 'squat' has 2 labels, and 3 of each class are needed; label more"
    assert run.why_no_estimate == reason


def test_estimate__that_was_stopped_goes_on(manifest, half, settings, tmp_path, monkeypatch):
    score = cross_validation.scored_fold
    calls = []

    def stop_at_second(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise Stopped(15)
        return score(*args, **kwargs)

    monkeypatch.setattr(cross_validation, "scored_fold", stop_at_second)
    chosen = settings("small-supervised", engine__steps=2, engine__estimate=3)
    given = {"settings": chosen, "split": half}
    with pytest.raises(Stopped):
        semivideo.train(manifest, **given, out=tmp_path / "run")
    found = semivideo.train(resume=tmp_path / "run").estimate
    assert (found.num_folds, found.num_videos) == (3, 6)


def test_folds__say_nothing_that_the_run_says_again(caplog):
    log = logging.getLogger("semivideo")
    with cross_validation._quietly():
        log.warning("skipping a video")
    log.warning("skipping a video")
    assert caplog.text.count("skipping a video") == 1


def test_confused__names_the_most_frequent_pair_first():
    confusion = ((3, 1, 0), (2, 1, 1), (0, 0, 4))
    found = Estimate(("a", "b", "c"), confusion, 12, 1.0, {}, 0, 3, 1, 12, 0.0)
    assert found.confused == [("b", "a", 2), ("a", "b", 1), ("b", "c", 1)]
    assert found.top1 == pytest.approx(8 / 12)
    assert found.interval[0] == pytest.approx(0.391, abs=1e-3)  # Wilson, by hand
