"""Columns mean what their names say; what is not read is told."""

import logging

import pytest

from semivideo.base.errors import DataError
from semivideo.events.columns import MEANINGS, meanings, read_table, seconds
from semivideo.events.label_row import LabelRow


def entries(tmp_path, text, **options):
    options = {"group_column": None, "is_kinetics": False} | options
    return read_table(tmp_path / "t.csv", text, **options)


def test_meanings__no_name_means_two_things():
    names = [name for each in MEANINGS.values() for name in each]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["File Name", "Class"], {"path": 0, "label": 1}),
        (["# filepath", "behaviour", "Split"], {"path": 0, "label": 1, "subset": 2}),
        (["label", "class", "video"], {"path": 2, "label": 0}),
        (["clip", "start (s)", "stop [sec]"], {"path": 0, "start": 1, "end": 2}),
        (["video", "start_ms", "start_frame"], {"path": 0}),
        (["video", "onset", "offset"], {"path": 0, "start": 1, "end": 2}),
        (["video", "offset"], {"path": 0}),
        (["startTime", "endTime"], {"start": 0, "end": 1}),
    ],
)
def test_meanings__names_as_people_write_them(header, expected):
    assert meanings(header) == expected


def test_read_table__every_column_not_used_is_named_once(tmp_path, caplog):
    text = "path,label,class,observer,\na.mp4,w,x,tom,hm\nb.mp4,w,x,tom,\n"
    assert entries(tmp_path, text)[1] == LabelRow("b.mp4", "w", is_exact=True)
    assert [r.getMessage() for r in caplog.records] == [
        "t.csv: columns not used: class, observer, column 5 (no name)"
    ]


def test_read_table__many_columns_not_used_are_counted(tmp_path, caplog):
    columns = ",".join(f"c{n}" for n in range(11))
    entries(tmp_path, f"path,label,{columns}\na.mp4,w\n")
    assert caplog.messages == ["t.csv: columns not used: c0, c1, c2, c3, c4, c5, c6, c7 and 3 more"]


def test_read_table__split_is_obeyed(tmp_path):
    words = ["train", "val", "Test", "hold-out", "valid", "nan", ""]
    rows = "".join(f"{n}.mp4,w,{word}\n" for n, word in enumerate(words))
    found = entries(tmp_path, f"filepath,label,split\n{rows}")
    assert [e.subset for e in found] == ["train", "val", "test", "test", "val", None, None]


def test_read_table__unlabeled_is_a_side_without_labels(tmp_path):
    found = entries(tmp_path, "path,label,split\na.mp4,w,labeled\nb.mp4,w,unlabeled\n")
    assert [(e.label, e.subset) for e in found] == [("w", "train"), (None, "train")]


def test_read_table__a_set_may_be_something_else(tmp_path, caplog):
    assert entries(tmp_path, "path,label,set\na.mp4,w,3\n")[0].subset is None
    assert caplog.messages == ["t.csv: columns not used: set"]
    assert entries(tmp_path, "path,label,set\na.mp4,w,test\n")[0].subset == "test"


def test_read_table__marks_for_a_missing_label(tmp_path, caplog):
    marks = ["-1", "nan", "NaN", "None", "?", "NA", "N/A", "null", "unlabeled"]
    rows = "".join(f"{n}.mp4,{mark}\n" for n, mark in enumerate(marks))
    found = entries(tmp_path, f"path,label\n{rows}z.mp4,wave\ny.mp4,\n")
    assert [e.label for e in found] == [None] * len(marks) + ["wave", None]
    assert [e.is_unlabeled for e in found] == [True] * len(marks) + [False, False]
    [told] = caplog.messages
    assert told.startswith("t.csv: the label '-1', '?', 'N/A', 'NA', 'NaN', 'None', 'nan', 'null'")
    assert "of 9 row(s) is taken as no label; these videos are unlabelled" in told


@pytest.mark.parametrize(
    "name", ["unknown", "Unknown", "none", "other", "background", "na", "nano"]
)
def test_read_table__classes_do_not_vanish(tmp_path, name):
    assert entries(tmp_path, f"path,label\na.mp4,{name}\n")[0].label == name


