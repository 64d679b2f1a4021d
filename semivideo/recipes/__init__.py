"""Published settings and small ones, each a function that returns them whole.

``RECIPES`` is the table. Names of published ones are method-data-percent-network, such as
``cmpl-ucf101-10-r50``; the same cell was often run on several networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from semivideo.encoders.initial import with_weights
from semivideo.recipes import (
    cmpl_paper,
    cross_architecture,
    later_papers,
    ltg_paper,
    on_features,
    small,
    tuned,
)
from semivideo.settings import Settings


@dataclass(frozen=True, slots=True)
class Recipe:
    """One line of the table.

    Attributes:
        method: Name of the method.
        data: Data set, and the labelled percent if it is a published protocol.
        paper: The paper's top-1 in percent and where it stands, or what the recipe is for.
        settings: Returns the complete settings.
        cost: Rough cost; None where ``cost.cost`` counts it.
        stated_league: What the networks behind it had seen, where the settings cannot say it: they
            leave the weights, or the features, to the user.
    """

    method: str
    data: str | tuple[str, int]
    paper: str
    settings: Callable[[], Settings]
    cost: str | None = None
    stated_league: str = ""

    @property
    def league(self) -> str:
        """What the networks of the paper's number, or of the run, had seen before: its league."""
        return self.stated_league or with_weights(self.settings()).league


def _published() -> dict[str, Recipe]:
    """The cells of both papers' tables."""
    found = {}
    for (method, network), row in cmpl_paper.TABLE.items():
        for (data, percent), top1 in zip(cmpl_paper.SHARES, row, strict=True):
            settings = partial(
                cmpl_paper.paper_settings, method, network=network, data=data, percent=percent
            )
            found[f"{method}-{data}-{percent}-{network}"] = Recipe(
                method, (data, percent), f"{top1} (CMPL Table 1)", settings
            )
    for method, paper in cmpl_paper.ABLATIONS.items():
        share, epochs = ("kinetics400", 1), cmpl_paper.ABLATION_EPOCHS
        settings = partial(
            cmpl_paper.paper_settings,
            method,
            network="r50",
            data=share[0],
            percent=1,
            epochs=epochs,
        )
        found[f"{method}-kinetics400-1-r50-{epochs}e"] = Recipe(method, share, paper, settings)
    for (data, percent), with_tuning in ltg_paper.FINETUNED.items():
        settings = partial(ltg_paper.finetuned_tcl, data=data, percent=percent)
        found[f"tcl-finetuned-{data}-{percent}-tsm"] = Recipe(
            "tcl", (data, percent), f"{with_tuning} (CMPL Table 1)", settings
        )
    for method, cells in ltg_paper.TABLE.items():
        network = ltg_paper.NETWORK.get(method, "r3d18")
        for (data, percent), number in cells.items():
            table = 1 if method == "fixmatch" else 2
            paper = "same steps" if number is None else f"{number} (LTG Table {table})"
            settings = partial(ltg_paper.paper_settings, method, data=data, percent=percent)
            found[f"{method}-{data}-{percent}-{network}"] = Recipe(
                method, (data, percent), paper, settings
            )
    return found


def _later() -> dict[str, Recipe]:
    """What later papers printed."""
    found = {}
    for (size, share), top1 in later_papers.svformer_cells().items():
        found[f"svformer-{share[0]}-{share[1]}-{size}"] = Recipe(
            "svformer",
            share,
            f"{top1} (SVFormer-{size.upper()})",
            partial(later_papers.svformer, size=size),
            stated_league=later_papers.LEAGUE,
        )
    for share, top1 in later_papers.SEFAR.items():
        found[f"sefar-{share[0]}-{share[1]}-b"] = Recipe(
            "svformer",
            share,
            f"{top1} (SeFAR-B)",
            later_papers.sefar,
            stated_league=later_papers.LEAGUE,
        )
    for share, top1 in later_papers.TIMEBALANCE.items():
        found[f"timebalance-{share[0]}-{share[1]}-r50"] = Recipe(
            "timebalance",
            share,
            f"{top1} (TimeBalance)",
            later_papers.timebalance,
        )
    return found


