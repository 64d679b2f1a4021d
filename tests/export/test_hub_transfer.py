"""Models to a hub and back, the hub being a stand-in on loopback."""

import ast
import json
import sys
from pathlib import Path

import pytest

import semivideo
from semivideo.base.errors import CheckpointError, ConfigError, JobError, MissingExtraError
from semivideo.export.exporting import export
from semivideo.export.hub_transfer import pull, push
from tests.export.stand_in_hub import Hub

pytest.importorskip("huggingface_hub", reason="needs the extra hub")


@pytest.fixture
def hub(monkeypatch):
    made = Hub()
    monkeypatch.setenv("HF_ENDPOINT", made.address)
    monkeypatch.setenv("HF_TOKEN", "hf_stand_in")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    yield made
    made.close()


@pytest.fixture(scope="module")
def folder(pixel_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("hub") / "model"
    return export(pixel_run, out=out, format="hub-folder", count=1).path


def test_push__then_pull_gives_the_network_and_its_revision(hub, pixel_run, tmp_path):
    pushed = push(pixel_run, "anna/actions")
    assert pushed.is_private
    assert hub.repos["anna/actions"]["private"]
    tokens = {token for _, path, token in hub.asked if "/api/repos" in path or "commit" in path}
    assert tokens == {"Bearer hf_stand_in"}
    pulled = pull("anna/actions", out=tmp_path / "m", revision=pushed.revision)
    assert pulled.revision == pushed.revision == hub.revision("anna/actions")
    video = semivideo.api.as_manifest(pixel_run.folder.manifest_file).absolute(0)
    assert semivideo.predict(pulled.path, [video]) == semivideo.predict(pixel_run, [video])


def test_pull__takes_no_code_and_nothing_that_it_does_not_know(hub, folder, tmp_path):
    push(folder, "anna/actions")
    hub.repos["anna/actions"]["files"] |= {
        "evil.py": b"raise SystemExit",
        "pytorch_model.bin": b"\x80\x04",
        "sub/card.json": b"{}",
    }
    assert "preprocess.py" in hub.repos["anna/actions"]["files"]
    found = pull("anna/actions", out=tmp_path / "m").path
    assert sorted(each.name for each in found.iterdir()) == [
        *("README.md", "card.json", "model.safetensors", "parity.json", "preprocessing.json")
    ]


def test_pull__checks_what_it_got_and_leaves_nothing_of_what_is_broken(hub, folder, tmp_path):
    push(folder, "anna/actions")
    files = hub.repos["anna/actions"]["files"]
    whole = files["model.safetensors"]
    files["model.safetensors"] = whole[:100]
    with pytest.raises(CheckpointError, match=r"does not belong to card\.json"):
        pull("anna/actions", out=tmp_path / "m")
    card = json.loads(files["card.json"])
    card["network"]["name"] = "os:system"
    files |= {"model.safetensors": whole, "card.json": json.dumps(card).encode()}
    with pytest.raises(CheckpointError, match="os"):
        pull("anna/actions", out=tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_pull__of_something_else_says_what_is_missing(hub, tmp_path):
    hub.repos["anna/text"] = {"private": False, "files": {"config.json": b"{}"}}
    with pytest.raises(CheckpointError, match=r"there is no card\.json and no model\.saf"):
        pull("anna/text", out=tmp_path / "m")


def test_push__never_makes_public_what_nobody_asked_for(hub, folder):
    hub.repos["anna/actions"] = {"private": False, "files": {}}
    with pytest.raises(
        ConfigError, match="is public on the hub; pass public=True if everybody may"
    ):
        push(folder, "anna/actions")
    assert not hub.repos["anna/actions"]["files"]
    assert not push(folder, "anna/actions", public=True).is_private


def test_transfer__refuses_in_sentences(hub, folder, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="'a b' is no name of the hub; write OWNER/NAME"):
        push(folder, "a b")
    with pytest.raises(JobError, match="the hub shows no anna/none, or no such revision"):
        pull("anna/none", out=tmp_path / "m")
    with pytest.raises(ConfigError, match="is there already; name a new folder"):
        pull("anna/none", out=tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(JobError, match=r"the hub did not do it for anna/none .*check the network"):
        pull("anna/none", out=tmp_path / "m")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(ConfigError, match="nobody is logged in to the hub here; type `hf auth"):
        push(folder, "anna/actions")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'semivideo\[hub\]'"):
        pull("anna/none", out=tmp_path / "m")


def test_hub__is_imported_by_functions_alone():
    """Neither the package nor a command that was not asked for it looks for a hub."""
    found = [
        node
        for path in Path(semivideo.__file__).parent.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom) and "huggingface_hub" in ast.unparse(node)
    ]
    assert found == []
