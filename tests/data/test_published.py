"""Published lists become splits; those that leak say so."""

from pathlib import Path

import pytest

from semivideo.data.lists import read_list
from semivideo.data.published import listed_split
from semivideo.data.sources import group_of_name
from semivideo.errors import SplitError

LISTS = Path(__file__).parents[2].parent / "shared" / "splits" / "hmdb51"


def listed(tmp_path, **texts: str):
    files = {}
    for role, text in texts.items():
        files[role] = tmp_path / f"{role}.txt"
        files[role].write_text(text)
    return files


def test_listed_split__roles_come_from_the_lists(make_manifest, tmp_path):
    rows = [(f"{c}/{i}.avi", c, f"{c}{i}") for c in "ab" for i in range(4)]
    unused = ("a/9.avi", "a", "a9", "unused")
    manifest = make_manifest([*rows, unused])
    files = listed(tmp_path, labeled="a/0 10 0\nb/1 12 1", test="a/3.avi\nb/3.avi")
    split = listed_split(manifest, **files)
    assert (split.name, split.labeled, split.test) == (
        "labeled",
        ("a/0.avi", "b/1.avi"),
        ("a/3.avi", "b/3.avi"),
    )
    assert split.unlabeled == ("a/1.avi", "a/2.avi", "b/0.avi", "b/2.avi")
    files |= listed(tmp_path, unlabeled="a/0 10 0\na/1 9 0")
    assert listed_split(manifest, **files).unlabeled == ("a/1.avi",)


def test_listed_split__missing_videos(make_manifest, tmp_path):
    manifest = make_manifest([("a/0.avi", "a"), ("b/0.avi", "b")])
    files = listed(tmp_path, labeled="a/0.avi\na/1.avi", test="b/0.avi")
    with pytest.raises(
        SplitError, match=r"names 1 of 2 videos that the manifest lacks, first 'a/1"
    ):
        listed_split(manifest, **files)
    assert listed_split(manifest, allow_missing=True, **files).labeled == ("a/0.avi",)


@pytest.mark.skipif(not LISTS.is_dir(), reason="needs the lists in ../shared/splits")
def test_listed_split__hmdb_lists_leak_and_say_so(make_manifest):
    files = sorted((LISTS / "official").glob("*_test_split1.txt"))
    entries = [entry for file in files for entry in read_list(file)]
    manifest = make_manifest((e.name, e.label, group_of_name(e.name)) for e in entries)
    roles = {
        "labeled": LISTS / "videossl/hmdb51_train_40_percent_labeled_split_1_rawframes.txt",
        "unlabeled": LISTS / "videossl/hmdb51_train_100_percent_labeled_split_1_rawframes.txt",
        "test": LISTS / "hmdb51_val_split_1_rawframes.txt",
    }
    with pytest.raises(SplitError, match=r"group '.*' \(and \d+ more\) would be in training"):
        listed_split(manifest, **roles)
    split = listed_split(manifest, shares_groups=True, **roles)
    assert (len(split.labeled), len(split.unlabeled), len(split.test)) == (2094, 5236 - 2094, 1530)
