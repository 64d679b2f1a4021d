"""What EVIDENCE.md is made of: the runs, in the order in which they are done, and the claims.

``PLAN`` has a part for each table of runs from scratch, ``ON_FEATURES`` the places where methods
are run on the features of an image network (``on_features.py``). ``CLAIMS`` is what verdicts are
corrected for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations
from pathlib import Path

import accuracy

from semivideo.analysis.result import ENDING
from semivideo.evaluation.claims import LEAST_DRAWS
from semivideo.methods import METHODS
from semivideo.recipes.grids import GRIDS, Grid
from semivideo.run.many.recorded import identity
from semivideo.run.resolve import resolve_settings
from semivideo.settings import Settings

FOUR = ("supervised", "fixmatch", "cmpl", "ltg")
NUM_SEEDS = LEAST_DRAWS
SEEDS = range(NUM_SEEDS)
RECORDS = Path(__file__).parents[1] / "evidence"


@dataclass(frozen=True)
class Part:
    """One table: methods or a grid on a data set with so many labels per class (0: all)."""

    dataset: str
    labels: int
    methods: tuple[str, ...] = ()
    grid: str | None = None
    topic: str = ""

    @property
    def folder(self) -> str:
        """Of its runs, and of their records; parts on the same videos and labels share it."""
        return accuracy.folder_name(self.dataset, self.labels)

    @property
    def place(self) -> str:
        """Data set and labels, for people."""
        return f"{self.dataset}, {per_class(self.labels)}"

    @property
    def title(self) -> str:
        """Heading of the table."""
        topic = GRIDS[self.grid].source if self.grid else self.topic
        return f"{self.place} - {topic}" if topic else self.place

    @property
    def variants(self) -> Grid:
        """What is run."""
        if self.grid is not None:
            return GRIDS[self.grid]
        return Grid("", {name: {"recipe": f"small-{name}"} for name in self.methods})

    @cached_property
    def settings(self) -> dict[str, Settings]:
        """Complete settings of each variant, but for the seed."""
        common = accuracy.DATASETS[self.dataset].settings
        found = {}
        for name in self.variants.variants:
            recipe, changes = self.variants.cell(name)
            found[name] = resolve_settings(
                recipe=recipe, method=None, steps=None, seed=None, settings={**common, **changes}
            )
        return found

    def identity(self, variant: str) -> tuple[str, str]:
        """Equal for runs that are the same: of their settings, and how their labels are drawn."""
        return identity(self.settings[variant]), self.variants.labels(variant) or ""


def per_class(labels: int) -> str:
    """How many labels there are, in words."""
    return {0: "all labels", 1: "1 label per class"}.get(labels, f"{labels} labels per class")


# In the order in which they are run.
PLAN = {
    "4 labels": Part("utd-mhad", 4, FOUR),
    "1 label": Part("utd-mhad", 1, FOUR),
    "2 labels": Part("utd-mhad", 2, FOUR),
    "all labels": Part("utd-mhad", 0, ("supervised",)),
    "networks": Part("utd-mhad", 4, grid="cmpl-fig1"),
    "schemes": Part("utd-mhad", 4, grid="cmpl-table-a2"),
    "parts of cmpl": Part("utd-mhad", 4, grid="cmpl-table2"),
    "jhmdb 5": Part("jhmdb", 5, FOUR),
    "jhmdb 10": Part("jhmdb", 10, FOUR),
    "methods": Part(
        "utd-mhad", 4, tuple(name for name in METHODS if name != "videossl"), topic="all methods"
    ),
    "videossl": Part("utd-mhad", 4, ("videossl", "videossl-taught"), topic="VideoSSL"),
    "parts of ltg, jhmdb": Part("jhmdb", 5, grid="ltg-table1"),
    "parts of ltg": Part("utd-mhad", 4, grid="ltg-table1"),
    "controls": Part("utd-mhad", 4, grid="controls"),
    "controls, jhmdb 5": Part("jhmdb", 5, grid="controls"),
    "controls, jhmdb 10": Part("jhmdb", 10, grid="controls"),
}
CONTROLLED = ("controls", "controls, jhmdb 5", "controls, jhmdb 10")
ON_FEATURES = (("jhmdb", 5), ("jhmdb", 10), ("utd-mhad", 4))
"""Data sets and labels per class of the runs on features."""

Ordering = tuple[str, str, str, str]
"""Part of ``PLAN``, better, worse, where it is printed; "own" where no paper says so."""


def orderings(part: str, names: tuple[str, ...], source: str) -> Iterator[Ordering]:
    """Every pair of a column whose methods are named from the least to the best."""
    for worse, better in combinations(names, 2):
        yield part, better, worse, source


def _claims() -> Iterator[Ordering]:
    """What the papers' tables say of an order, where our runs can speak to it, and our own claims.

    A place stands for the columns that ``recipes.table_cells.SMALL_PLACES`` names; for UTD-MHAD
    with 4 labels, which CMPL's Table 1 has no column for, its columns at 10 %. Left out are
    orders that columns of one table contradict (FixMatch and TCL, MvPL and TCL), and methods on a
    smaller network than the one beside them (S4L and TCL to supervised training). A temporal
    offset moves no window in the small recipes, which sample segments, so it has no claim.
    """
    for part in ("4 labels", "1 label", "2 labels", "jhmdb 5", "jhmdb 10"):
        yield from orderings(part, ("supervised", "fixmatch", "cmpl"), "CMPL Table 1")
        yield part, "ltg", "fixmatch", "LTG Table 1"
        yield part, "ltg", "supervised", "own"
    schemes = [f"scheme-{n}" for n in ("self_first", "opposite_first", "maximum", "average")]
    yield from orderings("schemes", ("fixmatch", *schemes), "CMPL Table A2")
    for scheme in schemes:  # "cross" is CMPL, whose claim over FixMatch is above
        yield "schemes", "scheme-cross", scheme, "CMPL Table A2"
    parts = ("fixmatch", "fixmatch-frame-rate", "auxiliary")
    yield from orderings("parts of cmpl", parts, "CMPL Table 2")
    for name in parts[1:]:
        yield "parts of cmpl", "frame-rate", name, "CMPL Tables 2 and 4"
    printed = ("mean_teacher", "pseudo_label", "s4l", "ups", "actorcutmix", "fixmatch", "mvpl")
    yield from orderings("methods", printed, "LTG Tables 1 and 2")
    for name in printed:
        if name != "fixmatch":
            yield "methods", "ltg", name, "LTG Table 2"
    yield "methods", "ltg", "tcl", "LTG Table 2"
    for name in ("mean_teacher", "pseudo_label", "s4l"):
        yield "methods", "tcl", name, "LTG Table 2"
    for name in ("s4l", "tcl", "mvpl"):
        yield "methods", "cmpl", name, "CMPL Table 1"
    yield "methods", "mvpl", "supervised", "CMPL Table 1"
    for part in ("parts of ltg, jhmdb", "parts of ltg"):
        yield from orderings(part, ("fixmatch", "contrast", "alignment"), "LTG Table 1")
        for name in ("contrast", "alignment"):
            yield part, "both", name, "LTG Table 1"
    for part in CONTROLLED:
        yield part, "ltg", "fixmatch-like-ltg", "LTG Table 1, at one rate and threshold"
        yield part, "ltg", "ltg-neither", "LTG Tables 1 and 3b"
        for better, worse in (
            ("fixmatch-without-weight", "supervised"),
            ("supervised-at-0.1", "supervised"),
            ("ltg", "ltg-without-weight"),
            ("ltg", "ltg-on-frames"),
            ("ltg", "ltg-at-0.05"),
            ("fixmatch-one-a-group", "supervised-one-a-group"),
        ):
            yield part, better, worse, "own"


CLAIMS = tuple(_claims())
"""All that is claimed of runs from scratch: what verdicts are corrected for."""
# Of VideoSSL the order over Pseudo-Label and under LTG (LTG Table 2) is not judged.
NOT_COMPARED = (
    "**VideoSSL** is not compared: the runs here have no image classifier, without which it is "
    "Pseudo-Label under another name. With `efficientnet_lite0` as the teacher (recipe "
    "`small-videossl-taught`) it has seen images, a league of its own, and is then compared with "
    "methods of that league alone."
)


def record_of(part: Part, variant: str, seed: int, records: Path) -> Path:
    """File of one run; variants with the same settings share their runs, whatever their part."""
    return records / part.folder / f"{run_name(part, variant)}-{seed}{ENDING}"


def run_name(part: Part, variant: str) -> str:
    """Name of a variant's runs, whichever part first has them."""
    return names()[part.folder, *part.identity(variant)]


@cache
def names() -> dict[tuple[str, str, str], str]:
    """Folder, identity and drawing of labels to the name of a run: the plan's first variant's."""
    found: dict[tuple[str, str, str], str] = {}
    for part in PLAN.values():
        for variant in part.settings:
            name = variant if part.grid is None else f"{part.grid}-{variant}"
            found.setdefault((part.folder, *part.identity(variant)), name)
    return found
