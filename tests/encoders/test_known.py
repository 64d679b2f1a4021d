"""Encoders by name: the table, what the user added, what is in the hub's cache or fetched."""

import importlib
import json
import os

import pytest

from semivideo.base.errors import CheckpointError, ConfigError, DataError, MissingExtraError
from semivideo.encoders import ENCODERS, add_encoder, all_encoders, load_encoder
from semivideo.encoders.added import added_encoders, forget, list_file, published_in
from semivideo.encoders.families import FAMILIES
from semivideo.encoders.hub_networks import MODEL_TYPES, PICTURES, REPOS, VIDEOS
from semivideo.encoders.timing import known_times, times_file
from tests.encoders.tiny_folders import write_folder

hub = pytest.importorskip("huggingface_hub", reason="needs the extra hf")
pytest.importorskip("transformers", reason="needs the extra hf")


def in_hub_cache(home, repo, model_type="clip"):
    """Lay a folder where the hub keeps the newest revision of a network."""
    place = home / "hub" / f"models--{repo.replace('/', '--')}"
    write_folder(place / "snapshots" / ("a" * 40), model_type)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("a" * 40)


def test_table__says_what_belongs_beside_every_number():
    own = {"efficientnet_lite0", "local_motion"}
    assert ENCODERS.keys() == own | PICTURES.keys() | VIDEOS.keys()
    assert REPOS.keys() == PICTURES.keys() | VIDEOS.keys()
    for name, entry in ENCODERS.items():
        told = (entry.pretrained_on, entry.licence, entry.how_to_get, entry.input)
        counted = entry.is_learned or (entry.million_weights and entry.gmac)
        assert all(told), name
        assert counted, name
        assert (entry.league == "video weights") == (name in VIDEOS)
    assert {family.is_video for family in FAMILIES.values()} == {True, False}


def test_add__remembers_a_folder_until_it_is_removed(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    made = add_encoder("mine", folder=folder, pretrained_on="cats", licence="none of yours")
    found = load_encoder("mine")
    assert found.origin == made.origin
    assert (found.origin.pretrained_on, found.origin.licence) == ("cats", "none of yours")
    assert (found.origin.league, found.name, found.dim) == ("image weights", "mine", 32)
    assert all_encoders()["mine"].is_here
    forget("mine")
    assert "mine" not in all_encoders()
    assert folder.is_dir()


def test_add__takes_licence_and_data_from_the_readme(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    header = "---\nlicense: cc-by-4.0\ndatasets:\n- imagenet-1k\n- kinetics\n---\n# A network\n"
    (folder / "README.md").write_text(header)
    origin = add_encoder("mine", folder=folder, league="video weights").origin
    assert (origin.licence, origin.pretrained_on) == ("cc-by-4.0", "imagenet-1k, kinetics")
    assert origin.league == all_encoders()["mine"].league == "video weights"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("license: 2024-99-99", {"licence": "2024-99-99"}),
        ("datasets: &a [x]\nmore: *a", {}),
        (f"license: {'[' * 5000}", {}),
        (f"license: {'9' * 5000}", {}),
        ("license: mit\nother: " + "x" * (1 << 16), {}),
        (
            'license: "a\\u001b[31mb\\nc\\u202ed\\0"\ndatasets: ["  ", "\\t", x]',
            {"licence": "a [31mb c d", "pretrained_on": ", , x"},
        ),
        (f"license: {'x' * 300}", {"licence": "x" * 200 + "..."}),
        ('license: "\\u001b"', {}),
    ],
)
def test_published__is_a_line_each_or_nothing(tmp_path, header, found):
    (tmp_path / "README.md").write_text(f"---\n{header}\n---\n# A network\n")
    assert published_in(tmp_path) == found


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_published__and_the_list_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "README.md")
    assert published_in(tmp_path) == {}
    for file in (list_file(), times_file()):
        file.parent.mkdir(parents=True)
        os.mkfifo(file)
    assert known_times() == {}
    with pytest.raises(
        DataError, match=r"cannot read .*: it is a named pipe and no regular file; "
    ):
        added_encoders()


def test_added__shows_lines_of_an_edited_list():
    told = {"folder": "a", "licence": "a\x1b[31m\nb"}
    list_file().parent.mkdir(parents=True)
    list_file().write_text(json.dumps({"format": 1, "encoders": {"mine": told}}))
    assert added_encoders()["mine"].licence == "a [31m b"


def test_add__a_copy_of_a_known_network_keeps_what_is_published(tmp_path):
    origin = add_encoder("clip_b32", folder=write_folder(tmp_path / "folder", "clip")).origin
    assert (origin.licence, origin.league) == ("MIT", "image weights")
    assert load_encoder("clip_b32").origin == origin


