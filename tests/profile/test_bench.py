"""A benchmark of tiny videos: what holds whatever the machine's speed."""

import math
from types import SimpleNamespace

import pytest
import torch

import semivideo
from semivideo.base.errors import TrainingError
from semivideo.data.clips.loader import training_loader
from semivideo.data.splits import practical_split
from semivideo.data.synthetic.rendering import render
from semivideo.data.video import hardware
from semivideo.data.video.decode import read_frames
from semivideo.profile import bench
from semivideo.profile.reading import Source
from semivideo.profile.stages import largest_of
from semivideo.run import build, cost
from semivideo.run.choice.trial import set_up


@pytest.fixture(scope="module")
def found(manifest, split, settings):
    """Of CMPL with everything that can be asked for but the largest batch, and what was told."""
    told = []
    report = bench(
        manifest,
        split,
        settings("small-cmpl", engine__steps=40),
        steps=2,
        compare=True,
        progress=lambda *words: told.append(words),
    )
    return report, told


def test_bench__parts_of_a_step_add_up(found):
    step = found[0].step
    assert sum(step.parts.values()) == pytest.approx(step.seconds)
    assert all(seconds >= 0 for seconds in step.parts.values())


def test_bench__every_view_of_every_stream_is_a_part(found):
    views = {name for name in found[0].step.parts if "view" in name}
    kinds = ("labelled", "weak", "strong")
    assert views == {f"{kind} view, {s}" for kind in kinds for s in ("primary", "auxiliary")}


def test_bench__counts_videos_clips_and_steps(found):
    report = found[0]
    assert (report.videos.labeled, report.videos.unlabeled, report.videos.test) == (2, 8, 4)
    assert (report.step.num_clips, report.run_steps) == (5, 40)
    # uint8 RGB of 2 and of 4 frames; the demo's videos are wider than high
    pixels = report.reading[0].bytes_per_clip / (3 * 6)
    assert pixels == int(pixels)
    assert pixels % 32 == 0


def test_bench__frames_that_fit_are_read_from_memory(found):
    report = found[0]
    assert [reading.source for reading in report.reading] == ["files", "memory"]
    assert "decoding and shrinking" not in report.used.parts
    assert report.videos.are_kept
    assert report.loop.workers == 0


def test_bench__all_four_variants_are_measured_and_one_is_present(found):
    variants = found[0].variants
    kinds = {(v.precision, v.channels_last) for v in variants}
    assert kinds == {(p, c) for p in ("bf16", "fp32") for c in (True, False)}
    assert [(v.precision, v.channels_last) for v in variants if v.is_present] == [("fp32", True)]


def test_bench__tells_its_stages(found):
    told = found[1]
    assert [done for _, done, _, _ in told] == list(range(6))
    assert {total for _, _, total, _ in told} == {5}


def test_bench__advises(found):
    assert any("training of 40 steps" in sentence for sentence in found[0].advice)


def test_bench__counts_the_operations_that_recipes_are_counted_by(manifest, split, settings):
    """Except for gradients with regard to the clips, which a step does not compute."""
    chosen = settings("small-fixmatch", data__memory_gb=0, data__workers=0)
    report = bench(manifest, split, chosen, steps=2)
    counted = cost.step_flops(chosen) / 1e9
    assert 0.8 * counted < report.step.gflop < counted
    assert [reading.source for reading in report.reading] == ["files"]
    assert report.reading[0].parts["decoding and shrinking"] > 0
    assert not report.videos.are_kept


def test_bench__sets_the_software_reader_beside_a_gpus_decoder(
    manifest, split, settings, monkeypatch
):
    decoder = SimpleNamespace(at_once=2, read_frames=read_frames, software={})
    monkeypatch.setattr(hardware, "hardware_decoder", lambda: decoder)
    chosen = settings(
        "small-supervised", data__memory_gb=0, data__workers=0, data__decoder="hardware"
    )
    report = bench(manifest, split, chosen, steps=2)
    assert [reading.source for reading in report.reading] == ["files, in software", "files"]
    assert all(reading.parts["decoding and shrinking"] > 0 for reading in report.reading)


def test_bench__writes_nothing(manifest, split, settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(manifest.root.rglob("*"))
    bench(manifest, split, settings("small-supervised"), steps=2)
    assert list(tmp_path.iterdir()) == []
    assert sorted(manifest.root.rglob("*")) == before


def test_bench__labeled_videos_stand_in_where_nobody_is_unlabeled(manifest, settings):
    chosen = settings("small-fixmatch", data__unlabeled_includes_labeled=False)
    everything = practical_split(manifest)
    report = bench(manifest, everything, chosen, steps=2)
    assert (report.videos.labeled, report.videos.unlabeled) == (12, 12)
    assert report.step.num_unlabeled == 3
    assert math.isfinite(report.testing.seconds)
    assert report.videos.test == 0


@pytest.fixture
def damaged(tmp_path):
    """Eight videos of which one is empty, and one breaks after the scan."""
    folder = tmp_path / "videos"
    render(folder, videos_per_class=4, seed=0, classes=["wave", "squat"])
    files = sorted(folder.rglob("*.mp4"))
    files[1].write_bytes(b"")
    manifest = semivideo.scan(folder)
    files[2].write_bytes(b"no video")
    return manifest


def test_bench__counts_and_skips_broken_videos(damaged, settings):
    everything = practical_split(damaged)
    chosen = settings("small-supervised", data__memory_gb=0, data__workers=0)
    report = bench(damaged, everything, chosen, steps=6)
    assert report.videos.unreadable == 1
    assert len(report.videos.skipped) == 1
    assert "1 of the videos drawn broke" in " ".join(report.advice)


@pytest.mark.parametrize(
    ("recipe", "setting", "present"),
    [("small-fixmatch", "data.unlabeled_batch", 3), ("small-supervised", "data.labeled_batch", 2)],
)
def test_largest_of__tries_whole_steps(manifest, split, settings, recipe, setting, present):
    training = set_up(settings(recipe), manifest, num_steps=10)
    streams = build.build_streams(settings(recipe), manifest=manifest, split=split)
    source = Source(manifest, streams, training.method.clips, settings(recipe).data, seed=0)
    [batch] = training_loader(source.reader(), streams, seed=0, num_steps=1)
    steps, learn = [], training.learn

    def counted(batch, *, waited):
        steps.append(len(batch.unlabeled or batch.labeled))
        learn(batch, waited=waited)

    training.learn = counted
    largest = largest_of(training, batch)
    assert (largest.setting, largest.present) == (setting, present)
    assert (largest.value, largest.limit) == (16 * present, 16 * present)
    assert steps == [present * factor for factor in (1, 2, 4, 8, 16)]


def test_bench__a_step_that_does_not_fit_ends_in_a_sentence(manifest, split, settings, monkeypatch):
    def learn(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("semivideo.profile.step.learn", learn)
    with pytest.raises(TrainingError, match="a step of 2 labelled and 3 unlabelled clips does not"):
        bench(manifest, split, settings("small-fixmatch"), steps=2)
