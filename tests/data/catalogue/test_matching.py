"""Two spellings of one path meet; two paths never do."""

import unicodedata

import pytest

from semivideo.data.catalogue.matching import Disk, form, match
from semivideo.events.label_row import LabelRow

COMPOSED = "Ta\u00ef.mp4"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize(
    "name", ["Sub/A.mp4", "sub\\a.mp4", "./Sub//a.MP4", ".\\SUB\\A.MP4", "SUB/a.mp4"]
)
def test_match__capitals_and_slashes_are_form(name):
    assert match([LabelRow(name, is_exact=True)], ["Sub/a.mp4"]) == ["Sub/a.mp4"]


def test_match__accents_in_one_piece_or_two():
    assert COMPOSED != DECOMPOSED
    assert match([LabelRow(COMPOSED, is_exact=True)], [DECOMPOSED]) == [DECOMPOSED]
    assert match([LabelRow(f"x/{DECOMPOSED}")], [COMPOSED]) == [COMPOSED]
    assert form(COMPOSED.upper()) == form(DECOMPOSED)


def test_match__the_exact_spelling_comes_first_and_two_forms_are_none():
    entries = [LabelRow(name, is_exact=True) for name in ("a.mp4", "A.mp4", "A.MP4")]
    assert match(entries, ["A.mp4", "a.mp4"]) == ["a.mp4", "A.mp4", None]


def test_match__a_user_s_path_is_no_other_file():
    assert match([LabelRow("a.mp4", is_exact=True)], ["sub/a.mp4"]) == [None]


@pytest.fixture
def disk(tmp_path):
    root = tmp_path / "DATA"
    for name in ("sub/a.mp4", f"sub/{DECOMPOSED}", "v1/000001.jpg", "v1/000002.jpg", "empty/x.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return Disk(root)


@pytest.mark.parametrize(
    "name",
    [
        "C:\\Users\\me\\sub\\a.mp4",
        "/home/other/sub/a.mp4",
        "/sub/a.mp4",
        "DATA/sub/A.mp4",
        "data\\Sub\\a.mp4",
        "x/../sub/a.mp4",
        "..\\DATA\\sub\\a.mp4",
    ],
)
def test_disk__paths_of_other_places(disk, name):
    (disk.root / "x").mkdir()
    assert disk.find(name) == "sub/a.mp4"


@pytest.mark.parametrize(
    "name", ["a.mp4", "other/a.mp4", "sub/b.mp4", "sub", "empty", "other/sub/a.mp4"]
)
def test_disk__what_is_not_there(disk, name):
    assert disk.find(name) is None


def test_disk__folders_of_frames_and_accents(disk):
    assert disk.find("V1/") == "v1"
    assert disk.find(f"sub\\{COMPOSED}") == f"sub/{DECOMPOSED}"
    assert disk.find(str(disk.root / "sub/a.mp4")) == "sub/a.mp4"
