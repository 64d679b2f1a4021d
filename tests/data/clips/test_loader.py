import multiprocessing
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError, DataError, TrainingError
from semivideo.base.records import ClipSpec
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.loader import (
    Streams,
    TrainingLoader,
    num_workers,
    padded,
    training_loader,
)
from semivideo.data.clips.order import BalancedLine, Line
from semivideo.data.clips.store import filled_store
from semivideo.data.clips.worker import Ending
from semivideo.data.splits import Split
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.settings import DataSettings

SPECS = {"primary": ClipSpec(2, 4), "auxiliary": ClipSpec(4, 2)}
STREAMS = Streams(labeled=[0, 2], labels=[1, 0], unlabeled=[0, 1, 2, 3])
# Workers may be started by forking a process that has threads by now; Python 3.12 warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def make_reader(manifest, *, store=None, **settings):
    chosen = {"labeled_batch": 2, "unlabeled_batch": 4, "short_side": 32, "workers": 0} | settings
    return ClipReader(manifest, SPECS, settings=DataSettings(**chosen), store=store)


@pytest.fixture
def manifest(manifest_of, bars):
    return manifest_of(*bars.values())


def load(reader, streams=STREAMS, **options):
    return list(training_loader(reader, streams, **({"seed": 0, "num_steps": 6} | options)))


def assert_same(batches, others):
    assert len(batches) == len(others)
    for one, two in zip(batches, others, strict=True):
        assert (one.step, one.progress, one.skipped) == (two.step, two.progress, two.skipped)
        assert torch.equal(one.labeled.label, two.labeled.label)
        for clips, same in ((one.labeled, two.labeled), (one.unlabeled, two.unlabeled)):
            for name in ("size", "video", "draw"):
                assert torch.equal(getattr(clips, name), getattr(same, name))
            for name in clips.frames:
                assert torch.equal(clips.frames[name], same.frames[name])


def test_streams__of_a_split_are_rows_and_the_labels_that_may_be_known(manifest):
    a, b, c, d = (manifest[row] for row in range(4))
    videos = [replace(a, label="wave"), b, replace(c, label="squat"), replace(d, label="wave")]
    known = Manifest.from_videos(videos, root=manifest.root)
    split = Split("some", 0, labeled=tuple(sorted([a.id, c.id])), unlabeled=(d.id,), test=(b.id,))
    rows = [manifest.row_of(id) for id in split.labeled]
    together = Streams.of(known, split)
    assert together == Streams(rows, [{0: 1, 2: 0}[row] for row in rows], [0, 2, 3])
    assert Streams.of(known, split, unlabeled_includes_labeled=False).unlabeled == [3]


def test_loader__fills_batches(manifest):
    batches = load(make_reader(manifest))
    assert [(b.step, b.progress) for b in batches] == [(s, s / 6) for s in range(6)]
    label_of = dict(zip(STREAMS.labeled, STREAMS.labels, strict=True))
    for batch in batches:
        assert batch.labeled.label.tolist() == [label_of[r] for r in batch.labeled.video.tolist()]
        assert sorted(batch.unlabeled.video.tolist()) == [0, 1, 2, 3]  # one pass a step
        assert batch.unlabeled.frames["primary"].shape == (4, 2, 3, 52, 60)
        assert batch.unlabeled.frames["auxiliary"].shape == (4, 4, 3, 52, 60)
        assert not hasattr(batch.unlabeled, "label")
    draws = torch.cat([torch.cat([b.labeled.draw, b.unlabeled.draw]) for b in batches])
    assert len(draws.unique()) == 36


def test_loader__says_where_each_clip_lies_on_the_canvas(manifest):
    (batch,) = load(make_reader(manifest), num_steps=1)
    sizes = {0: [32, 52], 1: [32, 52], 2: [52, 32], 3: [32, 60]}
    clips = batch.unlabeled
    for frames, size, row in zip(
        clips.frames["auxiliary"], clips.size, clips.video.tolist(), strict=True
    ):
        height, width = size.tolist()
        assert [height, width] == sizes[row]
        shown = [read_barcode(f) for f in frames[..., :height, :width].movedim(1, -1).numpy()]
        assert np.diff(shown).tolist() == [2, 2, 2]
        assert not frames[..., height:, :].any()
        assert not frames[..., width:].any()


