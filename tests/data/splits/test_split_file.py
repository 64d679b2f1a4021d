"""A split file gives back the split, is never overwritten, and is refused when edited."""

import hashlib
import json
import re

import pytest

from semivideo.base.errors import SplitError
from semivideo.data.splits.split_file import Split, check_split


def split_of(labeled=("a", "b"), unlabeled=("u \xfc",), test=("t",), **more) -> Split:
    return Split("five", 0, tuple(labeled), tuple(unlabeled), tuple(test), **more)


def test_split__hash_is_of_the_sorted_lists():
    text = '{"labeled":["a","b"],"test":["t"],"unlabeled":["u \\u00fc"]}'
    split = split_of(labeled=("b", "a"))
    assert split.hash == hashlib.sha256(text.encode()).hexdigest()
    assert split.short_hash == split.hash[:12]
    assert split_of(test=()).hash != split.hash


def test_split__videos_are_in_one_list_once():
    with pytest.raises(SplitError, match="video 'a' would be in labeled and test at once in"):
        split_of(test=("t", "a"))
    with pytest.raises(SplitError, match="split 'five' names a video twice in labeled; remove one"):
        split_of(labeled=("a", "a"))
    with pytest.raises(SplitError, match="split 'five' has no labelled video; label some"):
        split_of(labeled=())


def test_split__file_gives_it_back(tmp_path):
    split = split_of(shares_groups=True)
    split.write(tmp_path / "new" / "five.json")
    assert Split.read(tmp_path / "new" / "five.json") == split


def test_split__file_has_one_id_a_line(tmp_path):
    split = split_of(labeled=('"', "b, c"), test=())
    split.write(tmp_path / "five.json")
    text = (tmp_path / "five.json").read_text(encoding="ascii")
    assert text == json.dumps(json.loads(text), indent=1) + "\n"
    assert ' "labeled": [\n  "\\"",\n  "b, c"\n ],\n' in text


def test_split__file_is_never_overwritten(tmp_path):
    file = tmp_path / "five.json"
    old, new = split_of(), split_of(test=("other",))
    old.write(file)
    before = file.read_bytes(), file.stat().st_mtime_ns
    old.write(file)
    sentence = f"exists with another hash ({old.short_hash} != {new.short_hash}); choose another"
    with pytest.raises(SplitError, match=re.escape(sentence)):
        new.write(file)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    (tmp_path / "notes.json").write_text("mine")
    with pytest.raises(SplitError, match=r"notes.json exists and is not a split; choose another"):
        new.write(tmp_path / "notes.json")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda c: c["test"].append("x"),
            r"five.json was edited: its videos have the hash \w{12}, th",
        ),
        (lambda c: c.pop("seed"), r"five.json lacks seed; draw the split again under another name"),
        (
            lambda c: c.update(format=2),
            r"five.json is not a split of this version of semivideo; dra",
        ),
        (lambda c: c.update(test="x"), r"test in .*five.json is not a list of video ids; draw the"),
        (lambda c: c.update(seed="x"), r"seed in .*five.json is 'x', not a whole number; draw the"),
    ],
)
def test_split__edited_files_are_refused(tmp_path, change, sentence):
    file = tmp_path / "five.json"
    split_of().write(file)
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(SplitError, match=sentence):
        Split.read(file)


def test_split__files_that_are_none(tmp_path):
    with pytest.raises(SplitError, match=r"there is no split .*; make it with: semivideo spl"):
        Split.read(tmp_path / "none.json")
    (tmp_path / "cut.json").write_text('{"format": 1,')
    with pytest.raises(SplitError, match=r"cut.json is not a split, for it is not JSON \(Exp"):
        Split.read(tmp_path / "cut.json")
    (tmp_path / "settings.yaml").touch()
    with pytest.raises(SplitError, match=r"it belongs to the run .*: restore it from a copy of th"):
        Split.read(tmp_path / "cut.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(SplitError, match=r"list.json is not a split of this version"):
        Split.read(tmp_path / "list.json")


def test_check_split__against_other_videos(make_manifest):
    manifest = make_manifest(
        [("a", "x", "g1"), ("b", "y", "g2"), ("t", "x", "g1"), ("u", None, "g3")]
    )
    with pytest.raises(SplitError, match="'five' names 1 video that the manifest lacks, first"):
        check_split(split_of(unlabeled=("gone",), test=()), manifest)
    with pytest.raises(SplitError, match="group 'g1' would be in training and testing at once"):
        check_split(split_of(unlabeled=()), manifest)
    check_split(split_of(unlabeled=(), shares_groups=True), manifest)
    with pytest.raises(SplitError, match="'five' needs the class of 'u', which has no label in"):
        check_split(split_of(unlabeled=(), test=("u",)), manifest)
