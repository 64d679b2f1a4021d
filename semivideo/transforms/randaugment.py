"""RandAugment (Cubuk et al., 2020) for whole batches, over one of three pools of operations.

Each clip draws N operations and their signs. The magnitude M of 30 sets the level m = M / 30.

``fixmatch``: the 14 operations of FixMatch (Sohn et al., 2020, table 12), drawn with replacement
and applied as drawn, strongest at m = 1:

======================================  ================================  =========
operations                              value                             at M = 10
======================================  ================================  =========
AutoContrast, Equalize, Identity        none                              none
Brightness, Color, Contrast, Sharpness  factor 0.95 - 0.90 m              0.65
Posterize                               8 - round(4 m) bits               7
Rotate                                  +-30 m degrees, random sign       +-10
ShearX, ShearY                          +-0.3 m, random sign              +-0.1
Solarize                                threshold 256 (1 - m)             170.7
TranslateX, TranslateY                  +-0.3 m of the side, random sign  +-0.1
======================================  ================================  =========

``fixmatch_cutout``: the same 14 and a 15th, as in ActorCutMix's published code, in which no Cutout
is added to every clip (``views.cutout=0``):

======================================  ================================  =========
Cutout                                  square of 0.5 m of the side       0.167
======================================  ================================  =========

``imgaug``: the 15 operations of LTG's published code, two different ones a clip, applied in this
order; its magnitude 9 of 10 is M = 27. Colours become stronger with m, where FixMatch's fade:

======================================  ================================  =========
operations                              value                             at M = 27
======================================  ================================  =========
ShearX, ShearY                          +-tan(17.19 m degrees)            +-0.277
TranslateX, TranslateY                  +-0.2 m of the side               +-0.18
Rotate                                  +-30 m degrees                    +-27
Posterize                               max(1, floor(4 m)) bits           3
Solarize                                threshold 256 m                   230.4
Color, Contrast, Brightness, Sharpness  factor 0.1 + 1.8 m                1.72
AutoContrast, Equalize, Invert          none                              none
Cutout                                  square of 0.2 m of the side       0.18
======================================  ================================  =========

Deviations from the sequences on paper: the geometric operations of a clip are composed into its
crop and so come first (each pixel is interpolated once, and content that one operation pushes out
and the next brings back survives); colour operations follow in order. Translations are rounded to
whole pixels, as in FixMatch. Cutout comes last, and a clip that drew it twice has one square. What
comes from outside the crop is grey, in LTG's code black. That code draws signs once a process, here
every clip draws its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from torch import Tensor

from semivideo.base.devices import on_device
from semivideo.base.randomness import uniform
from semivideo.transforms.color import (
    auto_contrast,
    brightness,
    color,
    contrast,
    equalize,
    invert,
    posterize,
    sharpness,
    solarize,
)
from semivideo.transforms.spatial import Floats, Integers

Pool = Literal["fixmatch", "fixmatch_cutout", "imgaug"]

OPERATIONS = (
    "AutoContrast",
    "Brightness",
    "Color",
    "Contrast",
    "Equalize",
    "Identity",
    "Posterize",
    "Rotate",
    "Sharpness",
    "ShearX",
    "ShearY",
    "Solarize",
    "TranslateX",
    "TranslateY",
    "Invert",
    "Cutout",
)
"""Names in the order of the numbers that parameters hold."""

POOLS: dict[Pool, tuple[str, ...]] = {
    "fixmatch": OPERATIONS[:14],
    "fixmatch_cutout": (*OPERATIONS[:14], "Cutout"),
    "imgaug": (
        "ShearX",
        "ShearY",
        "TranslateX",
        "TranslateY",
        "Rotate",
        "Posterize",
        "Solarize",
        "Color",
        "Contrast",
        "Brightness",
        "Sharpness",
        "AutoContrast",
        "Equalize",
        "Invert",
        "Cutout",
    ),
}
"""Operations of each pool; of ``imgaug`` in the order in which they are applied."""

COLOR_OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "AutoContrast": auto_contrast,
    "Brightness": brightness,
    "Color": color,
    "Contrast": contrast,
    "Equalize": equalize,
    "Invert": invert,
    "Posterize": posterize,
    "Sharpness": sharpness,
    "Solarize": solarize,
}
"""Operations on levels; the others move pixels, hide some (``Cutout``) or do nothing."""

GEOMETRIC_OPERATIONS = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")
"""Operations that move pixels; they are part of a clip's one affine map."""

_SIGNED = np.isin(OPERATIONS, GEOMETRIC_OPERATIONS)


def sample_operations(
    keys: Integers,
    *,
    stream: str,
    num_ops: int,
    magnitude: float,
    random_magnitude: bool = False,
    pool: Pool = "fixmatch",
) -> tuple[Integers, Floats]:
    """Draw the operations of each clip and their values.

    Args:
        keys: (N,), the clips' draw keys.
        stream: Name of the stream; streams draw independently.
        num_ops: S, operations per clip, >= 0; of ``imgaug`` at most 15.
        magnitude: M in [0, 30].
        random_magnitude: Draw each magnitude uniformly from [0, M].
        pool: Which operations there are.

    Returns:
        Operation numbers (N, S) into ``OPERATIONS``, and values (N, S) in the table's units.
    """
    draws = uniform(keys, "randaugment", stream, size=3 * num_ops).reshape(len(keys), num_ops, 3)
    place = _without_replacement(draws[..., 0]) if pool == "imgaug" else None
    if place is None:
        place = (draws[..., 0] * len(POOLS[pool])).astype(np.int64)
    operation = np.array([OPERATIONS.index(name) for name in POOLS[pool]])[place]
    level = np.full(operation.shape, magnitude / 30)
    if random_magnitude:
        level *= draws[..., 1]
    value_of = _imgaug_value if pool == "imgaug" else _value
    value = np.choose(place, [value_of(name, level) for name in POOLS[pool]])
    is_negative = _SIGNED[operation] & (draws[..., 2] < 0.5)
    return operation, np.where(is_negative, -value, value)


