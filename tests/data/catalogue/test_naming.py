"""Folders name the classes where each has an id of its own; otherwise the ids do."""

from pathlib import Path

import pytest

from semivideo.data.catalogue.naming import agree
from semivideo.data.catalogue.sources import find_videos
from semivideo.events.lists import read_list

LISTS = Path(__file__).parents[3].parent / "shared" / "splits"


def labels(root, text, *, unlisted=(), **options):
    """Labels of the videos of a list, and of others, by path."""
    lines = text.splitlines()
    for name in [*(line.split()[0] for line in lines), *unlisted]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root.parent / "list.txt").write_text(text)
    found = find_videos(root, lists=[root.parent / "list.txt"], **options)
    return {entry.video: entry.label for entry in found}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "D"


@pytest.mark.parametrize(
    "lines",
    [
        ["clips/a.mp4 0", "clips/b.mp4 1"],  # one folder, two ids
        ["cam1/a.mp4 0", "cam2/b.mp4 0", "cam1/c.mp4 1", "cam2/d.mp4 1"],
        ["x/a.mp4 0", "y/b.mp4 0"],  # one id, two folders
        ["train/a.mp4 0", "train/b.mp4 0"],  # no name of a class
    ],
)
def test_find_videos__ids_decide(root, lines):
    expected = dict(line.split() for line in lines)
    assert labels(root, "\n".join(lines)) == expected


def test_find_videos__folders_that_ids_overrule_label_nothing(root):
    found = labels(root, "x/a.mp4 0\ny/b.mp4 0", unlisted=["x/c.mp4"])
    assert found == {"x/a.mp4": "0", "x/c.mp4": None, "y/b.mp4": "0"}


def test_find_videos__few_wrong_ids_are_told_and_the_layout_decides(root, caplog):
    lines = [f"{folder}/{n}.mp4 {k}" for k, folder in enumerate("pq") for n in range(20)]
    text = "\n".join(["p/x.mp4 1", *lines])
    assert set(labels(root, text).values()) == {"p", "q"}
    assert caplog.messages == [
        "list.txt: 1 of 41 class ids are not those of their folder; the folder's name is taken "
        "(layout any, --layout any, lets the ids decide)"
    ]
    assert labels(root, text, layout="any")["p/x.mp4"] == "1"
    assert labels(root, "x/a.mp4 0\ny/b.mp4 0", layout="class")["x/a.mp4"] == "x"


def test_find_videos__the_layout_s_class_folder_counts(root):
    text = "tom/wave/a.mp4 0\nanna/wave/b.mp4 0\ntom/bowl/c.mp4 1\nanna/bowl/d.mp4 1"
    assert set(labels(root, text).values()) == {"wave", "bowl"}
    text = "wave/tom/a.mp4 0\nwave/anna/b.mp4 0\nbowl/tom/c.mp4 1\nbowl/anna/d.mp4 1"
    found = labels(root.parent / "E", text, layout="class/group")
    assert set(found.values()) == {"wave", "bowl"}


def test_find_videos__an_id_of_minus_one_is_no_label(root, caplog):
    found = labels(root, "a.mp4 0\nb.mp4 -1\nc.mp4 1")
    assert found == {"a.mp4": "0", "b.mp4": None, "c.mp4": "1"}
    assert caplog.messages == [
        "list.txt: the label '-1' of 1 row(s) is taken as no label; these videos are unlabelled"
    ]


def test_find_videos__classes_of_a_table_are_not_mixed_with_folders(root, caplog):
    (root / "cam1").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4"):
        (root / "cam1" / name).touch()
    (root.parent / "t.csv").write_text("path,label\ncam1/a.mp4,wave\n")
    found = find_videos(root, lists=[root.parent / "t.csv"])
    assert [entry.label for entry in found] == ["wave", None]
    [told] = caplog.messages
    assert told.startswith("the classes of t.csv are not the names of the folders; a video that it")


@pytest.mark.skipif(not LISTS.is_dir(), reason="needs the lists in ../shared/splits")
def test_agree__folders_name_the_classes_in_every_published_list():
    files = [f for f in sorted(LISTS.rglob("*.txt")) if f.stem not in ("class_list", "classInd")]
    checked = 0
    for file in files:
        entries = [e for e in read_list(file) if e.class_id is not None and e.label]
        if entries:
            assert agree([(e.label, str(e.class_id)) for e in entries]), file.name
            checked += 1
    assert checked > 10
