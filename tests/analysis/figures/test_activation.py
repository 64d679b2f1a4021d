import numpy as np
import pytest
import torch

from semivideo import models
from semivideo.analysis.figures.activation import activation
from semivideo.base.errors import ConfigError
from semivideo.base.records import Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.data.video.decode import probe
from semivideo.data.video.encode import encode
from semivideo.models.weights import save_network
from semivideo.runfolder import RunFolder
from semivideo.settings import ModelCard

IDS = ["a.mp4", "b.mp4"]


@pytest.fixture
def trained(finished_run, tmp_path):
    """A run with a network of random weights and two videos of noise."""
    rng, rows = np.random.default_rng(0), []
    for id, label in zip(IDS, ("run", "walk"), strict=True):
        encode(tmp_path / id, list(rng.integers(0, 256, (12, 32, 32, 3), np.uint8)), frame_rate=25)
        p = probe(tmp_path / id)
        rows.append(Video(id, id, label, None, 32, 32, p.frame_rate, p.rotation, p.frames))
    path = finished_run("supervised", "run")
    run = RunFolder(path)
    Manifest.from_videos(rows, root=tmp_path).write(run.manifest_file)
    run.split_file.unlink()
    Split("s", 0, ("b.mp4",), (), ("a.mp4",)).write(run.split_file)
    torch.manual_seed(0)
    network = {"name": "resnet3d10", "num_frames": 4, "stride_frames": 2}
    card = {
        "network": network | {"options": {"width": 0.125}},
        "classes": ["run", "walk"],
        "data": {"short_side": 32},
        "views": {"crop_size": 24},
        "evaluation": {"crop_size": 32},
        "method": "supervised",
        "weights_sha256": "",
    }
    built = models.create("resnet3d10", 2, width=0.125)
    save_network(run.model, built, ModelCard.model_validate(card))
    return path


def test_activation__draws_the_middle_clip_and_keeps_the_maps_numbers(trained, csv_rows, tmp_path):
    files = activation([trained], out=tmp_path / "a.png", of_class="walk")
    rows = csv_rows(files[0])
    assert [row["frame"] for row in rows] == ["1", "2", "3", "4"]
    assert {(row["video"], row["class"]) for row in rows} == {("a.mp4", "walk")}
    assert all(0 < float(row[name]) < 1 for row in rows for name in ("x", "y"))
    assert max(float(row["mean"]) for row in rows) <= 1
    other = activation([trained], out=tmp_path / "b.png", video="b.mp4")
    assert csv_rows(other[0])[0]["video"] == "b.mp4"


def test_activation__refuses_what_it_cannot_show(trained, tmp_path):
    with pytest.raises(ConfigError, match="shows a clip of one run, got 2; name one"):
        activation([trained, trained], out=tmp_path / "a.png")
    with pytest.raises(ConfigError, match=r"no class 'wlak'; did you mean 'walk'.*\[known: run, w"):
        activation([trained], out=tmp_path / "a.png", of_class="wlak")
