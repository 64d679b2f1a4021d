"""DeepEthogram and AVA: a row a frame, a row a second."""

import pytest

from semivideo.base.errors import DataError


def parts(rows):
    return [(row.label, *row.part) for row in rows]


def test_deepethogram__runs_of_ones_overlap_and_unseen_frames_say_nothing(read):
    text = ",background,groom,walk\n0,1,0,0\n1,0,1,1\n2,0,1,0\n3,-1,-1,-1\n4,0,1,0\n"
    rows = read("rat_labels.csv", text)
    assert sorted(parts(rows)) == [
        ("background", 0.0, 0.1),
        ("groom", 0.1, 0.3),
        ("groom", 0.4, 0.5),
        ("walk", 0.1, 0.2),
    ]
    assert {row.video for row in rows} == {"rat"}


def test_deepethogram__probabilities_are_refused(read):
    with pytest.raises(DataError, match=r"row 3 of r.csv has '0.7' where 1, 0 or -1 is wanted; t"):
        read("r.csv", ",background,walk\n0,1,0\n1,0.7,0.3\n")


def test_ava__seconds_are_middles(read):
    rows = read("ava.csv", "v,902,0.1,0.2,0.3,0.4,12,0\nv,903,0.1,0.2,0.3,0.4,9,1\n")
    assert parts(rows) == [("12", 901.5, 902.5), ("9", 902.5, 903.5)]
    assert [row.subject for row in rows] == ["0", "1"]


def test_ava__half_a_line_is_named(read):
    with pytest.raises(DataError, match=r"line 2 of ava.csv is 'v,903,0.1' and not video,second,"):
        read("ava.csv", "v,902,0.1,0.2,0.3,0.4,12,0\nv,903,0.1")
