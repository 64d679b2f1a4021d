"""Tables of videos: what each column means, and what is read out of a row.

``MEANINGS`` is the place to add a word. A word counts in any case, with blanks, dashes or
underscores, and with a unit of seconds in brackets: ``Start Time [s]`` is ``start_time``. Of two
columns with one meaning the word that stands first in the table wins; the other one is named among
the columns that are not used.
"""

from __future__ import annotations

import logging
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from semivideo.base.checked import shown
from semivideo.base.endings import is_video
from semivideo.base.errors import DataError
from semivideo.events.label_row import LATEST_SECONDS, LabelRow, is_time, tell_not_used
from semivideo.events.sheets import Sheet, delimiter_of, read_sheet, without_hint
from semivideo.events.subsets import UNLABELED, subset_name, subset_of_word

log = logging.getLogger("semivideo")

MEANINGS: dict[str, tuple[str, ...]] = {
    "path": (
        *("path", "file_path", "filepath", "file", "filename", "file_name", "video_path"),
        *("videopath", "video_file", "video_filename", "clip_path", "relative_path", "media_path"),
        *("media_file", "media", "video", "video_name", "videoname", "clip", "clip_name"),
        *("video_id", "videoid", "clip_id", "youtube_id", "vid", "id", "name"),
    ),
    "label": (
        *("label", "labels", "class", "class_name", "classname", "class_label", "label_name"),
        *("category", "category_name", "action", "action_label", "action_name", "action_class"),
        *("activity", "activity_label", "behavior", "behaviour", "gesture", "sign", "gloss"),
        *("target", "target_label", "annotation", "event", "tag", "y", "ground_truth", "verb"),
    ),
    "class_id": (
        *("class_id", "classid", "label_id", "labelid", "class_index", "class_idx", "label_index"),
        *("label_idx", "category_id", "action_id", "target_id"),
    ),
    "group": ("group",),
    "subset": ("subset", "split", "partition", "set", "usage"),
    "subject": ("subject",),
    "modifier": ("modifier", "modifiers"),
    "score": ("score",),
    "start": (
        *("start", "start_time", "starttime", "start_seconds", "start_second", "start_sec"),
        *("start_s", "time_start", "t_start", "clip_start", "begin", "begin_time"),
        *("begin_seconds", "begin_sec", "start_timestamp", "onset"),
    ),
    "end": (
        *("end", "end_time", "endtime", "end_seconds", "end_second", "end_sec", "end_s"),
        *("time_end", "t_end", "clip_end", "stop", "stop_time", "stop_seconds", "stop_sec"),
        *("finish", "end_timestamp", "stop_timestamp", "offset"),
    ),
}
"""Meaning to the names a column may have, the surest first."""
KINETICS = ("youtube_id", "time_start", "time_end")
"""Columns that make a table one of Kinetics, whose files are called <id>_<start>_<end>."""

MISSING = frozenset(
    "nan NaN NAN -nan -NaN None NULL Null null NA N/A n/a <NA> #N/A #NA NaT ? -1 -1.0 -1,0".split()
)
"""Cells that programs write for "nothing here", spelled as they do; "none" and "unknown" in words
may be classes and stay what they are."""
_WORDS_FOR_MISSING = ("unlabeled", "unlabelled", "no label", "no_label")
_MAYBE_MISSING = ("none", "unknown", "undefined", "missing", "tbd", "-", "--")
_SECONDS = re.compile(r"[\[(]\s*(?:s|secs?|seconds?)\s*[\])]")
_CLOCK = re.compile(r"(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+(?:[.,]\d*)?)")
_WHOLE = re.compile(r"(\d+)[.,]0+")
_SURELY_SUBSET = ("subset", "split")


@dataclass(frozen=True, slots=True)
class _Rows:
    """A table and where the columns with a meaning are."""

    name: str
    sheet: Sheet
    places: dict[str, int]


def meanings(header: Sequence[str]) -> dict[str, int]:
    """Place of the column of each meaning that a header has.

    >>> meanings(["Video", "start (s)", "End Time", "class"])
    {'path': 0, 'label': 3, 'start': 1, 'end': 2}
    """
    words = [_plain(column) for column in header]
    found = {}
    for meaning, names in MEANINGS.items():
        place = next((words.index(name) for name in names if name in words), None)
        if place is not None:
            found[meaning] = place
    if "end" in found and words[found["end"]] == "offset" and "onset" not in words:
        del found["end"]
    return found


def is_header(header: Sequence[str]) -> bool:
    """Whether a line names columns: "path" or "label", or a video and one thing about it."""
    words, found = [_plain(column) for column in header], meanings(header)
    return "path" in words or "label" in words or ("path" in found and len(found) > 1)


def header_of(line: str) -> list[str]:
    """Cells of a header line."""
    delimiter = _delimiter(line)
    return line.split() if delimiter == " " else [c.strip(' "\t') for c in line.split(delimiter)]


