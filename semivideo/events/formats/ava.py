"""AVA's lists: an action of a person at a second, without a header.

    video,second,x1,y1,x2,y2,action,person      the box in shares of the picture

The second is the middle of what was looked at, so it becomes a window around it. Actions are
numbers; what several persons do at once is one label.
"""

from __future__ import annotations

import csv
import io
import re

from semivideo.base.errors import DataError
from semivideo.events.content import Content
from semivideo.events.guidance import Reading
from semivideo.events.label_row import LabelRow

_SHARE = r"(?:0?\.\d+|[01](?:\.0*)?)"
_LINE = re.compile(rf"[^,]+,\d+(?:\.\d+)?(?:,{_SHARE}){{4}},\d+(?:,-?\d+)?\s*")


def is_it(content: Content) -> bool:
    """Whether the first line is of AVA's shape."""
    first = content.text.lstrip("\ufeff").partition("\n")[0]
    return content.json is None and _LINE.fullmatch(first) is not None


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read each action of each person at each second."""
    rows = []
    reader = csv.reader(io.StringIO(content.text))
    for cells in reader:
        if not any(cells):
            continue
        try:
            video, second, action = cells[0], float(cells[1]), int(cells[6])
        except (IndexError, ValueError):
            raise DataError(
                f"line {reader.line_num} of {content.path.name} is {','.join(cells)[:80]!r} and "
                "not video,second,x1,y1,x2,y2,action,person; the file may be cut off",
                path=str(content.path),
            ) from None
        start, end = how.around(second)
        rows.append(
            LabelRow(
                video,
                str(action),
                start_seconds=start,
                end_seconds=end,
                subject=cells[7].strip() if len(cells) > 7 else None,
            )
        )
    return rows
