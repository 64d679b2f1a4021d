"""Rows for people and other programs: one CSV or JSON file, written whole."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semivideo.base.checked import read_json
from semivideo.base.errors import ConfigError
from semivideo.base.files import write_bytes
from semivideo.base.places import check_output, head

ENDINGS = (".csv", ".json")


def check_row_file(path: Path, *, columns: Sequence[str], what: str) -> None:
    """Refuse a file that is neither CSV nor JSON, or holds something else, before any work.

    Args:
        path: The file to write.
        columns: Of the rows, by which an earlier file is known.
        what: Such a file, in words, such as "an earlier list of doubts".

    Raises:
        ConfigError: It has another ending, or something else lies there.
        WriteError: Its folder cannot be written to.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"{str(path)!r} must end in {' or '.join(ENDINGS)}, which says how it is written"
        )

    def is_earlier(file: Path) -> bool:
        if file.suffix.lower() == ".json":
            return all(set(columns) <= row.keys() for row in read_json(file))
        header = next(csv.reader(head(file).splitlines()))
        return header[: len(columns)] == list(columns)

    check_output(path, what=what, is_ours=is_earlier)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str]) -> None:
    """Write rows; in CSV a mapping in a row becomes columns of its own, None an empty cell.

    Args:
        path: Passed by ``check_row_file``; replaced at once.
        rows: JSON types.
        columns: The first ones of the CSV file, and all where there is no row.

    Raises:
        WriteError: It cannot be written.
    """
    if path.suffix.lower() == ".json":
        write_bytes(path, (json.dumps(list(rows), indent=2) + "\n").encode())
        return
    flat = [_flat(row) for row in rows]
    header = list(dict.fromkeys([*columns, *(name for row in flat for name in row)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(flat)
    write_bytes(path, text.getvalue().encode())


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            cells |= dict(value)
        else:
            cells[name] = "" if value is None else value
    return cells
