"""Drawn splits are balanced, disjoint, free of leaks and the same everywhere."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from semivideo.base.errors import SplitError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import (
    check_split,
    draw_split,
    practical_split,
    redrawn,
    tell_unlearned,
)


@pytest.fixture(scope="session")
def subjects(make_manifest):
    """Eight people do three actions four times, as in UTD-MHAD."""
    return make_manifest(
        (f"{c}/s{s}_t{t}.mp4", c, f"s{s}") for c in "abc" for s in range(1, 9) for t in range(4)
    )


def side(ids, manifest, column="groups"):
    return Counter(getattr(manifest, column)[manifest.row_of(id)] for id in ids)


def test_draw_split__balanced_disjoint_and_by_group(subjects):
    split = draw_split(subjects, labels_per_class=4, seed=3, test_groups=["s2", "s4", "s6", "s8"])
    assert side(split.labeled, subjects, "labels") == {"a": 4, "b": 4, "c": 4}
    assert set(side(split.test, subjects)) == {"s2", "s4", "s6", "s8"}
    assert set(side(split.labeled + split.unlabeled, subjects)) == {"s1", "s3", "s5", "s7"}
    every = [*split.labeled, *split.unlabeled, *split.test]
    assert sorted(every) == sorted(subjects.ids)
    check_split(split, subjects)


def test_draw_split__labeled_people_differ_from_class_to_class(subjects):
    labeled = draw_split(subjects, labels_per_class=1, seed=0).labeled
    assert len(side(labeled, subjects)) > 1


def test_draw_split__fewer_labels_are_part_of_more(subjects):
    drawn = [set(draw_split(subjects, labels_per_class=n, seed=1).labeled) for n in (1, 2, 5, 9)]
    assert drawn[0] < drawn[1] < drawn[2] < drawn[3]


def test_draw_split__every_video_gets_its_turn(make_manifest):
    """Over many seeds each video of a class is about equally often the labelled one."""
    manifest = make_manifest([(f"{c}/{g}{i}", c, g) for c in "ab" for g in "xyz" for i in range(3)])
    drawn = Counter(
        id
        for seed in range(900)
        for id in draw_split(manifest, labels_per_class=1, seed=seed).labeled
    )
    assert len(drawn) == 18
    assert all(abs(count - 100) < 45 for count in drawn.values())  # 4.8 deviations


def test_draw_split__does_not_depend_on_order_or_other_classes(make_manifest):
    rows = [(f"{c}/{i}.mp4", c) for c in "abc" for i in range(9)]
    one = draw_split(make_manifest(rows), labels_per_class=3, seed=5)
    other = draw_split(make_manifest(reversed(rows)), labels_per_class=3, seed=5)
    assert one == other
    fewer = draw_split(make_manifest(rows[:18]), labels_per_class=3, seed=5)
    assert set(fewer.labeled) < set(one.labeled)
    assert draw_split(make_manifest(rows), labels_per_class=3, seed=6).labeled != one.labeled


def test_draw_split__is_the_same_on_every_machine(subjects):
    split = draw_split(subjects, labels_per_class=2, seed=0, test_fraction=0.25)
    assert split.short_hash == "8db3b0417db3"


@pytest.mark.parametrize(
    ("sizes", "fraction", "expected"),
    [
        ((10, 20, 30), 0.1, (1, 2, 3)),
        ((14, 26, 20), 0.1, (1, 3, 2)),  # quotas 1.4, 2.6, 2.0: largest remainder first
        ((3, 40, 57), 0.1, (1, 4, 5)),  # 0.3 becomes one, and total is what it was to be
        ((4, 4, 4), 0.01, (1, 1, 1)),
        ((5, 6, 7), 1.0, (5, 6, 7)),
    ],
)
def test_draw_split__fraction_by_largest_remainder(sizes, fraction, expected, make_manifest):
    rows = [(f"{c}/{i}", c) for c, n in zip("abc", sizes, strict=True) for i in range(n)]
    manifest = make_manifest(rows)
    counts = side(draw_split(manifest, labeled_fraction=fraction).labeled, manifest, "labels")
    assert tuple(counts[c] for c in "abc") == expected


@pytest.mark.parametrize("seed", range(5))
def test_draw_split__test_fraction_takes_whole_groups_of_each_class(seed, subjects, make_manifest):
    split = draw_split(subjects, labels_per_class=2, test_fraction=0.25, seed=seed)
    assert side(split.test, subjects, "labels") == {"a": 8, "b": 8, "c": 8}
    assert set(side(split.test, subjects).values()) == {12}
    ucf = make_manifest(
        (f"{c}/v_{c}_g{g}_c{i}", c, f"{c}/g{g}") for c in "ab" for g in range(10) for i in range(4)
    )
    split = draw_split(ucf, labels_per_class=2, test_fraction=0.3, seed=seed)
    assert side(split.test, ucf, "labels") == {"a": 12, "b": 12}


def test_draw_split__test_fraction_without_groups_reaches_each_class(make_manifest):
    manifest = make_manifest([(f"{c}/{i}", c) for c, n in (("a", 40), ("b", 3)) for i in range(n)])
    split = draw_split(manifest, labels_per_class=1, test_fraction=0.1)
    assert side(split.test, manifest, "labels") == {"a": 4, "b": 1}


def test_draw_split__official_subsets(make_manifest):
    rows = [
        *((f"{c}/{i}", c, None, "train") for c in "ab" for i in range(3)),
        *(("a/t", "a", None, "test"), ("b/t", "b", None, "test"), ("a/u", "a", None, "unused")),
        ("free", None),
    ]
    split = draw_split(make_manifest(rows), labels_per_class=1)
    assert split.test == ("a/t", "b/t")
    assert len(split.unlabeled) == 4 + 1
    assert "free" in split.unlabeled
    assert "a/u" not in split.labeled + split.unlabeled + split.test


def test_draw_split__val_stands_in_for_a_missing_test_subset(make_manifest):
    rows = [(f"{c}/{s}", c, None, s) for c in "ab" for s in ("train", "val")]
    assert draw_split(make_manifest(rows), labels_per_class=1).test == ("a/val", "b/val")


def test_draw_split__unreadable_videos_are_left_out(make_manifest):
    rows = [(f"{c}/{i}", c) for c in "ab" for i in range(3)]
    split = draw_split(
        make_manifest([*rows, ("a/bad", "a", None, None, "empty")]), labels_per_class=3
    )
    assert split.labeled == tuple(id for id, _ in rows)
    assert split.unlabeled == ()


def test_draw_split__unlabeled_videos_of_test_groups_do_not_leak(make_manifest):
    rows = [(f"{c}/{g}", c, g) for c in "ab" for g in ("g1", "g2")]
    split = draw_split(
        make_manifest([*rows, ("x", None, "g1")]), labels_per_class=1, test_groups=["g1"]
    )
    assert split.test == ("a/g1", "b/g1")
    assert split.unlabeled == ()


def test_draw_split__a_class_with_too_few_videos(make_manifest):
    manifest = make_manifest(
        [(f"{c}/{i}", c) for c, n in (("Run", 12), ("Skiing", 7)) for i in range(n)]
    )
    sentence = "class 'Skiing' has 7 videos for training, labels_per_class is 10; lower it or pass"
    with pytest.raises(SplitError, match=sentence):
        draw_split(manifest, labels_per_class=10)
    split = draw_split(manifest, labels_per_class=10, allow_fewer=True)
    assert side(split.labeled, manifest, "labels") == {"Run": 10, "Skiing": 7}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "neither is given of labels_per_class and labeled_fraction; give one"),
        ({"labels_per_class": 1, "labeled_fraction": 0.1}, "both are given of labels_per_class"),
        ({"labels_per_class": 0}, "labels_per_class must be at least 1, got 0"),
        ({"labeled_fraction": 10}, r"must lie in \(0, 1\], got 10; write 0.1 for 10 %"),
        ({"labeled_fraction": 0}, r"labeled_fraction must lie in \(0, 1\], got 0$"),
        ({"labeled_fraction": 0.5, "test_fraction": 1}, r"test_.* must lie in \(0, 1\), got 1$"),
        (
            {"labels_per_class": 1, "test_groups": ["s22"]},
            "no group 's22'; did you mean 's2'\\?; there are 8 groups, such as s1, s2, s3",
        ),
        (
            {"labels_per_class": 1, "test_groups": ["s1"], "test_fraction": 0.2},
            "both are given of test_groups and test_fraction; give one",
        ),
        (
            {"labels_per_class": 1, "test_groups": [f"s{s}" for s in range(1, 9)]},
            "class 'a' has videos for testing and none for training; change the test videos",
        ),
    ],
)
def test_draw_split__bad_options(options, sentence, subjects):
    with pytest.raises(SplitError, match=sentence):
        draw_split(subjects, **options)


def test_draw_split__groups_that_are_not_there(make_manifest):
    with pytest.raises(SplitError, match="no group 'g1'; the videos have no groups; scan them"):
        draw_split(
            make_manifest([("a/1", "a"), ("b/1", "b")]), labels_per_class=1, test_groups=["g1"]
        )
    one = make_manifest([(f"{c}/{i}", c, "g") for c in "ab" for i in range(50)])
    with pytest.raises(SplitError, match=r"no group is small enough for test_fraction 0.1; raise"):
        draw_split(one, labels_per_class=1, test_fraction=0.1)


def test_draw_split__leaking_official_subsets_are_refused(make_manifest):
    rows = [(f"{c}/{s}", c, f"{c}5", s) for c in "gh" for s in ("train", "test")]
    sentence = r"group 'g5' \(and 1 more\) would be in training and testing at once; a group stays"
    with pytest.raises(SplitError, match=sentence):
        draw_split(make_manifest(rows), labels_per_class=1)


@pytest.mark.parametrize("split", [practical_split, lambda m: draw_split(m, labels_per_class=1)])
def test_splits__need_two_classes(split, make_manifest):
    with pytest.raises(SplitError, match="all labels are 'a'; training needs at least two classes"):
        split(make_manifest([("a/1", "a"), ("x", None)]))
    with pytest.raises(SplitError, match="no video has a label; training needs at least two"):
        split(make_manifest([("x", None)]))


def test_practical_split__takes_all_labels(make_manifest):
    rows = [("1", "a"), ("2", None), ("3", "b"), ("4", None, None, None, "broken"), ("5", "a")]
    split = practical_split(make_manifest(rows))
    assert (split.labeled, split.unlabeled, split.test) == (("1", "3", "5"), ("2",), ())
    official = practical_split(make_manifest([*rows, ("6", "b", None, "test")]))
    assert (official.labeled, official.test) == (("1", "3", "5"), ("6",))


def test_tell_unlearned__names_classes_for_testing_alone_and_of_broken_videos(
    make_manifest, caplog
):
    rows = [("1", "a"), ("2", "b"), ("3", "jump", None, "test"), ("4", "one", None, None, "short")]
    manifest = make_manifest([*rows, ("5", "a|b", None, "test")])
    tell_unlearned(manifest, practical_split(manifest))
    assert caplog.messages == [
        "nothing is learned of 2 class(es) ('jump', 'one'): none of their videos is readable and "
        "labelled for training"
    ]
    caplog.clear()
    tell_unlearned(make_manifest(rows[:2]), practical_split(make_manifest(rows[:2])))
    assert caplog.messages == []


def test_redrawn__has_as_many_labels_of_the_same_training_videos(make_manifest):
    sizes = {"a": 40, "b": 10, "c": 10}
    manifest = make_manifest([(f"{c}/{i}.mp4", c) for c, n in sizes.items() for i in range(n)])
    split = draw_split(manifest, labels_per_class=4, seed=2, test_fraction=0.2)
    for labels, expected in (
        ("balanced", {"a": 4, "b": 4, "c": 4}),
        ("by_frequency", {"a": 8, "b": 2, "c": 2}),
    ):
        found = redrawn(manifest, split, labels=labels)
        assert side(found.labeled, manifest, "labels") == expected
        assert found.test == split.test
        assert {*found.labeled, *found.unlabeled} == {*split.labeled, *split.unlabeled}
        check_split(found, manifest)


def test_redrawn__one_a_group_takes_as_many_films_as_there_are(make_manifest):
    """Of class a the twelve videos are of three films, of b each is of its own."""
    rows = [(f"a/{i}.mp4", "a", f"film{i % 3}") for i in range(12)]
    rows += [(f"b/{i}.mp4", "b", None) for i in range(12)]
    manifest = make_manifest(rows)
    split = draw_split(manifest, labels_per_class=4, seed=1)
    found = redrawn(manifest, split, labels="one_a_group")
    assert side(found.labeled, manifest, "labels") == {"a": 4, "b": 4}
    films = [manifest.groups[manifest.row_of(id)] for id in found.labeled if id.startswith("a")]
    assert set(films) == {"film0", "film1", "film2"}
    check_split(found, manifest)


def test_redrawn__names_labels_that_do_not_divide(make_manifest):
    manifest = make_manifest([(f"{c}/{i}.mp4", c) for c in "abc" for i in range(9)])
    split = draw_split(manifest, labeled_fraction=0.4, seed=0)
    split = replace(
        split, labeled=split.labeled[1:], unlabeled=(*split.unlabeled, split.labeled[0])
    )
    sentence = "10 labels do not divide evenly among 3 classes; draw a split with labels_per_class"
    with pytest.raises(SplitError, match=f"^{sentence}$"):
        redrawn(manifest, split, labels="balanced")


def test_draw_split__draws_nothing_that_no_clip_can_be_cut_of(make_manifest):
    rows = [(f"{label}/{n}.mp4", label) for label in "ab" for n in range(3)]
    table = make_manifest(rows).table
    place = table.schema.get_field_index("num_frames")
    field = table.field(place)
    table = table.set_column(place, field, pa.array([1, 3, 3, 1, 3, 3], field.type))
    manifest = Manifest(table, root=Path())
    assert manifest.usable.all()
    split = draw_split(manifest, labels_per_class=1, seed=0)
    assert sorted([*split.labeled, *split.unlabeled]) == [
        id for id, _ in rows if not id.endswith("0.mp4")
    ]
    with pytest.raises(SplitError, match=r"class 'a' has 2 videos for training.* is 3"):
        draw_split(manifest, labels_per_class=3, seed=0)
