"""Folds of the labelled groups: nothing on two sides, no class without a label."""

from fractions import Fraction

import numpy as np
import pytest

from semivideo.base.errors import SplitError
from semivideo.base.records import FrameTable, Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split, check_split, label_folds

FRAMES = FrameTable(np.arange(10), np.arange(10) == 0, Fraction(1, 25))


def made(tmp_path, rows):
    """A manifest of rows (id, label, group, role) and the split that the roles say."""
    videos = [Video(id, id, label, group, 64, 48, 25.0, 0, FRAMES) for id, label, group, _ in rows]
    roles = {role: tuple(r[0] for r in rows if r[3] == role) for role in "lut"}
    split = Split("s", 0, roles["l"], roles["u"], roles["t"])
    return Manifest.from_videos(videos, root=tmp_path), split


def plain(num_labeled, *, classes="ab"):
    labeled = [(f"{c}{n}.mp4", c, None, "l") for c in classes for n in range(num_labeled)]
    return [*labeled, *((f"u{n}.mp4", "a", None, "u") for n in range(4))]


def test_folds__test_each_labelled_video_once_and_evenly(tmp_path):
    manifest, split = made(tmp_path, plain(5))
    folds = label_folds(manifest, split)
    tested = [id for fold in folds for id in fold.test]
    assert sorted(tested) == sorted(split.labeled)
    assert sorted(sum(id[0] == "a" for id in fold.test) for fold in folds) == [1, 2, 2]
    for fold in folds:
        check_split(fold, manifest)
        assert fold.unlabeled == split.unlabeled
        assert {id[0] for id in fold.labeled} == {"a", "b"}


def test_folds__leave_out_everything_of_a_group_that_is_tested(tmp_path):
    rows = [(f"{c}{n}.mp4", c, f"g{n % 3}", "l") for c in "ab" for n in range(6)]
    rows += [(f"u{n}.mp4", None, f"g{n % 4}", "u") for n in range(8)]
    manifest, split = made(tmp_path, rows)
    group = dict(zip(manifest.ids, manifest.groups, strict=True))
    folds = label_folds(manifest, split)
    assert len(folds) == 3
    for fold in folds:
        tested = {group[id] for id in fold.test}
        assert tested.isdisjoint(group[id] for id in (*fold.labeled, *fold.unlabeled))
        assert {"u3.mp4", "u7.mp4"} <= set(fold.unlabeled)  # of a group without labels


def test_folds__keep_the_last_labels_of_a_class(tmp_path):
    rows = [(f"a{n}.mp4", "a", "film", "l") for n in range(3)]
    rows += [(f"{c}{n}.mp4", c, None, "l") for c in "bc" for n in range(3)]
    folds = label_folds(*made(tmp_path, rows))
    assert {id[0] for fold in folds for id in fold.test} == {"b", "c"}
    assert all("a0.mp4" in fold.labeled for fold in folds)


def test_folds__do_not_look_at_hidden_labels(tmp_path):
    rows = plain(4)
    other = [(id, "b" if role == "u" else label, g, role) for id, label, g, role in rows]
    one, two = (label_folds(*made(tmp_path, each)) for each in (rows, other))
    assert [fold.hash for fold in one] == [fold.hash for fold in two]


def test_folds__of_few_labels_leave_out_what_can_be(tmp_path):
    rows = [("c.mp4", "c", None, "l"), *plain(2)]
    folds = label_folds(*made(tmp_path, rows), least_labels=1)
    tested = sorted(id for fold in folds for id in fold.test)
    assert tested == ["a0.mp4", "a1.mp4", "b0.mp4", "b1.mp4"]
    assert all({id[0] for id in fold.labeled} == {"a", "b", "c"} for fold in folds)
    with pytest.raises(SplitError, match="every class has 1 label, so none can be left out; label"):
        label_folds(*made(tmp_path, plain(1)), least_labels=1)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (plain(2), "class 'a' has 2 labels, and 3 of each class are needed"),
        (
            [(f"{c}{n}.mp4", c, f"film {c}", "l") for c in "ab" for n in range(3)],
            "the labels of all classes but one are of one group each",
        ),
    ],
)
def test_folds__say_why_there_are_none(tmp_path, rows, words):
    with pytest.raises(SplitError, match=words):
        label_folds(*made(tmp_path, rows))
