"""Several labels at once: names, sets, and cutting what overlaps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semivideo.events.label_row import LabelRow
from semivideo.events.label_sets import at_once, classes_in, membership, names_in


def row(label, start=None, end=None, **more):
    return LabelRow("a.mp4", label, start_seconds=start, end_seconds=end, **more)


def said(rows):
    return [(r.label, *r.part) for r in rows]


def test_names_in__background_is_none_of_the_classes():
    assert names_in(" run|eat|run") == ("eat", "run")
    assert names_in("Background") == names_in("") == ()


def test_membership__one_row_a_label():
    labels = ["run|eat", "background", "eat"]
    classes = classes_in(labels)
    assert classes == ["eat", "run"]
    assert membership(labels, classes).tolist() == [[True, True], [False, False], [True, False]]


def test_at_once__overlapping_labels_are_cut():
    assert said(at_once([row("run", 0, 4), row("eat", 2, 6)])) == [
        ("run", 0, 2),
        ("eat|run", 2, 4),
        ("eat", 4, 6),
    ]


def test_at_once__events_of_one_class_stay_apart_unless_one_spans_both():
    assert said(at_once([row("run", 0, 2), row("run", 2, 4)])) == [("run", 0, 2), ("run", 2, 4)]
    two = [row("run", 0, 3, subject="a"), row("run", 2, 5, subject="b")]
    assert said(at_once(two)) == [("run", 0, 5)]


def test_at_once__whole_videos_open_ends_and_slips():
    assert said(at_once([row("day"), row("indoors")])) == [("day|indoors", None, None)]
    assert said(at_once([row("run", 1, None), row("eat", 3, 4)])) == [
        ("run", 1, 3),
        ("eat|run", 3, 4),
        ("run", 4, None),
    ]
    assert said(at_once([row("run", 0, 2.05), row("eat", 2, 4)])) == [
        ("run", 0, 2),
        ("eat", 2.05, 4),
    ]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.integers(1, 9)), max_size=6)
)
def test_at_once__at_every_moment_it_says_the_same(spans):
    rows = [row(label, start, start + length) for label, start, length in spans]
    cut = at_once(rows)
    for moment in np.arange(0.5, 30):
        before = {r.label for r in rows if r.start_seconds <= moment < r.end_seconds}
        now = [r for r in cut if r.start_seconds <= moment < r.end_seconds]
        assert len(now) <= 1
        assert before == {name for r in now for name in names_in(r.label)}
