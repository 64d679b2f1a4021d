r"""Lists of videos as people publish them: what each line means, and which videos it names.

A format is recognised by its first line or by the shape of all its lines; ``format=`` names it
instead where a list could be read in two ways.

| format | a line | class | subset |
|---|---|---|---|
| labels | a table with the columns path, label and others, see ``columns`` | label | subset |
| kinetics | CSV with the columns label, youtube_id, time_start, time_end, split | label | split |
| hmdb51 | ``name.avi 1`` in ``<class>_test_split<k>.txt`` | file name | 1 train, 2 test, 0 unused |
| frames | ``Class/name frames id`` (VideoSSL) | folder | file name |
| ids | ``Class/name.avi id`` or ``name.mp4,id`` (UCF-101 train, 1 per class) | folder | file name |
| names | ``Class/name.avi`` (UCF-101 test) | folder | file name |
| pairs | ``name.mp4,label`` or ``name.mp4 label`` without a header | label | file name |
| folders | ``name id``: videos without extension, or folders of frames | folder | file name |

"File name" as subset: train for lists called train..., test for test... and val... (also after a
"_"). Lines may end in CR LF, in a blank, or not at all.

Class ids are read past where folders name the classes, for two reasons seen in real lists: they
start at 0 in some and at 1 in others, and the VideoSSL lists of HMDB-51 give 132 clips of climb /
climb_stairs, kick / kick_ball and sword / sword_exercise the id of the other class. ``naming``
decides whether folders do, over all lines of all lists.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from semivideo.base.endings import VIDEO_EXTENSIONS
from semivideo.base.errors import ConfigError, DataError, nearest
from semivideo.events.columns import (
    KINETICS,
    header_of,
    is_header,
    is_missing,
    read_table,
    tell_marks,
)
from semivideo.events.label_row import LabelRow
from semivideo.events.sheets import read_text, without_hint

_EXTENSION = rf"\.(?:{'|'.join(VIDEO_EXTENSIONS)})"
_BETWEEN = r"(?:[ \t]+|[ \t]*[,;|][ \t]*)"
_LINES = {
    "hmdb51": re.compile(rf"(?P<name>.+{_EXTENSION}) (?P<use>[012])", re.IGNORECASE),
    "frames": re.compile(rf"(?P<name>.+?){_BETWEEN}(?P<frames>\d+){_BETWEEN}(?P<id>-?\d+)"),
    "ids": re.compile(rf"(?P<name>.+{_EXTENSION}){_BETWEEN}(?P<id>-?\d+)", re.IGNORECASE),
    "names": re.compile(rf"(?P<name>.+{_EXTENSION})", re.IGNORECASE),
    "pairs": re.compile(rf"(?P<name>.+?{_EXTENSION}){_BETWEEN}(?P<label>.*)", re.IGNORECASE),
    "folders": re.compile(rf"(?P<name>\S.*?){_BETWEEN}(?P<id>-?\d+)"),
}
_SEVERAL = re.compile(rf".+{_EXTENSION}(?:{_BETWEEN}-?\d+){{3,}}", re.IGNORECASE)
_TABLES = ("labels", "kinetics")
LINE_FORMATS = tuple(_LINES)
"""Names of the formats without a header."""
FORMATS = (*_TABLES, *_LINES)
"""Names of the known formats."""
_HMDB_FILE = re.compile(r"(?P<class>.+)_test_split\d+")
_HMDB_USE = {"0": "unused", "1": "train", "2": "test"}
_SUBSET_IN_NAME = re.compile(
    r"(?<![a-z])(?:(?P<train>train(?:ing|list)?)|test(?:ing|list)?|val(?:id|idate|idation|list)?)"
    r"(?![a-z])"
)


def read_list(
    path: Path, *, format: str | None = None, group_column: str | None = None
) -> list[LabelRow]:
    """Read one list of videos.

    Args:
        path: The file.
        format: A name from ``FORMATS``; None recognises it.
        group_column: Column of a table that names the group, in any case; None for "group".

    Returns:
        One entry per line, in the list's order.

    Raises:
        DataError: Missing, empty, not text, of no known format, without a column, a video twice.
        ConfigError: Unknown ``format``.
    """
    if format not in (None, *FORMATS):
        hint = f"{nearest(str(format), FORMATS)} [known: {', '.join(FORMATS)}]"
        raise ConfigError(f"no list format {format!r}{hint}")
    return read_text_list(path, read_text(path), format=format, group_column=group_column)


def read_text_list(
    path: Path, text: str, *, format: str | None = None, group_column: str | None = None
) -> list[LabelRow]:
    """Read one list from the text that is in it.

    Args:
        path: Its file, whose name says something in some formats.
        text: What is in the file.
        format: As in ``read_list``, like the rest.
        group_column: Column of a table.

    Raises:
        DataError: As ``read_list``.
    """
    text = without_hint(text)
    lines = _lines(path, text)
    found = format or recognize(path.stem, lines)
    if found is None:
        raise DataError(
            f"{path.name} is no list of videos that is known here, its first line is "
            f"{lines[0][:80]!r}; write a CSV file with the header path,label",
            path=str(path),
        )
    if found in _TABLES:
        is_kinetics = found == "kinetics"
        entries = read_table(path, text, group_column=group_column, is_kinetics=is_kinetics)
    else:
        entries = _line_entries(path, lines, found)
    counts = Counter((e.video, e.label, e.subject, e.modifier, e.part) for e in entries)
    if len(counts) < len(entries):
        twice = counts.most_common(1)[0][0][0]
        raise DataError(f"{path.name} names {twice!r} twice; remove one", path=str(path))
    return entries


def recognize(stem: str, lines: Sequence[str]) -> str | None:
    """Name the format of a list, or return None.

    Args:
        stem: File name without its last extension.
        lines: All lines that are not blank, without their ends.

    >>> recognize("testlist01", ["Archery/v_Archery_g01_c01.avi"])
    'names'
    """
    header = header_of(lines[0])
    if {column.lower() for column in header} >= set(KINETICS):
        return "kinetics"
    if is_header(header):
        return "labels"
    for name, line in _LINES.items():
        if name == "hmdb51" and not _HMDB_FILE.fullmatch(stem):
            continue
        if all(line.fullmatch(text) for text in lines):
            return name
    return None


def subset_in_name(stem: str) -> str | None:
    """Side that the name of a list tells, or None.

    >>> subset_in_name("something-something-v2-validation"), subset_in_name("trainlist01")
    ('test', 'train')
    """
    named = _SUBSET_IN_NAME.search(stem.lower())
    return None if named is None else "train" if named["train"] else "test"


def names_files(path: Path) -> bool:
    """Whether a table has the column file_name, as Hugging Face's metadata.csv."""
    first = without_hint(read_text(path)).partition("\n")[0]
    return "file_name" in header_of(first)


