"""A card of somebody else: nothing that it names is imported, and its numbers do not decide."""

import hashlib
import json
import sys

import pytest
import safetensors.torch
import torch

import semivideo
from semivideo import models
from semivideo.base.errors import CheckpointError
from semivideo.base.foreign_code import allowing
from semivideo.models.weights import load_network, save_network
from semivideo.settings import ModelCard

CODE = """
from torch import nn
from semivideo.models import Network, wrap
open({mark!r}, "w").close()

def net(num_classes: int) -> Network:
    pooled = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten())
    return wrap(pooled, num_classes=num_classes, num_features=3)
"""


@pytest.fixture
def saved(tmp_path):
    """A small network of ours, and its card as a dictionary to edit."""
    torch.manual_seed(0)
    network = models.create("resnet3d10", 2, width=1 / 32)
    card = ModelCard.model_validate(
        {
            "network": {"name": "resnet3d10", "options": {"width": 1 / 32}, "num_frames": 2},
            "classes": ["run", "walk"],
            "data": {},
            "views": {},
            "evaluation": {},
            "method": "supervised",
            "weights_sha256": "",
        }
    )
    folder = tmp_path / "model"
    save_network(folder, network, card)
    return folder


def edit(folder, **changes):
    file = folder / "card.json"
    content = json.loads(file.read_text())
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            content[section][name] = value
        else:
            content[key] = value
    file.write_text(json.dumps(content))


def replace_weights(folder, change):
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    change(weights)
    content = safetensors.torch.save(weights)
    (folder / "model.safetensors").write_bytes(content)
    edit(folder, weights_sha256=hashlib.sha256(content).hexdigest())


def test_load__imports_no_module_that_a_card_names(saved, tmp_path, monkeypatch):
    mark = tmp_path / "was_imported"
    (tmp_path / "of_somebody.py").write_text(CODE.format(mark=str(mark)))
    monkeypatch.syspath_prepend(tmp_path)
    edit(saved, network__name="of_somebody:net", network__options={})
    with pytest.raises(CheckpointError, match=r"card.json names code of the module 'of_somebody'"):
        semivideo.load(saved)
    assert not mark.exists()
    assert "of_somebody" not in sys.modules
    with pytest.raises(CheckpointError, match="does not fit of_somebody:net with 2 classes"):
        semivideo.load(saved, allow=["of_somebody"])
    assert mark.exists()
    with pytest.raises(CheckpointError, match="names code of the module 'of_somebody'"):
        semivideo.load(saved)  # also when it is there already
    monkeypatch.delitem(sys.modules, "of_somebody")


@pytest.mark.parametrize("name", ["antigravity:Network", "idlelib.idle:x", "this:d"])
def test_load__is_not_led_to_modules_that_do_something(saved, name):
    edit(saved, network__name=name)
    with pytest.raises(CheckpointError, match="names code of the module"):
        semivideo.load(saved)
    assert name.partition(":")[0] not in sys.modules


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"network__options": {"width": 1e6}}, "that cannot be built|asks for a network of"),
        ({"network__options": {"width": 4.0}}, "asks for a network of .* numbers, and model.safe"),
        ({"network__num_frames": 10**9}, "num_frames = 1000000000 is not allowed: input should be"),
        ({"views__crop_size": 10**9}, "crop_size = 1000000000 is not allowed"),
        ({"views__std": [1e-30] * 3}, "std.0 = 1e-30 is not allowed"),
        ({"format": 2}, "format = 2 is not allowed"),
        ({"data__workers": -1}, "workers = -1 is not allowed"),
    ],
)
def test_load__settings_of_a_card_have_bounds(saved, changes, sentence):
    edit(saved, **changes)
    with pytest.raises(CheckpointError, match=sentence):
        load_network(saved)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"num_hidden_layers": 10**8},
            "num_hidden_layers = 100000000, which must be from 1 to 256",
        ),
        ({"image_size": 4096}, "its frames and pixels make .* numbers of positions, and at most"),
        ({"num_attention_heads": 0}, "num_attention_heads = 0, which must be from 1 to 1024"),
    ],
)
def test_load__configurations_of_a_card_have_bounds(saved, config, sentence):
    pytest.importorskip("transformers", reason="needs the extra hf")
    options = {"model": "videomae", "config": config}
    edit(saved, network__name="huggingface", network__options=options)
    with pytest.raises(
        CheckpointError, match=rf"config of videomae .*{sentence}.*restore the card"
    ):
        load_network(saved)


def test_load__refuses_numbers_that_are_none(saved):
    weights = safetensors.torch.load_file(saved / "model.safetensors")
    name = next(key for key, tensor in weights.items() if tensor.ndim == 5)
    buffer = next(key for key in weights if key.endswith("running_var"))
    replace_weights(saved, lambda w: w.update({buffer: w[buffer].fill_(float("nan"))}))
    with pytest.raises(CheckpointError, match=rf"numbers in {buffer} that are not finite; take"):
        load_network(saved)
    replace_weights(saved, lambda w: w.update({buffer: torch.ones_like(w[buffer])}))
    replace_weights(saved, lambda w: w.update({name: w[name].to(torch.int8)}))
    with pytest.raises(CheckpointError, match=rf"holds {name} as torch.int8, and torch.float32 is"):
        load_network(saved)


def test_load__opens_no_pipe_and_no_device(saved):
    (saved / "model.safetensors").unlink()
    (saved / "model.safetensors").symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match="it is a device and no regular file; name a file"):
        load_network(saved)


def test_create__is_the_callers_own_word(tmp_path, monkeypatch):
    (tmp_path / "own_word.py").write_text(CODE.format(mark=str(tmp_path / "mark")))
    monkeypatch.syspath_prepend(tmp_path)
    assert models.create("own_word:net", 4).num_classes == 4
    with allowing([]):
        assert models.create("own_word:net", 5).num_classes == 5
    monkeypatch.delitem(sys.modules, "own_word")