def test_read_table__doubtful_classes_are_told(tmp_path, caplog):
    entries(tmp_path, "path,label\na.mp4,unknown\nb.mp4,Wave\nc.mp4,wave\nd.mp4,other\n")
    assert caplog.messages == [
        "t.csv: 'unknown' is taken as the class of 1 row(s); if it means that nobody knows, leave "
        "these cells empty",
        "t.csv: 'Wave' and 'wave' are taken as 2 classes; write them alike if they are one",
    ]


def test_read_table__characters_that_are_not_seen_are_told(tmp_path, caplog):
    assert entries(tmp_path, "path,label\na.mp4,wa\0ve\n")[0].label == "wa\0ve"
    assert caplog.messages[-1].endswith(
        "the name of the class 'wa\\x00ve' has characters in it that are not seen; they are part "
        "of it, so correct it if they mean nothing"
    )


def test_read_table__numbers_that_pandas_made_floats(tmp_path):
    found = entries(tmp_path, "path,class_id\na.mp4,3.0\nb.mp4,\nc.mp4,10.0\n")
    assert [e.label for e in found] == ["3", None, "10"]
    assert entries(tmp_path, "path,label\na.mp4,3.0\nb.mp4,2.5\n")[0].label == "3.0"


def test_read_table__start_and_end_are_handed_on(tmp_path):
    text = (
        "sep=;\nvideo;behavior;Start Time [s];stop\na.mp4;w;0,5;0:02,25\na.mp4;b;2,5;\nb.mp4;w;;\n"
    )
    found = entries(tmp_path, text)
    assert [(e.video, e.label, *e.part) for e in found] == [
        ("a.mp4", "w", 0.5, 2.25),
        ("a.mp4", "b", 2.5, None),
        ("b.mp4", "w", None, None),
    ]


def test_read_table__times_that_make_no_segment_are_handed_on(tmp_path):
    """They cost their row of the manifest, not the table."""
    found = entries(tmp_path, "path,label,start,end\na.mp4,w,5,2\na.mp4,w,-3,\n")
    assert [e.part for e in found] == [(5.0, 2.0), (-3.0, None)]


def test_seconds__of_a_clock():
    assert [seconds(cell) for cell in ("1:01:00.5", "00:00:01.89", "90")] == [3660.5, 1.89, 90.0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "path,label,start\na.mp4,w,soon",
            r"row 2 of t.csv: 'soon' is no time in the video; write",
        ),
        ("path,label\na.mp4,w\n,x", r"row 3 of t.csv names no video; fill in or delete the row"),
    ],
)
def test_read_table__bad_cells(tmp_path, text, sentence):
    with pytest.raises(DataError, match=sentence):
        entries(tmp_path, text)


def test_read_table__the_column_with_files_names_the_video(tmp_path):
    text = "id,name,label\n0,a.mp4,w\n1,b.mp4,w\n"
    assert [e.video for e in entries(tmp_path, text)] == ["a.mp4", "b.mp4"]


def test_read_table__kinetics_without_labels(tmp_path, caplog):
    text = "youtube_id,time_start,time_end,split,is_cc\nx_y,3,13,test,0\n"
    expected = LabelRow("x_y_000003_000013", subset="test", alias="x_y")
    assert entries(tmp_path, text, is_kinetics=True) == [expected]
    assert caplog.messages == ["t.csv: columns not used: is_cc"]
    assert caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e308", "10000001", f"{'9' * 400}:00:00"])
def test_read_table__names_the_row_of_what_is_no_time(tmp_path, cell):
    sentence = (
        rf"^row 2 of t.csv: '{cell[:100]}.* is no time in the video; write seconds, up to "
        r"10000000, such as 12.5, or 0:12.5$"
    )
    with pytest.raises(DataError, match=sentence):
        entries(tmp_path, f"path,label,start,end\na.mp4,w,0,{cell}")


def test_read_table__a_word_for_nothing_is_no_start(tmp_path):
    assert entries(tmp_path, "path,label,start,end\na.mp4,w,,9")[0].part == (None, 9.0)
    sentence = r"row 2 of t.csv: 'nan' is no time, and the end is given; write 0 for the start of"
    with pytest.raises(DataError, match=sentence):
        entries(tmp_path, "path,label,start,end\na.mp4,w,nan,9")