def test_loader__gives_the_same_batches_with_any_number_of_workers(manifest):
    alone = load(make_reader(manifest))
    for workers in (1, 2):
        assert_same(alone, load(make_reader(manifest, workers=workers)))


def test_loader__starts_workers_of_a_gpus_decoder_without_a_fork(manifest, torchcodec):
    reader = make_reader(manifest, decoder="hardware", workers="auto")
    assert num_workers(reader, 1) == reader.hardware.at_once
    for workers, method in ((1, "spawn"), (0, None)):
        reader = make_reader(manifest, decoder="hardware", workers=workers)
        context = training_loader(reader, STREAMS, seed=0, num_steps=1)._loader
        context = context.multiprocessing_context
        assert (context and context.get_start_method()) == method
    # Files that are left to software, for a new process has no stand-in for TorchCodec.
    videos = [replace(video, frames=replace(video.frames, is_exact=False)) for video in manifest]
    doubted = Manifest.from_videos(videos, root=manifest.root)
    alone = load(make_reader(doubted))
    assert_same(alone, load(make_reader(doubted, decoder="hardware", workers=1)))


def test_loader__copies_no_store_into_workers_of_a_gpus_decoder(manifest, torchcodec):
    settings = DataSettings(short_side=32, decoder="hardware")
    store = filled_store(manifest, range(4), settings=settings)
    assert (
        num_workers(make_reader(manifest, store=store, decoder="hardware", workers="auto"), 1) == 0
    )
    with pytest.raises(
        ConfigError,
        match=r"^data.workers = 2 with data.decoder = 'hardware' would copy the frames in memory "
        r"into every process; leave data.workers at auto, or write data.memory_gb = 0$",
    ):
        load(make_reader(manifest, store=store, decoder="hardware", workers=2))


def test_loader__resumes_at_any_step(manifest):
    whole = load(make_reader(manifest))
    assert_same(whole[4:], load(make_reader(manifest), start_step=4))
    assert load(make_reader(manifest), start_step=6) == []


def test_loader__processes_share_each_batch(manifest):
    whole = load(make_reader(manifest))
    halves = [load(make_reader(manifest), rank=rank, world_size=2) for rank in (0, 1)]
    for batch, *parts in zip(whole, *halves, strict=True):
        for name in ("video", "draw"):
            for stream in ("labeled", "unlabeled"):
                joined = [getattr(getattr(part, stream), name) for part in parts]
                assert torch.equal(torch.cat(joined), getattr(getattr(batch, stream), name))


def test_loader__store_changes_nothing(manifest):
    reader = make_reader(manifest)
    store = filled_store(manifest, range(4), settings=reader.settings)
    assert_same(load(reader), load(make_reader(manifest, store=store, workers="auto")))


