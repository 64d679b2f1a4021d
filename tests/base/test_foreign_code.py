"""Names in files import nothing that the user has not allowed."""

import sys
from pathlib import Path

import pytest

from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.base.foreign_code import allowing, imported, modules_of, refuse_foreign

CARD = Path("card.json")


def test_refuse_foreign__names_file_module_and_option():
    refuse_foreign(
        {"name": "resnet3d10", "time": "12:30", "options": {"a": ["b c:d", 1]}}, file=CARD
    )
    with pytest.raises(
        CheckpointError, match=r"^card.json names code of the module 'evil'.*low=\["
    ):
        refuse_foreign({"networks": [{"name": "evil:Net"}]}, file=CARD)


def test_allowing__holds_inside_the_block_and_for_sub_modules():
    with allowing(["mine"]), allowing("other"):
        refuse_foreign(["mine.networks:Net", "other:f"], file=CARD)
        with pytest.raises(CheckpointError, match="'mine2'"):
            refuse_foreign("mine2:Net", file=CARD)
    with pytest.raises(CheckpointError, match="'mine'"):
        refuse_foreign("mine:Net", file=CARD)
    with pytest.raises(ConfigError, match="'a b' is no name of a module; write one such as my_mod"):
        with allowing(["a b"]):
            pass


def test_modules_of__finds_names_anywhere():
    assert modules_of({"a": ["x.y:Z", {"b": "m:n"}], "c": 3, "d": "no:code here"}) == {"x.y", "m"}


def test_imported__ends_in_one_error_whatever_a_module_does(tmp_path, monkeypatch):
    (tmp_path / "a_script.py").write_text("raise SystemExit(7)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"importing a_script ends the program \(7\)"):
        imported("a_script:main")
    for name in ("../a_script:main", "a script:x", "a_script:", "json:no_such"):
        with pytest.raises(ImportError):
            imported(name)
    assert imported("json.decoder:JSONDecoder.decode") is sys.modules["json"].JSONDecoder.decode
