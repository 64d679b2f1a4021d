"""The loop of one's own runs, learns and ends in a network that the package can use."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import semivideo
from semivideo.data.synthetic.rendering import render
from semivideo.models import create

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "own_loop.py"


@pytest.fixture
def example():
    """The script as a module."""
    found = {"__name__": "own_loop"}
    exec(compile(SCRIPT.read_text(), SCRIPT, "exec"), found)
    return found


def test_own_loop__is_short():
    assert len(SCRIPT.read_text().splitlines()) < 60


def test_own_loop__runs_without_a_folder():
    command = [sys.executable, str(SCRIPT), "--steps", "2"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert re.findall(r"^step (\d)  loss [\d.]+  L_s\^F [\d.]+", result.stdout, flags=re.M) == [
        "1",
        "2",
    ]


def test_own_loop__makes_a_network_that_is_scored_saved_and_predicts(example, tmp_path):
    """With the lines of docs/own_loop.md."""
    render(tmp_path / "videos", videos_per_class=5, seed=0, classes=["wave", "squat"])
    example["print"] = lambda *_: None
    method = example["train"](tmp_path / "videos", steps=3)
    manifest = semivideo.scan(tmp_path / "videos")
    page = (ROOT / "docs" / "own_loop.md").read_text()
    [block] = re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S)
    scores = []
    given = {"method": method, "manifest": manifest, "test_videos": manifest, "folder": tmp_path}
    exec(block, {**given, "print": scores.append})
    assert 0 <= scores[0] <= 1
    predicted = semivideo.predict(tmp_path / "model", [manifest.absolute(0)])[0]
    assert set(predicted.classes) == {"wave", "squat"}


def test_own_loop__goes_the_way_of_the_engine(example, tmp_path):
    """The first loss is that of ``semivideo.train`` with the same seed, networks and batches."""
    render(tmp_path / "videos", videos_per_class=5, seed=0, classes=["wave", "squat"])
    lines = []
    example["print"] = lines.append
    example["create"] = partial(create, dropout=0.0)  # the engine draws it anew in each step
    example["train"](tmp_path / "videos", steps=1)
    network = {"name": "resnet3d10", "num_frames": 4, "stride_frames": 4}
    options = {"width": 0.25, "zero_init": False, "dropout": 0.0}
    auxiliary = {**network, "num_frames": 8, "stride_frames": 2}
    run = semivideo.train(
        tmp_path / "videos",
        method="cmpl",
        labels_per_class=4,
        settings={
            **{"data.short_side": 56, "data.labeled_batch": 8, "data.unlabeled_batch": 12},
            **{"views.crop_size": 48, "method.threshold": 0.8, "method.weight": 1.0},
            **{f"networks.primary.{key}": value for key, value in network.items()},
            **{f"networks.auxiliary.{key}": value for key, value in auxiliary.items()},
            "networks.primary.options": options,
            "networks.auxiliary.options": {**options, "width": 0.125},
            **{"engine.steps": 1, "engine.log_every": 1, "engine.precision": "fp32"},
        },
        out=tmp_path / "run",
        seed=0,
    )
    [line] = [line for line in run.folder.metrics() if "loss" in line]
    loss = float(re.search(r"loss ([\d.]+)", lines[0])[1])
    assert loss == pytest.approx(line["loss"], abs=0.0051)  # printed with two digits
