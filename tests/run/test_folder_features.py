"""Features of networks of local folders, from videos to predictions: of pictures and of videos."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import semivideo
from semivideo.base.errors import ConfigError
from semivideo.cli import app
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.encoders import add_encoder, load_encoder
from semivideo.evaluation import Recognizer, cache_text_logits
from semivideo.features.descriptor import described
from semivideo.features.feature_cache import FeatureCache
from tests.encoders.tiny_folders import FOLDERS, write_folder, write_text_folder

pytest.importorskip("transformers", reason="needs the extra hf")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Settings and caches that are not the user's."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="module")
def manifest(home):
    render(home / "videos", videos_per_class=4, seed=0, classes=["wave", "squat"], num_groups=4)
    return semivideo.scan(home / "videos", group_pattern=GROUP_PATTERN)


@pytest.fixture(scope="module", params=["clip", "videomae", "vjepa2"])
def trained(request, home, manifest):
    """A run on three views of a family's features."""
    model_type = request.param
    add_encoder(
        f"my-{model_type}",
        folder=write_folder(home / model_type, model_type),
        pretrained_on="noise",
    )
    features = home / f"features-{model_type}"
    semivideo.extract_features(manifest, out=features, encoder=f"my-{model_type}", views=3)
    split = semivideo.split(manifest, labels_per_class=1, test_groups=["g03"], seed=0)
    recipe, out = "features-fixmatch", home / f"run-{model_type}"
    run = semivideo.train(features, recipe=recipe, split=split, steps=5, out=out)
    return model_type, features, run, split


def test_features__travel_with_what_belongs_to_the_weights(trained):
    model_type, features, run, _ = trained
    form = FeatureCache.open(features).form
    given = FOLDERS[model_type]
    is_picture = model_type == "clip"
    assert form.league == ("image weights" if is_picture else "video weights")
    assert form.num_frames == (given.frames or (8 if is_picture else 16))
    assert (form.steps, form.dim) == (8 if is_picture else given.steps, given.dim)
    card = Recognizer.load(run.path / "model").card
    assert card.features.pretrained_on == form.pretrained_on == "noise"
    assert card.features.league == form.league
    assert (card.data.resize, card.data.short_side) == (
        form.preprocessing.interpolation,
        form.preprocessing.short_side,
    )
    assert card.views.mean == form.preprocessing.mean
    assert card.network.num_frames == form.num_frames


def test_evaluate__of_files_sees_what_the_features_are_of(trained, manifest):
    _, features, run, split = trained
    found = semivideo.evaluate(run)
    network = Recognizer.load(run.path / "model").network
    cached = torch.from_numpy(FeatureCache.open(features).rows(manifest.rows_of(found.ids)))
    with torch.no_grad():
        per_view = [
            network.head.eval()(described(cached[:, view].float(), "motion").mT[..., None, None])
            for view in (0, 1)
        ]
    expected = torch.stack(per_view).softmax(dim=2).mean(dim=0).numpy()
    np.testing.assert_allclose(found.scores, expected, atol=0.02)
    assert set(found.ids) == set(split.test)


def test_predict__names_classes_of_a_file(trained, manifest):
    _, _, run, split = trained
    (found,) = semivideo.predict(run, [manifest.absolute(manifest.row_of(split.test[0]))])
    assert sum(found.probabilities) == pytest.approx(1, abs=1e-4)


def test_commands__say_what_the_weights_had_seen(trained, manifest):
    model_type, _, run, split = trained
    league = "image weights" if model_type == "clip" else "video weights"
    line = f"league: {league}; pretrained on noise (licence of the weights: not told)"
    tested = CliRunner().invoke(app, ["evaluate", str(run.path)])
    assert line in tested.stdout
    video = manifest.absolute(manifest.row_of(split.test[0]))
    named = CliRunner().invoke(app, ["predict", str(run.path), str(video), "--json"])
    assert line in named.stderr
    assert json.loads(named.stdout)


def test_features__refuse_another_number_of_frames(home, manifest, trained):
    if trained[0] != "videomae":  # the others take any number
        return
    with pytest.raises(ConfigError, match="my-videomae takes 4 frames, not 8; leave out frames"):
        semivideo.extract_features(manifest, out=home / "x", encoder="my-videomae", frames=8)


def test_train__refuses_views_that_contradict_the_weights(trained, tmp_path):
    _, features, _, split = trained
    sentence = r"views.mean = \(0.1, 0.1, 0.1\) contradicts the features of my-.* made with \(0"
    keys = {"views.mean": [0.1, 0.1, 0.1]}
    with pytest.raises(ConfigError, match=sentence):
        semivideo.train(
            features, recipe="features-supervised", split=split, settings=keys, out=tmp_path / "r"
        )


@pytest.fixture(scope="module")
def told(home, manifest):
    """Features of a network of text and images."""
    add_encoder("told", folder=write_text_folder(home / "told", "clip"), pretrained_on="noise")
    features = home / "features-told"
    semivideo.extract_features(manifest, out=features, encoder="told", views=3, frames=2)
    return features, semivideo.split(manifest, labels_per_class=1, test_groups=["g03"], seed=0)


def test_text_teacher__says_the_same_by_the_encoder_and_by_its_file(told, manifest, tmp_path):
    features, split = told
    runs = []
    for number, teacher in enumerate(["encoder", cache_text_logits(features, tmp_path / "a.npz")]):
        keys = {"method.teacher": str(teacher)}
        given = {"recipe": "features-text_teacher", "settings": keys, "split": split, "steps": 40}
        runs.append(semivideo.train(features, **given, out=tmp_path / f"run{number}"))
    lines = [[line["terms"] for line in run.folder.metrics() if "terms" in line] for run in runs]
    assert lines[0] == lines[1]
    assert lines[0][-1]["L_t"] > 0
    assert lines[0][-1]["L_s"] < 0.3
    assert semivideo.predict(runs[0], [manifest.absolute(0)])[0].classes


def test_text_teacher__is_the_cosine_of_frames_and_sentences(told, tmp_path):
    features, _ = told
    cache = FeatureCache.open(features)
    out = cache_text_logits(features, tmp_path / "a.npz", templates=["a man does {}."])
    texts = load_encoder("told").class_texts([["a man does squat."], ["a man does wave."]])
    with np.load(out) as arrays:
        assert arrays["ids"].tolist() == cache.manifest.ids
        found = arrays["logits"]
    steps = cache.rows(np.arange(8))[:, 0].astype(np.float64)
    v = (steps / np.linalg.norm(steps, axis=2, keepdims=True)).mean(axis=1)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    np.testing.assert_allclose(found, texts.scale * v @ texts.vectors.numpy().T, rtol=1e-4)
