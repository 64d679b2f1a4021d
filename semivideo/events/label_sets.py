"""Several labels at once: written as one with ``|`` between them, and cut out of overlapping ones.

    run   0 --------- 4              0-2 run
    eat         2 --------- 6   ->   2-4 eat|run
                                     4-6 eat

A word for the background, such as "background", stands for none of the classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from semivideo.events.event_stages import BACKGROUND_WORDS
from semivideo.events.label_row import LabelRow

SEPARATOR = "|"
SHORTEST_SECONDS = 0.1
"""Parts that are shorter are slips of two people's hands, and are left out."""


def names_in(label: str) -> tuple[str, ...]:
    """Return the classes that a label names, in ascending order; the background is none.

    >>> names_in("run|eat"), names_in("background")
    (('eat', 'run'), ())
    """
    names = {name.strip() for name in label.split(SEPARATOR)}
    return tuple(sorted(name for name in names if name and name.lower() not in BACKGROUND_WORDS))


def classes_in(labels: Iterable[str]) -> list[str]:
    """Return all classes that labels name, in ascending order."""
    return sorted({name for label in labels for name in names_in(label)})


def membership(labels: Sequence[str], classes: Sequence[str]) -> NDArray[np.bool_]:
    """Say which classes each label names: bool (N, K); names that are no class are left out."""
    number = {name: place for place, name in enumerate(classes)}
    found = np.zeros((len(labels), len(classes)), dtype=bool)
    for row, label in enumerate(labels):
        found[row, [number[name] for name in names_in(label) if name in number]] = True
    return found


def at_once(rows: Sequence[LabelRow]) -> list[LabelRow]:
    """Cut the labels of one video into parts that do not overlap, each with all its labels.

    Args:
        rows: Of one video; those without a label stay as they are.

    Returns:
        Rows in order of their starts. Neighbours with the same labels are one only where one of
        the given rows spans both.
    """
    found = [row for row in rows if row.label is None]
    labeled = [row for row in rows if row.label is not None]
    whole = [row for row in labeled if row.part == (None, None)]
    if whole:
        found.append(replace(whole[0], label=_joined(whole), subject=None, modifier=None))
    parts = [row for row in labeled if row.part != (None, None)]
    spans = [(r.start_seconds or 0.0, _end(r), r) for r in parts]
    edges = sorted({edge for start, end, _ in spans for edge in (start, end)})
    made: list[tuple[float, float, list[LabelRow]]] = []
    for start, end in pairwise(edges):
        now = [row for first, last, row in spans if first <= start and end <= last]
        if not now:
            continue
        if made and made[-1][1] == start and _joined(made[-1][2]) == _joined(now):
            shared = {id(row) for row in now} & {id(row) for row in made[-1][2]}
            if shared:
                made[-1] = (made[-1][0], end, now)
                continue
        made.append((start, end, now))
    for start, end, now in made:
        if end - start >= SHORTEST_SECONDS:
            last = None if math.isinf(end) else end
            found.append(
                replace(
                    now[0],
                    label=_joined(now),
                    start_seconds=start,
                    end_seconds=last,
                    subject=None,
                    modifier=None,
                )
            )
    return found


def _end(row: LabelRow) -> float:
    return math.inf if row.end_seconds is None else row.end_seconds


def _joined(rows: Sequence[LabelRow]) -> str:
    """All labels of some rows as one; the background counts where it is alone."""
    names = sorted({name for row in rows for name in names_in(row.label or "")})
    return SEPARATOR.join(names) or BACKGROUND_WORDS[0]