OWN_DATA = "small own data"
_SMALL = {"data": OWN_DATA, "cost": "2 cores, minutes"}

RECIPES: dict[str, Recipe] = {
    **_published(),
    **_later(),
    **{
        f"small-{method}": Recipe(method, paper=purpose, settings=settings, **_SMALL)
        for method, purpose, settings in (
            ("supervised", "baseline", small.supervised),
            ("pseudo_label", "baseline", small.pseudo_label),
            ("mean_teacher", "baseline", small.mean_teacher),
            ("s4l", "baseline", small.s4l),
            ("ups", "baseline", small.ups),
            ("videossl", "without its teacher", small.videossl),
            ("tcl", "baseline", small.tcl),
            ("fixmatch", "starting point", small.fixmatch),
            ("mvpl", "starting point", small.mvpl),
            ("actorcutmix", "baseline", small.actorcutmix),
            ("cmpl", "starting point", small.cmpl),
            ("ltg", "starting point", small.ltg),
            ("svformer", "baseline", small.svformer),
            ("votes", "baseline; published for images only", small.votes),
            ("timebalance", "baseline", small.timebalance),
            ("text_teacher", "FixMatch until a teacher's file is named", small.text_teacher),
        )
    },
    **{
        f"features-{method}": Recipe(
            method, "features", purpose, settings, "2 cores, seconds", "by encoder"
        )
        for method, purpose, settings in (
            ("probe", "baseline", on_features.probe),
            ("knn", "baseline", on_features.knn),
            ("propagate", "starting point", on_features.propagate),
            ("wccn", "starting point", on_features.wccn),
            ("supervised", "baseline", on_features.supervised),
            ("pseudo_label", "baseline", on_features.pseudo_label),
            ("mean_teacher", "baseline", on_features.mean_teacher),
            ("ups", "baseline", on_features.ups),
            ("fixmatch", "starting point", on_features.fixmatch),
            ("cmpl", "starting point", on_features.cmpl),
            ("s4l", "comparison", on_features.s4l),
            ("tcl", "comparison", on_features.tcl),
            ("mvpl", "comparison", on_features.mvpl),
            ("actorcutmix", "comparison", on_features.actorcutmix),
            ("videossl", "comparison", on_features.videossl),
            ("ltg", "comparison", on_features.ltg),
            ("svformer", "comparison", on_features.svformer),
            ("votes", "starting point; published for images only", on_features.votes),
            ("timebalance", "comparison", on_features.timebalance),
            ("text_teacher", "class names teach; features of CLIP", on_features.text_teacher),
        )
    },
    **{
        f"tuned-{method}": Recipe(
            method, "natural footage", purpose, settings, "2 cores, tens of minutes"
        )
        for method, purpose, settings in (
            ("supervised", "baseline on an image network", tuned.supervised),
            ("fixmatch", "starting point on an image network", tuned.fixmatch),
            ("cmpl", "an image network and one from scratch", tuned.cmpl),
            ("ltg", "an image network on frames and on motion", tuned.ltg),
            ("svformer", "an image network, clips mixed in tubes", tuned.svformer),
        )
    },
    "small-videossl-taught": Recipe(
        "videossl", paper="an image network teaches", settings=small.videossl_taught, **_SMALL
    ),
    **{
        f"small-{name}": Recipe("fixmatch", paper=purpose, settings=settings, **_SMALL)
        for name, purpose, settings in (
            ("uda", "FixMatch with soft labels", small.uda),
            ("flexmatch", "FixMatch with adaptive thresholds", small.flexmatch),
            ("freematch", "FixMatch with adaptive thresholds", small.freematch),
            ("softmatch", "FixMatch with weights", small.softmatch),
        )
    },
    **{
        name: Recipe("cmpl", data, purpose, settings, cost)
        for name, (data, cost, purpose, settings) in cross_architecture.TABLE.items()
    },
}
