"""CVAT for video 1.1: tracks of boxes; where a track is seen is the interval of its label.

    <track id="0" label="walk"><box frame="10" outside="0" keyframe="1" .../>
                               <box frame="35" outside="1" keyframe="1" .../></track>

There is no interval in CVAT. A track is seen from a shape with ``outside="0"`` on, until the next
one with ``outside="1"``, else to the end of the task. With ``class_from`` an attribute of the
shapes names the class, and an interval ends where it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from semivideo.base.errors import DataError, nearest
from semivideo.events.content import Content
from semivideo.events.guidance import Reading
from semivideo.events.label_row import LabelRow, tell_not_used
from semivideo.events.media import media_name

_NOT_SHAPES = ("attribute", "skeleton")


def is_it(content: Content) -> bool:
    """Whether the root of the document is that of CVAT."""
    return content.xml is not None and content.xml.tag == "annotations"


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read the intervals of all tracks."""
    root, name = content.xml, content.path.name
    assert root is not None
    if root.find("image") is not None:
        raise DataError(
            f"{name} is an export for images; export the task as 'CVAT for video 1.1'",
            path=str(content.path),
        )
    tasks = root.findall("meta//task")
    if len(tasks) != 1:
        raise DataError(
            f"{name} is about {len(tasks)} tasks and is read of one; export each task by itself",
            path=str(content.path),
        )
    source = tasks[0].findtext("source") or tasks[0].findtext("name") or ""
    video = media_name(source.strip())
    clock = how.clock_of(video, content.path)
    stop, step = _last_frame(tasks[0])
    rows = []
    attributes: dict[str, None] = {}
    for track in root.findall("track"):
        attributes.update(dict.fromkeys(_attributes(track)))
        for label, first, end in _runs(track, how.class_from, stop=stop, step=step):
            start_seconds, end_seconds = clock.span(first, end - 1)
            rows.append(
                LabelRow(
                    video,
                    label,
                    start_seconds=start_seconds,
                    end_seconds=end_seconds,
                    subject=track.get("id"),
                )
            )
    if how.class_from is not None and how.class_from not in attributes:
        raise DataError(
            f"no track of {name} has an attribute {how.class_from!r}"
            f"{nearest(how.class_from, attributes)} [known: {', '.join(attributes) or 'none'}]"
        )
    tell_not_used(name, "attributes", [each for each in attributes if each != how.class_from])
    return rows or [LabelRow(video, is_unlabeled=True)]


def _last_frame(task: Element) -> tuple[int, int]:
    """Number of the task's last frame, and the distance of its frames."""
    filtered = (task.findtext("frame_filter") or "").partition("step=")[2].strip()
    step = int(filtered) if filtered.isdigit() else 1
    stop = task.findtext("stop_frame")
    if stop is not None and stop.strip().isdigit():
        return int(stop), step
    start = int(task.findtext("start_frame") or 0)
    return start + (int(task.findtext("size") or 1) - 1) * step, step


def _shapes(track: Element) -> list[Element]:
    """Shapes of a track in order of their frames, of whatever kind."""
    shapes = [each for each in track if each.tag not in _NOT_SHAPES and each.get("frame")]
    return sorted(shapes, key=lambda each: int(each.get("frame", "0")))


def _attributes(track: Element) -> Iterator[str]:
    for attribute in track.iter("attribute"):
        if attribute.get("name"):
            yield str(attribute.get("name"))


def _runs(
    track: Element, class_from: str | None, *, stop: int, step: int
) -> Iterator[tuple[str, int, int]]:
    """Class, first frame and the frame after the last one of each time a track is seen."""
    own = {a.get("name"): (a.text or "").strip() for a in track.findall("attribute")}
    label: str | None = None
    first = 0
    for shape in _shapes(track):
        frame = int(shape.get("frame", "0"))
        now: str | None = None
        if shape.get("outside", "0") != "1":
            said = own | {a.get("name"): (a.text or "").strip() for a in shape.findall("attribute")}
            now = track.get("label", "") if class_from is None else said.get(class_from) or None
        if now != label:
            if label is not None:
                yield label, first, frame
            label, first = now, frame
    if label is not None:
        yield label, first, stop + step
