"""Boxes around people from files."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semivideo.base.errors import DataError
from semivideo.methods.parts.boxes import human_boxes

BOXES = {
    "a.mp4": [[0.1, 0.2, 0.3, 0.6, 0.9], [0.2, 0.1, 0.5, 0.4, 0.4], [0.0, 0.0, 1.0, 1.0, 0.39]],
    "b.mp4": [],
    "elsewhere.mp4": [[0.1, 0.1, 0.2, 0.2, 1.0]],
}
VIDEOS = ["b.mp4", "a.mp4", "c.mp4"]


@pytest.fixture(params=["json", "parquet"])
def file(request, tmp_path):
    path = tmp_path / f"boxes.{request.param}"
    if request.param == "json":
        path.write_text(json.dumps(BOXES))
        return path
    rows = [[id, *box] for id, boxes in BOXES.items() for box in boxes]
    names = ["video", "left", "top", "right", "bottom", "score"]
    pq.write_table(pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), path)
    return path


def test_human_boxes__are_the_smallest_around_all_of_a_video_with_the_score(file):
    found = human_boxes(file, VIDEOS, min_score=0.4)
    assert found.shape == (3, 4)
    assert found[1] == pytest.approx([0.1, 0.1, 0.5, 0.4])  # top, left, height, width
    assert not found[[0, 2]].any()


def test_human_boxes__refuse_a_file_of_other_videos(file):
    with pytest.raises(
        DataError, match=r"no box of score >= 0\.95 for any of the 3 videos \(it na"
    ):
        human_boxes(file, VIDEOS, min_score=0.95)
    with pytest.raises(
        DataError, match=r"names 'a\.mp4', a video here is 'x\.avi'\); write ids as"
    ):
        human_boxes(file, ["x.avi"], min_score=0.4)


@pytest.mark.parametrize(
    "box", [[10, 20, 30, 40, 0.9], [0.5, 0.1, 0.4, 0.2, 0.9], [0.1, 0.1, 0.2, 0.2, 9], [0, 0, 1, 1]]
)
def test_human_boxes__refuse_what_is_not_a_box_in_shares(box, tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"a.mp4": [box]}))
    sentence = "write left, top, right, bottom as shares" if len(box) == 5 else "cannot read human"
    with pytest.raises(DataError, match=sentence):
        human_boxes(path, ["a.mp4"], min_score=0.4)


@pytest.mark.parametrize("content", [None, "{", "[1, 2]", '{"a": 3}', '{"a": [["x", 1, 1, 1, 1]]}'])
def test_human_boxes__refuse_a_file_of_another_form(content, tmp_path):
    path = tmp_path / "boxes.json"
    if content is not None:
        path.write_text(content)
    sentence = re.escape('write JSON, {"video id": [[left, top, right, bottom, score], ...]}')
    with pytest.raises(DataError, match=sentence):
        human_boxes(path, ["a"], min_score=0.4)


def test_human_boxes__refuse_parquet_without_the_columns(tmp_path):
    path = tmp_path / "boxes.parquet"
    pq.write_table(pa.table({"video": ["a"], "score": [0.5]}), path)
    with pytest.raises(DataError, match="columns video, left, top, right, bottom, score"):
        human_boxes(path, ["a"], min_score=0.4)