def read_table(
    path: Path, text: str, *, group_column: str | None, is_kinetics: bool
) -> list[LabelRow]:
    """Read a table of videos; what is not used of it is told in a warning.

    Args:
        path: Its file, for messages.
        text: What is in the file.
        group_column: Column that names the group, in any case; None for "group".
        is_kinetics: Whether files are called <id>_<start>_<end>.

    Returns:
        One entry a row, in order.

    Raises:
        DataError: A column or a cell is missing or cannot be read.
    """
    text = without_hint(text)
    first = next(line for line in text.splitlines() if line.strip())
    try:
        sheet = read_sheet(text, delimiter=_delimiter(first), name=path.name)
        rows = _Rows(path.name, sheet, _places(path.name, sheet, group_column, is_kinetics))
        entries = [_entry(rows, number, cells, is_kinetics) for number, cells in sheet.rows]
    except DataError as error:
        raise DataError(str(error), path=str(path)) from None
    _tell_unused(rows)
    return _labels_as_meant(path.name, entries)


def seconds(cell: str) -> float | None:
    """Read a time: 12.5, 12,5, 0:12.5 or 1:00:12; an empty cell is None.

    Whether it lies in the video, ``segments`` says.

    Raises:
        DataError: It is no time.

    >>> seconds("12,5"), seconds("1:01:00"), seconds("")
    (12.5, 3660.0, None)
    """
    if is_missing(cell):
        return None
    clock = _CLOCK.fullmatch(cell)
    try:
        if clock is None:
            found = float(cell.replace(",", "."))
        else:
            hours, minutes = int(clock["hours"] or 0), int(clock["minutes"])
            found = 3600 * hours + 60 * minutes + float(clock["seconds"].replace(",", "."))
    except (ValueError, OverflowError):
        found = math.nan
    if not is_time(found):
        raise DataError(
            f"{shown(cell)} is no time in the video; write seconds, up to {LATEST_SECONDS}, such "
            "as 12.5, or 0:12.5"
        )
    return found


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is nothing to say.

    >>> is_missing("NaN"), is_missing(""), is_missing("unknown")
    (True, True, False)
    """
    return not cell or cell in MISSING or cell.lower() in _WORDS_FOR_MISSING


def _plain(column: str) -> str:
    """A column's name in small letters and underscores, without a unit of seconds."""
    low = _SECONDS.sub("", unicodedata.normalize("NFKC", column).lower())
    return re.sub(r"[\W_]+", "_", low).strip("_")


def _delimiter(header: str) -> str:
    return delimiter_of(header, num_known=lambda cells: len(meanings(cells)))


def _places(name: str, sheet: Sheet, group_column: str | None, is_kinetics: bool) -> dict[str, int]:
    """Columns of each meaning; what cannot be done without must be there."""
    words = [_plain(column) for column in sheet.columns]
    places = _by_content(meanings(sheet.columns), words, sheet)
    listed = ", ".join(column.lower() or "(no name)" for column in sheet.columns)
    if group_column is not None:
        if _plain(group_column) not in words:
            raise DataError(
                f"{name} has the columns {listed} and lacks {group_column}; name one of them"
            )
        places["group"] = words.index(_plain(group_column))
        places = {m: p for m, p in places.items() if m == "group" or p != places["group"]}
    if is_kinetics:
        if missing := [column for column in KINETICS if column not in words]:
            raise DataError(f"{name} has the columns {listed} and lacks {', '.join(missing)}")
        of_kinetics = zip(("path", "start", "end"), map(words.index, KINETICS), strict=True)
        return places | dict(of_kinetics)
    for meaning, what in (("path", "the video"), ("label", "the class")):
        if meaning not in places and not (meaning == "label" and len(places) > 1):
            words_for = ", ".join(MEANINGS[meaning][:5])
            raise DataError(
                f"{name} has the columns {listed}, and none of them names {what}; call that column "
                f"{meaning} (also known: {words_for}, ...)"
            )
    return places


def _by_content(places: dict[str, int], words: list[str], sheet: Sheet) -> dict[str, int]:
    """Settle what names alone leave open: which column holds files, and what "set" means."""
    candidates = [words.index(name) for name in MEANINGS["path"] if name in words]
    of_files = [place for place in candidates if any(map(is_video, _cells(sheet, place)))]
    if of_files:
        places = places | {"path": of_files[0]}
    side = places.get("subset")
    if side is not None and words[side] not in _SURELY_SUBSET:
        cells = (cell for cell in _cells(sheet, side) if not is_missing(cell))
        if not all(map(subset_of_word, cells)):
            places = {meaning: place for meaning, place in places.items() if place != side}
    return places


def _cells(sheet: Sheet, place: int) -> list[str]:
    """One column."""
    return [row[place] for _, row in sheet.rows if place < len(row)]


