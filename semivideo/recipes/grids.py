"""Grids of settings: the papers' ablations by name, or a user's file.

A grid is a recipe and its variants; a variant is a few settings that differ. ``semivideo sweep``
runs each with each seed. The papers' values are given relative to the recipe, so that a grid fits
any data: of CMPL's tables the small recipe's primary network stands for the paper's 3D-ResNet-50.

    # my_grid.yaml
    recipe: small-cmpl
    variants:
      strict: {method.threshold: 0.95}
      loose: {method.threshold: 0.5, method.weight: 2.0}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from semivideo.base.errors import ConfigError, nearest
from semivideo.base.files import read_bytes
from semivideo.recipes import RECIPES
from semivideo.settings import read_yaml

Changes = dict[str, Any]
_RECIPE, _LABELS = "recipe", "labels"


@dataclass(frozen=True, slots=True)
class Grid:
    """What a sweep varies.

    Attributes:
        recipe: Where every variant starts.
        variants: Name to the settings it changes; ``recipe`` among them starts elsewhere, and
            ``labels`` (balanced, by_frequency) draws the labelled videos of the split anew.
        source: Table or figure.
    """

    recipe: str
    variants: dict[str, Changes]
    source: str = "own"

    def cell(self, variant: str) -> tuple[str, Changes]:
        """Return the recipe and the changed settings of a variant."""
        changes = dict(self.variants[variant])
        changes.pop(_LABELS, None)
        return changes.pop(_RECIPE, self.recipe), changes

    def labels(self, variant: str) -> Literal["balanced", "by_frequency"] | None:
        """Return how a variant draws the labelled videos anew; None leaves the split as it is."""
        return self.variants[variant].get(_LABELS)


def _values(key: str, *values: Any) -> dict[str, Changes]:
    """Variants of one key, named by the last part of the key and the value."""
    return {f"{key.rpartition('.')[2]}-{value}": {key: value} for value in values}


_P, _A = "networks.primary", "networks.auxiliary"
_SAME_CLIP = {f"{_A}.num_frames": 8, f"{_A}.stride_frames": 8}
_TWICE = {f"{_A}.num_frames": 16, f"{_A}.stride_frames": 4}
_FIXMATCH = {"fixmatch": {_RECIPE: "small-fixmatch"}}
_NO_WARMUP = {"method.supervised_warmup": 0.0}
_PLAIN_BN, _PRECISE_BN = {"engine.precise_bn": 0}, {"engine.precise_bn": 200}
_UNALIGNED = {"method.alignment.weight": 0.0}
_UNCONTRASTED = {"method.contrast.weight": 0.0}
_ABLATION = {**_PRECISE_BN, **_UNCONTRASTED}  # LTG Table 3: with PreciseBN, without contrast

GRIDS: dict[str, Grid] = {
    "cmpl-fig1": Grid(
        "small-supervised",
        {
            "primary": {},
            "auxiliary": {
                f"{_P}.num_frames": 16,
                f"{_P}.stride_frames": 4,
                f"{_P}.options.width": 0.125,
            },
        },
        "CMPL Fig. 1 and 7: the two networks, each by itself, supervised",
    ),
    "cmpl-table2": Grid(
        "small-cmpl",
        {
            **_FIXMATCH,
            "auxiliary": _SAME_CLIP,
            "frame-rate": _TWICE,
            "offset": {**_TWICE, f"{_A}.offset_seconds": 10.0},
        },
        "CMPL Table 2: what each part brings",
    ),
    "cmpl-table3": Grid(
        "small-cmpl",
        {
            f"width-{name}": {f"{_A}.options.width": width}
            for name, width in (("1", 0.25), ("1-2", 0.125), ("1-4", 0.0625), ("1-8", 0.03125))
        },
        "CMPL Table 3: width of the auxiliary network, relative to the primary one",
    ),
    "cmpl-table4": Grid(
        "small-cmpl",
        {
            "8x8": _SAME_CLIP,
            "16x4": _TWICE,
            "32x2": {f"{_A}.num_frames": 32, f"{_A}.stride_frames": 2},
        },
        "CMPL Table 4: frames of the auxiliary network",
    ),
    "cmpl-table5": Grid(
        "small-cmpl",
        {
            name: {"data.sampling": "window", **change}
            for name, change in _values(f"{_A}.offset_seconds", 0.0, 1.0, 2.0, 5.0, 10.0).items()
        },
        "CMPL Table 5: temporal offset between clips that are windows of the video",
    ),
    "cmpl-table6": Grid(
        "small-cmpl",
        {
            **_FIXMATCH,
            "labels-only": {"method.terms": ["L_s^F", "L_s^A", "L_u^F"]},
            "pseudo-labels-only": {"method.terms": ["L_s^F", "L_u^F", "L_u^A"]},
            "both": {},
        },
        "CMPL Table 6: what the auxiliary network learns from",
    ),
    "cmpl-table-a2": Grid(
        "small-cmpl",
        {
            **_FIXMATCH,
            **_values(
                "method.scheme", "self_first", "opposite_first", "maximum", "average", "cross"
            ),
        },
        "CMPL Table A2: who labels for whom",
    ),
    "cmpl-table-a3": Grid(
        "small-cmpl",
        {name: {_LABELS: name} for name in ("balanced", "by_frequency")},
        "CMPL Table A3: labelled videos drawn anew, as many of each class or by its size",
    ),
    "cmpl-fig4-threshold": Grid(
        "small-cmpl", _values("method.threshold", 0.5, 0.7, 0.8, 0.9, 0.95), "CMPL Fig. 4a"
    ),
    "cmpl-fig4-ratio": Grid(
        "small-cmpl", _values("data.unlabeled_batch", 16, 32, 80, 160), "CMPL Fig. 4b"
    ),
    "cmpl-fig4-weight": Grid(
        "small-cmpl", _values("method.weight", 0.5, 1.0, 2.0, 5.0, 10.0), "CMPL Fig. 4c"
    ),
    "ltg-table1": Grid(
        "small-ltg",
        {
            **_FIXMATCH,
            "alignment": _UNCONTRASTED,
            "contrast": _UNALIGNED,
            "both": {},
        },
        "LTG Table 1: what each part brings",
    ),
    "ltg-table3a": Grid(
        "small-ltg",
        {
            name: {**change, **_ABLATION}
            for name, change in _values("method.streams.gradient", "fast", "slow").items()
        },
        "LTG Table 3a: fast and slow temporal gradient",
    ),
    "ltg-table3b": Grid(
        "small-ltg",
        {
            "none": {**_UNALIGNED, **_ABLATION},
            **{
                name: {"method.alignment.distance": name, **_ABLATION}
                for name in ("l1", "l2", "cosine")
            },
        },
        "LTG Table 3b: distance of the alignment",
    ),
    "ltg-table3c": Grid(
        "small-ltg",
        {
            f"stop-gradient-{on}": {"method.alignment.stop_gradient": on, **_ABLATION}
            for on in (False, True)
        },
        "LTG Table 3c: stop-gradient",
    ),
    "ltg-table3d": Grid(
        "small-ltg",
        {
            name: {"method.streams.labels": name, **_ABLATION}
            for name in ("rgb", "temporal", "own", "average", "average_logits")
        },
        "LTG Table 3d: who labels",
    ),
    "ltg-table3e": Grid(
        "small-ltg",
        {
            "-".join(blocks): {"method.alignment.blocks": list(blocks), **_ABLATION}
            for blocks in (
                ("res5",),
                ("res4", "res5"),
                ("res3", "res4", "res5"),
                ("res2", "res3", "res4", "res5"),
            )
        },
        "LTG Table 3e: which blocks are aligned",
    ),
    "ltg-table3f": Grid(
        "small-ltg",
        {
            "plain": {**_NO_WARMUP, "engine.warmup": 0.0, **_PLAIN_BN, **_UNCONTRASTED},
            "rate-warmup": {**_NO_WARMUP, **_PLAIN_BN, **_UNCONTRASTED},
            "supervised-warmup": {**_PLAIN_BN, **_UNCONTRASTED},
            "precise-bn": _ABLATION,
        },
        "LTG Table 3f: warm-up of the rate, supervised warm-up, PreciseBN, one after the other",
    ),
    "ltg-table3g": Grid(
        "small-ltg",
        {
            name: {**change, **_PRECISE_BN}
            for name, change in _values("method.contrast.temperature", 0.1, 0.2, 0.5, 1.0).items()
        },
        "LTG Table 3g: temperature of the contrast",
    ),
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
        content = read_yaml(read_bytes(file).decode("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the grid {file}: {error}; correct the file") from None
    return _checked(content, file)


def _checked(content: Any, file: Path) -> Grid:
    """A grid out of what a file holds."""
    is_mapping = isinstance(content, dict) and content.keys() == {_RECIPE, "variants"}
    variants = content["variants"] if is_mapping else None
    is_grid = isinstance(variants, dict) and all(isinstance(v, dict) for v in variants.values())
    if not is_grid or not variants:
        raise ConfigError(
            f"{file} is not a grid; it needs the keys recipe (a name) and variants (a name and "
            "settings each, such as strict: {method.threshold: 0.95})"
        )
    if content[_RECIPE] not in RECIPES:
        raise ConfigError(
            f"{file}: no recipe {content[_RECIPE]!r}{nearest(str(content[_RECIPE]), RECIPES)}; "
            "`semivideo recipes` lists them"
        )
    if bad := [name for name in variants if "/" in str(name)]:
        raise ConfigError(f"{file}: variant {bad[0]!r} has a slash; variants name folders")
    return Grid(content[_RECIPE], {str(k): v for k, v in variants.items()}, str(file))
