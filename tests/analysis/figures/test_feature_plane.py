import numpy as np
import pytest
import torch

from semivideo import models
from semivideo.analysis.figures.feature_plane import _figure, features, neighbour_plane
from semivideo.analysis.principal import Plane, principal_plane
from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.base.records import Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.data.video.decode import probe
from semivideo.data.video.encode import encode
from semivideo.evaluation import Recognizer
from semivideo.models.weights import save_network
from semivideo.runfolder import RunFolder
from semivideo.settings import ModelCard

IDS = ["a.mp4", "b.mp4", "c.mp4"]


@pytest.fixture
def trained(finished_run, tmp_path):
    """A run with a network of random weights and three test videos of noise."""
    rng, rows = np.random.default_rng(0), []
    for id, label in zip([*IDS, "z.mp4"], ("run", "walk", "run", "run"), strict=True):
        frames = list(rng.integers(0, 256, (6, 32, 32, 3), np.uint8))
        encode(tmp_path / id, frames, frame_rate=25)
        p = probe(tmp_path / id)
        rows.append(Video(id, id, label, None, 32, 32, p.frame_rate, p.rotation, p.frames))
    path = finished_run("supervised", "run")
    run = RunFolder(path)
    Manifest.from_videos(rows, root=tmp_path).write(run.manifest_file)
    run.split_file.unlink()
    Split("s", 0, ("z.mp4",), (), tuple(IDS)).write(run.split_file)
    torch.manual_seed(0)
    card = {
        "network": {"name": "resnet3d10", "num_frames": 2, "stride_frames": 2},
        "classes": ["run", "walk"],
        "data": {"short_side": 32},
        "views": {"crop_size": 16},
        "evaluation": {"num_clips": 2, "num_crops": 3, "batch_clips": 2},
        "method": "supervised",
        "weights_sha256": "",
    }
    card["network"]["options"] = {"width": 0.125}
    network = models.create("resnet3d10", 2, width=0.125)
    save_network(run.model, network, ModelCard.model_validate(card))
    return path


def test_features__are_those_of_the_middle_clip(trained, csv_rows, tmp_path):
    files = features([trained], out=tmp_path / "f.png")
    assert [file.name for file in files] == ["f.png", "f.svg", "f.csv"]
    rows = csv_rows(files[0])
    assert [(row["video"], row["class"]) for row in rows] == list(
        zip(IDS, ("run", "walk", "run"), strict=True)
    )
    deployed = Recognizer.load(RunFolder(trained).model, device="cpu")
    seen = []
    deployed.network.classifier.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    best = [deployed.predict(tmp_path / id, protocol="1x1").classes[0] for id in IDS]
    points = principal_plane(torch.cat(seen).numpy()).points
    found = [[float(row["x"]), float(row["y"])] for row in rows]
    assert np.array(found) == pytest.approx(points, rel=1e-3, abs=1e-5)
    assert [row["predicted"] for row in rows] == best


def test_figure__numbers_each_class_that_is_there():
    points = np.random.default_rng(0).normal(size=(30, 2))
    labels = np.arange(30) % 9
    classes = [f"c{i}" for i in range(10)]
    figure = _figure(Plane(points, np.array([0.6, 0.25])), points[::-1], labels, classes)
    for axes in figure.axes:
        assert [text.get_text() for text in axes.texts] == [str(number) for number in range(1, 10)]
    axes, beside = figure.axes
    assert beside.get_xlabel().startswith("t-SNE")
    assert axes.get_xlabel() == "First principal component (60 % of the variance)"
    entries = figure.legends[0].legend_handles
    assert entries[8].get_label() == "9  c8"
    assert len({(entry.get_color(), entry.get_marker()) for entry in entries}) == 9


def test_neighbour_plane__keeps_neighbours_together_and_comes_out_again():
    rng = np.random.default_rng(0)
    groups = np.arange(40) % 2
    given = (rng.normal(size=(40, 8)) + 8 * groups[:, None]).astype(np.float32)
    found = neighbour_plane(given)
    assert np.array_equal(found, neighbour_plane(given))
    apart = np.linalg.norm(found[:, None] - found[None], axis=-1) + 1e9 * np.eye(40)
    assert (groups[apart.argmin(axis=1)] == groups).all()
    assert neighbour_plane(given[:3]).shape == (3, 2)
    assert neighbour_plane(given[:5], perplexity=30).shape == (5, 2)


def test_features__are_of_one_run_with_a_network(finished_run, tmp_path):
    run = finished_run("cmpl", "a")
    with pytest.raises(ConfigError, match="shows the network of one run, got 2; name one"):
        features([run, run], out=tmp_path / "f.png")
    with pytest.raises(CheckpointError, match="does not exist; give the folder 'model' of a run"):
        features([run], out=tmp_path / "f.png")
