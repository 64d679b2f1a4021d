"""BORIS: lines before the header, points, states without an end, subjects, paths of Windows."""

import pytest

from semivideo.base.errors import DataError

OLD = (
    "Observation id\tobs 1\n\nMedia file(s)\n\nPlayer #1\tC:/films/rat one.mp4\n\n"
    "Observation date\t2020-01-01T10:00:00\nDescription\t\n"
    "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\t"
    "Comment\tStatus\n"
)
NEW = (
    "Observation id,Observation date,Source,Media duration (s),FPS,Subject,Behavior,Modifier #1,"
    "Behavior type,Time,Media file name,Comment\n"
)
AGGREGATED = (
    "Observation id;Media file;FPS;Subject;Behavior;Modifiers;Behavior type;Start (s);Stop (s)\n"
)


def spans(rows):
    return [(r.video, r.label, r.start_seconds, r.end_seconds) for r in rows]


def test_read__old_tabular_events_after_a_description(read):
    rows = read(
        "old.tsv",
        OLD + "1.5\tC:\\films\\rat one.mp4\t60\t25;30\tNo focal subject\trear\t\t\tSTART\n"
        "2.0\tC:\\films\\rat one.mp4\t60\t25;30\tNo focal subject\tblink\t\t\tPOINT\n"
        "4.25\tC:\\films\\rat one.mp4\t60\t25;30\tNo focal subject\trear\t\t\tSTOP\n",
    )
    assert spans(rows) == [
        ("C:/films/rat one.mp4", "blink", 1.5, 2.5),
        ("C:/films/rat one.mp4", "rear", 1.5, 4.25),
    ]
    assert {row.subject for row in rows} == {None}


def test_read__subjects_are_paired_by_themselves(read):
    lines = [("tom", "START", 1), ("ann", "START", 2), ("tom", "STOP", 3), ("ann", "STOP", 4)]
    text = "".join(f"o,2020,,9,25,{who},eat,NA,{what},{at},a.mp4,\n" for who, what, at in lines)
    rows = read("new.csv", NEW + text)
    assert [(r.subject, r.start_seconds, r.end_seconds) for r in rows] == [
        ("tom", 1, 3),
        ("ann", 2, 4),
    ]


def test_read__modifiers_are_kept_and_players_are_cut_off(read):
    text = "o,2020,player #1:a.mp4,9,25,tom,eat,apple,{},{},NA,\n"
    [row] = read("new.csv", NEW.replace("Media file name", "X") + text.format("START", 1)
                 + text.format("STOP", 2))  # fmt: skip
    assert (row.video, row.modifier) == ("a.mp4", "apple")


def test_read__without_partners(read, caplog):
    text = "o,2020,,9,25,tom,{},NA,{},{},a.mp4,\n"
    rows = read("new.csv", NEW + text.format("eat", "STOP", 1) + text.format("run", "START", 2))
    assert spans(rows) == [("a.mp4", "run", 2, None)]
    assert "new.csv: 1 START row(s) have no STOP, such as 'run' of a.mp4; they are t" in caplog.text
    assert "new.csv: 1 START or STOP row(s) have no partner and are left out" in caplog.text


def test_read__aggregated_with_decimal_commas(read):
    rows = read(
        "agg.csv",
        AGGREGATED + "o;d:/a.mp4;25;rat;eat;NA;STATE;1,5;4,25\no;d:/a.mp4;25;rat;hop;;POINT;6;6\n",
        point_seconds=2.0,
    )
    assert spans(rows) == [("d:/a.mp4", "eat", 1.5, 4.25), ("d:/a.mp4", "hop", 5.0, 7.0)]


def test_read__columns_without_use_are_named(read, caplog):
    read("new.csv", NEW + "o,2020,,9,25,tom,eat,NA,POINT,1,a.mp4,nice\n")
    assert "new.csv: columns not used: Observation id, Observation date, Source, Com" in caplog.text


def test_read__no_media_anywhere_takes_the_observation(read):
    text = "Observation id,Subject,Behavior,Behavior type,Time\nfilm 7,NA,eat,POINT,3\n"
    assert read("x.csv", text)[0].video == "film 7"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("o,2020,,9,25,tom,eat,NA,START,soon,a.mp4,", "row 2 of new.csv: 'soon' is no time in the"),
        ("o,2020,,9,25,tom,eat,NA,PAUSE,1,a.mp4,", "row 2 of new.csv is a 'PAUSE'; known are STAR"),
        ("o,2020,,9,25,tom,eat,NA,START", "row 2 of new.csv has no time; the file may be cut off"),
    ],
)
def test_read__a_bad_row_is_named(read, line, sentence):
    with pytest.raises(DataError, match=sentence):
        read("new.csv", f"{NEW}{line}\n")


def test_read__excel_workbooks(read, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    from semivideo.events.formats import read_labels

    book = openpyxl.Workbook()
    header = "Media file name|Subject|Behavior|Behavior type|Start (s)|Stop (s)"
    book.active.append(header.split("|"))
    book.active.append(["a.mp4", None, "eat", "STATE", 1.5, 4])
    book.save(tmp_path / "e.xlsx")
    assert spans(read_labels(tmp_path / "e.xlsx")) == [("a.mp4", "eat", 1.5, 4.0)]
