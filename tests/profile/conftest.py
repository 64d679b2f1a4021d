import pytest

import semivideo
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.profile.measured import (
    Loop,
    Reading,
    Report,
    Rival,
    Step,
    Testing,
    Variant,
    Videos,
)
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


@pytest.fixture
def report():
    """A report of round figures: a batch takes one process half a step."""
    return Report(
        machine="one CPU",
        cores=4,
        others=0.1,
        free_memory_gb=16.0,
        setup={
            "method": "fixmatch",
            "networks": {"primary": "resnet3d10 8x8"},
            "parameters": 500_000,
            "labeled_batch": 4,
            "unlabeled_batch": 6,
            "short_side": 56,
            "decoder": "software",
            "crop_size": 48,
            "precision": "fp32",
            "channels_last": True,
        },
        run_steps=1000,
        videos=Videos(20, 80, 50, 0, {}, frames_gb=100.0, memory_gb=2.0, fill_seconds=None),
        reading=[
            Reading(
                "files",
                100,
                {"decoding and shrinking": 0.004, "putting clips into a batch": 0.001},
                1e6,
            )
        ],
        rivals=[Rival("other", None, 0.006, 0.004, 20, 1), Rival("third", "not installed")],
        step=Step(
            num_steps=10,
            num_labeled=4,
            num_unlabeled=6,
            parts={"backward": 0.06, "weak view, primary": 0.01, "bookkeeping": 0.03},
            seconds=0.1,
            gflop=20.0,
            matrix_gflops=400.0,
            peak_memory_gb=1.5,
        ),
        loop=Loop(num_steps=10, workers=2, seconds=0.1, waiting=0.0, alone=0.1),
        testing=Testing("3x1", 16, 0.2),
        variants=[
            Variant("bf16", True, 0.05, is_present=False),
            Variant("fp32", True, 0.1, is_present=True),
        ],
    )
