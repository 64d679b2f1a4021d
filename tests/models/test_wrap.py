"""Modules of the user: split where the classifier begins, found by name, rebuilt from a run."""

import copy
import re
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

import semivideo
from semivideo.base.errors import ConfigError
from semivideo.data.synthetic.rendering import render
from semivideo.models import create, wrap

CLIP = torch.arange(2 * 3 * 2 * 4 * 4, dtype=torch.float32).reshape(2, 3, 2, 4, 4) / 192

FACTORIES = """
import torch
from torch import nn
from semivideo.models import Network, wrap

def pooled(num_classes: int, *, width: int = 4, start: str | None = None) -> Network:
    backbone = nn.Sequential(
        nn.Conv3d(3, width, 1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten()
    )
    if start is not None:
        backbone[0].load_state_dict(torch.load(start, weights_only=True))
    return wrap(
        backbone, num_classes=num_classes, num_features=width, rebuilt_with={"start": None}
    )

def no_network(num_classes: int) -> Network:
    return nn.Linear(3, num_classes)

def other_classes(num_classes: int) -> Network:
    return pooled(7)

called = []

def unmarked(num_classes):
    called.append(num_classes)

def unknown(num_classes) -> "NoSuchName":
    called.append(num_classes)
"""


class Pooled(nn.Module):
    """Mean over time and space, then a classifier of 3 features."""

    def __init__(self, *, outputs: int = 5):
        super().__init__()
        self.fc = nn.Linear(3, outputs)

    def pool(self, clip):
        return clip.mean(dim=(2, 3, 4))

    def forward(self, clip):
        return self.fc(self.pool(clip))


class FramesFirst(nn.Module):
    def forward(self, clip_NTCHW):
        assert clip_NTCHW.shape == (2, 2, 3, 4, 4)
        return clip_NTCHW[:, 1].mean(dim=(2, 3))  # channels of the second frame


def test_wrap__the_factory_of_the_docs_makes_a_network():
    page = (Path(__file__).parents[2] / "docs" / "own_networks.md").read_text()
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", page, flags=re.S)[1], names)
    assert names["tiny"](5, width=6)(CLIP).shape == (2, 5)


