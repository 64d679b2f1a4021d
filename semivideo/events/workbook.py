"""Excel workbooks as tables of text, through openpyxl.

Looked at as well: python-calamine (faster, reads ods and xls too, but a compiled package more).
Cells come as they would be typed: a time of day is ``0:00:12.5``, a whole number has no ``.0``.
"""

from __future__ import annotations

import csv
import io
import logging
import zipfile
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from semivideo.base.errors import DataError, MissingExtraError

log = logging.getLogger("semivideo")

_START = b"PK\x03\x04"  # of any zip file; so is an OpenDocument sheet


def is_workbook(data: bytes) -> bool:
    """Whether a file begins like a workbook."""
    return data.startswith(_START)


def workbook_text(path: Path, data: bytes) -> str:
    """Return the first sheet of a workbook as CSV.

    Args:
        path: Its file, for messages.
        data: What is in it.

    Raises:
        DataError: It is cut off, or no xlsx file.
        MissingExtraError: openpyxl is not installed.
    """
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError(
            f"{path.name} is an Excel workbook, which needs the 'openpyxl' package: pip install "
            "semivideo[labels]; or save the sheet as 'CSV UTF-8' and give that"
        ) from None
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        rows = list(book.worksheets[0].iter_rows(values_only=True))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, IndexError) as error:
        raise DataError(
            f"{path.name} begins like an Excel workbook and cannot be read as one ({error}); it "
            "may be cut off or an OpenDocument sheet: save it again as xlsx or 'CSV UTF-8'",
            path=str(path),
        ) from None
    if others := book.sheetnames[1:]:
        log.warning("%s: sheets not used: %s", path.name, ", ".join(others))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


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
