"""The papers' ablations as grids, each at two scales: the paper's own and a small one.

One definition serves both. A ``Scale`` says where a grid starts and how wide the primary network
is; what varies is written once, relative to it. So ``cmpl-table2`` is of the small recipes, for
one's own videos, and ``paper-cmpl-table2`` of the paper's networks and data. CMPL's are on
Kinetics-400 at 1 % for 50 epochs, LTG's on UCF-101 at 20 %.

At small scale the small recipe's primary network stands for the papers' 3D-ResNet-50 and R3D-18, so
a row such as "R18" is the share of its width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from semivideo.base.errors import ConfigError, nearest

Changes = dict[str, Any]
LabelsDrawn = Literal["balanced", "by_frequency", "one_a_group"]
RECIPE, LABELS = "recipe", "labels"


@dataclass(frozen=True, slots=True)
class Grid:
    """What a sweep varies.

    Attributes:
        recipe: Where every variant starts.
        variants: Name to the settings it changes; ``recipe`` among them starts elsewhere, and
            ``labels`` (balanced, by_frequency, one_a_group) draws the labelled videos of the split
            anew.
        source: Table or figure.
    """

    recipe: str
    variants: dict[str, Changes]
    source: str = "own"

    def cell(self, variant: str) -> tuple[str, Changes]:
        """Return the recipe and the changed settings of a variant."""
        changes = dict(self.variants[variant])
        changes.pop(LABELS, None)
        return changes.pop(RECIPE, self.recipe), changes

    def of(self, variants: Sequence[str]) -> Grid:
        """Return the grid with these variants alone.

        Raises:
            ConfigError: There is no such variant.
        """
        for name in variants:
            if name not in self.variants:
                raise ConfigError(
                    f"no variant {name!r}{nearest(name, self.variants)} in this grid "
                    f"[known: {', '.join(self.variants)}]"
                )
        return Grid(self.recipe, {name: self.variants[name] for name in variants}, self.source)

    def labels(self, variant: str) -> LabelsDrawn | None:
        """Return how a variant draws the labelled videos anew; None leaves the split as it is."""
        return self.variants[variant].get(LABELS)


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the grids of one scale start.

    Attributes:
        prefix: Of their names.
        cmpl: Recipe of CMPL's ablations.
        cmpl_fixmatch: The same for FixMatch.
        cmpl_supervised: The same for the labels alone.
        ltg: Recipe of LTG's ablations.
        ltg_fixmatch: The same for FixMatch.
        width: Of the primary network.
        labeled: Labelled clips a step.
        weights: Of the unlabelled terms in Fig. 4c.
        motion: What a network on the gradient alone is given besides.
        size: Of the grids, for people.
    """

    prefix: str
    cmpl: str
    cmpl_fixmatch: str
    cmpl_supervised: str
    ltg: str
    ltg_fixmatch: str
    width: float
    labeled: int
    weights: tuple[float, ...]
    motion: Changes = field(default_factory=dict)
    size: str = ""


SMALL = Scale(
    prefix="",
    cmpl="small-cmpl",
    cmpl_fixmatch="small-fixmatch",
    cmpl_supervised="small-supervised",
    ltg="small-ltg",
    ltg_fixmatch="small-fixmatch",
    width=0.25,
    labeled=16,
    weights=(0.5, 1.0, 2.0, 5.0, 10.0),
    motion={"views.motion_contrast": 8.0},  # as small-ltg shows it
)
PAPER = Scale(
    prefix="paper-",
    cmpl="cmpl-kinetics400-1-r50-50e",
    cmpl_fixmatch="fixmatch-kinetics400-1-r50-50e",
    cmpl_supervised="supervised-kinetics400-1-r50-50e",
    ltg="ltg-ucf101-20-r3d18",
    ltg_fixmatch="fixmatch-ucf101-20-r3d18",
    width=1.0,
    labeled=32,
    weights=(1.0, 2.0, 5.0, 10.0),
    size=", at the paper's size",
)


def ablations(scale: Scale) -> dict[str, Grid]:
    """Return the grids of one scale by name."""
    makers = (_cmpl_parts, _cmpl_labels, _cmpl_values, _ltg_parts, _ltg_rest)
    grids = {name: grid for make in makers for name, grid in make(scale).items()}
    return {
        f"{scale.prefix}{name}": Grid(grid.recipe, grid.variants, grid.source + scale.size)
        for name, grid in grids.items()
    }


