import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from semivideo.transforms.randaugment import (
    COLOR_OPERATIONS,
    GEOMETRIC_OPERATIONS,
    OPERATIONS,
    POOLS,
    apply_colors,
    inverse_affine,
    sample_operations,
)
from semivideo.transforms.spatial import view_to_canvas, warp

KEYS = np.arange(4000) * 7919


def affine(
    a: float, b: float, c: float, d: float, e: float, f: float
) -> Callable[..., Image.Image]:
    def transform(image: Image.Image) -> Image.Image:
        return image.transform(
            image.size, Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR,
            fillcolor=(128, 128, 128),
        )  # fmt: skip

    return transform


def rotated(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=(128, 128, 128))


def warped(frames_THWC: NDArray[np.uint8], name: str, value: float) -> NDArray[np.float32]:
    side = frames_THWC.shape[1]
    frames = torch.from_numpy(frames_THWC).permute(0, 3, 1, 2)[None]
    box = np.array([[0.0, 0.0, side, side]])
    inverse = inverse_affine(
        np.array([[OPERATIONS.index(name)]]), np.array([[float(value)]]), side=side
    )
    matrix = (view_to_canvas(box, side=side) @ inverse)[:, None]
    views = warp(frames, matrix, size=np.array([[side, side]]), side=side, box=box)
    return views[0].permute(0, 2, 3, 1).numpy()


def test_operations__each_is_done_somewhere_and_of_a_pool() -> None:
    assert {*COLOR_OPERATIONS, *GEOMETRIC_OPERATIONS, "Identity", "Cutout"} == set(OPERATIONS)
    assert {pool: len(set(names)) for pool, names in POOLS.items()} == {
        "fixmatch": 14,
        "fixmatch_cutout": 15,
        "imgaug": 15,
    }
    assert {name for names in POOLS.values() for name in names} == set(OPERATIONS)


@pytest.mark.parametrize("value", [-30, -10, 3, 30])
def test_rotate__agrees_with_pillow_within_two_levels(
    value: float, frames_THWC: NDArray[np.uint8]
) -> None:
    expected = np.stack([np.asarray(rotated(Image.fromarray(f), value)) for f in frames_THWC])
    difference = np.abs(warped(frames_THWC, "Rotate", value) - expected)
    assert difference.max() <= 2


@pytest.mark.parametrize("value", [-0.3, 0.1, 0.29])
@pytest.mark.parametrize("name", ["ShearX", "ShearY"])
def test_shear__agrees_with_pillow_within_two_levels(
    name: str, value: float, frames_THWC: NDArray[np.uint8]
) -> None:
    shear = affine(1, value, 0, 0, 1, 0) if name == "ShearX" else affine(1, 0, 0, value, 1, 0)
    expected = np.stack([np.asarray(shear(Image.fromarray(f))) for f in frames_THWC])
    assert np.abs(warped(frames_THWC, name, value) - expected).max() <= 2


@pytest.mark.parametrize("value", [-0.3, 0.1, 0.25])
@pytest.mark.parametrize("name", ["TranslateX", "TranslateY"])
def test_translate__agrees_with_pillow_within_four_levels(
    name: str, value: float, frames_THWC: NDArray[np.uint8]
) -> None:
    pixels = round(value * frames_THWC.shape[1])
    move = affine(1, 0, pixels, 0, 1, 0) if name == "TranslateX" else affine(1, 0, 0, 0, 1, pixels)
    expected = np.stack([np.asarray(move(Image.fromarray(f))) for f in frames_THWC])
    assert np.abs(warped(frames_THWC, name, value) - expected).max() <= 4


def test_inverse_affine__applies_operations_from_the_first_to_the_last() -> None:
    operation = np.array([[OPERATIONS.index("ShearX"), OPERATIONS.index("TranslateY")]])
    matrix = inverse_affine(operation, np.array([[0.5, 0.25]]), side=8)[0]
    # Result (0, 0) was at (0, 2) before the translation by 2, and there at (0 + 0.5 * 2, 2).
    np.testing.assert_allclose(matrix @ [0, 0, 1], [1, 2, 1])


def test_sample_operations__values_at_magnitude_10_are_those_of_the_table() -> None:
    operation, value = sample_operations(KEYS, stream="primary", num_ops=2, magnitude=10)
    expected = {
        "AutoContrast": {0}, "Brightness": {0.65}, "Color": {0.65}, "Contrast": {0.65},
        "Equalize": {0}, "Identity": {0}, "Posterize": {7}, "Rotate": {-10, 10},
        "Sharpness": {0.65}, "ShearX": {-0.1, 0.1}, "ShearY": {-0.1, 0.1}, "Solarize": {170.667},
        "TranslateX": {-0.1, 0.1}, "TranslateY": {-0.1, 0.1},
    }  # fmt: skip
    for name in POOLS["fixmatch"]:
        found = set(value[operation == OPERATIONS.index(name)].round(3))
        assert found == expected[name], name


