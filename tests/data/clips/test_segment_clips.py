"""Clips of a segment show frames of the segment, from wherever they are read."""

import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.base.records import ClipSpec
from semivideo.data.cache.preparing import prepare
from semivideo.data.cache.reader import cached_manifest
from semivideo.data.clips import store as store_module
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.store import filled_store
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.in_turn import frames_in_turn
from semivideo.settings import DataSettings

SPECS = {
    "primary": ClipSpec(4, 3),
    "auxiliary": ClipSpec(4, 2, offset_seconds=0.5, is_apart=True),
    "fast": ClipSpec(3, 2, modality="fast_gradient"),
    "slow": ClipSpec(3, 4, modality="slow_gradient"),
}
TIMES = [(0.0, 1.0), (0.6, 1.4), (1.4, 2.6), (2.6, 2.72), (3.0, None)]
SPANS = [(0, 25), (15, 35), (35, 65), (65, 68), (75, 100)]  # frames at 25 a second


def shown(clip):
    """Frame numbers that a clip (..., T, C, H, W) shows; of pairs, both."""
    frames = clip.reshape(-1, 3, *clip.shape[-2:])
    return [read_barcode(np.moveaxis(frame, 0, -1)) for frame in frames]


@pytest.fixture
def source(segments_of, bars):
    return segments_of(bars[100], times=TIMES)


@pytest.fixture
def reader_from(source, tmp_path):
    """Make a reader of files, of a store, of a cache, or of a store filled from a cache."""

    def make(place, **given):
        manifest, settings = source, DataSettings(short_side=64, memory_gb=0.1, **given)
        if "cache" in place:
            wanted = {"format": "png", "short_side": 64, "videos_per_shard": 3}
            prepare(source, tmp_path / "cache", wanted=wanted)
            manifest = cached_manifest(tmp_path / "cache")
        rows = range(len(TIMES))
        store = filled_store(manifest, rows, settings=settings) if "store" in place else None
        if store is not None:
            assert all(store.frames(row) is not None for row in rows)
        return ClipReader(manifest, SPECS, settings=settings, store=store)

    return make


@pytest.mark.parametrize("given", [{}, {"sampling": "segments"}, {"frame_rate": 10.0}])
@pytest.mark.parametrize("place", ["files", "store", "cache", "store of cache"])
def test_clips__show_frames_of_the_segment_and_no_other(reader_from, place, given):
    files, reader = reader_from("files", **given), reader_from(place, **given)
    seen = [set() for _ in SPANS]
    for row, (start, end) in enumerate(SPANS):
        for draw in range(12):
            clips, same = reader.training(row, draw), files.training(row, draw)
            for name, clip in clips.items():
                seen[row].update(shown(clip))
                assert np.array_equal(clip, same[name])
        for name in ("primary", "fast"):
            testing = reader.testing(row, num_clips=5, stream=name)
            seen[row].update(shown(testing))
            assert np.array_equal(testing, files.testing(row, num_clips=5, stream=name))
        assert seen[row] <= set(range(start, end)), row
    if not given:  # and from its first to its last frame
        assert [(min(each), max(each) + 1) for each in seen] == SPANS


def test_clips__of_a_segment_are_those_of_the_same_frames_cut_out(reader_from, segments_of, bars):
    """Frame i of the segment 1.4 to 2.6 is drawn where frame i of a video of 30 frames is."""
    cut = ClipReader(segments_of(bars[30], times=[(0, None)]), SPECS, settings=DataSettings())
    part = reader_from("files")
    for draw in range(20):
        ours, theirs = part.training(2, draw), cut.training(0, draw)
        for name in SPECS:
            assert [frame - 35 for frame in shown(ours[name])] == shown(theirs[name])


def test_clips__by_a_gpus_decoder_are_of_the_segment(source, torchcodec):
    settings = DataSettings(short_side=64, decoder="hardware", memory_gb=0.1)
    store = filled_store(source, range(len(TIMES)), settings=settings)
    for given in (None, store):
        reader = ClipReader(source, SPECS, settings=settings, store=given)
        for row, (start, end) in enumerate(SPANS):
            numbers = shown(reader.testing(row, num_clips=3, stream="primary"))
            assert set(numbers) <= set(range(start, end))


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.ts"])
def test_store__decodes_the_file_of_many_segments_once(segments_of, tmp_path, monkeypatch, name):
    passes = []
    monkeypatch.setattr(
        store_module,
        "frames_in_turn",
        lambda path, wanted, **given: (
            passes.append(wanted) or frames_in_turn(path, wanted, **given)
        ),
    )
    path = barcode_video(tmp_path / name, 100)
    manifest = segments_of(path, times=[(i / 33, i / 33 + 1) for i in range(100)])
    store = filled_store(manifest, range(100), settings=DataSettings(memory_gb=1))
    assert len(passes) == 1
    assert passes[0].tolist() == list(range(100))
    for row in (0, 7, 99):
        start, num = manifest[row].first_frame, manifest[row].num_frames
        assert [read_barcode(f) for f in store.frames(row)] == list(range(start, start + num))


def test_store__leaves_segments_behind_the_end_of_a_file_to_the_reader(segments_of, tmp_path):
    path = barcode_video(tmp_path / "a.mp4", 100)
    manifest = segments_of(path, times=[(0, 1), (1, 3), (3, 4)])
    barcode_video(path, 60)
    store = filled_store(manifest, range(3), settings=DataSettings(memory_gb=1))
    assert [store.frames(row) is None for row in range(3)] == [False, True, True]
    assert sorted(store.failed) == [1, 2]
    reader = ClipReader(manifest, SPECS, settings=DataSettings(), store=store)
    numbers = shown(reader.testing(1, num_clips=9, stream="primary"))
    assert 57 in numbers
    assert set(numbers) <= set(range(25, 60))
    with pytest.raises(DataError, match=r"cannot use a.mp4#3.000-4.000: it has 0 frame\(s\), and"):
        reader.training(2, 0)
