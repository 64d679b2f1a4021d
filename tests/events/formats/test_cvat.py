"""CVAT: tracks that are seen, hidden and seen again; attributes; projects and images refused."""

import pytest

from semivideo.base.errors import DataError


def document(tracks, task="<size>100</size>"):
    return (
        f"<annotations><version>1.1</version><meta><task>{task}<source>a.mp4</source></task></meta>"
        f"{tracks}</annotations>"
    )


def box(frame, outside=0, **attributes):
    inside = "".join(f'<attribute name="{k}">{v}</attribute>' for k, v in attributes.items())
    return f'<box frame="{frame}" outside="{outside}" keyframe="1">{inside}</box>'


def parts(rows):
    return [(row.label, *row.part) for row in rows]


def test_read__a_track_ends_where_it_is_outside_and_may_come_back(read):
    track = f'<track id="3" label="run">{box(10)}{box(20)}{box(35, 1)}{box(90)}</track>'
    rows = read("a.xml", document(track))
    assert parts(rows) == [("run", 1.0, 3.5), ("run", 9.0, 10.0)]
    assert {row.subject for row in rows} == {"3"}


def test_read__an_attribute_names_the_class(read, caplog):
    shapes = box(0, act="sit", who="x") + box(10, act="run", who="x") + box(30, 1)
    text = document(f'<track id="0" label="person">{shapes}</track>')
    assert parts(read("a.xml", text, class_from="act")) == [("sit", 0.0, 1.0), ("run", 1.0, 3.0)]
    assert "a.xml: attributes not used: who" in caplog.text
    with pytest.raises(DataError, match=r"no track of a.xml has an attribute 'acts'; did you mean"):
        read("a.xml", text, class_from="acts")


def test_read__the_end_of_a_task_that_leaves_out_frames(read):
    task = "<size>10</size><start_frame>10</start_frame><frame_filter>step=5</frame_filter>"
    [row] = read("a.xml", document(f'<track id="0" label="run">{box(20)}</track>', task))
    assert row.part == (2.0, 6.0)


def test_read__frames_need_a_rate(read):
    track = f'<track id="0" label="run">{box(10)}</track>'
    with pytest.raises(DataError, match=r"a.xml counts the frames of 'a.mp4', and that video wa"):
        read("a.xml", document(track), clock=lambda video: None)
    [row] = read("a.xml", document(track), clock=lambda video: None, label_rate=20.0)
    assert row.part == (0.5, 5.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<annotations><meta/><image id='0'/></annotations>", "a.xml is an export for images; exp"),
        ("<annotations><meta><project/></meta></annotations>", "a.xml is about 0 tasks and is rea"),
    ],
)
def test_read__other_exports_of_cvat_are_named(read, text, sentence):
    with pytest.raises(DataError, match=sentence):
        read("a.xml", text)