def test_add__refuses_a_known_name_for_another_family(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    sentence = "is of model_type 'dinov2', and clip_b32 is the name of a clip network; take another"
    with pytest.raises(ConfigError, match=sentence):
        add_encoder("clip_b32", folder=folder)
    assert {name.partition("_")[0] for name in REPOS} == MODEL_TYPES.keys()
    assert set(MODEL_TYPES.values()) <= FAMILIES.keys()


def test_add__a_folder_that_cannot_be_used_is_not_remembered(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no preprocessor_config.json"):
        add_encoder("mine", folder=folder)
    assert not added_encoders()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("my net", "cannot be called 'my net'; take letters"),
        ("efficientnet_lite0", "is the encoder of semivideo itself"),
    ],
)
def test_add__refuses_names(tmp_path, name, sentence):
    with pytest.raises(ConfigError, match=sentence):
        add_encoder(name, folder=write_folder(tmp_path / "folder", "dinov2"))


def test_remove__names_what_was_added(tmp_path):
    add_encoder("mine", folder=write_folder(tmp_path / "folder", "dinov2"))
    with pytest.raises(ConfigError, match=r"no encoder 'mne' was added; did you mean 'mine'\?"):
        forget("mne")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", r"cannot read .*encoders.json: .*; correct it, or remove it"),
        (json.dumps({"format": 1, "encoders": {"a": {}}}), "encoders.a.folder is missing"),
        (json.dumps({"format": 2}), "it is not of format 1; correct it"),
    ],
)
def test_added__says_what_is_wrong_with_an_edited_list(content, sentence):
    list_file().parent.mkdir(parents=True)
    list_file().write_text(content)
    with pytest.raises(DataError, match=sentence):
        added_encoders()


def test_load__of_a_folder_that_is_gone_says_what_to_type(tmp_path):
    folder = write_folder(tmp_path / "folder", "dinov2")
    add_encoder("mine", folder=folder)
    folder.rename(tmp_path / "elsewhere")
    assert not all_encoders()["mine"].is_here
    with pytest.raises(MissingExtraError, match=r"is gone; bring it back, or type: semivideo enco"):
        load_encoder("mine")


def test_load__looks_into_the_hubs_cache_and_nowhere_else(home, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(hub, "snapshot_download", forbidden)
    sentence = (
        "the weights of clip_b32 are not here; fetch them with: semivideo encoders add clip_b32 "
        "--download, or name a copy of openai/clip-vit-base-patch32: semivideo encoders add"
    )
    with pytest.raises(MissingExtraError, match=sentence):
        load_encoder("clip_b32")
    in_hub_cache(home, "openai/clip-vit-base-patch32")
    made = load_encoder("clip_b32")
    assert (made.name, made.origin.licence, made.dim) == ("clip_b32", "MIT", 24)


def test_load__of_an_unknown_name_says_what_to_type():
    with pytest.raises(ConfigError, match=r"no encoder 'clipb32'; did you mean 'clip_b32'\?"):
        load_encoder("clipb32")


def test_download__fetches_into_the_cache_and_loads(home, monkeypatch):
    asked = []

    def stand_in(repo, *, allow_patterns):
        asked.append((repo, allow_patterns))
        in_hub_cache(home, repo)
        return str(next((home / "hub").glob("*/snapshots/*")))

    monkeypatch.setattr(hub, "snapshot_download", stand_in)
    assert add_encoder("clip_b16").name == "clip_b16"
    [(repo, patterns)] = asked
    assert repo == "openai/clip-vit-base-patch16"
    assert "model*.safetensors" in patterns
    assert not any(pattern.endswith(".py") or "bin" in pattern for pattern in patterns)
    assert load_encoder("clip_b16").dim == 24
    assert not added_encoders()


def test_download__without_a_network_is_one_sentence(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("Name or service not known\nand more")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    sentence = (
        r"cannot fetch openai/clip-vit-base-patch16 \(Name or service not known\); run the command "
        "again where there is a network, or copy the folder here and type: semivideo encoders add "
        "clip_b16 --from FOLDER"
    )
    with pytest.raises(MissingExtraError, match=sentence):
        add_encoder("clip_b16")


def test_download__offline_is_one_sentence(monkeypatch):
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(MissingExtraError, match=r"cannot fetch openai/clip-vit-base-patch16 \("):
        add_encoder("clip_b16")


def test_download__of_a_name_that_is_not_on_the_hub():
    with pytest.raises(ConfigError, match=r"'mine' is not on the hub .*name a folder that you"):
        add_encoder("mine")