@pytest.mark.parametrize(("magnitude", "pixels"), [(10, 112 / 3), (30, 112)])
def test_sample_operations__cutout_as_a_15th_is_of_half_the_side_at_most(
    magnitude: float, pixels: float
) -> None:
    """ActorCutMix's code: CutoutAbs of up to 112 of 224 pixels; the others are FixMatch's."""
    operation, value = sample_operations(
        KEYS, stream="primary", num_ops=2, magnitude=magnitude, pool="fixmatch_cutout"
    )
    is_cutout = operation == OPERATIONS.index("Cutout")
    np.testing.assert_allclose(value[is_cutout] * 224, pixels)
    assert abs(is_cutout.mean() - 1 / 15) < 0.01
    assert abs(is_cutout.all(axis=1).mean() - 1 / 225) < 0.004  # with replacement
    others = {
        pool: sample_operations(KEYS, stream="primary", num_ops=2, magnitude=magnitude, pool=pool)
        for pool in ("fixmatch", "fixmatch_cutout")
    }
    for name in POOLS["fixmatch"]:
        values = [set(v[o == OPERATIONS.index(name)]) for o, v in others.values()]
        assert values[0] == values[1], name


def test_sample_operations__imgaugs_values_at_magnitude_27_are_those_of_ltgs_code() -> None:
    operation, value = sample_operations(
        KEYS, stream="primary", num_ops=2, magnitude=27, pool="imgaug"
    )
    shear = round(math.tan(math.radians(17.19 * 0.9)), 3)  # imgaug's shear is an angle
    expected = {
        "AutoContrast": {0}, "Brightness": {1.72}, "Color": {1.72}, "Contrast": {1.72},
        "Cutout": {0.18}, "Equalize": {0}, "Invert": {0}, "Posterize": {3}, "Rotate": {-27, 27},
        "Sharpness": {1.72}, "ShearX": {-shear, shear}, "ShearY": {-shear, shear},
        "Solarize": {230.4}, "TranslateX": {-0.18, 0.18}, "TranslateY": {-0.18, 0.18},
    }  # fmt: skip
    for name in POOLS["imgaug"]:
        found = set(value[operation == OPERATIONS.index(name)].round(3))
        assert found == expected[name], name


def test_sample_operations__of_imgaug_are_two_different_ones_in_the_order_of_the_pool() -> None:
    operation, _ = sample_operations(KEYS, stream="primary", num_ops=2, magnitude=27, pool="imgaug")
    order = {OPERATIONS.index(name): place for place, name in enumerate(POOLS["imgaug"])}
    place = np.vectorize(order.__getitem__)(operation)
    assert (place[:, 0] < place[:, 1]).all()
    pairs, counts = np.unique(place, axis=0, return_counts=True)
    assert len(pairs) == 15 * 14 / 2
    assert abs(counts / len(place) * len(pairs) - 1).max() < 0.65  # four deviations of 38 a pair


def test_sample_operations__draws_each_operation_equally_often() -> None:
    operation, _ = sample_operations(KEYS, stream="primary", num_ops=2, magnitude=10)
    assert operation.shape == (4000, 2)
    share = np.bincount(operation.ravel(), minlength=14) / operation.size
    np.testing.assert_allclose(share, 1 / 14, atol=0.01)  # 3.5 standard deviations
    assert abs((operation[:, 0] == operation[:, 1]).mean() - 1 / 14) < 0.015  # with replacement


def test_sample_operations__random_magnitude_fills_the_range_up_to_m() -> None:
    operation, value = sample_operations(
        KEYS, stream="primary", num_ops=1, magnitude=30, random_magnitude=True
    )
    degrees = np.abs(value[operation == OPERATIONS.index("Rotate")])
    assert 0 <= degrees.min() < 1
    assert 29 < degrees.max() < 30


def test_apply_colors__applies_slots_in_order_and_only_to_their_clips() -> None:
    clips = torch.full((3, 2, 3, 8, 8), 200.0)
    solarize, brightness = OPERATIONS.index("Solarize"), OPERATIONS.index("Brightness")
    operation = np.array([[solarize, brightness], [brightness, solarize], [5, 5]])
    value = np.array([[128.0, 0.5], [0.5, 128.0], [0.0, 0.0]])
    changed = apply_colors(clips, operation, value)
    # (255 - 200) * 0.5 = 27.5; 200 * 0.5 = 100 lies under the threshold; identity.
    assert [clip.unique().tolist() for clip in changed] == [[27.5], [100.0], [200.0]]
