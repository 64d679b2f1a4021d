"""What a step costs, by hand, from what methods declare."""

import pytest

from semivideo.run.cost import step_flops
from semivideo.settings import Settings

SMALL = {
    "views.crop_size": 16,
    "networks.primary.name": "resnet3d10",
    "networks.primary.num_frames": 2,
    "networks.primary.options": {"width": 0.25},
    "data.labeled_batch": 3,
    "data.unlabeled_batch": 5,
}


def flops(method: str, **options) -> float:
    given = {f"method.{name}": value for name, value in options.items()}
    return step_flops(Settings().updated({**SMALL, "method.name": method, **given}))


def test_step_flops__counts_three_passes_for_each_that_is_learned():
    clip = flops("supervised") / (3 * 3)
    assert flops("pseudo_label") == pytest.approx(3 * (3 + 5) * clip)
    assert flops("fixmatch") == pytest.approx(3 * (3 + 2 * 5) * clip)
    assert flops("mean_teacher") == pytest.approx((3 * (3 + 5) + 5) * clip)  # the teacher's: one
    assert flops("ltg") == pytest.approx(2 * 3 * (3 + 2 * 5) * clip)  # two networks, twins here


def test_step_flops__counts_each_modality():
    modalities = ["rgb", "fast_gradient", "flow"]
    assert flops("mvpl", modalities=modalities) == pytest.approx(3 * flops("fixmatch"))
    assert flops("mvpl") == pytest.approx(2 * flops("fixmatch"))  # its own default is two
