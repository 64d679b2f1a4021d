"""``semivideo encoders``: the table, what it says where something is not here, adding, removing."""

import importlib

import pytest
import torch

from semivideo.cli import encoders as module
from tests.encoders.foreign_networks import TorchvisionS3D
from tests.encoders.tiny_folders import write_folder

pytest.importorskip("transformers", reason="needs the extra hf")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Settings and caches that are not the user's."""
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def mine(tmp_path):
    return write_folder(tmp_path / "mine", "clip")


def row_of(table, name):
    [row] = [line for line in table.splitlines() if line.startswith(f"│ {name} ")]
    return [cell.strip() for cell in row.split("│")[1:-1]]


def test_encoders__adds_lists_measures_and_removes(run, mine):
    added = run("encoders", "add", "mine", "--from", mine, "--licence", "MIT")
    assert added.code == 0
    assert "mine: any number of frames, 40 pixels, bicubic, centre 32, 24 numbers" in added.out
    assert "pretrained on: not told; licence: MIT" in added.out
    assert "say what is known with --pretrained-on and --licence" in added.err
    assert "next: semivideo features VIDEOS --encoder mine" in added.err
    not_measured = run("encoders", "--no-measure")
    assert row_of(not_measured.out, "mine")[6] == "-"
    cells = row_of(run("encoders").out, "mine")
    assert cells[1] == "clip, a folder of yours"
    assert cells[4] == "8 x 32"
    assert float(cells[6]) >= 0
    assert cells[7:] == ["not told", "image weights", "MIT", "yes"]
    assert run("encoders", "remove", "mine").code == 0
    assert "│ mine " not in run("encoders", "--no-measure").out


def test_encoders__says_what_to_type_for_what_is_not_here(run):
    result = run("encoders", "--no-measure")
    assert result.code == 0
    assert row_of(result.out, "vjepa2_l")[-1] == "no"
    assert "what is not here: semivideo encoders add NAME --download fetches it" in result.err
    assert "licences are as published; results of different leagues are never ranked" in result.err


def test_encoders__on_a_narrow_terminal_lose_no_word(run, monkeypatch):
    monkeypatch.setattr(module, "_is_narrow", lambda: True)
    lines = run("encoders", "--no-measure").out.splitlines()
    start = lines.index("vjepa2_l")
    assert lines[start + 1] == "  what it is: V-JEPA 2 ViT-L"
    assert "  licence: MIT" in lines[start:]
    assert "  pretrained on: VideoMix22M: SSv2, Kinetics, HowTo100M, YT-1B, ImageNet" in lines


def test_encoders__warns_of_one_that_cannot_be_used(run, mine):
    run("encoders", "add", "mine", "--from", mine)
    (mine / "preprocessor_config.json").unlink()
    result = run("encoders")
    assert result.code == 0
    assert "mine cannot be used: " in result.err
    assert "has no preprocessor_config.json" in result.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["mine"], "name either a folder that you have with --from FOLDER, or --download"),
        (["mine", "--from", "nowhere"], "nowhere is no folder here; give one with config.json"),
        (["mine", "--download"], "'mine' is not on the hub"),
    ],
)
def test_add__without_a_usable_place_is_one_sentence(run, arguments, sentence):
    result = run("encoders", "add", *arguments)
    assert result.code == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1


def test_features__of_an_encoder_that_is_not_here_say_what_to_type(run, tmp_path):
    result = run("features", tmp_path, "--out", tmp_path / "f", "--encoder", "vjepa2_l")
    assert result.code == 1
    assert "fetch them with: semivideo encoders add vjepa2_l --download" in result.err
    assert result.err.count("\n") == 1


def test_convert__shows_every_name_and_writes_what_training_begins_with(run, tmp_path):
    torch.save(TorchvisionS3D(5).state_dict() | {"more": torch.zeros(1)}, tmp_path / "s3d.pth")
    arguments = ("--to", "s3d", "--out", tmp_path / "o.safetensors", "--pretrained-on", "Kinetics")
    result = run("encoders", "convert", tmp_path / "s3d.pth", *arguments)
    assert result.code == 0
    assert row_of(result.out, "more") == ["more", "", "unused", ""]
    assert "is torchvision s3d: 387 renamed, 1 unused" in result.out
    assert "--set networks.primary.name=s3d --set networks.primary.weights=" in result.err
    every = run("encoders", "convert", tmp_path / "s3d.pth", *arguments, "--keys")
    assert every.out.count("│ renamed") == 387
    over = run(
        *("encoders", "convert", tmp_path / "s3d.pth"), *arguments, "--out", tmp_path / "s3d.pth"
    )
    assert "s3d.pth is read by this command; choose another --out" in over.err
    wrong = run("encoders", "convert", tmp_path / "s3d.pth", "--to", "r3d18", *arguments[2:])
    assert wrong.code == 2
    assert "holds no r3d18 as torchvision r3d_18 writes it" in wrong.err
    assert wrong.err.count("\n") == 1
