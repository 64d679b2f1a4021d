"""The inputs of ../shared/cases that are about tables, lists and folders give what they should.

Each case is a folder with a ``make.py`` that makes its files in the working folder.
"""

import runpy
import sys
from collections import Counter
from pathlib import Path

import pytest

from semivideo.data.catalogue.scanning import Hints, scan

CASES = Path(__file__).parents[3].parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="needs the cases in ../shared/cases")


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Make a case and scan its folder; its lists are named by the words that follow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(CASES / "common"), *sys.path])

    def make(case, *lists):
        runpy.run_path(str(CASES / case / "make.py"))
        return scan(Path("DATA"), hints=Hints(lists=tuple(Path("DATA") / name for name in lists)))

    return make


def test_case__layout_train_val_test(made):
    manifest = made("layout_train_val_test")
    assert Counter(manifest.subsets) == {"train": 4, "val": 2, "test": 2}
    assert Counter(manifest.labels) == {"wave": 4, "bowl": 4}


def test_case__list_parent_folder_is_no_class(made):
    manifest = made("list_parent_folder_is_no_class", "train.txt", "val.txt")
    assert Counter(manifest.labels) == {"0": 3, "1": 3}
    assert Counter(manifest.subsets) == {"train": 4, "test": 2}


def test_case__endings_not_looked_at(made):
    manifest = made("endings_not_looked_at")
    assert Counter(manifest.labels) == {"a": 2, "b": 2}
    assert manifest.num_frames.tolist() == [20] * 4
    assert manifest.usable.all()


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("excel_empty_rows", {"a.mp4": "wave", "b.mp4": "bowl"}),
        ("backslashes", {"sub/a.mp4": "wave", "sub/b.mp4": "bowl"}),
        (
            "unlabeled_marked",
            {"a.mp4": "0", "b.mp4": "1", "c.mp4": None, "d.mp4": None, "e.mp4": None},
        ),
    ],
)
def test_case__labels(made, case, expected):
    manifest = made(case)
    assert dict(zip(manifest.ids, manifest.labels, strict=True)) == expected


def test_case__csv_start_end(made):
    manifest = made("csv_start_end")
    assert dict(zip(manifest.ids, manifest.labels, strict=True)) == {
        "a.mp4#0.000-2.000": "wave",
        "a.mp4#2.000-4.000": "bowl",
        "b.mp4#1.000-3.000": "bowl",
    }
