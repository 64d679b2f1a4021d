r"""Lists of videos as people publish them: what each line means, and which videos it names.

A format is recognised by its first line or by the shape of all its lines; ``format=`` names it
instead where a list could be read in two ways.

| format | a line | class | subset |
|---|---|---|---|
| labels | CSV with the columns path, label and, if wanted, group and subset | label | subset |
| kinetics | CSV with the columns label, youtube_id, time_start, time_end, split | label | split |
| hmdb51 | ``name.avi 1`` in ``<class>_test_split<k>.txt`` | file name | 1 train, 2 test, 0 unused |
| frames | ``Class/name frames id`` (VideoSSL) | folder | file name |
| ids | ``Class/name.avi id`` or ``name.mp4 id`` (UCF-101 train, 1 per class) | folder | file name |
| names | ``Class/name.avi`` (UCF-101 test) | folder | file name |

"File name" as subset: train for lists called train..., test for test... and val... (also after a
"_"). Lines may end in CR LF, in a blank, or not at all.

Class ids are read past wherever a folder names the class, for two reasons seen in real lists: they
start at 0 in some and at 1 in others, and the VideoSSL lists of HMDB-51 give 132 clips of climb /
climb_stairs, kick / kick_ball and sword / sword_exercise the id of the other class.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from semivideo.base.errors import ConfigError, DataError, nearest
from semivideo.base.places import require_list

VIDEO_EXTENSIONS = tuple("mp4 avi mov mkv webm mpg mpeg m4v gif ts wmv flv 3gp".split())
"""Files with other endings are not looked at."""


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One line of a list.

    Attributes:
        name: The video as the list calls it, with "/", with or without extension.
        label: Class name, or None where the list does not say.
        group: Group, or None.
        subset: "train", "val", "test", "unused", or None.
        alias: Another name the file may have, or None.
        class_id: Names the class where neither the list nor a folder does, or None.
        is_exact: Whether ``name`` is the path of the file and nothing else will do.
    """

    name: str
    label: str | None = None
    group: str | None = None
    subset: str | None = None
    alias: str | None = None
    class_id: int | None = None
    is_exact: bool = False


_EXTENSION = rf"\.(?:{'|'.join(VIDEO_EXTENSIONS)})"
_LINES = {
    "hmdb51": re.compile(rf"(?P<name>.+{_EXTENSION}) (?P<use>[012])", re.IGNORECASE),
    "frames": re.compile(r"(?P<name>.+) (?P<frames>\d+) (?P<id>\d+)"),
    "ids": re.compile(rf"(?P<name>.+{_EXTENSION})[ \t]+(?P<id>\d+)", re.IGNORECASE),
    "names": re.compile(rf"(?P<name>.+{_EXTENSION})", re.IGNORECASE),
}
_COLUMNS = {
    "labels": ("path", "label"),
    "kinetics": ("label", "youtube_id", "time_start", "time_end", "split"),
}
FORMATS = (*_COLUMNS, *_LINES)
"""Names of the known formats."""
_HMDB_FILE = re.compile(r"(?P<class>.+)_test_split\d+")
_HMDB_USE = {"0": "unused", "1": "train", "2": "test"}
_SUBSET_IN_NAME = re.compile(
    r"(?<![a-z])(?:(?P<train>train(?:ing|list)?)|test(?:ing|list)?|val(?:id|idate|idation|list)?)"
    r"(?![a-z])"
)
_SUBSETS = {
    **{"train": "train", "training": "train", "test": "test", "testing": "test"},
    **{"val": "val", "validate": "val", "validation": "val", "unused": "unused"},
}


def read_list(
    path: Path, *, format: str | None = None, group_column: str | None = None
) -> list[ListEntry]:
    """Read one list of videos.

    Args:
        path: The file.
        format: A name from ``FORMATS``; None recognises it.
        group_column: Column of a CSV file that names the group, in any case; None for "group".

    Returns:
        One entry per line, in the list's order.

    Raises:
        DataError: Missing, empty, not text, of no known format, without a column, a video twice.
        ConfigError: Unknown ``format``.
    """
    if format not in (None, *FORMATS):
        hint = f"{nearest(str(format), FORMATS)} [known: {', '.join(FORMATS)}]"
        raise ConfigError(f"no list format {format!r}{hint}")
    lines = _lines(path)
    found = format or recognize(path.stem, lines)
    if found is None:
        raise DataError(
            f"{path.name} is no list of videos that is known here, its first line is "
            f"{lines[0][:80]!r}; write a CSV file with the header path,label",
            path=str(path),
        )
    reader = _csv_entries if found in _COLUMNS else _line_entries
    entries = reader(path, lines, found, group_column)
    if len(counts := Counter(entry.name for entry in entries)) < len(entries):
        twice = counts.most_common(1)[0][0]
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
    header = {column.strip().lower() for column in re.split("[,;\t]", lines[0])}
    if header >= set(_COLUMNS["kinetics"]):
        return "kinetics"
    if "path" in header or "label" in header:
        return "labels"
    for name, line in _LINES.items():
        if name == "hmdb51" and not _HMDB_FILE.fullmatch(stem):
            continue
        if all(line.fullmatch(text) for text in lines):
            return name
    return None


