"""What the public functions return is one useful line in a notebook."""

import numpy as np

import semivideo
from semivideo.data.cache.form import CacheForm
from semivideo.data.cache.preparing import Prepared
from semivideo.evaluation import Evaluation, Prediction, Recognizer
from semivideo.run import build


def test_repr__of_a_manifest_and_a_split(manifest, split):
    assert repr(manifest) == (
        f"<Manifest 12 videos of 2 classes, 12 labelled, below {manifest.root}>"
    )
    assert repr(split) == (
        f"<Split 1-per-class-seed0: 2 labeled, 6 unlabeled, 4 test, hash {split.short_hash}>"
    )


def test_repr__of_a_run(manifest, split, settings, tmp_path):
    chosen = settings("small-supervised", engine__steps=1)
    run = semivideo.train(manifest, split=split, settings=chosen, out=tmp_path / "run")
    assert repr(run).startswith(f"<Run {tmp_path / 'run'}: supervised, 1 steps in ")
    assert repr(split) in repr(run)


def test_repr__of_scores_and_predictions():
    scores = np.array([[0.75, 0.25], [0.75, 0.25]], np.float32)
    found = Evaluation("3x1", ("run", "sit"), ("a", "b"), scores, np.array([0, 1]), {"c": "empty"})
    assert repr(found) == (
        "<Evaluation 3x1: top-1 50.0 %, mean class 50.0 %, 2 videos of 2 classes, 1 skipped>"
    )
    prediction = Prediction("a.mp4", ("run", "sit"), (0.75, 0.25))
    assert repr(prediction) == "<Prediction a.mp4: run 75.0 %, sit 25.0 %>"


def test_repr__of_a_recognizer_and_a_cache(settings):
    chosen = settings("small-cmpl")
    network = build.build_method(chosen, num_classes=2).deployed
    card = build.build_card(chosen, network=network, classes=["a", "b"])
    assert repr(Recognizer(network, card)) == (
        "<Recognizer resnet3d10 2x8, trained by cmpl, 2 classes, fp32>"
    )
    form = CacheForm.make(num_videos=26, videos="", videos_per_shard=8)
    made = Prepared("cache", form, 7100, 1_500_000_000, {"a.mp4": "it is empty"}, {})
    assert repr(made) == "<Prepared cache: 25 videos, 7100 frames, 1500 MB, 1 not stored>"
