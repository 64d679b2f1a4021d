"""DeepEthogram: a table with a row a frame and a column a behaviour, called ``<video>_labels.csv``.

    ,background,groom,walk
    0,1,0,0              1 seen, 0 not seen, -1 nobody looked
    1,0,1,0

``background`` comes first; it is a class like the others, for frames on which nothing is seen.
"""

from __future__ import annotations

from itertools import groupby

from semivideo.base.errors import DataError
from semivideo.events.content import Content
from semivideo.events.guidance import Reading
from semivideo.events.label_row import LabelRow
from semivideo.events.sheets import read_sheet

BACKGROUND = "background"
_CELLS = {"0": 0, "1": 1, "-1": -1, "0.0": 0, "1.0": 1, "-1.0": -1}
_ENDINGS = ("_labels", "_predictions", "_scores")


def is_it(content: Content) -> bool:
    """Whether the first named column is the background and the second line is of zeros and ones."""
    lines = [line for line in content.text.splitlines()[:3] if line.strip()]
    if content.json is not None or len(lines) < 2:
        return False
    header = [cell.strip().strip('"') for cell in lines[0].split(",")]
    if header[:1] != [BACKGROUND] and not (len(header) > 1 and header[1] == BACKGROUND):
        return False
    cells = [cell.strip() for cell in lines[1].split(",")]
    return all(cell in _CELLS for cell in cells[header.index(BACKGROUND) :])


def read(content: Content, how: Reading) -> list[LabelRow]:
    """Read each run of ones as an interval; behaviours may overlap."""
    path = content.path
    sheet = read_sheet(content.text, delimiter=",", name=path.name)
    if BACKGROUND not in sheet.columns:
        raise DataError(
            f"{path.name} has no column 'background', which DeepEthogram writes first; its columns "
            f"are {', '.join(sheet.columns)}",
            path=str(path),
        )
    first = sheet.columns.index(BACKGROUND)
    video = path.stem
    for ending in _ENDINGS:
        video = video.removesuffix(ending)
    clock = how.clock_of(video, path)
    rows = []
    for place, behavior in enumerate(sheet.columns[first:], start=first):
        seen = [_cell(row, place, number, path.name) for number, row in sheet.rows]
        frame = 0
        for value, run in groupby(seen):
            length = len(list(run))
            if value == 1:
                start, end = clock.span(frame, frame + length - 1)
                rows.append(LabelRow(video, behavior, start_seconds=start, end_seconds=end))
            frame += length
    return sorted(rows, key=lambda r: r.start_seconds or 0.0) or [
        LabelRow(video, is_unlabeled=True)
    ]


def _cell(row: tuple[str, ...], place: int, number: int, name: str) -> int:
    cell = row[place] if place < len(row) else ""
    if cell not in _CELLS:
        raise DataError(
            f"row {number} of {name} has {cell!r} where 1, 0 or -1 is wanted; the file may be cut "
            "off, or hold probabilities: export the labels"
        )
    return _CELLS[cell]
