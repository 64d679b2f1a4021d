r"""BORIS: tabular events (rows START, STOP and POINT) and aggregated events (a row an interval).

    tabular      Subject  Behavior  Behavior type  Time      Media file name
                 rat1     rearing   START          1.500     C:\films\a.mp4
                 rat1     rearing   STOP           4.250     C:\films\a.mp4
    aggregated   Subject  Behavior  Behavior type  Start (s)  Stop (s)  Media file name
                 rat1     rearing   STATE          1.500      4.250     C:\films\a.mp4

Any number of lines with the observation's description may come first, columns differ from version
to version, FPS may hold several numbers, and "NA" stands for nothing. Where no column names the
media file, the lines in front or the observation do. A POINT becomes a window.
"""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from semivideo.base.errors import DataError
from semivideo.events.columns import is_missing, seconds
from semivideo.events.content import Content
from semivideo.events.guidance import Reading, Writing
from semivideo.events.label_row import LabelRow, tell_not_used
from semivideo.events.media import media_name

log = logging.getLogger("semivideo")

_MEDIA = ("media file name", "media file path", "media file", "media file(s)", "source")
_TYPES = ("behavior type", "behaviour type", "type", "status")
_TIMES = {
    "time": ("time", "time (s)"),
    "start": ("start (s)", "start", "start time (s)"),
    "stop": ("stop (s)", "stop", "stop time (s)"),
}
_BEHAVIORS = ("behavior", "behaviour")
_MODIFIER = re.compile(r"modifiers?(?: #?\d+)?")
_NO_SUBJECT = ("", "no focal subject")
_PLAYER = re.compile(r"player #\d+:?\s*", re.IGNORECASE)
_MOST_LINES = 200  # before the header
_SILENT = frozenset(  # columns whose content follows from others
    "duration (s)|total length|fps|media duration (s)|observation duration".split("|")
)


@dataclass(frozen=True, slots=True)
class _Table:
    """Where things are in a file."""

    before: list[list[str]]
    header: list[str]
    rows: list[tuple[int, list[str]]]
    media: int | None
    behavior: int
    kind: int | None
    subject: int | None
    modifiers: list[int]
    times: dict[str, int]

    def cell(self, row: list[str], place: int | None) -> str:
        return row[place] if place is not None and place < len(row) else ""