def match(entries: Sequence[ListEntry], paths: Iterable[str]) -> list[str | None]:
    """Find the file that each entry means.

    A path in a user's own CSV file is taken as it is. Published lists are matched without
    extension, by path below the root or, because folders write class names differently ("arm
    wrestling", "arm_wrestling"), by bare name if only one file is called so.

    Args:
        entries: Lines of a list.
        paths: Files there are, relative to the root, with "/".

    Returns:
        One path or None for each entry.
    """
    by_path: dict[str, str] = {}
    by_name: dict[str, str | None] = {}
    for path in paths:
        bare = without_extension(path)
        by_path[path] = by_path[bare] = path
        name = bare.rpartition("/")[2]
        by_name[name] = None if name in by_name else path

    def find(name: str) -> str | None:
        bare = without_extension(name)
        return by_path.get(name) or by_path.get(bare) or by_name.get(bare.rpartition("/")[2])

    return [
        by_path.get(e.name) if e.is_exact else find(e.name) or (find(e.alias) if e.alias else None)
        for e in entries
    ]


def without_extension(name: str) -> str:
    """Cut a video's extension off; other dots are part of the name.

    >>> without_extension("dive/No.1_dive_f.avi"), without_extension("dive/No.1_dive_f")
    ('dive/No.1_dive_f', 'dive/No.1_dive_f')
    """
    stem, dot, ending = name.rpartition(".")
    return stem if dot and ending.lower() in VIDEO_EXTENSIONS else name


def _lines(path: Path) -> list[str]:
    """Lines that are not blank, without their ends; a byte order mark is dropped."""
    require_list(path, video_endings=VIDEO_EXTENSIONS)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"cannot read the list {path}: {error.strerror}; check the path", path=str(path)
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not UTF-8 text (byte {error.start}); save it as UTF-8", path=str(path)
        ) from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(
            f"{path.name} is empty; write a header path,label and one line per video",
            path=str(path),
        )
    return lines


def _line_entries(path: Path, lines: list[str], format: str, _: str | None) -> list[ListEntry]:
    """Entries of a list without header, and so without columns."""
    named = _SUBSET_IN_NAME.search(path.stem.lower())
    subset = None if named is None else "train" if named["train"] else "test"
    hmdb = _HMDB_FILE.fullmatch(path.stem) if format == "hmdb51" else None
    if format == "hmdb51" and hmdb is None:
        raise DataError(
            f"{path.name} is not called like an HMDB-51 list, whose name gives the class; "
            "rename it to <class>_test_split<k>.txt",
            path=str(path),
        )
    entries = []
    for number, text in enumerate(lines, start=1):
        found = _LINES[format].fullmatch(text)
        if found is None:
            raise DataError(
                f"line {number} of {path.name} is {text[:80]!r}, which is not of the list format "
                f"{format!r}; correct it or leave the format to be recognised",
                path=str(path),
            )
        name = PurePosixPath(found["name"]).as_posix()
        folder = PurePosixPath(name).parent.name
        if hmdb is not None:
            folder, subset = hmdb["class"], _HMDB_USE[found["use"]]
            name = f"{folder}/{name}"
        class_id = int(found["id"]) if "id" in found.groupdict() else None
        entries.append(ListEntry(name, folder or None, subset=subset, class_id=class_id))
    return entries


def _csv_entries(
    path: Path, lines: list[str], format: str, group_column: str | None
) -> list[ListEntry]:
    """Entries of a CSV file with a header; spreadsheets also write semicolons or tabs."""
    delimiter = max(",;\t", key=lines[0].count)
    rows = csv.reader(lines, delimiter=delimiter)
    columns = [column.strip().lower() for column in next(rows)]
    group = (group_column or "group").lower()
    needed = _COLUMNS[format] if group_column is None else (*_COLUMNS[format], group)
    if missing := [column for column in needed if column not in columns]:
        raise DataError(
            f"{path.name} has the columns {', '.join(columns)} and lacks {', '.join(missing)}; "
            f"its first line must name {', '.join(needed)}",
            path=str(path),
        )
    entries = []
    for number, row in enumerate(rows, start=2):
        cells = {name: cell.strip() for name, cell in zip(columns, row, strict=False)}
        if any(row[len(columns) :]) or not all(column in cells for column in needed):
            raise DataError(
                f"row {number} of {path.name} has {len(row)} columns, the header has "
                f"{len(columns)}; correct that row (a name with a comma needs quotes)",
                path=str(path),
            )
        entry = _kinetics_entry(cells) if format == "kinetics" else _label_entry(cells)
        entries.append(replace(entry, group=cells.get(group) or None))
    return entries


def _label_entry(cells: dict[str, str]) -> ListEntry:
    """One row of labels.csv; an empty cell says nothing."""
    label, subset = cells["label"] or None, subset_name(cells.get("subset", ""))
    return ListEntry(cells["path"], label, subset=subset, is_exact=True)


def _kinetics_entry(cells: dict[str, str]) -> ListEntry:
    """One row of Kinetics; files are called <id>_<start>_<end> or, in some copies, <id>."""
    video = cells["youtube_id"]
    try:
        start, end = (int(float(cells[name])) for name in ("time_start", "time_end"))
    except ValueError:
        return ListEntry(video, cells["label"] or None, subset=subset_name(cells["split"]))
    name = f"{video}_{start:06d}_{end:06d}"
    return ListEntry(name, cells["label"] or None, None, subset_name(cells["split"]), alias=video)


def subset_name(cell: str) -> str | None:
    """Bring a list's word for a subset to the one used here; an empty cell is None.

    Raises:
        DataError: An unknown word.

    >>> subset_name("validate"), subset_name("")
    ('val', None)
    """
    low = cell.strip().lower()
    if low and low not in _SUBSETS:
        raise DataError(
            f"there is no subset {cell!r}{nearest(low, _SUBSETS)} [known: train, val, test, unused]"
        )
    return _SUBSETS.get(low)
