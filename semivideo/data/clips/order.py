"""The order in which a run draws its videos.

A line is an endless sequence of videos. Which video stands at its place n follows from the seed and
n alone, so that a run can begin or resume at any place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from semivideo.base.randomness import permutation


class Line:
    """An endless line of rows: one shuffled pass over them after the other.

    Args:
        rows: The rows, at least one.
        name: Lines of different names are shuffled independently.
        seed: Of the run.
    """

    def __init__(self, rows: Sequence[int], *, name: str, seed: int) -> None:
        self.rows = np.asarray(rows, dtype=np.int64)
        self.name, self.seed = name, seed
        self._passes: dict[int, NDArray[np.int64]] = {}

    def _pass(self, epoch: int) -> NDArray[np.int64]:
        """Order of one pass; the last two are kept, for a batch may end one and start another."""
        if epoch not in self._passes:
            while len(self._passes) > 1:
                del self._passes[next(iter(self._passes))]
            self._passes[epoch] = permutation(len(self.rows), self.seed, self.name, epoch)
        return self._passes[epoch]

    def __getitem__(self, place: int) -> int:
        """Return the row at a place."""
        epoch, position = divmod(place, len(self.rows))
        return int(self.rows[self._pass(epoch)[position]])

    def between(self, first: int, end: int) -> NDArray[np.int64]:
        """Return the rows at the places [first, end): int64 (end - first,)."""
        parts = []
        while first < end:
            epoch, position = divmod(first, len(self.rows))
            part = self.rows[self._pass(epoch)[position : position + end - first]]
            parts.append(part)
            first += len(part)
        return np.concatenate([self.rows[:0], *parts])


class BalancedLine:
    """An endless line in which each class has the same share.

    One place for each class, in shuffled order, then again; within a class, its own line::

        classes     b a c | a c b | ...
        videos      b0 a1 c0 | a0 c1 b2 | ...

    Args:
        rows: The rows, at least one.
        labels: Class of each row.
        name: Lines of different names are shuffled independently.
        seed: Of the run.
    """

    def __init__(self, rows: Sequence[int], labels: Sequence[int], *, name: str, seed: int) -> None:
        of_class: dict[int, list[int]] = {}
        for row, label in zip(rows, labels, strict=True):
            of_class.setdefault(label, []).append(row)
        self.classes = Line(sorted(of_class), name=f"{name} classes", seed=seed)
        self.lines = {
            label: Line(of_class[label], name=f"{name} class {label}", seed=seed)
            for label in of_class
        }

    def __getitem__(self, place: int) -> int:
        """Return the row at a place."""
        return self.lines[self.classes[place]][place // len(self.lines)]

    def between(self, first: int, end: int) -> NDArray[np.int64]:
        """Return the rows at the places [first, end): int64 (end - first,)."""
        return np.array([self[place] for place in range(first, end)], dtype=np.int64)