def inverse_affine(operation: Integers, value: Floats, *, side: int) -> Floats:
    """Compose the geometric operations of each clip.

    Args:
        operation: (N, S), numbers into ``OPERATIONS``, applied from the first to the last.
        value: (N, S), their values.
        side: Side of the view in pixels.

    Returns:
        Matrices (N, 3, 3) from coordinates (x, y, 1) of the result to those of the crop.
    """
    composed = np.tile(np.eye(3), (len(operation), 1, 1))
    for slot in range(operation.shape[1]):
        composed = composed @ _inverse_of_one(operation[:, slot], value[:, slot], side=side)
    return composed


def apply_colors(clips_NTCHW: Tensor, operation: Integers, value: Floats) -> Tensor:
    """Apply the colour operations slot by slot, all clips with the same operation at once.

    Args:
        clips_NTCHW: float32 (N, T, 3, H, W) in [0, 255], may be overwritten.
        operation: (N, S), numbers into ``OPERATIONS``.
        value: (N, S), their values.

    Returns:
        float32 (N, T, 3, H, W).
    """
    if not operation.size:
        return clips_NTCHW
    clips, device = clips_NTCHW, clips_NTCHW.device
    for slot in range(operation.shape[1]):
        for number in np.unique(operation[:, slot]):
            apply = COLOR_OPERATIONS.get(OPERATIONS[number])
            if apply is None:
                continue
            members = np.flatnonzero(operation[:, slot] == number)
            values = on_device(value[members, slot].astype(np.float32), device)
            values = values.view(-1, 1, 1, 1, 1)
            first, end = members[0], members[-1] + 1
            if end - first == len(members):  # neighbours, often a single clip: nothing to copy
                apply(clips[first:end], values)
            else:
                index = on_device(members, device)
                # Not index_select, which would bring the levels into another order in memory.
                clips.index_copy_(0, index, apply(clips[index], values))
    return clips


def _value(name: str, level: Floats) -> Floats:
    """Value of an operation at ``level`` in [0, 1], without sign: the module's first two tables."""
    if name in ("Brightness", "Color", "Contrast", "Sharpness"):
        return 0.95 - 0.90 * level
    if name == "Posterize":
        return 8 - np.rint(4 * level)
    if name == "Rotate":
        return 30 * level
    if name == "Solarize":
        return 256 * (1 - level)
    if name == "Cutout":
        return 0.5 * level
    return 0.3 * level if name in GEOMETRIC_OPERATIONS else np.zeros_like(level)


def _imgaug_value(name: str, level: Floats) -> Floats:
    """The same of the last table."""
    if name in ("Brightness", "Color", "Contrast", "Sharpness"):
        return 0.1 + 1.8 * level
    if name == "Posterize":
        return np.maximum(1, np.floor(4 * level))
    if name == "Rotate":
        return 30 * level
    if name == "Solarize":
        return 256 * level
    if name in ("ShearX", "ShearY"):
        return np.tan(np.deg2rad(17.19 * level))
    is_sized = name in ("TranslateX", "TranslateY", "Cutout")
    return 0.2 * level if is_sized else np.zeros_like(level)


def _without_replacement(uniform_NS: Floats) -> Integers:
    """(N, S): S different places of 15 for each clip, in rising order, all sets equally likely."""
    N, S = uniform_NS.shape
    size = len(POOLS["imgaug"])
    left = np.tile(np.arange(size), (N, 1))
    clip = np.arange(N)
    for slot in range(S):  # Fisher and Yates: exchange with one of those that are left
        other = slot + (uniform_NS[:, slot] * (size - slot)).astype(np.int64)
        left[clip, slot], left[clip, other] = left[clip, other], left[clip, slot]
    return np.sort(left[:, :S], axis=1)


def _inverse_of_one(operation: Integers, value: Floats, *, side: int) -> Floats:
    """(N, 3, 3): Pillow's AFFINE coefficients of one operation (N,) per clip."""
    matrix = np.tile(np.eye(3), (len(operation), 1, 1))
    entries = {"ShearX": (0, 1), "ShearY": (1, 0), "TranslateX": (0, 2), "TranslateY": (1, 2)}
    for name, (row, column) in entries.items():
        chosen = operation == OPERATIONS.index(name)
        amount = np.rint(value * side) if column == 2 else value
        matrix[chosen, row, column] = amount[chosen]
    chosen = operation == OPERATIONS.index("Rotate")
    angle = np.deg2rad(value[chosen])  # counter-clockwise on screen, about the centre
    cos, sin, center = np.cos(angle), np.sin(angle), side / 2
    matrix[chosen, 0, 0], matrix[chosen, 0, 1] = cos, -sin
    matrix[chosen, 1, 0], matrix[chosen, 1, 1] = sin, cos
    matrix[chosen, 0, 2] = center * (1 - cos + sin)
    matrix[chosen, 1, 2] = center * (1 - cos - sin)
    return matrix
