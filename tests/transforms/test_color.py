from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from semivideo.transforms.randaugment import COLOR_OPERATIONS

PILLOW: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "AutoContrast": lambda image, _: ImageOps.autocontrast(image),
    "Brightness": lambda image, factor: ImageEnhance.Brightness(image).enhance(factor),
    "Color": lambda image, factor: ImageEnhance.Color(image).enhance(factor),
    "Contrast": lambda image, factor: ImageEnhance.Contrast(image).enhance(factor),
    "Equalize": lambda image, _: ImageOps.equalize(image),
    "Invert": lambda image, _: ImageOps.invert(image),
    "Posterize": lambda image, bits: ImageOps.posterize(image, int(bits)),
    "Sharpness": lambda image, factor: ImageEnhance.Sharpness(image).enhance(factor),
    "Solarize": lambda image, threshold: ImageOps.solarize(image, threshold),
}
FACTORS = [0.05, 0.65, 0.95, 1.6, 1.72]
VALUES = {
    "AutoContrast": [0.0],
    "Brightness": FACTORS,
    "Color": FACTORS,
    "Contrast": FACTORS,
    "Equalize": [0.0],
    "Invert": [0.0],
    "Posterize": [3, 4, 7, 8],
    "Sharpness": FACTORS,
    "Solarize": [0.0, 170.7, 230.4, 256.0],
}


def apply(name: str, frames_THWC: NDArray[np.uint8], value: float) -> NDArray[np.float32]:
    clips = torch.from_numpy(frames_THWC).permute(0, 3, 1, 2)[None].float()
    changed = COLOR_OPERATIONS[name](clips.clone(), torch.full((1, 1, 1, 1, 1), float(value)))
    assert changed.shape == clips.shape
    return changed[0].permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("name", COLOR_OPERATIONS)
def test_color_operations__agree_with_pillow_within_two_levels(
    name: str, frames_THWC: NDArray[np.uint8]
) -> None:
    for value in VALUES[name]:
        expected = [np.asarray(PILLOW[name](Image.fromarray(f), value)) for f in frames_THWC]
        ours = apply(name, frames_THWC, value)
        assert np.abs(ours - np.stack(expected).astype(np.float32)).max() <= 2, value


@pytest.mark.parametrize("name", COLOR_OPERATIONS)
def test_color_operations__leave_a_clip_of_one_level_within_range(name: str) -> None:
    for level in (0, 100, 255):
        flat = np.full((1, 16, 16, 3), level, dtype=np.uint8)
        for value in VALUES[name]:
            changed = apply(name, flat, value)
            assert 0 <= changed.min() <= changed.max() <= 255
            expected = np.asarray(PILLOW[name](Image.fromarray(flat[0]), value), dtype=np.float32)
            assert np.abs(changed - expected).max() <= 2


@pytest.mark.parametrize("name", COLOR_OPERATIONS)
def test_color_operations__take_one_value_for_each_clip(
    name: str, frames_THWC: NDArray[np.uint8]
) -> None:
    clips = torch.from_numpy(frames_THWC).permute(0, 3, 1, 2)[None].float().repeat(2, 1, 1, 1, 1)
    values = torch.tensor([VALUES[name][0], VALUES[name][-1]], dtype=torch.float32)
    both = COLOR_OPERATIONS[name](clips, values.view(2, 1, 1, 1, 1)).permute(0, 1, 3, 4, 2).numpy()
    for changed, value in zip(both, values.tolist(), strict=True):
        np.testing.assert_allclose(changed, apply(name, frames_THWC, value), atol=1e-3)


@pytest.mark.parametrize("name", COLOR_OPERATIONS)
def test_color_operations__overwrite_their_input(name: str) -> None:
    clips = torch.rand(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 255
    value = torch.tensor(VALUES[name][0]).expand(2, 1, 1, 1, 1)
    assert COLOR_OPERATIONS[name](clips, value).data_ptr() == clips.data_ptr()
