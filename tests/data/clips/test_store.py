import numpy as np
import pytest

from semivideo.base.records import ClipSpec
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.store import FrameStore, filled_store
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.decode import read_frames
from semivideo.settings import DataSettings

SETTINGS = DataSettings(short_side=32, memory_gb=0.01)
SPECS = {"a": ClipSpec(4, 2)}


def test_store__holds_the_frames_that_decoding_gives(manifest_of, bars):
    manifest = manifest_of(*bars.values())
    store = filled_store(manifest, [3, 1, 1], settings=SETTINGS)
    for row in (1, 3):
        video = manifest[row]
        frames = read_frames(
            manifest.absolute(row), range(video.num_frames), frames=video.frames, short_side=32
        )
        assert np.array_equal(store.frames(row), frames)
    assert store.frames(0) is None
    assert store.num_bytes == (30 * 32 * 52 + 40 * 32 * 60) * 3
    assert store.failed == {}


def test_store__changes_no_clip(manifest_of, bars):
    manifest = manifest_of(*bars.values())
    store = filled_store(manifest, [0, 2], settings=SETTINGS)
    with_store = ClipReader(manifest, SPECS, settings=SETTINGS, store=store)
    without = ClipReader(manifest, SPECS, settings=SETTINGS)
    for row in range(4):
        for draw in range(3):
            clips = with_store.training(row, draw)["a"], without.training(row, draw)["a"]
            assert np.array_equal(*clips)
        testing = [r.testing(row, num_clips=3, stream="a") for r in (with_store, without)]
        assert np.array_equal(*testing)


def test_store__holds_what_a_gpus_decoder_gives(manifest_of, bars, torchcodec):
    manifest = manifest_of(*bars.values())
    settings = SETTINGS.model_copy(update={"decoder": "hardware"})
    reader = ClipReader(manifest, SPECS, settings=settings)
    clips = [reader.training(row, 7)["a"] for row in range(4)]
    store = filled_store(manifest, range(4), settings=settings)
    torchcodec.asked.clear()
    with_store = ClipReader(manifest, SPECS, settings=settings, store=store)
    for row in range(4):
        assert np.array_equal(with_store.training(row, 7)["a"], clips[row])
    assert torchcodec.asked == []


@pytest.mark.parametrize("kind", ["damaged", "cut_short"])
def test_store__changes_no_clip_of_a_broken_file(request, manifest_of, kind):
    manifest = manifest_of(request.getfixturevalue(kind))
    store = filled_store(manifest, [0], settings=SETTINGS)
    assert (store.frames(0) is None) == (kind == "cut_short")  # which is left to the reader
    readers = [
        ClipReader(manifest, SPECS, settings=SETTINGS, store=store if is_stored else None)
        for is_stored in (True, False)
    ]
    for draw in range(30):
        assert np.array_equal(*(reader.training(0, draw)["a"] for reader in readers))


def test_store__saves_reading_the_files(manifest_of, tmp_path):
    path = barcode_video(tmp_path / "bars.mp4", 20)
    manifest = manifest_of(path)
    store = filled_store(manifest, [0], settings=SETTINGS)
    path.unlink()
    reader = ClipReader(manifest, SPECS, settings=SETTINGS, store=store)
    assert reader.training(0, 0)["a"].shape == (4, 3, 32, 52)


def test_filled_store__is_none_where_memory_is_too_small(manifest_of, bars):
    manifest = manifest_of(*bars.values())
    one_video = 100 * 64 * 104 * 3 / 1e9
    settings = DataSettings(memory_gb=one_video)
    assert filled_store(manifest, [0], settings=settings) is not None
    assert filled_store(manifest, [0, 1], settings=settings) is None
    assert filled_store(manifest, [0], settings=DataSettings(memory_gb=0)) is None


def test_fill__reports_each_video(manifest_of, bars):
    reports = []
    store = FrameStore(manifest_of(*bars.values()), range(4), settings=SETTINGS)
    store.fill(threads=2, progress=lambda *told: reports.append(told[1:3]))
    assert reports == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_fill__leaves_out_what_is_not_as_it_was_scanned(manifest_of, tmp_path, cut_short):
    paths = [barcode_video(tmp_path / f"{i}.mp4", 20 + i) for i in range(4)]
    manifest = manifest_of(*paths, cut_short)
    paths[0].unlink()
    paths[1].write_text("not a video any more")
    barcode_video(paths[2], 5)
    store = filled_store(manifest, range(5), settings=SETTINGS)
    assert [store.frames(row) is None for row in range(5)] == [True, True, True, False, True]
    assert sorted(store.failed) == [0, 1, 2, 4]
    assert "0.mp4 does not exist" in store.failed[0]
    assert "it is no video file" in store.failed[1]
    assert store.failed[2] == "2.mp4 ends at frame 5 of 22"
    assert store.failed[4] == "cut_short.mp4 ends at frame 28 of 50"


def test_fill__passes_on_what_is_no_fault_of_a_video(manifest_of, bars, monkeypatch):
    store = FrameStore(manifest_of(*bars.values()), range(4), settings=SETTINGS)

    def stop(row):
        raise MemoryError(row)

    monkeypatch.setattr(store, "_decode", stop)
    with pytest.raises(MemoryError):
        store.fill()
