"""VIA 3 projects: segments of files with attributes, all by number.

    "file":      {"1": {"fname": "a.mp4", "src": "films/a.mp4", ...}}
    "view":      {"1": {"fid_list": ["1"]}}
    "attribute": {"1": {"aname": "action", "type": 4, "options": {"0": "wave", "1": "run"}}}
    "metadata":  {"1_x": {"vid": "1", "z": [2.5, 4.0], "xy": [], "av": {"1": "0"}}}

Two times in ``z`` are an interval in seconds, one is a point, none means the whole file. Regions
(``xy``) are counted and not used.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

from semivideo.base.errors import DataError, nearest
from semivideo.events.content import Content
from semivideo.events.guidance import Reading
from semivideo.events.label_row import LabelRow, tell_not_used
from semivideo.events.media import media_name

log = logging.getLogger("semivideo")

_CHECKBOX = 2


def is_it(content: Content) -> bool:
    """Whether it has the parts of a VIA 3 project."""
    return isinstance(content.json, dict) and {"metadata", "file", "view"} <= set(content.json)


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read the labels of one attribute."""
    project, name = content.json, content.path.name
    attributes: dict[str, dict[str, Any]] = project.get("attribute", {})
    given = list(project["metadata"].values())
    segments = [each for each in given if not each.get("xy")]
    if len(segments) < len(given):
        log.warning("%s: %d region(s) not used", name, len(given) - len(segments))
    chosen = _attribute(segments, attributes, name, how.class_from)
    others = {number for each in segments for number in each.get("av", {})} - {chosen}
    tell_not_used(name, "attributes", sorted(_name(attributes, each) for each in others))
    rows, labeled, num_empty = [], set(), 0
    for segment in segments:
        video = _video(project, segment, name)
        labeled.add(video)
        labels = list(_labels(segment, chosen, attributes))
        num_empty += not labels
        start, end = _times(segment, how)
        rows += [LabelRow(video, each, start_seconds=start, end_seconds=end) for each in labels]
    if num_empty:
        log.warning("%s: %d segment(s) have no class and are left out", name, num_empty)
    files = {media_name(f.get("src") or f["fname"]) for f in project["file"].values()}
    return rows + [LabelRow(each, is_unlabeled=True) for each in sorted(files - labeled)]


def _name(attributes: dict[str, dict[str, Any]], number: str) -> str:
    return str(attributes.get(number, {}).get("aname", number))


def _attribute(
    segments: list[dict[str, Any]],
    attributes: dict[str, dict[str, Any]],
    name: str,
    wanted: str | None,
) -> str | None:
    """Number of the attribute that is the class: as named, or what most segments have."""
    counts = Counter(number for each in segments for number, value in each.get("av", {}).items())
    if wanted is not None:
        names = {_name(attributes, number): number for number in {*attributes, *counts}}
        if wanted not in names:
            raise DataError(
                f"{name} has no attribute {wanted!r}{nearest(wanted, names)} [known: "
                f"{', '.join(sorted(names)) or 'none'}]"
            )
        return str(names[wanted])
    if not counts:
        return None
    chosen = str(min(counts, key=lambda number: (-counts[number], number)))
    if len(counts) > 1:
        log.warning(
            "%s: the attribute %r is taken as the class; class_from (--class-from) says otherwise",
            *(name, _name(attributes, chosen)),
        )
    return chosen


def _labels(
    segment: dict[str, Any], chosen: str | None, attributes: dict[str, dict[str, Any]]
) -> Iterator[str]:
    """Classes of a segment; numbers of options are read as what they stand for."""
    value = str(segment.get("av", {}).get(chosen, "")).strip()
    attribute = attributes.get(chosen or "", {})
    options = attribute.get("options") or {}
    parts = value.split(",") if attribute.get("type") == _CHECKBOX else [value]
    for part in map(str.strip, parts):
        if part:
            yield str(options.get(part, part))


def _video(project: dict[str, Any], segment: dict[str, Any], name: str) -> str:
    """The first file of the view that a segment belongs to."""
    files = project["view"].get(str(segment["vid"]), {}).get("fid_list") or [segment["vid"]]
    file = project["file"].get(str(files[0]))
    if file is None:
        raise DataError(f"{name} has a segment of view {segment['vid']!r}, which names no file")
    return media_name(file.get("src") or file["fname"])


def _times(segment: dict[str, Any], how: Reading) -> tuple[float | None, float | None]:
    times = [float(time) for time in segment.get("z") or ()]
    if not times:
        return None, None
    return how.around(times[0]) if len(times) == 1 else (times[0], times[-1])