def test_loader__depends_on_the_seed_and_leaves_the_global_generator_alone(manifest):
    state = torch.get_rng_state()
    first, second = (load(make_reader(manifest), seed=seed) for seed in (0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(first[0].unlabeled.draw, second[0].unlabeled.draw)
    orders = [[batch.unlabeled.video.tolist() for batch in run] for run in (first, second)]
    assert orders[0] != orders[1]


def test_loader__without_unlabeled_videos_gives_none(manifest):
    batches = load(make_reader(manifest), Streams(labeled=[1], labels=[0]))
    assert all(batch.unlabeled is None for batch in batches)
    assert batches[0].labeled.video.tolist() == [1, 1]


@pytest.mark.parametrize("workers", [0, 2])
def test_loader__draws_another_video_for_a_broken_one(manifest_of, bars, tmp_path, workers):
    broken = barcode_video(tmp_path / "broken.mp4", 20)
    manifest = manifest_of(*bars.values(), broken)
    broken.write_text("not a video any more")
    streams = Streams(labeled=[0, 4], labels=[1, 0], unlabeled=[0, 1, 2, 3, 4])
    batches = load(make_reader(manifest, workers=workers), streams)
    for batch in batches:
        assert batch.labeled.video.tolist() == [0, 0]
        assert batch.labeled.label.tolist() == [1, 1]
        assert 4 not in batch.unlabeled.video
        assert list(batch.skipped) == [4]
        assert "broken.mp4: it is no video file" in batch.skipped[4]
    if workers:
        assert_same(batches, load(make_reader(manifest), streams))


@pytest.mark.parametrize("workers", [0, 1])
def test_loader__stops_where_nothing_can_be_read(manifest_of, tmp_path, workers):
    path = barcode_video(tmp_path / "bars.mp4", 20)
    manifest = manifest_of(path)
    path.unlink()
    with pytest.raises(
        DataError, match=r"^8 labeled videos in a row cannot be read.*bars.mp4 does not exist"
    ) as caught:
        load(make_reader(manifest, workers=workers), Streams([0], [0]))
    assert "Traceback" not in str(caught.value)


def test_loader__refuses_uneven_shares_and_no_labels(manifest):
    with pytest.raises(
        ConfigError,
        match=r"data.labeled_batch = 2 cannot be shared evenly by 3 processes; write 3 or 3$",
    ):
        load(make_reader(manifest), world_size=3)
    with pytest.raises(DataError, match="there is no labelled video to learn from; label some"):
        load(make_reader(manifest), Streams([], []))


@pytest.mark.parametrize("is_parallel", [True, False])
def test_loader__names_the_setting_when_a_worker_is_killed(is_parallel):
    def dying():
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
        yield

    with pytest.raises(
        TrainingError,
        match=r"^a loader process died, .*pid 7.*; lower data\.workers or a batch size",
    ):
        list(TrainingLoader(dying(), num_steps=5, ending=Ending() if is_parallel else None))


def test_loader__workers_end_with_the_loop(manifest):
    for _ in training_loader(make_reader(manifest, workers=2), STREAMS, seed=0, num_steps=1000):
        break
    deadline = time.monotonic() + 10  # torch gives them 5 s, and then ends them
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert multiprocessing.active_children() == []


def test_line__is_one_shuffled_pass_after_the_other():
    rows = [10, 20, 30, 40, 50]
    line = Line(rows, name="a", seed=3)
    passes = [[line[5 * epoch + i] for i in range(5)] for epoch in range(40)]
    assert all(sorted(one) == rows for one in passes)
    assert len({tuple(one) for one in passes}) > 25
    assert [line[i] for i in (199, 0, 103)] == [passes[39][4], passes[0][0], passes[20][3]]


def test_line__of_another_name_or_seed_is_another():
    lines = [Line(range(50), name=n, seed=s) for n, s in (("a", 0), ("b", 0), ("a", 1))]
    assert len({tuple(line[i] for i in range(50)) for line in lines}) == 3


def test_balanced_line__gives_each_class_the_same_share():
    rows, labels = [1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 7, 9]
    line = BalancedLine(rows, labels, name="a", seed=0)
    label_of = dict(zip(rows, labels, strict=True))
    drawn = [line[place] for place in range(120)]
    for start in range(0, 120, 3):
        assert {label_of[row] for row in drawn[start : start + 3]} == {0, 7, 9}
    assert Counter(drawn) == {1: 10, 2: 10, 3: 10, 4: 10, 5: 40, 6: 40}


def test_loader__draws_class_by_class_if_asked(manifest):
    streams = Streams(labeled=[0, 1, 2, 3], labels=[0, 0, 0, 1])
    batches = load(make_reader(manifest, balanced=True), streams)
    assert all(sorted(batch.labeled.label.tolist()) == [0, 1] for batch in batches)


def test_padded__keeps_clips_apart():
    clips = [
        {"a": np.full((2, 3, 4, 5), 7, np.uint8), "b": np.full((1, 3, 4, 5), 8, np.uint8)},
        {"a": np.full((2, 3, 6, 3), 9, np.uint8), "b": np.full((1, 3, 6, 3), 10, np.uint8)},
    ]
    frames, sizes = padded(clips)
    assert sizes.tolist() == [[4, 5], [6, 3]]
    assert {name: tuple(f.shape) for name, f in frames.items()} == {
        "a": (2, 2, 3, 6, 5),
        "b": (2, 1, 3, 6, 5),
    }
    assert frames["a"].sum().item() == 7 * 2 * 3 * 20 + 9 * 2 * 3 * 18
    assert frames["b"][1, 0, 2].tolist() == [[10, 10, 10, 0, 0]] * 6


def test_padded__keeps_the_order_of_levels_in_memory():
    images = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    clips = [{"frames": np.moveaxis(images, -1, 1), "pairs": np.zeros((2, 6, 4, 5), np.uint8)}] * 2
    frames, _ = padded(clips)
    assert frames["frames"].movedim(2, -1).is_contiguous()
    assert (frames["frames"][1].movedim(1, -1).numpy() == images).all()
    assert frames["pairs"].is_contiguous()
