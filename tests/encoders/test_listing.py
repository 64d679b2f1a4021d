"""What is here and how fast it is: measured once for a machine and a file of weights."""

import json

import pytest

from semivideo.encoders import add_encoder, timing
from semivideo.encoders.listing import listed
from tests.encoders.tiny_folders import write_folder

pytest.importorskip("transformers", reason="needs the extra hf")


@pytest.fixture
def mine(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "folder", "vjepa2")
    add_encoder("mine", folder=folder)
    # Only this one, whatever packages are installed.
    monkeypatch.setattr("semivideo.encoders.known.ENCODERS", {})
    return folder


def one(**options):
    [found] = listed(**options)
    return found


def test_listed__measures_once_and_keeps_it(mine):
    assert one(measure=False).measured is None
    calls = []
    first = one(progress=lambda *step: calls.append(step))
    assert calls == [("measure", 0, 1, "mine"), ("measure", 1, 1, "")]
    assert first.measured.seconds > 0
    assert (first.measured.input, first.is_here) == ("16 x 32", True)
    tokens, width, hidden = 2 * 2 * 8, 32, 64
    block = tokens * (4 * width**2 + 2 * width * hidden) + 2 * tokens**2 * width
    patches = tokens * 3 * 2 * 16 * 16 * width
    assert first.measured.gmac == (patches + 2 * block) / 1e9
    assert one().measured == first.measured


def test_listed__measures_again_where_asked_or_where_a_file_has_changed(mine):
    first = one().measured
    assert one(measure=True).measured != first
    (mine / "README.md").write_text("changed")
    assert one(measure=False).measured is None
    assert one().measured.stamp != first.stamp


def test_times__of_another_machine_do_not_count(mine):
    one()
    content = json.loads(timing.times_file().read_bytes())
    timing.times_file().write_text(json.dumps({**content, "machine": "another"}))
    assert timing.known_times() == {}


def test_listed__says_what_cannot_be_used(mine):
    (mine / "video_preprocessor_config.json").unlink()
    found = one()
    assert found.is_here
    assert "has no preprocessor_config.json" in found.fault
