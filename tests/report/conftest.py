"""A run on rendered video: small, finished, tested; and stand-in runs on made-up features."""

import numpy as np
import pytest

import semivideo
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.evaluation import Evaluation
from tests.run.conftest import TINY


@pytest.fixture(scope="session")
def video_run(tmp_path_factory):
    """CMPL for three steps on eighteen rendered videos, with made-up test scores."""
    folder = tmp_path_factory.mktemp("report")
    render(folder / "v", videos_per_class=9, seed=0, classes=["wave", "squat"], num_groups=4)
    manifest = semivideo.scan(folder / "v", group_pattern=GROUP_PATTERN)
    split = semivideo.split(manifest, labels_per_class=1, test_groups=["g03"])
    changes = TINY | {"networks.auxiliary.options": {"width": 0.25}, "engine.log_every": 1}
    run = semivideo.train(
        manifest, recipe="small-cmpl", split=split, steps=3, settings=changes, out=folder / "run"
    )
    write_scores(run)
    return run


def write_scores(run, *, right=0.5, seed=0):
    """Made-up scores of the run's test videos."""
    manifest = semivideo.api.as_manifest(run.folder.manifest_file)
    classes = manifest.classes
    ids = run.split.test
    truth = np.array([classes.index(manifest.labels[r]) for r in manifest.rows_of(ids)])
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(len(classes)), len(ids)).astype(np.float32)
    best = np.where(rng.random(len(ids)) < right, truth, (truth + 1) % len(classes))
    scores[np.arange(len(ids)), best] += 1
    scores /= scores.sum(axis=1, keepdims=True)
    Evaluation("10x3", tuple(classes), tuple(ids), scores, truth).write(run.folder.evaluation_file)