_P, _A = "networks.primary", "networks.auxiliary"
_SAME_CLIP = {f"{_A}.num_frames": 8, f"{_A}.stride_frames": 8}
_TWICE = {f"{_A}.num_frames": 16, f"{_A}.stride_frames": 4}
_NO_OFFSET = {f"{_A}.offset_seconds": 0.0}
_NO_WARMUP = {"method.supervised_warmup": 0.0}
_PLAIN_BN, _PRECISE_BN = {"engine.precise_bn": 0}, {"engine.precise_bn": 200}
_UNALIGNED = {"method.alignment.weight": 0.0}
_UNCONTRASTED = {"method.contrast.weight": 0.0}
_ABLATION = {**_PRECISE_BN, **_UNCONTRASTED}  # LTG Table 3: with PreciseBN, without contrast


def _values(key: str, *values: Any, name: str | None = None) -> dict[str, Changes]:
    """Variants of one key, named by the last part of the key, or ``name``, and the value."""
    return {f"{name or key.rpartition('.')[2]}-{value}": {key: value} for value in values}


def _cmpl_parts(s: Scale) -> dict[str, Grid]:
    """What CMPL consists of."""
    alone = {  # A is F itself, which then sees its clips at both frame rates
        **_TWICE,
        "method.shared": True,
        f"{_A}.options.width": s.width,
    }
    widths = (("1", 1.0), ("1-2", 0.5), ("1-4", 0.25), ("1-8", 0.125))
    return {
        "cmpl-fig1": Grid(
            s.cmpl_supervised,
            {
                "primary": {},
                "auxiliary": {
                    f"{_P}.num_frames": 16,
                    f"{_P}.stride_frames": 4,
                    f"{_P}.options.width": s.width / (2 if s is SMALL else 4),
                },
            },
            "CMPL Fig. 1 and 7: the two networks, each by itself, supervised",
        ),
        "cmpl-table2": Grid(
            s.cmpl,
            {
                "fixmatch": {RECIPE: s.cmpl_fixmatch},
                "fixmatch-frame-rate": {**alone, **_NO_OFFSET},
                "fixmatch-location": {**alone, f"{_A}.offset_seconds": 10.0},
                "auxiliary": {**_SAME_CLIP, **_NO_OFFSET},
                "frame-rate": {**_TWICE, **_NO_OFFSET},
                "offset": {**_TWICE, f"{_A}.offset_seconds": 10.0},
            },
            "CMPL Table 2: what each part brings",
        ),
        "cmpl-table3": Grid(
            s.cmpl,
            {
                "primary-8": {RECIPE: s.cmpl_fixmatch},
                "primary-16": {**alone, **_NO_OFFSET},
                "r18": {f"{_A}.name": "resnet3d18", f"{_A}.options.width": s.width, **_NO_OFFSET},
                "r10": {f"{_A}.name": "resnet3d10", f"{_A}.options.width": s.width, **_NO_OFFSET},
                **{
                    f"width-{name}": {f"{_A}.options.width": share * s.width, **_NO_OFFSET}
                    for name, share in widths
                },
            },
            "CMPL Table 3: the auxiliary network, and its width as a share of the primary's",
        ),
    }


def _cmpl_labels(s: Scale) -> dict[str, Grid]:
    """Who labels for whom in CMPL."""
    fixmatch = {"fixmatch": {RECIPE: s.cmpl_fixmatch}}
    return {
        "cmpl-table6": Grid(
            s.cmpl,
            {
                **fixmatch,
                "labels-only": {"method.terms": ["L_s^F", "L_s^A", "L_u^F"], **_NO_OFFSET},
                "pseudo-labels-only": {"method.terms": ["L_s^F", "L_u^F", "L_u^A"], **_NO_OFFSET},
                "both": _NO_OFFSET,
            },
            "CMPL Table 6: what the auxiliary network learns from",
        ),
        "cmpl-table-a2": Grid(
            s.cmpl,
            {
                **fixmatch,
                **{
                    name: {**change, **_NO_OFFSET}
                    for name, change in _values(
                        "method.scheme",
                        *("self_first", "opposite_first", "maximum", "average", "cross"),
                    ).items()
                },
            },
            "CMPL Table A2: who labels for whom",
        ),
    }


