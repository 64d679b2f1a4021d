"""Rows for people and other programs: one CSV or JSON file, written whole."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from semivideo.base.errors import ConfigError
from semivideo.base.files import write_bytes

ENDINGS = (".csv", ".json")


def check_ending(path: Path) -> None:
    """Refuse a file that is neither CSV nor JSON, before any work.

    Raises:
        ConfigError: It has another ending.
    """
    if path.suffix not in ENDINGS:
        raise ConfigError(
            f"{str(path)!r} must end in {' or '.join(ENDINGS)}, which says how it is written"
        )


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str]) -> None:
    """Write rows; in CSV a mapping in a row becomes columns of its own, None an empty cell.

    Args:
        path: Ends in .csv or .json; replaced at once.
        rows: JSON types.
        columns: Header of the CSV file where there is no row.

    Raises:
        ConfigError: Another ending.
        WriteError: It cannot be written.
    """
    check_ending(path)
    if path.suffix == ".json":
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
