"""A network on temporal gradients or flow alone: trained, tested and used on what it sees."""

import numpy as np
import pytest

import semivideo
from semivideo.base.errors import ConfigError
from semivideo.evaluation import Recognizer
from semivideo.evaluation.metrics import Evaluation
from semivideo.export.exporting import export

SHOWN = {
    "networks.primary.num_frames": 2,
    "networks.primary.options": {"width": 0.25},
    "data.short_side": 32,
    "views.crop_size": 24,
    "evaluation.crop_size": 24,
    "data.labeled_batch": 2,
    "engine.precision": "fp32",
    "engine.tensorboard": False,
}


def trained(videos, split, out, modality):
    changes = SHOWN | {"networks.primary.modality": modality}
    run = semivideo.train(
        videos, recipe="small-supervised", split=split, steps=2, settings=changes, out=out
    )
    semivideo.evaluate(run)
    return run.path


def scores(run):
    found = Evaluation.read(run / "evaluation.json")
    return dict(zip(found.ids, found.scores, strict=True))


@pytest.mark.parametrize("modality", ["fast_gradient", "slow_gradient", "flow"])
def test_network_on_motion__predicts_a_file_as_it_was_tested(manifest, split, tmp_path, modality):
    run = trained(manifest, split, tmp_path / "run", modality)
    recognizer = Recognizer.load(run / "model")
    assert recognizer.clip.modality == modality
    id, tested = next(iter(scores(run).items()))
    file = manifest.absolute(manifest.row_of(id))
    assert recognizer.scores(file) == pytest.approx(tested, abs=1e-3)
    with pytest.raises(ConfigError, match=f"this network sees {modality} of frames, and none but"):
        export(run, out=tmp_path / "m", format="torch")
    made = export(run, out=tmp_path / "m", format="hub-folder", count=1)
    assert (made.parity.network, made.parity.whole) == (0.0, None)
    as_frames = recognizer.card.model_copy(deep=True)
    as_frames.network.modality = "rgb"
    other = Recognizer(recognizer.network, as_frames).scores(file)
    assert np.abs(other - tested).max() > 1e-5


def test_network_on_flow__learns_the_same_from_a_cache_that_keeps_flow(manifest, split, tmp_path):
    cache = tmp_path / "cache"
    semivideo.prepare(manifest, out=cache, short_side=32, format="png", flow=True)
    runs = [trained(m, split, tmp_path / n, "flow") for m, n in ((manifest, "a"), (cache, "b"))]
    (files, cached) = map(scores, runs)
    assert all(cached[id] == pytest.approx(found, abs=1e-3) for id, found in files.items())


def test_head_on_features__is_told_that_it_sees_no_motion(manifest):
    from semivideo.run import feature_runs
    from semivideo.settings import Settings

    settings = Settings().updated(
        {"networks.primary.name": "linear", "networks.primary.modality": "flow"}
    )
    sentence = "networks.primary.modality = flow is for networks that see pixels: the deployed head"
    with pytest.raises(ConfigError, match=sentence):
        feature_runs._refuse_pixels(settings, "features")
