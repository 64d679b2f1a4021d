"""ELAN's ``.eaf``: tiers of annotations between time slots, in milliseconds.

A tier is a subject and its annotations' values are classes; or, where all values of a tier are
empty, the tier is the class. ``class_from`` "tier" or "value" decides for all tiers. Time slots
without a value lie evenly between their neighbours of the same tier.

Looked at as well: pympi-ling reads and writes these files through ElementTree too; it does not
guard against entities, and for slots without values it gives nothing. The standard library is as
short.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from semivideo.base.errors import ConfigError, DataError, option
from semivideo.events.content import Content
from semivideo.events.guidance import Reading, Writing
from semivideo.events.label_row import LabelRow, tell_not_used
from semivideo.events.media import media_name

_NOBODY = re.compile(r"default(?: \(\d+\))?")  # ELAN's first tier is called so


def is_it(content: Content) -> bool:
    """Whether the root of the document is that of ELAN."""
    return content.xml is not None and content.xml.tag == "ANNOTATION_DOCUMENT"


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read the annotations that are aligned with time."""
    root, name = content.xml, content.path.name
    assert root is not None
    if how.class_from not in (None, "tier", "value"):
        raise ConfigError(
            f"{option('class_from')} of an ELAN file is tier or value, got {how.class_from!r}"
        )
    video, origin = _media(root, content)
    slots = {
        slot.get("TIME_SLOT_ID", ""): None if (value := slot.get("TIME_VALUE")) is None else value
        for slot in root.iter("TIME_SLOT")
    }
    rows, unused = [], []
    for tier in root.findall("TIER"):
        spans = list(_annotations(tier, slots, name))
        if not spans:
            if tier.find("ANNOTATION") is not None:
                unused.append(tier.get("TIER_ID", ""))
            continue
        by_tier = how.class_from == "tier" or (
            how.class_from is None and not any(value for value, _, _ in spans)
        )
        rows += [_row(tier, video, *span, origin=origin, by_tier=by_tier) for span in spans]
    tell_not_used(name, "tiers without times", unused)
    return rows or [LabelRow(video, is_unlabeled=True)]


def _media(root: Element, content: Content) -> tuple[str, float]:
    """The first linked video, and the milliseconds of it before the time line begins."""
    linked = list(root.iter("MEDIA_DESCRIPTOR"))
    films = [m for m in linked if not m.get("MIME_TYPE", "").startswith("audio")] or linked
    named = [m.get("RELATIVE_MEDIA_URL") or m.get("MEDIA_URL") or "" for m in films]
    tell_not_used(content.path.name, "linked media", named[1:])
    if not films or not named[0]:
        return content.path.stem, 0.0
    name = media_name(named[0])
    is_escaped = name == named[0].removeprefix("./")  # without a scheme it stayed as it is
    return unquote(name) if is_escaped else name, float(films[0].get("TIME_ORIGIN") or 0)


def _annotations(
    tier: Element, slots: dict[str, str | None], name: str
) -> Iterator[tuple[str, float, float]]:
    """Value, start and end in milliseconds of each annotation of a tier."""
    aligned = tier.findall("ANNOTATION/ALIGNABLE_ANNOTATION")
    ends = [(a.get("TIME_SLOT_REF1", ""), a.get("TIME_SLOT_REF2", "")) for a in aligned]
    chain = list(dict.fromkeys(slot for pair in ends for slot in pair))
    if missing := [slot for slot in chain if slot not in slots]:
        raise DataError(f"{name} refers to the time slot {missing[0]!r}, which it does not have")
    known = {place: float(v) for place, s in enumerate(chain) if (v := slots[s]) is not None}
    times = {slot: _between(place, known, name) for place, slot in enumerate(chain)}
    for annotation, (first, last) in zip(aligned, ends, strict=True):
        value = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
        yield value, times[first], times[last]