def is_it(content: Content) -> bool:
    """Whether a header of BORIS is among the first lines."""
    return content.json is None and content.xml is None and _table(content.text) is not None


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read the events of all observations of a file."""
    table = _table(content.text)
    if table is None:
        raise DataError(
            f"{content.path.name} has no header of BORIS' events (Behavior, and Time or Start and "
            "Stop); export 'Tabular events' or 'Aggregated events' again",
            path=str(content.path),
        )
    name = content.path.name
    used = {table.media, table.behavior, table.kind, table.subject}
    used |= {*table.modifiers, *table.times.values()}
    tell_not_used(
        name,
        "columns",
        [
            column
            for place, column in enumerate(table.header)
            if column and place not in used and column.lower() not in _SILENT
        ],
    )
    is_aggregated = "start" in table.times
    return _aggregated(name, table, how) if is_aggregated else _tabular(name, table, how)


def _table(text: str) -> _Table | None:
    """Find the header, whatever lines come before it, and the delimiter that it is cut with."""
    lines = text.splitlines()
    for number, line in enumerate(lines[:_MOST_LINES]):
        if "behav" not in line.lower():
            continue
        for delimiter in "\t,;":
            header = [cell.strip().strip('"') for cell in line.split(delimiter)]
            words = [cell.lower() for cell in header]
            times = {
                meaning: place
                for meaning, known in _TIMES.items()
                if (place := _place(words, known)) is not None
            }
            kind, behavior = _place(words, _TYPES), _place(words, _BEHAVIORS)
            is_whole = {"start", "stop"} <= set(times) or ("time" in times and kind is not None)
            if behavior is None or not is_whole or (kind is None and "media file" not in words):
                continue
            rest = csv.reader(io.StringIO("\n".join(lines[number + 1 :])), delimiter=delimiter)
            rows = [(number + 1 + rest.line_num, [c.strip() for c in row]) for row in rest]
            return _Table(
                before=[[c.strip() for c in each.split(delimiter)] for each in lines[:number]],
                header=header,
                rows=[(at, row) for at, row in rows if any(row)],
                media=_place(words, _MEDIA),
                behavior=behavior,
                kind=kind,
                subject=_place(words, ("subject",)),
                modifiers=[p for p, word in enumerate(words) if _MODIFIER.fullmatch(word)],
                times=times,
            )
    return None


def _place(words: Sequence[str], known: Sequence[str]) -> int | None:
    return next((words.index(word) for word in known if word in words), None)


@dataclass(frozen=True, slots=True)
class _Event:
    """A row of either kind."""

    video: str
    behavior: str
    kind: str
    subject: str | None
    modifier: str | None
    row: list[str]
    at: int


def _events(name: str, table: _Table) -> Iterator[_Event]:
    """What the rows say apart from times."""
    fallback = _described_media(table)
    observation = _place([word.lower() for word in table.header], ("observation id",))
    for at, row in table.rows:
        behavior = table.cell(row, table.behavior)
        if is_missing(behavior):
            raise DataError(f"row {at} of {name} names no behavior; the file may be cut off")
        media = _PLAYER.sub("", table.cell(row, table.media)).split(";")[0].strip()
        if is_missing(media):
            media = fallback or table.cell(row, observation)
        if is_missing(media):
            raise DataError(
                f"row {at} of {name} names no media file; export the events with 'Media file name'"
            )
        subject = table.cell(row, table.subject)
        modifiers = [table.cell(row, place) for place in table.modifiers]
        yield _Event(
            media_name(media.replace("\\", "/")),
            behavior,
            table.cell(row, table.kind).upper() or "STATE",
            None if subject.lower() in _NO_SUBJECT or is_missing(subject) else subject,
            "|".join(m for m in modifiers if not is_missing(m)) or None,
            row,
            at,
        )


def _described_media(table: _Table) -> str | None:
    """The media file that the lines before the header name."""
    is_below = False
    for line in table.before:
        words = [word for word in line if word]
        if is_below and words:
            return _PLAYER.sub("", words[-1]).strip() or None
        if words and words[0].lower().rstrip(":").startswith("media file"):
            if len(words) > 1:
                return _PLAYER.sub("", words[1]).strip()
            is_below = True
    return None


def _time(name: str, table: _Table, event: _Event, which: str) -> float:
    try:
        found = seconds(table.cell(event.row, table.times[which]))
    except DataError as error:
        raise DataError(f"row {event.at} of {name}: {error}") from None
    if found is None:
        raise DataError(f"row {event.at} of {name} has no time; the file may be cut off")
    return found


def _aggregated(name: str, table: _Table, how: Reading) -> list[LabelRow]:
    rows = []
    for event in _events(name, table):
        start = _time(name, table, event, "start")
        is_point = event.kind == "POINT"
        end = start if is_point else _time(name, table, event, "stop")
        span = how.around(start) if is_point or start == end else (start, end)
        rows.append(_row(event, *span))
    return rows


def _tabular(name: str, table: _Table, how: Reading) -> list[LabelRow]:
    """Pair each START with the next STOP of the same behavior, subject and video."""
    rows: list[LabelRow] = []
    begun: dict[tuple[str, str, str | None], tuple[_Event, float]] = {}
    num_lost = 0
    for event in _events(name, table):
        time, key = _time(name, table, event, "time"), (event.video, event.behavior, event.subject)
        if event.kind == "POINT":
            rows.append(_row(event, *how.around(time)))
        elif event.kind == "START" or (event.kind == "STATE" and key not in begun):
            num_lost += key in begun
            begun[key] = (event, time)
        elif event.kind in ("STOP", "STATE"):
            if key in begun:
                first, start = begun.pop(key)
                rows.append(_row(first, start, time))
            else:
                num_lost += 1
        else:
            raise DataError(
                f"row {event.at} of {name} is a {event.kind!r}; known are START, STOP and POINT"
            )
    rows += [_row(event, start, None) for event, start in begun.values()]
    if begun:
        video, behavior, _ = next(iter(begun))
        log.warning(
            "%s: %d START row(s) have no STOP, such as %r of %s; they are taken to the end of the "
            "video",
            *(name, len(begun), behavior, video),
        )
    if num_lost:
        log.warning("%s: %d START or STOP row(s) have no partner and are left out", name, num_lost)
    return sorted(rows, key=lambda row: (row.video, row.start_seconds or 0.0))


def _row(event: _Event, start: float, end: float | None) -> LabelRow:
    return LabelRow(
        event.video,
        event.behavior,
        start_seconds=start,
        end_seconds=end,
        subject=event.subject,
        modifier=event.modifier,
    )


def write(rows: Sequence[LabelRow], how: Writing) -> str:
    """Write tabular events, a START and a STOP for each label, in order of time."""
    columns = (
        *("Observation id", "Media file name", "Subject", "Behavior", "Modifiers"),
        *("Behavior type", "Time", "Comment"),
    )
    lines = []
    for row in rows:
        if row.label is None:
            continue
        start, end = how.interval(row, "BORIS")
        said = [row.video, row.video, row.subject or "No focal subject", row.label]
        said.append(row.modifier or "")
        lines.append((row.video, start, 1, [*said, "START", f"{start:.3f}", ""]))
        lines.append((row.video, end, 0, [*said, "STOP", f"{end:.3f}", ""]))
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(columns)
    table.writerows(cells for *_, cells in sorted(lines, key=lambda line: line[:3]))
    return text.getvalue()
