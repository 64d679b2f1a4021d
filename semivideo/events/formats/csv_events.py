"""Tables of labels: csv-events, and the tables of Kinetics, Hugging Face and Zamba.

    path,label,start,end[,group,subset,subject,modifier,score]

``events.columns`` knows the words for columns and reads the cells; here is what is written.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from semivideo.events.columns import KINETICS, header_of, is_header, read_table
from semivideo.events.content import Content
from semivideo.events.guidance import Reading, Writing
from semivideo.events.label_row import LabelRow
from semivideo.events.sheets import without_hint

_OPTIONAL = ("group", "subset", "subject", "modifier", "score")


def is_it(content: Content) -> bool:
    """Whether the first line names columns of videos and labels."""
    return content.json is None and content.xml is None and is_header(_header(content))


def is_kinetics(content: Content) -> bool:
    """Whether the first line names the columns of Kinetics' lists."""
    if content.json is not None or content.xml is not None:
        return False
    return {column.lower() for column in _header(content)} >= set(KINETICS)


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read a table of videos, or of parts of them."""
    return _read(content, how, is_kinetics=False)


def read_kinetics(content: Content, how: Reading) -> list[LabelRow]:
    """Read a list of Kinetics, whose files are called <id>_<start>_<end> or <id>."""
    return _read(content, how, is_kinetics=True)


def _read(content: Content, how: Reading, *, is_kinetics: bool) -> list[LabelRow]:
    if not content.text.strip():
        raise ValueError("it holds no table")
    return read_table(
        content.path, content.text, group_column=how.group_column, is_kinetics=is_kinetics
    )


def _header(content: Content) -> list[str]:
    lines = (line for line in without_hint(content.text).splitlines() if line.strip(" \t,;"))
    return header_of(next(lines, ""))


def write(rows: Sequence[LabelRow], how: Writing) -> str:
    """Write a table with the columns that are needed; times are written in full."""
    named = [name for name in _OPTIONAL if any(getattr(row, name) is not None for row in rows)]
    has_parts = any(row.part != (None, None) for row in rows)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["path", "label", *(["start", "end"] if has_parts else []), *named])
    for row in rows:
        part = ["" if time is None else _plain(time) for time in row.part] if has_parts else []
        cells = (getattr(row, name) for name in named)
        table.writerow(
            [row.video, row.label or "", *part, *("" if c is None else c for c in cells)]
        )
    return text.getvalue()


def _plain(seconds: float) -> str:
    """Seconds without loss and without an exponent where it is not needed."""
    return str(int(seconds)) if seconds == int(seconds) else repr(float(seconds))
