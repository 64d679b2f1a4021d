"""Several classes at once, from overlapping labels to scores, for every method that can."""

import json

import numpy as np
import pytest

import semivideo
from semivideo.base.errors import ConfigError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.synthetic.rendering import render
from semivideo.engine.runtime import Runtime
from semivideo.methods import METHODS
from semivideo.methods.parts.class_answers import OneClass, SeveralClasses
from semivideo.models.weights import load_network
from semivideo.run import build
from semivideo.run.fitting import Job
from semivideo.settings import ModelCard
from tests.run.labeling.conftest import make_features

CAN = [name for name, cls in METHODS.items() if cls.asks_answer]


@pytest.fixture(scope="module")
def overlapping(tmp_path_factory):
    """Twelve videos; every third one also shows "far", as another one says."""
    folder = tmp_path_factory.mktemp("several")
    render(folder, videos_per_class=6, seed=0, classes=["wave", "squat"], num_groups=3)
    lines = ["path,label,start,end,subject,group"]
    for number, path in enumerate(sorted(folder.rglob("*.mp4"))):
        name, group = path.relative_to(folder).as_posix(), f"g{number // 2 % 3}"
        lines.append(f"{name},{path.parent.name},,,a,{group}")
        if number % 3 == 0:
            lines.append(f"{name},far,,,b,{group}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return semivideo.scan(folder, multi_label=True)


@pytest.fixture(scope="module")
def sides(overlapping):
    return semivideo.split(overlapping, test_groups=["g0"], labeled_fraction=0.5, seed=0)


def test_scan__joins_labels_of_one_video(overlapping):
    assert overlapping.classes == ["far|squat", "far|wave", "squat", "wave"]


def test_can__are_the_methods_of_the_page():
    assert CAN == ["supervised", "mean_teacher", "fixmatch", "cmpl"]


@pytest.mark.parametrize("method", CAN)
def test_train__several_classes_at_once(overlapping, sides, settings, tmp_path, method):
    changes = {"data__multi_label": True, "engine__steps": 2, "engine__class_weights": "frequency"}
    run = semivideo.train(
        overlapping,
        split=sides,
        settings=settings(f"small-{method}", **changes),
        out=tmp_path / "run",
        estimate=False,
    )
    recognizer = semivideo.load(run.path)
    assert recognizer.card.classes == ["far", "squat", "wave"]
    found = semivideo.evaluate(run, protocol="1x1")
    assert found.present.shape == found.scores.shape == (len(sides.test), 3)
    assert found.present[:, 0].sum() == 2
    said = json.loads((run.path / "evaluation.json").read_text())
    assert set(said["average_precision"]) == {"far", "squat", "wave"}
    assert not np.allclose(found.scores.sum(axis=1), 1, atol=1e-3)


def test_set_answer__weights_follow_the_labels(overlapping, settings):
    weighted = {"engine__class_weights": "frequency"}
    several = settings("small-supervised", data__multi_label=True, **weighted)
    labels = [0, 2, 2, 3]  # far|squat, squat, squat, wave
    method = build.method_of(several, overlapping, labels=labels)
    assert isinstance(method.answer, SeveralClasses)
    assert method.answer.positive_weights.tolist() == pytest.approx([3.0, 1 / 3, 3.0])
    one = settings("small-supervised", **weighted)
    method = build.method_of(one, overlapping, labels=labels)
    assert isinstance(method.answer, OneClass)
    assert method.answer.weights.tolist() == pytest.approx([4 / 3, 1.0, 2 / 3, 4 / 3])


@pytest.mark.parametrize(
    ("recipe", "changes", "sentence"),
    [
        ("small-ltg", {"data__multi_label": True}, "method 'ltg' knows one class a video; for se"),
        ("small-ups", {"engine__class_weights": "frequency"}, "engine.class_weights counts in sup"),
        (
            "small-flexmatch",
            {"data__multi_label": True},
            "method 'fixmatch' with several classes at once has one threshold and hard labels",
        ),
        (
            "small-cmpl",
            {"data__multi_label": True, "method__scheme": "maximum"},
            "method.scheme = 'maximum' compares the classes with each other",
        ),
        (
            "small-supervised",
            {"data__multi_label": True, "engine__mixup": 0.2},
            r"engine.mixup is for one class a video and data.multi_label is on; leave it out",
        ),
    ],
)
def test_method_of__refuses_what_does_not_fit(overlapping, settings, recipe, changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        build.method_of(settings(recipe, **changes), overlapping)


@pytest.mark.parametrize("said", [{"multi_label": True}, {"settings": {"data.multi_label": True}}])
def test_train__several_classes_are_not_chosen_for(overlapping, tmp_path, said):
    with pytest.raises(ConfigError, match=r"what is trained is chosen for one class a video; with"):
        semivideo.train(overlapping, out=tmp_path / "run", **said)


@pytest.mark.parametrize("is_flag", [True, False])
def test_train__several_classes_have_no_estimate_and_that_is_said(
    overlapping, settings, tmp_path, is_flag
):
    several = settings("small-supervised", data__multi_label=True, engine__steps=2)
    one = settings("small-supervised", engine__steps=2)
    split = semivideo.split(overlapping, labeled_fraction=1.0)
    run = semivideo.train(
        overlapping,
        split=split,
        settings=one if is_flag else several,
        multi_label=is_flag,
        out=tmp_path / "run",
    )
    assert run.estimate is None
    assert run.why_no_estimate == (
        "it counts one class a video, and here several may be there at once; hold videos out for "
        "testing, and `semivideo evaluate` prints the mean average precision"
    )


def test_train__says_that_sets_of_classes_are_taken_for_classes(
    overlapping, sides, settings, tmp_path, caplog
):
    given = settings("small-supervised", engine__steps=1)
    semivideo.train(overlapping, split=sides, settings=given, out=tmp_path / "run")
    assert (
        "2 label(s) such as far|squat name several classes, and each such set is learned as a "
        "class of its own; multi_label=True makes each class a question by itself"
    ) in caplog.messages


def test_train__a_probe_chooses_thresholds_on_left_out_groups(tmp_path):
    """Of made-up features; "sit" is in two of the three sets."""
    classes = ("hop|sit", "jog", "sit")
    features = make_features(tmp_path / "features", num=60, classes=classes)
    split = semivideo.split(features, test_groups=["g00", "g01", "g02"], labeled_fraction=1.0)
    run = semivideo.train(
        features, split=split, method="probe", out=tmp_path / "run", multi_label=True
    )
    card = ModelCard.model_validate_json((run.path / "model" / "card.json").read_text())
    assert card.classes == ["hop", "jog", "sit"]
    assert len(card.thresholds) == 3
    assert run.folder.summary()["last"]["C_because"].startswith("highest likelihood of left-out")
    job = Job(run.folder.settings(), Manifest.read(run.folder.manifest_file), split, Runtime())
    network, _ = load_network(run.path / "model")
    found = job.score(network, card)
    assert found.mean_average_precision > 0.95
    assert found.mean_presence_f1 > 0.9
    assert found.thresholds == tuple(card.thresholds)
