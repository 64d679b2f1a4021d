"""What the list of the papers' tables is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SMALL_PLACES: dict[tuple[str, int], str] = {
    ("ucf101", 1): "utd-mhad-1-labels",
    ("ucf101", 5): "utd-mhad-1-labels",
    ("ucf101", 10): "utd-mhad-2-labels",
    ("ucf101", 20): "utd-mhad-4-labels",
    ("ucf101", 50): "utd-mhad-8-labels",
    ("hmdb51", 40): "jhmdb-12-labels",
    ("hmdb51", 50): "jhmdb-15-labels",
    ("hmdb51", 60): "jhmdb-18-labels",
    ("kinetics400", 1): "jhmdb-5-labels",
    ("kinetics400", 10): "jhmdb-10-labels",
}
"""Data set and labelled percent to the folder of records that stands for it: as near as 16 training
videos a class (UTD-MHAD) and 30 (J-HMDB) allow; of Kinetics the number of labels at 1 %."""
_NAMES = {"ucf101": "UCF-101", "hmdb51": "HMDB-51", "kinetics400": "Kinetics-400"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a paper, or one run that a figure needs.

    Attributes:
        row: As printed, or nearly.
        run: The run at the paper's size: a recipe, or grid/variant.
        small: The run at small size, named alike.
        paper: Top-1 in percent; None where none is printed or none is known here.
        share: Data set and labelled percent of the column; None where a table has one.
        also: Other numbers that are printed beside it, such as top-5.
        add: What its command at the paper's size needs besides, such as a file of weights.
        add_small: The same of the small run. No record is known by it, so none is taken for it.
        folder: Folder of the records of its small run, where no column says it.
        league: What the paper's network had seen; empty for what the recipe of ``run`` says.
        remark: What a reader must know.
    """

    row: str
    run: str
    small: str
    paper: float | None = None
    share: tuple[str, int] | None = None
    also: Mapping[str, float] = field(default_factory=dict)
    add: str = ""
    add_small: str = ""
    folder: str | None = None
    league: str = ""
    remark: str = ""

    @property
    def column(self) -> str:
        """Name of the column."""
        return "" if self.share is None else f"{_NAMES[self.share[0]]} {self.share[1]} %"

    @property
    def place(self) -> str | None:
        """Folder of the records that stand for the cell; None for any."""
        return self.folder if self.share is None else SMALL_PLACES[self.share]


@dataclass(frozen=True, slots=True)
class PaperTable:
    """One table or figure.

    Attributes:
        source: Which one.
        title: What it is about.
        cells: Its numbers, or the runs that it is drawn of; none where it has neither.
        figure: Name of our figure.
        remark: Where it is to be found if it has no cells, or what a reader must know.
    """

    source: str
    title: str
    cells: tuple[Cell, ...] = ()
    figure: str | None = None
    remark: str = ""
