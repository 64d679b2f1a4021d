"""What one run is made of, apart from the training itself (see test_system)."""

from fractions import Fraction

import numpy as np
import pytest
import torch

import semivideo
from semivideo import models
from semivideo.base.errors import ConfigError
from semivideo.base.records import FrameTable, Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.methods import Method
from semivideo.run import build, training
from semivideo.run.resolve import number_of_steps
from semivideo.run.videos import warn_of_unreadable
from semivideo.settings import NetworkSettings, Settings

QUICK = {
    **{"data.short_side": 32, "views.crop_size": 24, "evaluation.crop_size": 24},
    **{"data.labeled_batch": 2, "data.unlabeled_batch": 2, "engine.steps": 2},
}


def steps(changes, **counts):
    return number_of_steps(Settings().updated(changes), **counts)


def test_number_of_steps__counts_epochs_of_the_stream_that_is_asked_for():
    batches = {"data.labeled_batch": 4, "data.unlabeled_batch": 10, "engine.epochs": 3}
    counts = {"num_labeled": 10, "num_unlabeled": 105}
    assert steps(batches, **counts) == 32  # 3 * 105 / 10, rounded up
    assert steps(batches | {"engine.epoch_of": "labeled"}, **counts) == 8  # 3 * 10 / 4
    assert steps(batches, num_labeled=10, num_unlabeled=0) == 8
    assert steps(batches | {"engine.steps": 7}, **counts) == 7


def test_auxiliary__is_the_primarys_quarter_at_twice_the_rate():
    primary = NetworkSettings(name="resnet3d50", options={"width": 0.5, "dropout": 0.1})
    found = build.auxiliary_of(primary)
    assert (found.num_frames, found.stride_frames) == (16, 4)
    assert found.options == {"width": 0.125, "dropout": 0.1}


def test_auxiliary__cannot_be_made_for_an_odd_stride():
    primary = NetworkSettings(stride_frames=3)
    with pytest.raises(
        ConfigError, match=r"stride_frames = 3 cannot be halved .* set it to an even"
    ):
        build.auxiliary_of(primary)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere:Method", "cannot import method 'nowhere:Method': No module named 'nowhere'"),
        ("semivideo.methods:Nothing", "cannot import method 'semivideo.methods:Nothing'"),
        ("semivideo.settings:Settings", "is not a subclass of semivideo.methods.Method"),
    ],
)
def test_method_class__says_what_is_wrong_with_a_users_method(name, sentence):
    with pytest.raises(ConfigError, match=sentence):
        build.method_class(name)


def test_method_class__finds_a_users_method():
    assert issubclass(build.method_class("semivideo.methods.fixmatch:FixMatch"), Method)


def test_describe__names_every_method_network_and_section():
    kinds = {(kind, name) for kind, name, _ in build.describe()}
    assert {("method", "cmpl"), ("network", "r3d18"), ("settings", "views")} <= kinds


def test_train__warns_of_each_video_that_a_scan_sorted_out(tmp_path, caplog):
    render(tmp_path / "videos", videos_per_class=3, seed=0, classes=["wave", "squat"])
    (tmp_path / "videos" / "wave" / "broken.mp4").write_bytes(b"not a video")
    (tmp_path / "videos" / "wave" / "empty.mp4").write_bytes(b"")
    run = semivideo.train(
        tmp_path / "videos",
        recipe="small-supervised",
        settings=QUICK,
        estimate=False,
        out=tmp_path / "run",
    )
    assert caplog.text.count("left out: wave/broken.mp4: ") == 1
    assert caplog.text.count("left out: wave/empty.mp4: ") == 1
    assert set(run.summary["unreadable_videos"]) == {"wave/broken.mp4", "wave/empty.mp4"}
    assert "2 unreadable" in repr(Manifest.read(run.folder.manifest_file))


def test_warnings__of_unreadable_videos_are_counted_beyond_the_first_ones(caplog, tmp_path):
    frames = FrameTable(np.zeros(0, np.int64), np.zeros(0, bool), Fraction(1), is_exact=False)
    broken = [
        Video(f"{n}.mp4", f"{n}.mp4", None, None, 0, 0, 0.0, 0, frames, "it is empty")
        for n in range(33)
    ]
    found = warn_of_unreadable(Manifest.from_videos(broken, root=tmp_path))
    assert len(found) == 33
    assert caplog.text.count("it is empty") == 20
    assert "left out: 13 more videos that cannot be read" in caplog.text


@pytest.mark.parametrize(("free", "memory_gb"), [(None, 2.0), (16.0, 2.0), (1.0, 0.5)])
def test_frames_in_memory__leave_some_for_the_rest(monkeypatch, free, memory_gb):
    monkeypatch.setattr(training, "free_memory_gb", lambda: free)
    assert training._within_memory(Settings().data).memory_gb == memory_gb


def test_train__begins_nothing_with_a_decoder_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    render(tmp_path / "videos", videos_per_class=2, seed=0, classes=["wave", "squat"])
    with pytest.raises(ConfigError, match="decoder 'hardware' needs an NVIDIA GPU, and PyTorch"):
        semivideo.train(
            tmp_path / "videos",
            recipe="small-supervised",
            settings={"data.decoder": "hardware"},
            out=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()


def test_card__names_no_decoder_that_others_may_not_have():
    settings = Settings().updated({"data.decoder": "hardware", "data.short_side": 99})
    network = models.create("resnet3d10", 2)
    data = build.build_card(settings, network=network, classes=["a", "b"]).data
    assert (data.decoder, data.short_side) == ("software", 99)


def test_train__reports_progress_and_quick_evaluations(tmp_path):
    videos = tmp_path / "videos"
    render(videos, videos_per_class=6, seed=0, classes=["wave", "squat"], num_groups=3)
    manifest = semivideo.scan(videos, group_pattern=GROUP_PATTERN)
    told = []
    run = semivideo.train(
        manifest,
        recipe="small-fixmatch",
        split=semivideo.split(manifest, labels_per_class=1, test_groups=["g02"]),
        settings={
            **{"data.short_side": 32, "views.crop_size": 24, "evaluation.crop_size": 24},
            **{"data.labeled_batch": 2, "data.unlabeled_batch": 2, "engine.steps": 4},
            **{"engine.evaluate_every": 2, "engine.log_every": 2, "engine.ema": 0.9},
            "engine.precise_bn": 2,
        },
        out=tmp_path / "run",
        progress=lambda what, done, total, extra: told.append((what, done, total, extra)),
    )
    assert ("decode", 8, 8, "") in told  # the memory cache of the 8 training videos
    what, done, total, extra = told[-1]
    assert (what, done, total) == ("train", 4, 4)
    assert extra.startswith("loss ")
    evaluations = [line["evaluation"] for line in run.folder.metrics() if "evaluation" in line]
    assert [set(each) for each in evaluations] == [{"top1"}, {"top1"}]
