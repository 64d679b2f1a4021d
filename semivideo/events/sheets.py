"""Tables of text as spreadsheets, pandas and Windows write them: to a header and rows of cells.

What is read without a word: UTF-8 with and without byte order mark, UTF-16, any line ends, the
delimiters ``, ; tab |``, a first line ``sep=;``, quoted cells with delimiters or line ends in them,
rows and columns of empty cells, and the column of row numbers that pandas writes.

Python's ``csv`` splits the rows. Its ``Sniffer`` is not asked for the delimiter: it looks at all
characters of a few rows, and takes a letter or the blank in a file's name for one; here the header
decides, whose words are known.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from semivideo.base.endings import VIDEO_EXTENSIONS
from semivideo.base.errors import DataError
from semivideo.base.files import read_bytes as read_file
from semivideo.base.files import step_after
from semivideo.base.places import require_list
from semivideo.events.workbook import is_workbook, workbook_text

_MOST_BYTES = 1 << 30
_DELIMITERS = ",;\t|"
_MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_NO_NAME = re.compile(r"Unnamed: \d+(?:_level_\d+)?")  # what pandas makes of an empty header cell


@dataclass(frozen=True, slots=True)
class Sheet:
    """A header and the rows below it.

    Attributes:
        columns: Names as written, without blanks around them; "" for columns without a name.
        rows: Line of the file, from 1, and cells without blanks around them; rows of empty cells
            are left out, so are columns without name and cells.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_text(path: Path) -> str:
    """Read a text file in the encodings of spreadsheets; a byte order mark is dropped.

    Of an Excel workbook (xlsx) the first sheet is read as a table of text.

    Raises:
        DataError: It cannot be read, is another kind of workbook, or is neither UTF-8 nor UTF-16.
        MissingExtraError: It is a workbook, and what reads those is not installed.
    """
    return decoded(path, read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """Read a file that is to be a list; raises as ``read_text``."""
    require_list(path, video_endings=VIDEO_EXTENSIONS)
    try:
        return read_file(path, most=_MOST_BYTES)
    except OSError as error:
        raise DataError(
            f"cannot read the list {path}: {error.strerror}; {step_after(error)}", path=str(path)
        ) from None


def decoded(path: Path, data: bytes) -> str:
    """Text of a file, from its bytes; raises as ``read_text``."""
    if is_workbook(data):
        return workbook_text(path, data)
    if data.startswith(_OLD_WORKBOOK):
        raise DataError(
            f"{path.name} is a workbook (xls) and no text; save the sheet as xlsx or as 'CSV "
            "UTF-8' and give that",
            path=str(path),
        )
    try:
        return data.decode(_encoding(data))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not UTF-8 text (byte {error.start}); save it as UTF-8", path=str(path)
        ) from None


def _encoding(data: bytes) -> str:
    """What the first bytes say; UTF-16 without a mark has a zero beside each plain letter."""
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name
    if data[1:4:2] == b"\0\0":
        return "utf-16-le"
    return "utf-16-be" if data[0:3:2] == b"\0\0" else "utf-8-sig"


def delimiter_of(header: str, *, num_known: Callable[[Sequence[str]], int]) -> str:
    """Choose the delimiter that cuts a header into the most known words, then into the most cells.

    Args:
        header: The line.
        num_known: How many of some cells are names of columns that are known.
    """

    def score(delimiter: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=delimiter))
        except csv.Error:  # a cell of more than 131072 characters
            return 0, 0
        return num_known(cells), len(cells)

    best = max(_DELIMITERS, key=score)
    words = header.split()
    is_blank = score(best)[1] == 1 and len(words) > 1 and num_known(words) == len(words)
    return " " if is_blank else best


def without_hint(text: str) -> str:
    """Cut off Excel's first line ``sep=;``, which says what the header says anyway."""
    first, end, rest = text.lstrip().partition("\n")
    is_hint = first.strip().strip('"').lower().startswith("sep=")
    return rest if end and is_hint else text


def read_sheet(text: str, *, delimiter: str, name: str) -> Sheet:
    """Cut a table into cells.

    Args:
        text: The file, from its header on.
        delimiter: One character.
        name: The file's name for messages.

    Raises:
        DataError: A row has more cells than the header, or the file cannot be cut.
    """
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=delimiter != "\t"
    )
    rows = []
    try:
        for cells in reader:
            stripped = tuple(cell.strip() for cell in cells)
            if any(stripped):
                rows.append((reader.line_num, stripped))
    except csv.Error as error:
        raise DataError(
            f"{name} cannot be cut into cells at line {reader.line_num} ({error}); correct that "
            "line, or save the table again as 'CSV UTF-8'"
        ) from None
    (_, columns), *rest = rows
    for number, row in rest:
        if any(row[len(columns) :]):
            raise DataError(
                f"row {number} of {name} has {len(row)} columns, the header has "
                f"{len(columns)}; correct that row (a name with a comma needs quotes)"
            )
    named = [(place, _NO_NAME.sub("", column)) for place, column in enumerate(columns)]
    kept = [(place, column) for place, column in named if column or _says_something(place, rest)]
    return Sheet(
        tuple(column for _, column in kept),
        tuple((n, tuple(row[place] for place, _ in kept if place < len(row))) for n, row in rest),
    )


def _says_something(place: int, rows: Sequence[tuple[int, tuple[str, ...]]]) -> bool:
    """Whether a column has cells that do more than count the rows, as pandas' index does."""
    cells = [row[place] if place < len(row) else "" for _, row in rows]
    counts = ([str(first + n) for n in range(len(cells))] for first in (0, 1))
    return any(cells) and cells not in counts
