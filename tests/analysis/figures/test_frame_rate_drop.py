"""On two steps of a real training: what the figure scores is what evaluation scores."""

import shutil

import numpy as np
import pytest
import torch

import semivideo
from semivideo.analysis.figures.frame_rate_drop import _networks, frame_rate_drop, stretched
from semivideo.analysis.groups import Trained
from semivideo.base.errors import CheckpointError
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.evaluation import Evaluation

SETTINGS = {
    "data.short_side": 32,
    "data.labeled_batch": 2,
    "data.unlabeled_batch": 2,
    "data.workers": 0,
    "views.crop_size": 24,
    "views.flip": True,
    "networks.primary.options": {"width": 0.125},
    "networks.auxiliary.options": {"width": 0.0625},
    "evaluation.num_clips": 2,
    "evaluation.crop_size": 24,
    "engine.precision": "fp32",
    "engine.tensorboard": False,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drop")
    actions = ["jumping_jack", "wave"]
    render(folder / "videos", videos_per_class=4, seed=0, classes=actions, num_groups=2)
    videos = semivideo.scan(
        folder / "videos", out=folder / "m.parquet", group_pattern=GROUP_PATTERN
    )
    split = semivideo.split(videos, labels_per_class=1, test_groups=["g01"], seed=0)
    trained = semivideo.train(
        videos, recipe="small-cmpl", split=split, steps=2, settings=SETTINGS, out=folder / "run"
    )
    semivideo.evaluate(trained)
    return trained.path


def test_stretched__repeats_every_nth_frame():
    clips = np.arange(2 * 8, dtype=np.uint8).reshape(2, 8, 1, 1, 1)
    found = {stride: stretched(clips, stride=stride)[0].ravel().tolist() for stride in (1, 2, 3, 8)}
    assert found == {
        1: [0, 1, 2, 3, 4, 5, 6, 7],
        2: [0, 0, 2, 2, 4, 4, 6, 6],
        3: [0, 0, 0, 3, 3, 3, 6, 6],
        8: [0] * 8,
    }


def test_drop__is_against_the_evaluation_of_the_run(run, csv_rows, tmp_path):
    told = []
    files = frame_rate_drop(
        [run], out=tmp_path / "drop.png", progress=lambda *given: told.append(given)
    )
    rows = csv_rows(files[0])
    assert [(row["network"], row["stride"]) for row in rows] == [
        (network, stride) for network in ("primary", "auxiliary") for stride in "1248"
    ]
    assert {row["protocol"] for row in rows} == {"2x1"}
    assert float(rows[0]["top1"]) == Evaluation.read(run / "evaluation.json").top1
    for row in rows:
        first = rows[0] if row["network"] == "primary" else rows[4]
        lost = 1 - float(row["top1"]) / float(first["top1"]) if float(first["top1"]) else None
        assert row["drop"] == "nan" if lost is None else float(row["drop"]) == pytest.approx(lost)
    assert told[0] == ("score run, primary", 1, len(told) // 2, "2x1")
    assert told[-1] == ("score run, auxiliary", len(told) // 2, len(told) // 2, "2x1")


def test_drop__takes_the_trained_auxiliary(run):
    networks = _networks(Trained.read(run), auxiliary=True, clip="own")
    settings = Trained.read(run).settings
    assert networks["auxiliary"].card.network == settings.networks.auxiliary
    # The one joint pass of each of the two steps went through its batch statistics.
    state = networks["auxiliary"].network.state_dict()
    counted = [value for name, value in state.items() if name.endswith("num_batches_tracked")]
    assert counted
    assert all(torch.equal(value, torch.tensor(2)) for value in counted)
    assert list(_networks(Trained.read(run), auxiliary=False, clip="own")) == ["primary"]


def test_drop__shows_both_networks_the_same_frames(run):
    networks = _networks(Trained.read(run), auxiliary=True, clip="same")
    clips = [networks[role].clip for role in ("primary", "auxiliary")]
    assert (clips[0].num_frames, clips[0].stride_frames) == (8, 8)
    assert clips[0] == clips[1]


def test_drop__needs_a_checkpoint_of_the_auxiliary(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("checkpoints"))
    with pytest.raises(CheckpointError, match="checkpoints are gone with the auxiliary network"):
        frame_rate_drop([copy], out=tmp_path / "drop.png")
    files = frame_rate_drop([copy], out=tmp_path / "d.png", protocol="1x1", auxiliary=False)
    assert len(files[2].read_text().splitlines()) == 5
