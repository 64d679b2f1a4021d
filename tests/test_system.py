"""The six functions together, on rendered video: what holds for a user from scan to predict."""

import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pytest
import safetensors.torch
import torch

import semivideo
from semivideo.base.errors import CheckpointError, ConfigError, DataError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.data.video.barcodes import barcode_video
from semivideo.methods import METHODS
from semivideo.runfolder import RunFolder

SETTINGS = {
    "data.short_side": 32,
    "data.labeled_batch": 4,
    "data.unlabeled_batch": 6,
    "views.crop_size": 24,
    "networks.primary.num_frames": 2,
    "networks.auxiliary.num_frames": 4,
    "networks.primary.options": {"width": 0.25, "dropout": 0.3},
    "method.threshold": 0.2,
    "method.supervised_warmup": 0.0,
    "engine.checkpoint_every": 5,
    "engine.log_every": 5,
    "engine.tensorboard": False,
    "evaluation.crop_size": 24,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A manifest of 24 short videos of 3 actions in 4 scenes, and a split of it."""
    folder = tmp_path_factory.mktemp("system")
    classes = ["jumping_jack", "wave", "squat"]
    render(folder / "videos", videos_per_class=8, seed=0, classes=classes, num_groups=4)
    manifest = semivideo.scan(
        folder / "videos", out=folder / "manifest.parquet", group_pattern=GROUP_PATTERN
    )
    split = semivideo.split(manifest, labels_per_class=2, test_groups=["g03"], seed=0)
    split.write(folder / "split.json")
    return manifest, split, folder


def train(data, out, *, steps=6, **changes):
    manifest, split, _ = data
    settings = SETTINGS | changes
    return semivideo.train(
        manifest, recipe="small-cmpl", split=split, steps=steps, settings=settings, out=out
    )


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    return train(data, tmp_path_factory.mktemp("runs") / "run")


def weights(run) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(run.path / "model" / "model.safetensors")


def equal(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_train__leaves_everything_that_later_steps_need(trained):
    names = {path.name for path in trained.path.iterdir()}
    assert names >= {
        *("settings.yaml", "manifest.parquet", "split.json", "metrics.jsonl"),
        *("pseudo_labels.parquet", "checkpoints", "model", "summary.json"),
    }
    assert trained.summary["steps"] == 6


def test_train__does_not_depend_on_loader_processes_or_the_memory_cache(data, trained, tmp_path):
    """The same batches come from memory, from files, and from files read by two processes."""
    for workers in (0, 2):
        changes = {"data.memory_gb": 0, "data.workers": workers}
        assert equal(weights(train(data, tmp_path / str(workers), **changes)), weights(trained))


def test_train__never_sees_the_labels_it_may_not_know(data, trained, tmp_path):
    """With all hidden labels exchanged, training is bit-identical."""
    manifest, split, folder = data
    hidden = set(split.unlabeled) | set(split.test)
    other = dict(zip(manifest.classes, manifest.classes[1:] + manifest.classes[:1], strict=True))
    labels = [
        other[label] if id in hidden else label
        for id, label in zip(manifest.ids, manifest.labels, strict=True)
    ]
    column = manifest.table.schema.get_field_index("label")
    table = manifest.table.set_column(column, "label", pa.array(labels))
    exchanged = (Manifest(table, root=manifest.root), split, folder)
    assert equal(weights(train(exchanged, tmp_path / "run")), weights(trained))


def test_train__killed_and_resumed_equals_the_run_that_was_not(data, tmp_path, limited):
    """SIGKILL at a random moment of a real training process, then --resume."""
    _, _, folder = data
    whole = train(data, tmp_path / "whole", steps=24)
    code = (
        "import sys, semivideo, tests_settings as t;"
        f"semivideo.train({str(folder / 'manifest.parquet')!r}, recipe='small-cmpl', steps=24,"
        f"split={str(folder / 'split.json')!r}, settings=t.SETTINGS, out=sys.argv[1])"
    )
    (tmp_path / "tests_settings.py").write_text(f"SETTINGS = {SETTINGS!r}")
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    out = tmp_path / "killed"
    process = limited(subprocess.Popen([sys.executable, "-c", code, str(out)], env=env), 300)
    target = random.Random(os.getpid()).randint(1, 20)
    while process.poll() is None and _steps_done(out) < target:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "summary.json").exists(), "the process was done before it was killed"
    resumed = semivideo.train(resume=out)
    assert equal(weights(resumed), weights(whole))
    label_files = [run.path / "pseudo_labels.parquet" for run in (resumed, whole)]
    assert pa.parquet.read_table(label_files[0]) == pa.parquet.read_table(label_files[1])


@pytest.mark.parametrize("method", METHODS)
def test_train__of_every_method_resumes_from_a_checkpoint_bit_for_bit(data, tmp_path, method):
    """The last checkpoint is lost; the one before holds teachers and all else that matters."""
    manifest, split, _ = data
    shared = {key: value for key, value in SETTINGS.items() if not key.startswith("method.")}
    run = semivideo.train(
        manifest,
        recipe=f"small-{method}",
        split=split,
        steps=6,
        settings=shared | {"engine.checkpoint_every": 3},
        out=tmp_path / "run",
    )
    whole = weights(run)
    (last,) = (run.path / "checkpoints").glob("*000006*")
    last.unlink()
    shutil.rmtree(run.path / "model")
    assert equal(weights(semivideo.train(resume=run.path)), whole)


def _steps_done(out) -> int:
    """Steps that the last checkpoint or line of metrics tells of."""
    metrics = out / "metrics.jsonl"
    return 5 * metrics.read_text().count("\n") if metrics.exists() else 0


def test_evaluate__gives_the_same_scores_twice_and_keeps_them(data, trained):
    first = semivideo.evaluate(trained, protocol="2x3")
    assert first.num_videos == len(data[1].test)
    assert (first.scores == semivideo.evaluate(trained.path, protocol="2x3").scores).all()
    assert (trained.path / "evaluation.json").exists()


def test_predict__names_a_clip_of_another_size_rate_and_length(trained, tmp_path):
    clip = barcode_video(tmp_path / "portrait.mkv", 5, size=(64, 96), frame_rate=7)
    [found] = semivideo.predict(trained, [clip], top=2)
    assert len(found.classes) == 2
    assert found.probabilities[0] >= found.probabilities[1] > 0


def test_load__gives_the_network_with_its_classes(trained):
    recognizer = semivideo.load(trained.path / "model")
    assert recognizer.card.classes == ["jumping_jack", "squat", "wave"]


def test_train__skips_broken_videos_and_counts_them(tmp_path):
    folder = tmp_path / "videos"
    render(folder, videos_per_class=4, seed=3, classes=["wave", "squat"], num_groups=2)
    clips = sorted(folder.glob("wave/*.mp4"))
    clips[0].write_bytes(b"")
    clips[1].write_bytes(clips[1].read_bytes()[: clips[1].stat().st_size // 2])
    (folder / "squat" / "notes.mp4").write_text("no video at all")
    manifest = semivideo.scan(folder)
    assert len(manifest) - manifest.usable.sum() >= 2
    run = semivideo.train(
        manifest, recipe="small-cmpl", labels_per_class=1, steps=2, settings=SETTINGS,
        out=tmp_path / "run",
    )  # fmt: skip
    assert run.summary["steps"] == 2


def test_train__a_folder_of_mostly_unlabeled_videos_needs_no_split(tmp_path):
    folder = tmp_path / "videos"
    render(folder, videos_per_class=4, seed=1, classes=["wave", "squat"], num_groups=2)
    named = [next(iter(sorted((folder / name).glob("*.mp4")))) for name in ("wave", "squat")]
    rows = [f"{path.relative_to(folder)},{path.parent.name}" for path in named]
    (folder / "labels.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    run = semivideo.train(
        folder, recipe="small-cmpl", steps=2, settings=SETTINGS, out=tmp_path / "run"
    )
    split = RunFolder.open(run.path).read_json(run.folder.split_file)
    assert (len(split["labeled"]), len(split["unlabeled"])) == (2, 6)


def test_train__on_segments_of_one_long_video_and_evaluate_and_predict(tmp_path, caplog):
    """As an annotation tool exports them: one file, a table of who does what from when to when."""
    folder = tmp_path / "videos"
    folder.mkdir()
    barcode_video(folder / "day1.mp4", 400)
    barcode_video(folder / "day2.mp4", 100)
    rows = [f"day1.mp4,{'ab'[i % 2]},{i},{i + 1.5}" for i in range(12)]
    rows += ["day1.mp4,,13,14", "day2.mp4,a,0,2", "day2.mp4,b,2,4"]
    (folder / "labels.csv").write_text("\n".join(["path,label,start,end", *rows]) + "\n")
    manifest = semivideo.scan(folder, out=tmp_path / "m.parquet")
    split = semivideo.split(manifest, labels_per_class=2, test_groups=["day2.mp4"], seed=0)
    assert (len(split.labeled), len(split.unlabeled), len(split.test)) == (4, 9, 2)
    weights_of = []
    for name, memory_gb in (("store", 1), ("files", 0)):
        run = semivideo.train(
            manifest, recipe="small-cmpl", split=split, steps=2, out=tmp_path / name,
            settings=SETTINGS | {"data.memory_gb": memory_gb},
        )  # fmt: skip
        weights_of.append(weights(run))
    assert equal(*weights_of)
    found = semivideo.evaluate(run)
    assert found.ids == ("day2.mp4#0.000-2.000", "day2.mp4#2.000-4.000")
    [first, _] = semivideo.predict(run, [folder / "day2.mp4#0-2", folder / "day2.mp4#2-4"], top=1)
    assert first.probabilities[0] == pytest.approx(found.scores[0].max())
    new = ["day1.mp4,a,2,3", "day1.mp4,b,14.5,15.5", "day2.mp4,b,1,3"]
    (folder / "new.csv").write_text("\n".join(["path,label,start,end", *new]) + "\n")
    with caplog.at_level(logging.WARNING):
        other = semivideo.evaluate(run, videos=folder / "new.csv")
    assert other.ids == ("day1.mp4#14.500-15.500", "day2.mp4#1.000-3.000")
    assert "1 of these videos are from files that the run was trained on at other" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"method": "cmlp"}, ConfigError, "no method 'cmlp'; did you mean 'cmpl'"),
        ({"recipe": "smal-cmpl"}, ConfigError, "no recipe 'smal-cmpl'; did you mean 'small-cmpl'"),
        (
            {"method": "cmpl", "settings": {"method.treshold": 0.9}},
            ConfigError,
            r"\[method\] has no option 'treshold'; did you mean 'threshold'",
        ),
        (
            {"method": "cmpl", "settings": {"method.threshold": 95}},
            ConfigError,
            r"method.threshold must lie in \[0, 1\], got 95; write 0.95 for 95 %",
        ),
        ({"settings": {"engine.setps": 1}}, ConfigError, "no key 'setps'; did you mean 'steps'"),
        ({"labels_per_class": 4}, ConfigError, "both are given of split and labels_per_class"),
    ],
)
def test_train__bad_arguments_are_sentences_and_leave_no_folder(
    data, tmp_path, arguments, error, sentence
):
    manifest, split, _ = data
    with pytest.raises(error, match=sentence):
        semivideo.train(manifest, split=split, out=tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_train__bad_videos_leave_no_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        semivideo.train(tmp_path / "empty", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_train__never_overwrites_a_run(data, trained):
    with pytest.raises(CheckpointError, match="exists; continue that run with resume="):
        train(data, trained.path)


def test_evaluate__says_when_training_is_not_finished(data, tmp_path):
    manifest, split, _ = data
    run = RunFolder.create(tmp_path / "run")
    manifest.write(run.manifest_file)
    split.write(run.split_file)
    run.write_text(run.settings_file, "{}")
    with pytest.raises(CheckpointError, match="holds no trained network yet; finish it with"):
        semivideo.evaluate(run.path)
