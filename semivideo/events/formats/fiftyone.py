"""FiftyOne: temporal detections by video, or the samples of an exported data set.

    {"classes": ["wave"], "labels": {"a": [{"label": 0, "support": [1, 50]}],
                                     "b": [{"label": 0, "timestamps": [1.5, 4.0]}]}}
    {"samples": [{"filepath": "data/a.mp4", "metadata": {"frame_rate": 25.0},
                  "events": {"_cls": "TemporalDetections", "detections":
                             [{"label": "wave", "support": [1, 50], "confidence": 0.9}]}}]}

``support`` counts frames from 1, both ends are part of it. Ids have no ending.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from semivideo.base.errors import DataError
from semivideo.events.content import Content
from semivideo.events.frame_clock import Clock
from semivideo.events.guidance import Reading, Writing
from semivideo.events.label_row import LabelRow, tell_not_used
from semivideo.events.media import media_name

_USED = {"label", "support", "timestamps", "confidence", "subject", "modifier"}
_TEMPORAL = ("TemporalDetections", "Classification", "Classifications")


def is_it(content: Content) -> bool:
    """Whether it has labels by video with classes, or samples."""
    json_ = content.json
    if not isinstance(json_, dict):
        return False
    is_export = isinstance(json_.get("samples"), list)
    return is_export or (isinstance(json_.get("labels"), dict) and "classes" in json_)


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read the detections of all videos; one without any is unlabelled."""
    if "samples" in content.json:
        return [row for sample in content.json["samples"] for row in _sample(sample, content, how)]
    classes = content.json.get("classes") or []
    rows: list[LabelRow] = []
    unused: set[str] = set()
    for video, said in content.json["labels"].items():
        for each in said or ():
            unused.update(set(each) - _USED - {"attributes"})
            unused.update(each.get("attributes") or ())
            rows.append(_row(video, each, _class(each["label"], classes, content), content, how))
        if not said:
            rows.append(LabelRow(video, is_unlabeled=True))
    tell_not_used(content.path.name, "attributes", sorted(unused))
    return rows


def _class(label: Any, classes: Sequence[str], content: Content) -> str:
    """A class by its number among the classes, or by name."""
    if isinstance(label, int) and classes:
        if not 0 <= label < len(classes):
            raise DataError(
                f"{content.path.name} gives the class {label}, and it has {len(classes)} of them, "
                "numbered from 0; export it again"
            )
        return str(classes[label])
    return str(label)


def _row(
    video: str, said: dict[str, Any], label: str, content: Content, how: Reading, rate: float = 0.0
) -> LabelRow:
    start: float | None = None
    end: float | None = None
    if said.get("timestamps") is not None:
        start, end = map(float, said["timestamps"])
    elif said.get("support") is not None:
        clock = (
            Clock(rate) if rate and how.label_rate is None else how.clock_of(video, content.path)
        )
        start, end = clock.span(*(int(frame) - 1 for frame in said["support"]))
    score = said.get("confidence")
    return LabelRow(
        video,
        label,
        start_seconds=start,
        end_seconds=end,
        subject=said.get("subject"),
        modifier=said.get("modifier"),
        score=None if score is None else float(score),
    )


def _sample(sample: dict[str, Any], content: Content, how: Reading) -> Iterator[LabelRow]:
    """Rows of one sample, of all its fields that say something of time or of the whole video."""
    video = media_name(sample["filepath"].replace("\\", "/"))
    rate = float((sample.get("metadata") or {}).get("frame_rate") or 0.0)
    fields = [f for f in sample.values() if isinstance(f, dict) and f.get("_cls") in _TEMPORAL]
    given = [
        each
        for field in fields
        for each in field.get("detections") or field.get("classifications") or [field]
    ]
    for said in given:
        yield _row(video, said, str(said["label"]), content, how, rate)
    if not given:
        yield LabelRow(video, is_unlabeled=True)


def write(rows: Sequence[LabelRow], how: Writing) -> str:
    """Write temporal detections with timestamps; the ids are the names of the videos."""
    classes = sorted({row.label for row in rows if row.label is not None})
    labels: dict[str, Any] = {}
    for video, of_video in groupby(sorted(rows, key=lambda row: row.video), lambda row: row.video):
        said = [_said(row, classes, how) for row in of_video if row.label is not None]
        labels[video] = said or None
    return json.dumps({"classes": classes, "labels": labels}, indent=2, ensure_ascii=False) + "\n"


def _said(row: LabelRow, classes: list[str], how: Writing) -> dict[str, Any]:
    said: dict[str, Any] = {"label": classes.index(row.label or "")}
    if row.part != (None, None):
        said["timestamps"] = list(how.interval(row, "FiftyOne"))
    more = {"confidence": row.score, "subject": row.subject, "modifier": row.modifier}
    return said | {key: value for key, value in more.items() if value is not None}
