"""What version 0.1.0 wrote is read, resumed and evaluated: a manifest, a finished and a killed run.

The files of ``tests/golden/run-of-0.1.0`` were written by the commit before the package's rooms
were rearranged: CMPL on eight rendered videos, six steps, of which the killed run had three.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

import semivideo
from semivideo.data.catalogue.manifest import Manifest

GIVEN = Path(__file__).parents[1] / "golden" / "run-of-0.1.0"


@pytest.fixture
def earlier(tmp_path):
    return shutil.copytree(GIVEN, tmp_path / "earlier")


def weights(folder: Path) -> dict[str, np.ndarray]:
    loaded = safetensors.torch.load_file(folder / "model" / "model.safetensors")
    return {name: tensor.numpy() for name, tensor in loaded.items()}


def test_manifest__of_0_1_0_is_what_a_scan_finds_today(earlier):
    old = Manifest.read(earlier / "manifest.parquet")
    new = semivideo.scan(earlier / "videos", group_pattern=r"(g\d+)_c\d+")
    assert (old.ids, old.labels, old.groups) == (new.ids, new.labels, new.groups)
    for ours, theirs in zip(old, new, strict=True):
        assert np.array_equal(ours.frames.pts, theirs.frames.pts)


def test_split__of_0_1_0_is_drawn_again_with_its_hash(earlier):
    manifest = Manifest.read(earlier / "manifest.parquet")
    drawn = semivideo.split(manifest, labels_per_class=1, test_groups=["g03"], seed=0)
    assert drawn.hash == json.loads((earlier / "split.json").read_text())["hash"]


def test_evaluate__scores_a_run_of_0_1_0_as_it_did(earlier):
    found = semivideo.evaluate(earlier / "finished")
    with np.load(GIVEN / "finished" / "evaluation.npz") as kept:
        np.testing.assert_allclose(found.scores, kept["scores"], atol=1e-3)


def test_train__goes_on_with_a_run_of_0_1_0_that_was_killed(earlier):
    run = semivideo.train(resume=earlier / "interrupted")
    assert run.summary["steps"] == 6
    expected = weights(GIVEN / "finished")
    found = weights(run.path)
    assert found.keys() == expected.keys()
    for name, value in expected.items():  # another processor rounds sums differently
        np.testing.assert_allclose(found[name], value, rtol=1e-2, atol=1e-2, err_msg=name)
