"""Label Studio: frames from 1, rates, several annotators, uploads, choices, predictions."""

import pytest

from semivideo.base.errors import DataError


def span(first, last, label="run"):
    value = {"ranges": [{"start": first, "end": last}], "timelinelabels": [label]}
    return {"type": "timelinelabels", "value": value}


def task(*annotations, **data):
    given = [{"completed_by": who, "result": result} for who, result in annotations]
    return {"data": {"video": "/data/upload/3/0a1b2c3d-a.mp4"} | data, "annotations": given}


def parts(rows):
    return [(row.label, *row.part) for row in rows]


def test_read__frames_count_from_one_and_both_ends_belong(read):
    rows = read("p.json", [task((1, [span(1, 25), span(26, 26, "hop")]), fps=25)])
    assert parts(rows) == [("run", 0.0, 1.0), ("hop", 1.0, 1.04)]
    assert rows[0].video == "a.mp4"


def test_read__the_usual_rate_is_told(read, caplog):
    assert parts(read("p.json", [task((1, [span(1, 24)]))])) == [("run", 0.0, 1.0)]
    assert "p.json does not say its frame rate; 24 frames a second are taken" in caplog.text


def test_read__the_rate_of_other_regions_or_of_the_user(read, caplog):
    box = {"type": "videorectangle", "value": {"framesCount": 100, "duration": 2.0}}
    assert parts(read("p.json", [task((1, [box, span(1, 50)]))])) == [("run", 0.0, 1.0)]
    assert "p.json: results not used: videorectangle (1)" in caplog.text
    found = read("p.json", [task((1, [span(1, 50)]))], label_rate=10.0)
    assert parts(found) == [("run", 0.0, 5.0)]


def test_read__one_annotator_is_taken_and_named(read, caplog):
    tasks = [task((1, [span(1, 24)]), (2, [span(1, 48)]), fps=24), task((2, [span(1, 24)]), fps=24)]
    assert parts(read("p.json", tasks)) == [("run", 0.0, 2.0), ("run", 0.0, 1.0)]
    assert "1 task(s) have several annotations, by 1, 2; those of 2 are taken" in caplog.text
    assert parts(read("p.json", tasks, annotator="1"))[0] == ("run", 0.0, 1.0)
    with pytest.raises(DataError, match=r"p.json has no annotator '3' \[known: 1, 2\]"):
        read("p.json", tasks, annotator="3")


def test_read__choices_are_of_the_whole_video(read):
    choice = {"type": "choices", "value": {"choices": ["indoors", "day"]}}
    assert parts(read("p.json", [task((1, [choice]))])) == [
        ("indoors", None, None),
        ("day", None, None),
    ]


def test_read__skipped_tasks_are_unlabeled(read):
    skipped = task((1, [span(1, 9)]), fps=24)
    skipped["annotations"][0]["was_cancelled"] = True
    [row] = read("p.json", [skipped])
    assert (row.label, row.is_unlabeled) == (None, True)


def test_read__json_min(read):
    row = {"id": 1, "video": "s3://b/x/a.mp4", "fps": 10, "choice": "day", "annotator": 1}
    row["videoLabels"] = [{"ranges": [{"start": 1, "end": 10}], "timelinelabels": ["run"]}]
    rows = read("m.json", [row])
    assert parts(rows) == [("day", None, None), ("run", 0.0, 1.0)]
    assert rows[0].video == "x/a.mp4"


def test_read__a_task_without_video_is_refused(read):
    with pytest.raises(DataError, match=r"a task of p.json has no video among its data \(text\)"):
        read("p.json", [{"data": {"text": "x"}, "annotations": []}])
