"""Published lists become splits; those that leak say so."""

from dataclasses import replace
from pathlib import Path

import pytest

from semivideo.base.errors import SplitError
from semivideo.data.catalogue.sources import group_of_name
from semivideo.data.splits.published import PROTOCOLS, groups_of, listed_split, published
from semivideo.events.lists import read_list

LISTS = Path(__file__).parents[3].parent / "shared" / "splits"
needs_lists = pytest.mark.skipif(not LISTS.is_dir(), reason="needs the lists in ../shared/splits")

# Labelled, unlabelled (None: the manifest's), test, start of the hash of the lists' names.
COUNTS = {
    "ucf101-balanced-1": (101, 9436, 3783, "7a2e271a1e6a"),
    "ucf101-balanced-10": (1010, 8527, 3783, "46a6120d28e5"),
    "ucf101-videossl-5": (476, 9061, 3783, "d0942cadeccc"),
    "ucf101-videossl-10": (953, 8584, 3783, "18521c5ba004"),
    "ucf101-videossl-20": (1907, 7630, 3783, "a9964020abf9"),
    "ucf101-videossl-50": (4768, 4769, 3783, "62d7d8da42c9"),
    "hmdb51-videossl-40": (2094, 3142, 1530, "1bbdece03dc1"),
    "hmdb51-videossl-50": (2618, 2618, 1530, "bad05829ebf2"),
    "hmdb51-videossl-60": (3141, 2095, 1530, "8dac622d092f"),
    "hmdb51-official": (3570, 0, 1530, "4927a82f3cf4"),
    "hmdb51-leak-free-40": (1428, 2142, 1530, "461bb473a18e"),
    "hmdb51-leak-free-50": (1785, 1785, 1530, "26fe3f14688d"),
    "hmdb51-leak-free-60": (2142, 1428, 1530, "1b03b2db6498"),
    "kinetics400-1": (2400, None, None, "e4bfeb606838"),
    "kinetics400-10": (24000, None, None, "5d2755edd481"),
    "kinetics400-videossl-1": (2400, None, None, "e15cc77dd16a"),
    "kinetics400-videossl-10": (24000, None, None, "7b98631dbf47"),
}


@pytest.fixture
def lists(tmp_path):
    """Two classes in the form of the balanced lists of UCF-101."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "ucf101_1_percent_labeled.txt").write_text("a/a0.avi 0\nb/b1.avi 1\n")
    (folder / "trainlist01.txt").write_text(
        "".join(f"{c}/{c}{i}.avi {n}\n" for n, c in enumerate("ab", 1) for i in range(3))
    )
    (folder / "testlist01.txt").write_text("a/a3.avi\nb/b3.avi\n")
    return folder


def rows(num: int):
    return [(f"{c}/{c}{i}.avi", c, f"{c}{i}") for c in "ab" for i in range(num)]


def test_published__covers_every_protocol():
    assert set(COUNTS) == set(PROTOCOLS)


@needs_lists
@pytest.mark.parametrize("name", PROTOCOLS)
def test_published__counts_and_hashes_of_the_real_lists(name):
    found = published(name, lists=LISTS)
    parts = (found.labeled, found.unlabeled, found.test)
    num = tuple(None if part is None else len(part) for part in parts)
    assert (*num, found.split().short_hash) == COUNTS[name]


@needs_lists
def test_published__draws_other_labels_by_seed_and_never_leaks():
    drawn = [published("hmdb51-leak-free-40", lists=LISTS, seed=seed) for seed in range(3)]
    assert len({each.split().hash for each in drawn}) == 3
    more = published("hmdb51-leak-free-50", lists=LISTS, seed=1)
    assert set(drawn[1].labeled) <= set(more.labeled)
    for each in drawn:
        train = groups_of([*each.labeled, *each.unlabeled])
        assert not set(train) & set(groups_of(each.test))


def test_listed_split__roles_come_from_the_lists(make_manifest, lists):
    unused = ("a/a9.avi", "a", "a9", "unused")
    manifest = make_manifest([*rows(4), unused])
    split = listed_split(manifest, published("ucf101-balanced-1", lists=lists))
    assert (split.name, split.labeled, split.test) == (
        "ucf101-balanced-1",
        ("a/a0.avi", "b/b1.avi"),
        ("a/a3.avi", "b/b3.avi"),
    )
    assert split.unlabeled == ("a/a1.avi", "a/a2.avi", "b/b0.avi", "b/b2.avi")


def test_listed_split__takes_the_manifests_subsets_where_no_list_says(make_manifest, tmp_path):
    (tmp_path / "balanced_1_percent_labeled.txt").write_text("x0.mp4 5\ny0.mp4 3\n")
    subset = {0: "train", 1: "train", 2: "val"}
    videos = [(f"{c}/{c}{i}.mp4", c, None, subset[i]) for c in "xy" for i in range(3)]
    listed = published("kinetics400-1", lists=tmp_path)
    split = listed_split(make_manifest(videos), listed)
    assert (split.labeled, split.unlabeled, split.test) == (
        ("x/x0.mp4", "y/y0.mp4"),
        ("x/x1.mp4", "y/y1.mp4"),
        ("x/x2.mp4", "y/y2.mp4"),
    )
    untested = make_manifest([row[:3] for row in videos])
    with pytest.raises(SplitError, match=r"the manifest names none; scan with the list that does"):
        listed_split(untested, listed)


def test_listed_split__missing_videos(make_manifest, lists):
    listed = published("ucf101-balanced-1", lists=lists)
    manifest = make_manifest([row for row in rows(4) if row[0] != "b/b1.avi"])
    with pytest.raises(
        SplitError, match=r"labelled list names 1 of 2 videos that the manifest lacks, first 'b/b1"
    ):
        listed_split(manifest, listed)
    assert listed_split(manifest, listed, allow_missing=True).labeled == ("a/a0.avi",)


def test_published__names_what_is_wrong_with_the_lists(lists, tmp_path):
    with pytest.raises(SplitError, match=r"no protocol 'ucf101-balanced-11'; did you mean"):
        published("ucf101-balanced-11", lists=lists)
    with pytest.raises(SplitError, match=r"there is no folder .*nowhere; name the folder"):
        published("ucf101-balanced-1", lists=tmp_path / "nowhere")
    with pytest.raises(SplitError, match=r"ucf101_10_percent_labeled.txt is not there below"):
        published("ucf101-balanced-10", lists=lists)
    (lists / "old").mkdir()
    (lists / "old" / "testlist01.txt").write_text("a/a3.avi\n")
    with pytest.raises(SplitError, match=r"testlist01.txt is there 2 times \(old/testlist01.txt"):
        published("ucf101-balanced-1", lists=lists)


@needs_lists
def test_listed_split__hmdb_lists_leak_and_say_so(make_manifest):
    files = sorted((LISTS / "hmdb51" / "official").glob("*_test_split1.txt"))
    entries = [entry for file in files for entry in read_list(file)]
    manifest = make_manifest((e.video, e.label, group_of_name(e.video)) for e in entries)
    listed = published("hmdb51-videossl-40", lists=LISTS)
    with pytest.raises(SplitError, match=r"group '.*' \(and \d+ more\) would be in training"):
        listed_split(manifest, replace(listed, shares_groups=False))
    split = listed_split(manifest, listed)
    assert (len(split.labeled), len(split.unlabeled), len(split.test)) == (2094, 5236 - 2094, 1530)
    assert split.shares_groups