def _cmpl_values(s: Scale) -> dict[str, Grid]:
    """How CMPL depends on one value."""
    ratios = {f"ratio-{n}": {"data.unlabeled_batch": n * s.labeled} for n in (1, 2, 5, 10)}
    return {
        "cmpl-table4": Grid(
            s.cmpl,
            {
                "8x8": {**_SAME_CLIP, **_NO_OFFSET},
                "16x4": {**_TWICE, **_NO_OFFSET},
                "32x2": {f"{_A}.num_frames": 32, f"{_A}.stride_frames": 2, **_NO_OFFSET},
            },
            "CMPL Table 4: frames of the auxiliary network",
        ),
        "cmpl-table5": Grid(
            s.cmpl,
            {
                name: {"data.sampling": "window", **change}
                for name, change in _values(
                    f"{_A}.offset_seconds", 0.0, 1.0, 2.0, 5.0, 10.0
                ).items()
            },
            "CMPL Table 5: temporal offset between clips that are windows of the video",
        ),
        "cmpl-table-a3": Grid(
            s.cmpl,
            {name: {LABELS: name, **_NO_OFFSET} for name in ("balanced", "by_frequency")},
            "CMPL Table A3: labelled videos drawn anew, as many of each class or by its size",
        ),
        "cmpl-fig4-threshold": Grid(
            s.cmpl, _values("method.threshold", 0.5, 0.7, 0.8, 0.9, 0.95), "CMPL Fig. 4a"
        ),
        "cmpl-fig4-ratio": Grid(s.cmpl, ratios, "CMPL Fig. 4b"),
        "cmpl-fig4-weight": Grid(s.cmpl, _values("method.weight", *s.weights), "CMPL Fig. 4c"),
    }


def _ltg_parts(s: Scale) -> dict[str, Grid]:
    """What LTG consists of."""
    plain = {RECIPE: s.ltg_fixmatch}
    alone = {**plain, **_PRECISE_BN, **s.motion}
    return {
        "ltg-table1": Grid(
            s.ltg,
            {
                "fixmatch": plain,
                "alignment": _UNCONTRASTED,
                "contrast": _UNALIGNED,
                "both": {},
            },
            "LTG Table 1: what each part brings",
        ),
        "ltg-table3a": Grid(
            s.ltg,
            {
                "fixmatch-rgb": {**plain, **_PRECISE_BN},
                "fixmatch-slow": {**alone, f"{_P}.modality": "slow_gradient"},
                "fixmatch-fast": {**alone, f"{_P}.modality": "fast_gradient"},
                **{
                    name: {**change, **_ABLATION}
                    for name, change in _values("method.streams.gradient", "fast", "slow").items()
                },
            },
            "LTG Table 3a and Fig. 1: networks on one modality; fast and slow temporal gradient",
        ),
        "ltg-table3b": Grid(
            s.ltg,
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
            s.ltg,
            {
                f"stop-gradient-{on}": {"method.alignment.stop_gradient": on, **_ABLATION}
                for on in (False, True)
            },
            "LTG Table 3c: stop-gradient",
        ),
        "ltg-table3d": Grid(
            s.ltg,
            {
                name: {"method.streams.labels": name, **_ABLATION}
                for name in ("rgb", "temporal", "own", "average", "average_logits")
            },
            "LTG Table 3d: who labels",
        ),
    }


def _ltg_rest(s: Scale) -> dict[str, Grid]:
    """How LTG is trained."""
    blocks = ("res2", "res3", "res4", "res5")
    return {
        "ltg-table3e": Grid(
            s.ltg,
            {
                "-".join(blocks[first:]): {
                    "method.alignment.blocks": list(blocks[first:]),
                    **_ABLATION,
                }
                for first in (3, 2, 1, 0)
            },
            "LTG Table 3e: which blocks are aligned",
        ),
        "ltg-table3f": Grid(
            s.ltg,
            {
                "plain": {**_NO_WARMUP, "engine.warmup": 0.0, **_PLAIN_BN, **_UNCONTRASTED},
                "rate-warmup": {**_NO_WARMUP, **_PLAIN_BN, **_UNCONTRASTED},
                "supervised-warmup": {**_PLAIN_BN, **_UNCONTRASTED},
                "precise-bn": _ABLATION,
            },
            "LTG Table 3f: warm-up of the rate, supervised warm-up, PreciseBN, one after the other",
        ),
        "ltg-table3g": Grid(
            s.ltg,
            {
                name: {**change, **_PRECISE_BN}
                for name, change in _values(
                    "method.contrast.temperature", 0.1, 0.2, 0.5, 1.0
                ).items()
            },
            "LTG Table 3g: temperature of the contrast",
        ),
    }
