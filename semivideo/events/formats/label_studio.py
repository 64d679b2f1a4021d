"""Label Studio: JSON and JSON-MIN exports; predictions to be imported.

    [{"data": {"video": "/data/upload/1/0a1b2c3d-a.mp4"},
      "annotations": [{"completed_by": 1, "result": [
        {"type": "timelinelabels", "value": {"ranges": [{"start": 1, "end": 50}],
                                             "timelinelabels": ["wave"]}},
        {"type": "choices", "value": {"choices": ["indoors"]}}]}]}]

Frames count from 1, both ends are part of the range, and a frame lasts what the project's
``frameRate`` says, which the export does not hold: 24 a second if nobody set it.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from semivideo.base.endings import is_video
from semivideo.base.errors import DataError, nearest, option
from semivideo.events.content import Content
from semivideo.events.frame_clock import Clock
from semivideo.events.guidance import Reading, Writing
from semivideo.events.label_row import LabelRow, tell_not_used
from semivideo.events.media import media_name

log = logging.getLogger("semivideo")

_USUAL_RATE = 24.0
_RATE_KEYS = ("fps", "frame_rate", "frameRate", "framerate")
_MIN_KEYS = ("choice", "choices", "label")


def is_it(content: Content) -> bool:
    """Whether it is a list of tasks, or of JSON-MIN's rows with ranges."""
    tasks = content.json
    if not (isinstance(tasks, list) and tasks and all(isinstance(t, dict) for t in tasks)):
        return False
    is_full = all(isinstance(task.get("data"), dict) for task in tasks)
    return is_full or any(_ranges_of(value) for task in tasks for value in task.values())


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read the annotations of one person a task."""
    tasks, name = content.json, content.path.name
    if '"timelinelabels"' in content.text and not all(_clock(task, how) for task in tasks):
        _tell_usual_rate(name)
    if not any(isinstance(task.get("data"), dict) for task in tasks):
        return [row for task in tasks for row in _of_min(task, content, how)]
    chosen = _annotator(tasks, name, how.annotator)
    has_people = any(task.get("annotations") or task.get("completions") for task in tasks)
    if not has_people and any(task.get("predictions") for task in tasks):
        log.warning("%s holds no annotations; its predictions are read", name)
    rows: list[LabelRow] = []
    unused: Counter[str] = Counter()
    for task in tasks:
        video = _video(task["data"], name)
        results = _results(task, chosen, has_people=has_people)
        found = []
        for result in results or ():
            made = list(_of_result(result, video, task, how))
            if not made:
                unused[str(result.get("type"))] += 1
            found += made
        rows += found or [LabelRow(video, is_unlabeled=True)]
    tell_not_used(name, "results", [f"{kind} ({n})" for kind, n in sorted(unused.items())])
    return rows


def _video(data: dict[str, Any], name: str) -> str:
    """The video of a task: what is called so, or ends like one."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    for key, value in texts.items():
        if is_video(media_name(value)) or key == "video":
            return media_name(value)
    raise DataError(f"a task of {name} has no video among its data ({', '.join(data) or 'none'})")