def _entry(rows: _Rows, number: int, cells: Sequence[str], is_kinetics: bool) -> LabelRow:
    """What a row says."""
    needed = max(rows.places[meaning] for meaning in ("path", "label") if meaning in rows.places)
    if len(cells) <= needed:
        raise DataError(
            f"row {number} of {rows.name} has {len(cells)} columns, the header has "
            f"{len(rows.sheet.columns)}; correct that row (a name with a comma needs quotes)"
        )
    said = {m: cells[p] for m, p in rows.places.items() if p < len(cells)}
    subset, group = (said.get(meaning, "") for meaning in ("subset", "group"))
    label = unicodedata.normalize("NFC", said.get("label", said.get("class_id", "")))
    if not said["path"]:
        raise DataError(f"row {number} of {rows.name} names no video; fill in or delete the row")
    try:
        side = None if subset in MISSING else subset_name(subset)
        start, end = (seconds(said.get(meaning, "")) for meaning in ("start", "end"))
        if end is not None and start is None and (word := said.get("start")):
            raise DataError(
                f"{word!r} is no time, and the end is given; write 0 for the start of the video"
            )
    except DataError as error:
        raise DataError(f"row {number} of {rows.name}: {error}") from None
    entry = LabelRow(
        said["path"],
        label or None,
        None if is_missing(group) else group,
        "train" if side == UNLABELED else side,
        is_exact=is_video(said["path"]),
        is_unlabeled=side == UNLABELED,
    )
    if is_kinetics:
        return _of_kinetics(entry, start, end)
    subject, modifier, score = (said.get(name, "") for name in ("subject", "modifier", "score"))
    return replace(
        entry,
        start_seconds=start,
        end_seconds=end,
        subject=None if is_missing(subject) else subject,
        modifier=None if is_missing(modifier) else modifier,
        score=_number(score),
    )


def _number(cell: str) -> float | None:
    """A score, or None where there is none or something else."""
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return None


def _of_kinetics(entry: LabelRow, start: float | None, end: float | None) -> LabelRow:
    """Files are called <id>_<start>_<end> or, in some copies, <id>."""
    entry = replace(entry, is_exact=False)
    if start is None or end is None:
        return entry
    return replace(entry, video=f"{entry.video}_{int(start):06d}_{int(end):06d}", alias=entry.video)


def _labels_as_meant(name: str, entries: list[LabelRow]) -> list[LabelRow]:
    """Take marks for "no label" as such, and 3.0 as the number that it was before pandas."""
    marks: Counter[str] = Counter()
    found = []
    for entry in entries:
        if entry.label is not None and is_missing(entry.label):
            marks[entry.label] += 1
            entry = replace(entry, label=None, is_unlabeled=True)
        elif entry.is_unlabeled:
            entry = replace(entry, label=None)
        found.append(entry)
    labels = {entry.label for entry in found if entry.label is not None}
    if labels and all(_WHOLE.fullmatch(label) for label in labels):
        found = [replace(e, label=e.label and _WHOLE.sub(r"\1", e.label)) for e in found]
    tell_marks(name, marks)
    tell_doubtful_classes(name, Counter(e.label for e in found if e.label is not None))
    return found


def tell_marks(name: str, marks: Counter[str], *, are_folders: bool = False) -> None:
    """Say which labels, or folders of a class, were taken as none."""
    if marks:
        what, of = ("folder", "video(s)") if are_folders else ("label", "row(s)")
        spelled = ", ".join(repr(mark) for mark in sorted(marks))
        log.warning(
            "%s: the %s %s of %d %s is taken as no label; these videos are unlabelled",
            *(name, what, spelled, marks.total(), of),
        )


def tell_doubtful_classes(name: str, labels: Counter[str], *, are_folders: bool = False) -> None:
    """Name classes that may be none, that may be one, and that are not what they look like.

    Args:
        name: Of the table or folder that they come from.
        labels: How many rows or videos are of each class.
        are_folders: Whether the names are those of folders, and not of cells.
    """
    of, remedy = ("row(s)", "leave these cells empty")
    if are_folders:
        of, remedy = ("video(s)", "call the folder 'unlabeled'")
    for label, number in sorted(labels.items()):
        if label.lower() in _MAYBE_MISSING:
            log.warning(
                "%s: %r is taken as the class of %d %s; if it means that nobody knows, %s",
                *(name, label, number, of, remedy),
            )
        if not label.isprintable():
            log.warning(
                "%s: the name of the class %a has characters in it that are not seen; they are "
                "part of it, so correct it if they mean nothing",
                *(name, label),
            )
    by_form: dict[str, list[str]] = {}
    for label in sorted(labels):
        by_form.setdefault(re.sub(r"[\W_]+", " ", label).strip().casefold() or label, []).append(
            label
        )
    for alike in by_form.values():
        if len(alike) > 1:
            spelled = " and ".join(map(repr, alike))
            log.warning(
                "%s: %s are taken as %d classes; write them alike if they are one",
                *(name, spelled, len(alike)),
            )


def _tell_unused(rows: _Rows) -> None:
    """Name each column that nothing was read of, once."""
    used = set(rows.places.values())
    if "label" in rows.places:
        used.discard(rows.places.get("class_id", -1))
    unused = [
        column or f"column {place + 1} (no name)"
        for place, column in enumerate(rows.sheet.columns)
        if place not in used
    ]
    tell_not_used(rows.name, "columns", unused)