def _between(place: int, known: dict[int, float], name: str) -> float:
    """Time of a place in a chain of slots, from the nearest ones that have a time."""
    if place in known:
        return known[place]
    before = max((p for p in known if p < place), default=None)
    after = min((p for p in known if p > place), default=None)
    if before is None or after is None:
        raise DataError(f"{name} has time slots without a time and without one beside them")
    share = (place - before) / (after - before)
    return known[before] + share * (known[after] - known[before])


def _row(
    tier: Element, video: str, value: str, start: float, end: float, *, origin: float, by_tier: bool
) -> LabelRow:
    tier_id, participant = tier.get("TIER_ID", ""), tier.get("PARTICIPANT") or None
    is_nobody = participant is None and _NOBODY.fullmatch(tier_id) is not None
    subject = participant if by_tier or is_nobody else participant or tier_id
    return LabelRow(
        video,
        tier_id if by_tier else value or None,
        start_seconds=(start + origin) / 1000,
        end_seconds=(end + origin) / 1000,
        subject=subject,
        modifier=(value or None) if by_tier else None,
        is_unlabeled=not by_tier and not value,
    )


def write(rows: Sequence[LabelRow], how: Writing) -> str:
    """Write the labels of one video, a tier a subject; overlapping ones get a tier more.

    Raises:
        DataError: They are of several videos, which ELAN cannot hold.
    """
    videos = list(dict.fromkeys(row.video for row in rows))
    if len(videos) != 1:
        raise DataError(
            f"an ELAN file is about one video, and these labels are of {len(videos)}; write each "
            "to a file of its own"
        )
    root = Element("ANNOTATION_DOCUMENT", AUTHOR="", FORMAT="3.0", VERSION="3.0")
    root.set("DATE", "1970-01-01T00:00:00+00:00")  # the same labels are the same file
    header = SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    address = quote(videos[0], safe="/:\\")
    is_relative = not (address.startswith("/") or ":" in address)
    media = SubElement(header, "MEDIA_DESCRIPTOR", MIME_TYPE="video/mp4")
    media.set("MEDIA_URL", f"./{address}" if is_relative else f"file:///{address.lstrip('/')}")
    if is_relative:
        media.set("RELATIVE_MEDIA_URL", f"./{address}")
    order = SubElement(root, "TIME_ORDER")
    tiers = _tiers(rows, how)
    times = sorted({time for spans in tiers.values() for _, *both in spans for time in both})
    slot_of = {time: f"ts{number}" for number, time in enumerate(times, start=1)}
    for time, slot in slot_of.items():
        SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(time))
    number = 0
    for (tier_id, subject), spans in tiers.items():
        tier = SubElement(root, "TIER", LINGUISTIC_TYPE_REF="default-lt", TIER_ID=tier_id)
        if subject is not None:
            tier.set("PARTICIPANT", subject)
        for label, start, end in spans:
            number += 1
            annotation = SubElement(
                SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{number}",
                TIME_SLOT_REF1=slot_of[start],
                TIME_SLOT_REF2=slot_of[end],
            )
            SubElement(annotation, "ANNOTATION_VALUE").text = label
    SubElement(
        root,
        "LINGUISTIC_TYPE",
        GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID="default-lt",
        TIME_ALIGNABLE="true",
    )
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


_Spans = list[tuple[str, int, int]]


def _tiers(rows: Sequence[LabelRow], how: Writing) -> dict[tuple[str, str | None], _Spans]:
    """Labels in whole milliseconds by tier: annotations of one tier do not overlap in ELAN."""
    tiers: dict[tuple[str, str | None], _Spans] = {}
    intervals = [(row, *how.interval(row, "ELAN")) for row in rows if row.label is not None]
    for row, start, end in sorted(intervals, key=lambda each: each[1:]):
        span = (row.label or "", round(1000 * start), round(1000 * end))
        number = 1
        while True:
            base = "default" if row.subject is None else row.subject
            key = (base if number == 1 else f"{base} ({number})", row.subject)
            spans = tiers.setdefault(key, [])
            if not spans or spans[-1][2] <= span[1]:
                spans.append(span)
                break
            number += 1
    return tiers