def _people(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Annotations that were not skipped."""
    given = task.get("annotations") or task.get("completions") or []
    return [each for each in given if not each.get("was_cancelled")]


def _who(annotation: dict[str, Any]) -> str:
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    return str(who)


def _annotator(tasks: Sequence[dict[str, Any]], name: str, wanted: str | None) -> str | None:
    """Whose annotations are taken where several people labelled: who is named, or did most."""
    people = Counter(who for task in tasks for who in {_who(each) for each in _people(task)})
    if wanted is not None:
        if wanted not in people:
            raise DataError(
                f"{name} has no annotator {wanted!r}{nearest(wanted, people)} [known: "
                f"{', '.join(sorted(people))}]"
            )
        return wanted
    num_doubled = sum(len(_people(task)) > 1 for task in tasks)
    if not num_doubled:
        return None
    most = min(people, key=lambda who: (-people[who], who))
    log.warning(
        "%s: %d task(s) have several annotations, by %s; those of %s are taken, and the last one "
        "where there is none of theirs; annotator (--annotator) says otherwise",
        *(name, num_doubled, ", ".join(sorted(people)), most),
    )
    return most


def _results(
    task: dict[str, Any], who: str | None, *, has_people: bool
) -> list[dict[str, Any]] | None:
    given = _people(task) if has_people else list(task.get("predictions") or ())
    if not given:
        return None
    own = [each for each in given if who is not None and _who(each) == who]
    result: list[dict[str, Any]] = (own or given)[-1].get("result") or []
    return result


def _of_result(
    result: dict[str, Any], video: str, task: dict[str, Any], how: Reading
) -> Iterator[LabelRow]:
    """Rows of one region, or none where it says nothing of time or class."""
    value, score = result.get("value", {}), result.get("score")
    score = None if score is None else float(score)
    if "timelinelabels" in value:
        clock = _clock(task, how) or Clock(_USUAL_RATE)
        for span in value["ranges"]:
            start, end = clock.span(int(span["start"]) - 1, int(span["end"]) - 1)
            for label in value["timelinelabels"]:
                yield LabelRow(
                    video, label, start_seconds=max(0.0, start), end_seconds=end, score=score
                )
    elif result.get("type") == "choices":
        for label in value.get("choices", ()):
            yield LabelRow(video, label, score=score)


def _clock(task: dict[str, Any], how: Reading) -> Clock | None:
    """What a frame of a task lasts: told, in the task, told by another region, or nobody knows."""
    if how.label_rate is not None:
        return Clock(how.label_rate)
    data = task.get("data", task)
    for key in _RATE_KEYS:
        try:
            return Clock(float(data[key]))
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
    for annotation in (*_people(task), *(task.get("predictions") or ())):
        for other in annotation.get("result") or ():
            value = other.get("value", {})
            if value.get("framesCount") and value.get("duration"):
                return Clock(value["framesCount"] / value["duration"])
    return None


def _tell_usual_rate(name: str) -> None:
    log.warning(
        "%s does not say its frame rate; %g frames a second are taken, as Label Studio does unless "
        "the project's frameRate is set; label_rate (--label-rate) says otherwise",
        *(name, _USUAL_RATE),
    )


def _ranges_of(value: Any) -> list[dict[str, Any]]:
    """Regions of JSON-MIN, or nothing."""
    is_list = isinstance(value, list) and bool(value)
    is_regions = is_list and all(isinstance(v, dict) and "ranges" in v for v in value)
    return value if is_regions else []


def _of_min(task: dict[str, Any], content: Content, how: Reading) -> Iterator[LabelRow]:
    """Rows of a JSON-MIN task: each control of the project is a key of its own."""
    video = _video(task, content.path.name)
    for key, value in task.items():
        for region in _ranges_of(value):
            given = {"type": "timelinelabels", "value": region}
            yield from _of_result(given, video, task, how)
        if key == how.class_from or (how.class_from is None and key in _MIN_KEYS):
            labels = value.get("choices", []) if isinstance(value, dict) else [value]
            yield from (LabelRow(video, str(label)) for label in labels)


def write(rows: Sequence[LabelRow], how: Writing) -> str:
    """Write tasks with predictions, for the import of a project with a control ``videoLabels``.

    The project's ``frameRate`` must be the rate that is written into each task as ``fps``.
    """
    tasks = []
    for video, of_video in groupby(sorted(rows, key=lambda row: row.video), lambda row: row.video):
        clock = _written_clock(video, how)
        result = [_region(row, clock, how) for row in of_video if row.label is not None]
        task: dict[str, Any] = {"data": {"video": video, "fps": clock.frame_rate}}
        tasks.append(task | {"predictions": [{"model_version": "semivideo", "result": result}]})
    return json.dumps(tasks, indent=2, ensure_ascii=False) + "\n"


def _written_clock(video: str, how: Writing) -> Clock:
    """Label Studio's frames are evenly spaced, whatever the video's are."""
    if how.label_rate is not None:
        return Clock(how.label_rate)
    own = how.clock(video)
    if own is None:
        raise DataError(
            f"Label Studio counts frames, and the video {video!r} was not found to say how long "
            f"one is; give the project's frame rate with {option('label_rate')}, or the folder of "
            f"the videos with {option('videos')}"
        )
    return Clock(own.frame_rate)


def _region(row: LabelRow, clock: Clock, how: Writing) -> dict[str, Any]:
    score = {} if row.score is None else {"score": row.score}
    if row.part == (None, None):
        value: dict[str, Any] = {"choices": [row.label]}
        return {"from_name": "class", "to_name": "video", "type": "choices", "value": value} | score
    start, end = how.interval(row, "Label Studio")
    first, last = clock.frame(start) + 1, max(clock.frame(end), clock.frame(start) + 1)
    value = {"ranges": [{"start": first, "end": last}], "timelinelabels": [row.label]}
    return {
        "from_name": "videoLabels",
        "to_name": "video",
        "type": "timelinelabels",
        "value": value,
    } | score