def _lines(path: Path, text: str) -> list[str]:
    """Lines that are not blank, without their ends."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" \t\r\n,;")]
    if not lines:
        raise DataError(
            f"{path.name} is empty; write a header path,label and one line per video",
            path=str(path),
        )
    return lines


def _line_entries(path: Path, lines: list[str], format: str) -> list[LabelRow]:
    """Entries of a list without header, and so without columns."""
    subset = subset_in_name(path.stem)
    hmdb = _HMDB_FILE.fullmatch(path.stem) if format == "hmdb51" else None
    if format == "hmdb51" and hmdb is None:
        raise DataError(
            f"{path.name} is not called like an HMDB-51 list, whose name gives the class; "
            "rename it to <class>_test_split<k>.txt",
            path=str(path),
        )
    entries = []
    marks: Counter[str] = Counter()
    for number, text in enumerate(lines, start=1):
        found = _LINES[format].fullmatch(text)
        if found is None:
            raise DataError(
                f"line {number} of {path.name} is {text[:80]!r}, which is not of the list format "
                f"{format!r}; correct it or leave the format to be recognized",
                path=str(path),
            )
        if _SEVERAL.fullmatch(text):
            raise DataError(
                f"line {number} of {path.name} is {text[:80]!r}, a video with several labels; "
                "write one label a video (or name, frames and label)",
                path=str(path),
            )
        said = {key: cell.strip(' "\t') for key, cell in found.groupdict().items()}
        name = PurePosixPath(said["name"].replace("\\", "/")).as_posix()
        folder = PurePosixPath(name).parent.name
        if hmdb is not None:
            folder, subset = hmdb["class"], _HMDB_USE[said["use"]]
            name = f"{folder}/{name}"
        label = said.get("label", folder)
        cell = said.get("id", said.get("label", "0"))
        is_unlabeled = is_missing(cell)
        if is_unlabeled and cell:
            marks[cell] += 1
        entries.append(
            LabelRow(
                name,
                None if is_unlabeled else label or None,
                subset=subset,
                class_id=int(cell) if "id" in said and not is_unlabeled else None,
                is_folder_label=hmdb is None and "label" not in said,
                is_unlabeled=is_unlabeled,
            )
        )
    tell_marks(path.name, marks)
    return entries
