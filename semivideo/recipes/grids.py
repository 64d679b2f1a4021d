"""Grids of settings: the papers' ablations by name, or a user's file.

A grid is a recipe and its variants; a variant is a few settings that differ. ``semivideo sweep``
runs each with each seed. The papers' ablations are there at two scales (``ablations``). A file is
such as::

    # my_grid.yaml
    recipe: small-cmpl
    variants:
      strict: {method.threshold: 0.95}
      loose: {method.threshold: 0.5, method.weight: 2.0}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from semivideo.base.checked import yaml_of
from semivideo.base.errors import ConfigError, nearest
from semivideo.base.files import read_bytes
from semivideo.recipes import RECIPES
from semivideo.recipes.ablations import LABELS, PAPER, RECIPE, SMALL, Grid, ablations
from semivideo.recipes.ltg_paper import equal_steps

__all__ = ["CONTROLS", "GRIDS", "Grid", "find_grid"]


# LTG's Table 1 at its other shares; Table 1 itself is of UCF-101 at 20 %.
_SHARES = (("ucf101", 10), ("kinetics400", 1), ("kinetics400", 10), ("hmdb51", 50))

# As many as CMPL's, whose unlabelled clips are of Kinetics-400 and, as everywhere, of the labelled
# videos too: here all of UCF-101's.
_STEPS_A1 = sum(
    equal_steps(data, epochs=200, unlabeled_batch=160) for data in ("kinetics400", "ucf101")
)

CONTROLS = Grid(
    "small-ltg",
    {
        **{name: {RECIPE: f"small-{name}"} for name in ("supervised", "fixmatch", "ltg")},
        "fixmatch-without-weight": {RECIPE: "small-fixmatch", "method.weight": 1e-9},
        "fixmatch-like-ltg": {
            RECIPE: "small-fixmatch",
            "engine.learning_rate": 0.1,
            "method.threshold": 0.5,
        },
        "supervised-at-0.1": {RECIPE: "small-supervised", "engine.learning_rate": 0.1},
        "ltg-neither": {"method.alignment.weight": 0.0, "method.contrast.weight": 0.0},
        "ltg-without-weight": {"method.weight": 0.0},
        "ltg-on-frames": {"method.streams.gradient": "none"},
        "ltg-at-0.05": {"engine.learning_rate": 0.05},
        "supervised-one-a-group": {RECIPE: "small-supervised", LABELS: "one_a_group"},
        "fixmatch-one-a-group": {RECIPE: "small-fixmatch", LABELS: "one_a_group"},
    },
    "own: unlabelled clips that only enter the batch statistics; FixMatch at LTG's rate and "
    "threshold; LTG without alignment and contrast, without pseudo-labels, without a gradient, at "
    "FixMatch's rate; labels from as many groups as there are",
)

GRIDS: dict[str, Grid] = {
    **ablations(SMALL),
    **ablations(PAPER),
    **{
        f"paper-ltg-table1-{data}-{percent}": Grid(
            f"ltg-{data}-{percent}-r3d18",
            {
                "fixmatch": {RECIPE: f"fixmatch-{data}-{percent}-r3d18"},
                "alignment": {"method.contrast.weight": 0.0},
                "contrast": {"method.alignment.weight": 0.0},
                "both": {},
            },
            f"LTG Table 1 on {data} at {percent} %, at the paper's size",
        )
        for data, percent in _SHARES
    },
    "cmpl-table1": Grid(
        "small-cmpl",
        {
            **{f"{name}-r50": {RECIPE: f"small-{name}"} for name in ("supervised", "fixmatch")},
            "fixmatch-slowfast": {
                RECIPE: "small-fixmatch",
                "networks.primary.name": "slowfast_r50",
                "networks.primary.num_frames": 32,
                "networks.primary.stride_frames": 2,
                "networks.primary.options.width": 0.125,
            },
            "videossl": {RECIPE: "small-videossl-taught"},
            **{name: {RECIPE: f"small-{name}"} for name in ("s4l", "tcl", "mvpl")},
            "cmpl-r18": {
                "networks.primary.options.width": 0.1875,
                "networks.auxiliary.options.width": 0.09375,
            },
            "cmpl-r50": {},
        },
        "CMPL Table 1: methods and networks; R18 has three quarters of the width",
    ),
    "cmpl-table-a1": Grid(
        "small-cmpl",
        {
            "cmpl": {},
            "random-weights": {RECIPE: "small-supervised"},
            "image-weights": {RECIPE: "tuned-supervised"},
        },
        "CMPL Table A1: all labels, and unlabelled videos of another source, beside image weights",
    ),
    "paper-cmpl-table-a1": Grid(
        "cmpl-ucf101-10-r50",
        {
            "cmpl": {},
            "random-weights": {RECIPE: "supervised-ucf101-10-r50", "engine.steps": _STEPS_A1},
        },
        "CMPL Table A1, at the paper's size: a split of all of UCF-101's labels and Kinetics-400",
    ),
    "controls": CONTROLS,
}


def find_grid(name: str) -> Grid:
    """Return a named grid, or read one from a YAML file.

    Raises:
        ConfigError: No such grid, or a file that is not one.
    """
    if name in GRIDS:
        return GRIDS[name]
    file = Path(name)
    if not file.is_file():
        raise ConfigError(
            f"no grid {name!r}{nearest(name, GRIDS)} [known: {', '.join(GRIDS)}; or a YAML file]"
        )
    try:
        content = yaml_of(read_bytes(file).decode("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the grid {file}: {error}; correct the file") from None
    return _checked(content, file)


def _checked(content: Any, file: Path) -> Grid:
    """A grid out of what a file holds."""
    is_mapping = isinstance(content, dict) and content.keys() == {RECIPE, "variants"}
    variants = content["variants"] if is_mapping else None
    is_grid = isinstance(variants, dict) and all(isinstance(v, dict) for v in variants.values())
    if not is_grid or not variants:
        raise ConfigError(
            f"{file} is not a grid; it needs the keys recipe (a name) and variants (a name and "
            "settings each, such as strict: {method.threshold: 0.95})"
        )
    if content[RECIPE] not in RECIPES:
        raise ConfigError(
            f"{file}: no recipe {content[RECIPE]!r}{nearest(str(content[RECIPE]), RECIPES)}; "
            "`semivideo recipes` lists them"
        )
    if bad := [name for name in variants if "/" in str(name)]:
        raise ConfigError(f"{file}: variant {bad[0]!r} has a slash; variants name folders")
    return Grid(content[RECIPE], {str(k): v for k, v in variants.items()}, str(file))
