"""Twelve short videos and settings that are quick to train with."""

import pytest

import semivideo
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.run.resolve import resolve_settings

TINY = {
    "data.short_side": 32,
    "data.labeled_batch": 2,
    "data.unlabeled_batch": 3,
    "views.crop_size": 24,
    "networks.primary.num_frames": 2,
    "networks.auxiliary.num_frames": 4,
    "networks.primary.options": {"width": 0.25},
    "networks.auxiliary.options": {"width": 0.125},
    "evaluation.crop_size": 24,
    "engine.precision": "fp32",
    "engine.tensorboard": False,
}


@pytest.fixture(scope="session")
def manifest(tmp_path_factory):
    """Twelve short videos of two actions in three scenes; treat it as read-only."""
    folder = tmp_path_factory.mktemp("videos")
    render(folder, videos_per_class=6, seed=0, classes=["wave", "squat"], num_groups=3)
    return semivideo.scan(folder, group_pattern=GROUP_PATTERN)


@pytest.fixture(scope="session")
def split(manifest):
    return semivideo.split(manifest, labels_per_class=1, test_groups=["g02"])


@pytest.fixture(scope="session")
def settings():
    """Make the settings of a small recipe on thin networks and tiny clips."""

    def make(recipe, **changes):
        changes = TINY | {key.replace("__", "."): value for key, value in changes.items()}
        return resolve_settings(recipe=recipe, method=None, steps=None, seed=None, settings=changes)

    return make
