"""Saving and loading networks: exact, atomic, and never running code from a file."""

import errno
import hashlib
import json
import os
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch

from semivideo.base.errors import CheckpointError, WriteError
from semivideo.models import ResNet3D, create
from semivideo.models.weights import load_network, load_pretrained, save_network
from semivideo.settings import (
    DataSettings,
    EvaluationSettings,
    ModelCard,
    NetworkSettings,
    ViewSettings,
)

OPTIONS = {"width": 1 / 32, "norm": "batch"}
CLASSES = ["jump", "run", "walk"]


@pytest.fixture
def card():
    return ModelCard(
        network=NetworkSettings(name="resnet3d10", options=OPTIONS),
        classes=CLASSES,
        data=DataSettings(),
        views=ViewSettings(),
        evaluation=EvaluationSettings(),
        method="cmpl",
        weights_sha256="",
    )


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = create("resnet3d10", 3, **OPTIONS)
    network(torch.randn(2, 3, 2, 16, 16))  # running statistics that are not the initial ones
    return network


@pytest.fixture
def saved(tmp_path, network, card):
    save_network(tmp_path / "model", network, card)
    return tmp_path / "model"


class Trap:
    """Makes a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def edit(folder: Path, change) -> None:
    mapping = json.loads((folder / "card.json").read_text())
    change(mapping)
    (folder / "card.json").write_text(json.dumps(mapping))


def replace_weights(folder: Path, weights) -> None:
    """Put other weights there, with a card that agrees on the digest."""
    content = safetensors.torch.save(weights)
    (folder / "model.safetensors").write_bytes(content)
    edit(folder, lambda c: c.update(weights_sha256=hashlib.sha256(content).hexdigest()))


def test_save_load__gives_the_same_logits_and_card(saved, network, card):
    loaded, loaded_card = load_network(saved)
    clip = torch.randn(1, 3, 2, 16, 16)
    assert torch.equal(loaded(clip), network.eval()(clip))
    digest = hashlib.sha256((saved / "model.safetensors").read_bytes()).hexdigest()
    assert loaded_card == card.model_copy(update={"weights_sha256": digest})
    assert not loaded.training


def test_save__keeps_the_values_of_channels_last_and_tied_weights(tmp_path, network, card):
    network = network.to(memory_format=torch.channels_last_3d)
    network.res2[0].branch[2].norm.weight = network.res2[0].branch[0].norm.weight
    save_network(tmp_path, network, card)
    loaded, _ = load_network(tmp_path)
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_save__leaves_no_temporary_files_and_replaces(saved, network, card):
    with torch.no_grad():
        network.classifier.bias += 1
    save_network(saved, network, card)
    assert sorted(p.name for p in saved.iterdir()) == ["card.json", "model.safetensors"]
    assert torch.equal(load_network(saved)[0].classifier.bias, network.classifier.bias)


@pytest.mark.parametrize("full_at", ["model.safetensors", "card.json"])
def test_save__full_disk_keeps_the_old_pair(saved, network, card, monkeypatch, full_at):
    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    write = Path.write_bytes

    def write_until_full(path, content):
        if full_at in path.name:
            write(path, content[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_until_full)
    with torch.no_grad():
        network.classifier.bias += 1
    with pytest.raises(WriteError, match=r"disk is full while writing .*what was there") as caught:
        save_network(saved, network, card)
    assert caught.value.exit_code == 1
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before


def test_load__missing_folder_or_file(tmp_path, saved):
    with pytest.raises(
        CheckpointError, match=r"model folder .*nothing does not exist; give the folder"
    ):
        load_network(tmp_path / "nothing")
    with pytest.raises(
        CheckpointError, match=r"model folder .*card.json is a file; give the folder"
    ):
        load_network(saved / "card.json")
    (saved / "model.safetensors").rename(saved / "model.bak")
    with pytest.raises(
        CheckpointError, match=r"there is no .*model.safetensors; the folder was not"
    ):
        load_network(saved)
    (saved / "card.json").unlink()
    with pytest.raises(
        CheckpointError, match=r"there is no .*card.json; the folder was not copied"
    ):
        load_network(saved)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda c: c.update(clases=[]),
            r"no key 'clases'; did you mean 'classes'\? .*restore the card",
        ),
        (
            lambda c: c["views"].update(flipp=1),
            r"\[views\] has no key 'flipp'; did you mean 'flip'\?",
        ),
        (lambda c: c["views"].update(crop_size="big"), r"views.crop_size = 'big' is not allowed"),
        (lambda c: c.pop("classes"), r"card.json has no key 'classes'; restore the card"),
        (
            lambda c: c["network"]["options"].update(widht=1),
            r"resnet3d10 has no option 'widht'; did you mean 'width'\?.*; restore the card",
        ),
        (
            lambda c: c["network"].update(name="resnet3d11"),
            r"no network 'resnet3d11'; did you mean",
        ),
        (
            lambda c: c.update(classes=["jump", "run"]),
            r"does not fit resnet3d10 with 2 classes: other shape classifier.weight \(3, 16\) in "
            r"the file, \(2, 16\) here, classifier.bias \(3,\) in the file, \(2,\) here. Restore",
        ),
        (
            lambda c: c["network"].update(name="slow_r18"),
            r"does not fit slow_r18 .*missing res2.1.branch.0.conv.weight, .* and \d+ more; other",
        ),
        (
            lambda c: c.update(classes=["jump", "run", "jump"]),
            r"card.json: classes has 'jump' 2 times; name each class once; restore the card",
        ),
        (lambda c: c.update(classes=[]), r"card.json: classes = \[\] is not allowed: list should"),
        (
            lambda c: c.update(thresholds=[0.5]),
            r"card.json: thresholds has 1 numbers for 3 classes; give each one; restore the card",
        ),
        (
            lambda c: c.update(weights_sha256="0" * 64),
            r"does not belong to card.json .*says 00000000",
        ),
    ],
)
def test_load__card_edited_by_hand(saved, change, sentence):
    edit(saved, change)
    with pytest.raises(CheckpointError, match=sentence):
        load_network(saved)


def test_load__card_that_is_no_json(saved):
    (saved / "card.json").write_text('{"format": 1,')
    with pytest.raises(CheckpointError, match=r"card.json is not JSON \(.*\); restore it"):
        load_network(saved)


def test_load__weights_of_another_training_or_cut_short(saved):
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(
        CheckpointError, match=r"does not belong to card.json \(sha256 .{8}\.\.\., the card"
    ):
        load_network(saved)


def test_load__unexpected_weights_are_listed(saved, network):
    replace_weights(saved, {**network.state_dict(), "extra": torch.zeros(1)})
    with pytest.raises(
        CheckpointError, match=r"does not fit resnet3d10 .*: unexpected extra\. Restore"
    ):
        load_network(saved)


@pytest.mark.parametrize("is_zip", [True, False])
def test_load__refuses_a_pickle_without_running_it(saved, tmp_path, is_zip):
    trap = {"weight": torch.zeros(2), "trap": Trap(tmp_path / "sprung")}
    path = saved / "model.safetensors"
    torch.save(trap, path, _use_new_zipfile_serialization=is_zip)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit(saved, lambda c: c.update(weights_sha256=digest))
    with pytest.raises(
        CheckpointError, match=r"is a pickle, not safetensors; opening one can run code"
    ):
        load_network(saved)
    assert not (tmp_path / "sprung").exists()


def test_load__says_that_a_pickle_beside_the_card_is_not_opened(saved):
    (saved / "model.safetensors").rename(saved / "model.pt")
    with pytest.raises(
        CheckpointError, match=r"model.pt beside it is a pickle, which can run code"
    ):
        load_network(saved)


def test_load_pretrained__takes_safetensors_whose_header_starts_like_a_pickle(tmp_path):
    # The length of the header comes first; 640 is 0x80 0x02, how pickles of protocol 2 start.
    network = create("resnet3d10", 3, **OPTIONS)
    weights = {"classifier.bias": torch.tensor([1.0, 2.0, 3.0])}
    file = tmp_path / "weights.safetensors"
    for padding in range(700):
        content = safetensors.torch.save(weights, {"note": "x" * padding})
        if content.startswith(b"\x80\x02"):
            break
    file.write_bytes(content)
    assert content.startswith(b"\x80\x02")
    assert load_pretrained(network, file).loaded == ("classifier.bias",)


@pytest.mark.parametrize("kind", ["safetensors", "torch", "wrapped"])
def test_load_pretrained__reports_and_keeps_the_new_classifier(tmp_path, network, kind):
    source = dict(network.state_dict())
    del source["stem.0.norm.bias"]
    source["projector"] = torch.ones(2)
    file = tmp_path / "weights"
    if kind == "safetensors":
        safetensors.torch.save_file(source, file)
    else:
        torch.save(source if kind == "torch" else {"state_dict": source, "epoch": 3}, file)
    target = create("resnet3d10", 7, **OPTIONS)
    initial = target.classifier.weight.clone()
    report = load_pretrained(target, file)
    assert report.missing == ("stem.0.norm.bias",)
    assert report.unexpected == ("projector",)
    assert report.reinitialized == ("classifier.weight", "classifier.bias")
    assert len(report.loaded) == len(network.state_dict()) - 3
    assert torch.equal(target.stem[0].conv.weight, network.stem[0].conv.weight)
    assert torch.equal(target.classifier.weight, initial)


def test_load_pretrained__takes_the_classifier_of_as_many_classes(tmp_path, network):
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    target = create("resnet3d10", 3, **OPTIONS)
    report = load_pretrained(target, tmp_path / "weights.pt")
    assert (report.missing, report.unexpected, report.reinitialized) == ((), (), ())
    assert torch.equal(target.classifier.weight, network.classifier.weight)


def test_load_pretrained__runs_no_code(tmp_path, network):
    torch.save({"weight": torch.zeros(1), "trap": Trap(tmp_path / "sprung")}, tmp_path / "evil.pt")
    with pytest.raises(
        CheckpointError, match=r"evil.pt cannot be read as weights only \(it holds other obj"
    ):
        load_pretrained(network, tmp_path / "evil.pt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"is not a safetensors file"),
        (b"not weights at all", r"is not a safetensors file \(.*\); it may be cut short"),
        (b"PK\x03\x04 cut", r"cannot be read as weights only"),
        (pickle.dumps([1, 2], protocol=2), r"cannot be read as weights only|holds no state"),
        (
            safetensors.torch.save({"a": torch.zeros(1)}),
            r"has no weight of ResNet3D \(it has a\); rename",
        ),
    ],
)
def test_load_pretrained__other_content_is_refused(tmp_path, network, content, sentence):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(CheckpointError, match=sentence):
        load_pretrained(network, tmp_path / "file")


def test_load_pretrained__another_width_is_refused_and_changes_nothing(tmp_path, network):
    wide = ResNet3D(3, depth=10, width=1 / 16)
    torch.save(wide.state_dict(), tmp_path / "wide.pt")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    pattern = (
        r"another network: other shape stem.0.conv.weight \(4, 3, 5, 7, 7\) in the file, \(2, 3"
    )
    with pytest.raises(CheckpointError, match=pattern):
        load_pretrained(network, tmp_path / "wide.pt")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_load_pretrained__missing_file(tmp_path, network):
    with pytest.raises(CheckpointError, match=r"there is no .*nothing.pt"):
        load_pretrained(network, tmp_path / "nothing.pt")
