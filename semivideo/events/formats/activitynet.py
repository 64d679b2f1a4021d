"""ActivityNet's JSON, which THUMOS and many detectors use too; ids have no ending.

{"database": {"_a1": {"subset": "training", "duration": 12.5,
                      "annotations": [{"label": "wave", "segment": [1.5, 4.0]}]}}}
{"results":  {"_a1": [{"label": "wave", "score": 0.9, "segment": [1.5, 4.0]}]}}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from semivideo.base.endings import is_video
from semivideo.events.content import Content
from semivideo.events.guidance import Reading, Writing
from semivideo.events.label_row import LabelRow, tell_not_used
from semivideo.events.subsets import subset_name

_USED = {"label", "segment", "score", "subject", "modifier"}
_OF_VIDEO = {"subset", "duration", "annotations", "group", "url", "resolution", "duration_second"}


def is_it(content: Content) -> bool:
    """Whether it has a database or results by video."""
    json_ = content.json
    return isinstance(json_, dict) and any(
        isinstance(json_.get(key), dict) for key in ("database", "results")
    )


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read annotations or results; a video without any is unlabelled."""
    name = content.path.name
    given = content.json.get("database")
    if given is None:
        given = {id: {"annotations": found} for id, found in content.json["results"].items()}
    rows, unused = [], set()
    for id, about in given.items():
        said = about.get("annotations") or []
        subset = subset_name(str(about.get("subset") or ""))
        unused.update(set(about) - _OF_VIDEO)
        unused.update(key for each in said for key in set(each) - _USED)
        labeled = [_row(id, about, each, subset) for each in said]
        rows += labeled or [
            LabelRow(id, None, about.get("group"), subset, _alias(id), is_unlabeled=True)
        ]
    tell_not_used(name, "keys", sorted(unused))
    return rows


def _row(id: str, about: dict[str, Any], said: dict[str, Any], subset: str | None) -> LabelRow:
    segment = said.get("segment")
    start, end = (None, None) if segment is None else map(float, segment)
    return LabelRow(
        id,
        str(said["label"]),
        about.get("group"),
        subset,
        _alias(id),
        start_seconds=start,
        end_seconds=end,
        subject=said.get("subject"),
        modifier=said.get("modifier"),
        score=None if said.get("score") is None else float(said["score"]),
    )


def _alias(id: str) -> str | None:
    """Files of ActivityNet are called v_<id>."""
    return None if is_video(id) else f"v_{id}"


def write(rows: Sequence[LabelRow], how: Writing) -> str:
    """Write a database; the ids are the names of the videos as they are."""
    database: dict[str, Any] = {}
    for video, of_video in groupby(sorted(rows, key=lambda row: row.video), lambda row: row.video):
        given = list(of_video)
        clock = how.clock(video)
        about = {
            "subset": given[0].subset,
            "group": given[0].group,
            "duration": None if clock is None else clock.duration_seconds,
        }
        database[video] = {key: value for key, value in about.items() if value is not None}
        database[video]["annotations"] = [_said(row, how) for row in given if row.label is not None]
    return json.dumps({"version": "1.3", "database": database}, indent=2, ensure_ascii=False) + "\n"


def _said(row: LabelRow, how: Writing) -> dict[str, Any]:
    said: dict[str, Any] = {"label": row.label}
    if row.part != (None, None):
        said["segment"] = list(how.interval(row, "ActivityNet"))
    more = {key: getattr(row, key) for key in ("score", "subject", "modifier")}
    return said | {key: value for key, value in more.items() if value is not None}