@pytest.fixture
def factories(tmp_path, monkeypatch):
    (tmp_path / "own_factories.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)


def test_wrap__a_classifier_is_split_and_gives_its_own_logits():
    module = Pooled()
    want = module(CLIP)
    weight = module.fc.weight
    network = wrap(module, num_classes=5).eval()
    assert torch.equal(network.features(CLIP), CLIP.mean(dim=(2, 3, 4)))
    assert torch.equal(network(CLIP), want)
    assert any(p is weight for p in network.parameters())
    assert network.num_features == 3


def test_wrap__a_backbone_gets_a_classifier_of_its_size():
    network = wrap(FramesFirst(), num_classes=4, num_features=3, layout="NTCHW")
    assert torch.equal(network.features(CLIP), CLIP[:, :, 1].mean(dim=(2, 3)))
    assert network(CLIP).shape == (2, 4)


def test_wrap__a_named_head_for_other_classes_is_replaced():
    network = wrap(Pooled(outputs=400), num_classes=5, head="fc")
    assert network(CLIP).shape == (2, 5)


@pytest.mark.parametrize("features", ["pool", lambda module, clip: module.pool(clip)])
def test_wrap__features_may_come_from_a_method_or_a_function(features):
    network = wrap(Pooled(), num_classes=5, features=features)
    assert torch.equal(network.features(CLIP), CLIP.mean(dim=(2, 3, 4)))


def test_wrap__a_copy_uses_its_own_weights():
    """Teachers and averages are copies; one that still read the student would be no teacher."""
    body = nn.Sequential(nn.Conv3d(3, 2, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    network = wrap(nn.ModuleDict({"body": body}), num_classes=5, num_features=2, features="body")
    twin = copy.deepcopy(network)
    before = twin(CLIP)
    with torch.no_grad():
        body[0].bias += 1
    assert torch.equal(twin(CLIP), before)
    assert not torch.equal(network.features(CLIP), twin.features(CLIP))


def test_wrap__dropout_is_in_classify_alone():
    network = wrap(Pooled(), num_classes=5, dropout=0.5).train()
    torch.manual_seed(0)
    assert torch.equal(network.features(CLIP), network.features(CLIP))
    features_ND = torch.ones(2, 3)
    assert not torch.equal(network.classify(features_ND), network.classify(features_ND))


@pytest.mark.parametrize(
    ("module", "options", "sentence"),
    [
        (Pooled(outputs=7), {}, r"Pooled has no linear layer with 5 outputs.*\[it has fc: 7\]"),
        (FramesFirst(), {}, r"FramesFirst has no linear layer .*\[it has none\]; name the one"),
        (
            nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5)),
            {},
            r"has 2 linear layers with 5 outputs \(0: 5, 1: 5\); name the one it ends in",
        ),
        (Pooled(), {"head": "fcc"}, r"no linear layer 'fcc'; did you mean 'fc'\? \[it has fc: 5\]"),
        (Pooled(), {"head": "fc", "num_features": 3}, r"num_features = 3 says .* give one of them"),
    ],
)
def test_wrap__says_which_layers_could_be_the_head(module, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        wrap(module, num_classes=5, **options)


@pytest.mark.parametrize(
    ("module", "got"),
    [(nn.Identity(), r"got \(2, 3, 2, 4, 4\)"), (nn.Sequential(nn.LSTM(4, 4)), "got tuple")],
)
def test_wrap__refuses_features_that_are_not_pooled(module, got):
    network = wrap(module, num_classes=5, num_features=3)
    clip = CLIP if isinstance(module, nn.Identity) else torch.zeros(1, 2, 4)
    with pytest.raises(ConfigError, match=rf"must be a tensor \(\d, 3\), {got}; give wrap\("):
        network.features(clip)


def test_create__calls_a_function_that_says_it_returns_a_network(factories):
    network = create("own_factories:pooled", 5, width=6)
    assert (network.num_classes, network.num_features) == (5, 6)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("pooled", {"widht": 2}, r"own_factories:pooled has no option 'widht'; did you mean"),
        ("pooled", {"width": "2"}, r"pooled: width = '2' is not allowed: input should be a valid"),
        ("no_network", {}, r"no_network made a Linear; it must make a semivideo.models.Network"),
        ("other_classes", {}, r"made a Wrapped of 7 classes; .* of the 5 classes it is given"),
        ("unmarked", {}, r"unmarked' is not a network; .* or a function annotated -> Network"),
        ("unknown", {}, r"unknown' is not a network"),
    ],
)
def test_create__says_what_is_wrong_with_a_factory(factories, name, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        create(f"own_factories:{name}", 5, **options)
    import own_factories

    assert own_factories.called == []


def test_run__with_a_factory_trains_resumes_and_needs_no_other_file_later(factories, tmp_path):
    render(tmp_path / "videos", videos_per_class=4, seed=0, classes=["wave", "squat"], num_groups=4)
    start = tmp_path / "start.pt"
    torch.save(nn.Conv3d(3, 4, 1).state_dict(), start)
    settings = {
        "data.short_side": 24,
        "views.crop_size": 16,
        "evaluation.crop_size": 16,
        "networks.primary.name": "own_factories:pooled",
        "networks.primary.num_frames": 2,
        "networks.primary.options": {"start": str(start)},
        "engine.checkpoint_every": 2,
        "engine.tensorboard": False,
    }
    run = semivideo.train(
        tmp_path / "videos",
        recipe="small-supervised",
        labels_per_class=2,
        steps=4,
        settings=settings,
        out=tmp_path / "run",
    )
    weights = safetensors.torch.load_file(run.path / "model" / "model.safetensors")
    shutil.rmtree(run.path / "model")
    max(run.folder.checkpoints.iterdir()).unlink()  # the run goes on from step 2
    semivideo.train(resume=run.path, allow=["own_factories"])
    again = safetensors.torch.load_file(run.path / "model" / "model.safetensors")
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    start.unlink()
    video = next((tmp_path / "videos").rglob("*.mp4"))
    [found] = semivideo.predict(run, [video], protocol="1x1")
    assert found.classes[0] in {"wave", "squat"}
    assert semivideo.evaluate(run, videos=tmp_path / "videos", protocol="1x1").top1 >= 0
