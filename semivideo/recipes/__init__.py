"""Published settings, each a function that returns them whole.

A recipe's docstring holds the command, the cost and the paper's number; ``RECIPES`` is the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from semivideo.recipes import cmpl_paper, small
from semivideo.settings import Settings


@dataclass(frozen=True, slots=True)
class Recipe:
    """One line of the table.

    Attributes:
        method: Name of the method.
        data: Data set and share of labels.
        cost: Rough cost on the hardware named.
        paper: The paper's top-1 in percent and where it stands, or what it is for.
        settings: Returns the complete settings.
    """

    method: str
    data: str
    cost: str
    paper: str
    settings: Callable[[], Settings]


RECIPES: dict[str, Recipe] = {
    **{
        name: Recipe(method, data, cmpl_paper.COST[method], paper, settings)
        for name, (method, data, paper, settings) in cmpl_paper.TABLE.items()
    },
    **{
        f"small-{method}": Recipe(method, "small own data", "2 cores, minutes", purpose, settings)
        for method, purpose, settings in (
            ("supervised", "baseline", small.supervised),
            ("pseudo_label", "baseline", small.pseudo_label),
            ("mean_teacher", "baseline", small.mean_teacher),
            ("s4l", "baseline", small.s4l),
            ("fixmatch", "starting point", small.fixmatch),
            ("cmpl", "starting point", small.cmpl),
        )
    },
}
