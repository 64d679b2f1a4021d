"""VIA, ActivityNet, FiftyOne and Something-Something: numbers for classes, ids, frames, subsets."""

import pytest

from semivideo.base.errors import DataError


def project(*segments, attributes):
    metadata = {str(n): {"vid": "2", "xy": [], **segment} for n, segment in enumerate(segments)}
    return {
        "file": {
            "1": {"fname": "x.mp4", "src": "http://h/films/x%20y.mp4"},
            "2": {"fname": "z.mp4"},
        },
        "view": {"2": {"fid_list": ["1"]}},
        "attribute": attributes,
        "metadata": metadata,
    }


ATTRIBUTES = {
    "1": {"aname": "act", "type": 4, "options": {"0": "run", "1": "eat"}},
    "2": {"aname": "tags", "type": 2, "options": {"a": "fast", "b": "far"}},
}


def parts(rows):
    return [(row.label, *row.part) for row in rows if row.label]


def test_via__options_points_and_whole_files(read, caplog):
    given = [
        {"z": [1, 2.5], "av": {"1": "0"}},
        {"z": [4], "av": {"1": "1"}},
        {"z": [], "av": {"1": "1"}},
    ]
    box = {"z": [1], "xy": [2, 3, 4, 5, 6], "av": {"1": "0"}}
    rows = read("v.json", project(*given, box, {"z": [8, 9], "av": {}}, attributes=ATTRIBUTES))
    assert parts(rows) == [("run", 1.0, 2.5), ("eat", 3.5, 4.5), ("eat", None, None)]
    assert [row.video for row in rows] == [*["films/x y.mp4"] * 3, "z.mp4"]
    assert rows[-1].is_unlabeled
    assert "v.json: 1 region(s) not used" in caplog.text
    assert "v.json: 1 segment(s) have no class and are left out" in caplog.text


def test_via__one_attribute_is_the_class(read, caplog):
    given = [{"z": [1, 2], "av": {"1": "0", "2": "a,b"}}, {"z": [3, 4], "av": {"1": "1"}}]
    text = project(*given, attributes=ATTRIBUTES)
    assert parts(read("v.json", text)) == [("run", 1.0, 2.0), ("eat", 3.0, 4.0)]
    assert "v.json: the attribute 'act' is taken as the class; class_from (--class" in caplog.text
    assert parts(read("v.json", text, class_from="tags")) == [("fast", 1.0, 2.0), ("far", 1.0, 2.0)]
    with pytest.raises(DataError, match=r"v.json has no attribute 'tag'; did you mean 'tags'\?"):
        read("v.json", text, class_from="tag")


def test_activitynet__subsets_ids_and_results(read, caplog):
    about = {
        "subset": "validation",
        "duration": 9.5,
        "annotations": [{"label": "run", "segment": [1, 2]}],
    }
    rows = read("a.json", {"database": {"x1": about, "x2": {"subset": "testing", "mood": 1}}})
    assert [(r.video, r.alias, r.label, r.subset) for r in rows] == [
        ("x1", "v_x1", "run", "val"),
        ("x2", "v_x2", None, "test"),
    ]
    assert "a.json: keys not used: mood" in caplog.text
    [row] = read(
        "r.json", {"results": {"x": [{"label": "run", "score": 0.5, "segment": [0, 1.5]}]}}
    )
    assert (row.score, row.end_seconds) == (0.5, 1.5)


def test_activitynet__half_a_segment_is_a_sentence(read):
    with pytest.raises(DataError, match=r"a.json looks like 'activitynet' and a part of it is m"):
        read("a.json", {"database": {"x": {"annotations": [{"label": "run", "segment": [1]}]}}})


def test_fiftyone__support_counts_frames_from_one(read, caplog):
    said = [{"label": 1, "support": [11, 20]}, {"label": "eat", "timestamps": [1, 2.5], "mood": 3}]
    rows = read("f.json", {"classes": ["eat", "run"], "labels": {"a": said, "b": None}})
    assert parts(rows) == [("run", 1.0, 2.0), ("eat", 1.0, 2.5)]
    assert (rows[2].video, rows[2].is_unlabeled) == ("b", True)
    assert "f.json: attributes not used: mood" in caplog.text


def test_fiftyone__samples_of_an_export(read):
    found = [{"label": "run", "support": [1, 50], "confidence": 0.9}]
    sample = {"filepath": "data\\a.mp4", "metadata": {"frame_rate": 25.0}, "tags": []}
    sample["events"] = {"_cls": "TemporalDetections", "detections": found}
    sample["place"] = {"_cls": "Classification", "label": "lab"}
    rows = read("samples.json", {"samples": [sample, {"filepath": "b.mp4"}]})
    assert parts(rows) == [("run", 0.0, 2.0), ("lab", None, None)]
    assert [row.video for row in rows] == ["data/a.mp4", "data/a.mp4", "b.mp4"]


def test_fiftyone__a_class_that_is_not_there(read):
    with pytest.raises(DataError, match=r"f.json gives the class 2, and it has 1 of them, number"):
        read("f.json", {"classes": ["run"], "labels": {"a": [{"label": 2, "timestamps": [0, 1]}]}})


def test_something_something__templates_are_classes(read):
    clips = [{"id": "7", "label": "spinning cube", "template": "Spinning [something]"}]
    [row] = read("something-something-v2-train.json", clips)
    assert (row.video, row.label, row.subset) == ("7", "Spinning something", "train")
    [row] = read("something-something-v2-test.json", [{"id": "8"}])
    assert (row.is_unlabeled, row.subset) == (True, "test")
