"""Excel workbooks as tables of text, through openpyxl.

Looked at as well: python-calamine (faster, reads ods and xls too, but a compiled package more).
Cells come as they would be typed: a time of day is ``0:00:12.5``, a whole number has no ``.0``.

A workbook states its own sizes and places of cells, and two kilobytes may state any; so what it
unpacks to is bounded before it is read, and the table while it is made.
"""

from __future__ import annotations

import csv
import io
import logging
import zipfile
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from semivideo.base.checked import in_one_line
from semivideo.base.errors import DataError, MissingExtraError

log = logging.getLogger("semivideo")

_START = b"PK\x03\x04"  # of any zip file; so is an OpenDocument sheet
_MOST_BYTES = 1 << 27  # unpacked
_MOST_ROWS = 1 << 20  # as Excel itself
_MOST_CELLS = 10**7  # with the empty ones between those that are there


def is_workbook(data: bytes) -> bool:
    """Whether a file begins like a workbook."""
    return data.startswith(_START)


def workbook_text(path: Path, data: bytes) -> str:
    """Return the first sheet of a workbook as CSV.

    Args:
        path: Its file, for messages.
        data: What is in it.

    Raises:
        DataError: It is cut off, too large, or no xlsx file.
        MissingExtraError: openpyxl is not installed.
    """
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise MissingExtraError(
            f"{path.name} is an Excel workbook, which needs the 'openpyxl' package: pip install "
            "semivideo[labels]; or save the sheet as 'CSV UTF-8' and give that"
        ) from None
    try:
        text, others = _first_sheet(path, data, load_workbook)
    except DataError:
        raise
    except Exception as error:  # a file can hold anything, and so go wrong anywhere
        raise DataError(
            f"{path.name} begins like an Excel workbook and cannot be read as one "
            f"({in_one_line(error)}); it may be cut off or an OpenDocument sheet: save it again as "
            "xlsx or 'CSV UTF-8'",
            path=str(path),
        ) from None
    if others:
        log.warning("%s: sheets not used: %s", path.name, ", ".join(others))
    return text


def _first_sheet(path: Path, data: bytes, load: Callable[..., Any]) -> tuple[str, list[str]]:
    """The first sheet as CSV, and the names of the others."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        num_bytes = sum(member.file_size for member in archive.infolist())
    _check_size(path, "bytes when it is unpacked", num_bytes, _MOST_BYTES)
    book = load(io.BytesIO(data), read_only=True, data_only=True)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # what it says of its size; all of that would be filled up
    text, num_cells, num_letters = io.StringIO(), 0, 0
    table = csv.writer(text, lineterminator="\n")
    # One row more than allowed shows that there is more; a row far below counts as all above it.
    for number, row in enumerate(sheet.iter_rows(values_only=True, max_row=_MOST_ROWS + 1), 1):
        _check_size(path, "rows", number, _MOST_ROWS)
        num_cells += len(row)
        _check_size(path, "cells, empty ones counted", num_cells, _MOST_CELLS)
        cells = [_cell(cell) for cell in row]
        num_letters += sum(map(len, cells))  # one text may stand in all cells
        _check_size(path, "letters", num_letters, _MOST_BYTES)
        table.writerow(cells)
    return text.getvalue(), book.sheetnames[1:]


def _check_size(path: Path, kind: str, number: int, most: int) -> None:
    """Refuse what is too large for a list."""
    if number > most:
        raise DataError(
            f"{path.name} has more than {most} {kind}, which no list of labels has; remove cells "
            "that stray far from the table, or save the sheet as 'CSV UTF-8' and give that",
            path=str(path),
        )


def _cell(value: Any) -> str:
    """A cell as people would type it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}"
    if isinstance(value, time) and not isinstance(value, datetime):
        return value.isoformat()
    return str(value)
