"""Runs on made-up features: no encoder and no video file, and a training takes a second."""

import json
import zlib
from fractions import Fraction

import numpy as np
import pytest

import semivideo
from semivideo.base.records import FrameTable, Video
from semivideo.data.cache.form import digest_of
from semivideo.data.catalogue.manifest import Manifest
from semivideo.encoders.encoder import Preprocessing
from semivideo.features.feature_form import FeatureForm, shard_files

CLASSES = ("hop", "jog", "sit")
DIM = 8


def video(id, label, group):
    table = FrameTable(np.arange(9), np.arange(9) == 0, Fraction(1, 25))
    return Video(id, id, label, group, 32, 32, 25.0, 0, table)


def make_features(folder, *, num=60, wrong=(), unlabeled=0, spread=0.5, classes=CLASSES):
    """Video n is of class n mod K and group n mod 12; its features lie around its class's own.

    wrong: videos whose label is that of the next class. unlabeled: the last ones have none.
    """
    rng, K, views = np.random.default_rng(0), len(classes), 3
    true = np.arange(num) % K
    labels = [classes[(c + (n in wrong)) % K] for n, c in enumerate(true.tolist())]
    labels = [label if n < num - unlabeled else None for n, label in enumerate(labels)]
    rows = [video(f"v{n:03}.mp4", labels[n], f"g{n % 12:02}") for n in range(num)]
    manifest = Manifest.from_videos(rows, root=folder.parent)
    dim = max(DIM, K)
    centers = 4 * np.eye(K, dim)[true]
    features = centers[:, None, None] + rng.normal(0, spread, (num, views, 2, dim))
    form = FeatureForm(
        encoder="made-up",
        weights_sha256="ab" * 32,
        preprocessing=Preprocessing(16, 16, (0.5,) * 3, (0.25,) * 3),
        pretrained_on="nothing",
        league="image weights",
        licence="none",
        num_views=views,
        num_frames=2,
        steps=2,
        dim=dim,
        videos_per_shard=num,
        num_videos=num,
        videos=digest_of(manifest),
    )
    array, description = shard_files(folder, 0)
    array.parent.mkdir(parents=True)
    np.save(array, features.astype(np.float16))
    content = array.read_bytes()
    shape = list(form.shape_of(0))
    told = {"shape": shape, "num_bytes": len(content), "crc32": zlib.crc32(content), "errors": {}}
    description.write_text(json.dumps(told))
    form.write(folder)
    Manifest(manifest.table, root=manifest.root, features=str(folder)).write(
        folder / "manifest.parquet"
    )
    return folder


def train_on(features, out, *, recipe="features-supervised", steps=40, **options):
    changes = {"engine.learning_rate": 5.0, "engine.log_every": 20}
    return semivideo.train(
        features, recipe=recipe, steps=steps, settings=changes, out=out, estimate=False, **options
    )


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    """Sixty videos of three classes in twelve groups; treat it as read-only."""
    return make_features(tmp_path_factory.mktemp("made") / "features")


@pytest.fixture(scope="session")
def cmpl_run(features, tmp_path_factory):
    """CMPL with three labels a class, tested on two groups of twelve."""
    split = semivideo.split(features, labels_per_class=3, test_groups=["g00", "g01"])
    out = tmp_path_factory.mktemp("runs") / "cmpl"
    run = train_on(features, out, recipe="features-cmpl", split=split)
    return run
