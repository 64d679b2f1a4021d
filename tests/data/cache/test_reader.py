"""Reading from a cache: the clips are those of the source files."""

import gc
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.records import ClipSpec
from semivideo.data.cache.preparing import Work, prepare
from semivideo.data.cache.reader import Cache, cached_manifest
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.loader import Streams, training_loader
from semivideo.data.clips.store import filled_store
from semivideo.data.video.barcodes import barcode_video
from semivideo.settings import DataSettings

SPECS = {
    "primary": ClipSpec(2, 4),
    "auxiliary": ClipSpec(4, 2, offset_seconds=0.2),
    "temporal": ClipSpec(3, 2, modality="fast_gradient"),
    "slow": ClipSpec(3, 2, modality="slow_gradient"),
    "flow": ClipSpec(2, 3, modality="flow", is_apart=True),
}
RGB = {name: SPECS[name] for name in ("primary", "auxiliary")}
EXACT = {"png": {"format": "png"}, "h264": {"format": "h264", "quality": "lossless"}}
# Workers may be started by forking a process that has threads by now; Python 3.12 warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture
def source(manifest_of, bars):
    return manifest_of(*bars.values())


@pytest.fixture
def cache_of(source, tmp_path):
    """Make a cache of the four videos in two shards."""

    def make(manifest=source, **wanted) -> Manifest:
        out = tmp_path / "cache"
        prepare(
            manifest,
            out,
            wanted={"short_side": 32, "videos_per_shard": 3} | wanted,
            work=Work(threads=2),
        )
        return cached_manifest(out)

    return make


def reader(manifest, specs=SPECS, *, store=None, **settings):
    usual = {"labeled_batch": 2, "unlabeled_batch": 3, "short_side": 32, "workers": 0}
    return ClipReader(manifest, specs, settings=DataSettings(**(usual | settings)), store=store)


def batches(reader):
    streams = Streams(labeled=[0, 2], labels=[1, 0], unlabeled=[0, 1, 2, 3])
    return list(training_loader(reader, streams, seed=0, num_steps=3))


@pytest.mark.parametrize("sampling", ["window", "segments"])
@pytest.mark.parametrize(("form", "flow"), [("png", False), ("png", True), ("h264", True)])
def test_cache__gives_the_batches_of_the_source(source, cache_of, form, sampling, flow):
    cached = cache_of(**EXACT[form], flow=flow)
    expected = batches(reader(source, sampling=sampling))
    for workers in (0, 2):
        found = batches(reader(cached, sampling=sampling, workers=workers))
        for one, two in zip(expected, found, strict=True):
            assert torch.equal(one.labeled.label, two.labeled.label)
            for part in ("labeled", "unlabeled"):
                clips, same = getattr(one, part), getattr(two, part)
                assert list(clips.frames) == list(same.frames) == list(SPECS)
                assert torch.equal(clips.size, same.size)
                assert torch.equal(clips.video, same.video)
                for name in SPECS:
                    assert torch.equal(clips.frames[name], same.frames[name]), name


@pytest.mark.parametrize("wanted", [{}, {"format": "h264"}])
def test_cache__with_loss_is_near_the_source(source, cache_of, wanted):
    readers = reader(source), reader(cache_of(flow=True, **wanted))
    for row in range(4):
        one, two = (each.training(row, 7) for each in readers)
        for name in SPECS:
            assert one[name].shape == two[name].shape
            assert np.abs(one[name].astype(int) - two[name]).mean() < 6


def test_cache__keeps_the_spacing_where_frames_are_left_out(source, cache_of):
    whole, thinned = reader(source, RGB), reader(cache_of(format="png", every=2), RGB)
    frames = thinned.cache.frames(0)[np.arange(100)]
    assert (frames == np.repeat(thinned.cache.frames(0)[np.arange(0, 100, 2)], 2, axis=0)).all()
    expected, found = (each.testing(0, num_clips=2, stream="primary") for each in (whole, thinned))
    assert (expected == found).all()  # its windows start at even frames


@pytest.mark.parametrize("modality", ["fast_gradient", "flow"])
def test_cache__refuses_neighbours_that_are_left_out(cache_of, modality):
    cached = cache_of(every=2)
    specs = {"temporal": ClipSpec(2, 4, modality=modality)}
    with pytest.raises(
        ConfigError,
        match=r"clips of 'temporal' compare each frame with the next, and cache .* holds one of 2; "
        r"prepare one with --every 1$",
    ):
        reader(cached, specs)
    reader(cached, {"slow": ClipSpec(2, 4, modality="slow_gradient")})
    with pytest.raises(ConfigError, match=r"clips of 'a' take one of 1 frames, .* or set stride"):
        reader(cached, {"a": ClipSpec(8, 1)})
    reader(cached, {"a": ClipSpec(8, 1)}, sampling="segments")


def test_cache__leaves_nothing_to_a_gpus_decoder(cache_of):
    with pytest.raises(
        ConfigError,
        match=r"^decoder 'hardware' reads video files, and these frames come from a prepared "
        r"cache; choose decoder 'software', or name the videos",
    ):
        reader(cache_of(), RGB, decoder="hardware")


def test_cache__computes_the_flow_of_frames_that_are_no_neighbours(source, cache_of):
    cached = cache_of(format="png", flow=True)
    readers = [reader(each, {"flow": SPECS["flow"]}, frame_rate=10) for each in (source, cached)]
    one, two = (each.training(0, 1)["flow"] for each in readers)
    assert (one == two).all()


def test_cache__is_shrunk_and_never_enlarged(source, cache_of, caplog):
    cached = cache_of(short_side=48)
    for short_side, size in ((24, (24, 39)), (48, (48, 78)), (64, (48, 78))):
        clips = reader(cached, RGB, short_side=short_side)
        for _ in range(2):
            assert clips.training(0, 0)["primary"].shape[-2:] == size
    smaller = [reader(each, RGB, short_side=24).training(0, 0) for each in (source, cached)]
    assert np.abs(smaller[0]["primary"].astype(int) - smaller[1]["primary"]).mean() < 4
    assert [record.getMessage() for record in caplog.records] == [
        f"frames of cache {cached.cache} have a short side of 48 pixels and data.short_side is 64: "
        "larger crops are enlarged from 48 pixels; prepare with --short-side 64 for more"
    ]


def test_cache__serves_without_its_sources(manifest_of, cache_of, tmp_path):
    path = barcode_video(tmp_path / "bars.mp4", 20)
    cached = cache_of(manifest_of(path), format="png")
    expected = reader(manifest_of(path)).training(0, 3)
    path.unlink()
    found = reader(cached).training(0, 3)
    assert all((found[name] == expected[name]).all() for name in SPECS)


def test_cache__holds_what_reading_gives_of_broken_and_turned_files(
    manifest_of, cache_of, cut_short, damaged, hard_videos
):
    source = manifest_of(cut_short, damaged, hard_videos / "video_90.mov")
    cached = cache_of(source, format="png", short_side=64)
    for row, draw in [*((row, draw) for row in (0, 1) for draw in range(8)), (2, 0)]:
        one, two = (reader(m, RGB, short_side=64).training(row, draw) for m in (source, cached))
        assert all((one[name] == two[name]).all() for name in RGB)


def test_cache__says_why_a_video_is_not_in_it(manifest_of, cache_of, bars, tmp_path):
    gone = barcode_video(tmp_path / "gone.mp4", 20)
    source = manifest_of(bars[20], gone)
    gone.unlink()
    with pytest.raises(DataError, match=r"gone.mp4 does not exist; check the path"):
        reader(cache_of(source)).training(1, 0)


def test_cache__survives_pickling_and_many_open_shards(source, cache_of, monkeypatch):
    monkeypatch.setattr("semivideo.data.cache.reader._MOST_OPEN", 1)
    cached = cache_of(videos_per_shard=1)
    first = reader(cached)
    clips = [first.training(row, 0)["primary"] for row in (0, 1, 2, 3, 0)]
    assert len(first.cache._shards) == 1
    assert (clips[0] == clips[4]).all()
    other = pickle.loads(pickle.dumps(first))
    assert not other.cache._shards
    assert (other.training(2, 0)["primary"] == clips[2]).all()


def test_store__is_filled_from_the_cache(manifest_of, cache_of, tmp_path):
    path = barcode_video(tmp_path / "bars.mp4", 90)
    cached = cache_of(manifest_of(path), format="png")
    path.unlink()
    store = filled_store(cached, [0], settings=DataSettings(short_side=48))
    frames = store.frames(0)
    assert frames.shape == (90, 32, 52, 3)  # as large as there are, not as asked for
    assert (frames == Cache(cached, short_side=32).frames(0)[np.arange(90)]).all()
    stored, read = (reader(cached, store=each).training(0, 5) for each in (store, None))
    assert all((stored[name] == read[name]).all() for name in SPECS)


def test_open__refuses_a_cache_that_is_not_finished(cache_of, tmp_path):
    cached = cache_of()
    (tmp_path / "cache" / "shards" / "00001.index").unlink()
    sentence = (
        r"cache .* is not finished: 1 of its 2 shards are missing; finish it with: semivideo "
        r"prepare .*cache/manifest.parquet --out .*cache$"
    )
    with pytest.raises(DataError, match=sentence):
        cached_manifest(tmp_path / "cache")
    with pytest.raises(DataError, match=sentence):
        reader(cached)


def test_open__refuses_other_videos_and_other_layouts(cache_of, tmp_path):
    cached = cache_of()
    some = Manifest(cached.table.slice(1), root=cached.root, cache=cached.cache)
    with pytest.raises(DataError, match="the manifest's videos are not those of its cache"):
        reader(some)
    file = tmp_path / "cache" / "cache.json"
    file.write_text(file.read_text().replace('"version": 1', '"version": 9'))
    with pytest.raises(DataError, match=r"is a cache of layout 9, .* reads layout 1; make"):
        reader(cached)
    file.write_text("{")
    with pytest.raises(DataError, match=r"cache.json cannot be read \(.*\); restore it"):
        reader(cached)
    file.unlink()
    with pytest.raises(DataError, match=r"is not a prepared cache \(it has no cache.json\)"):
        reader(cached)


def test_read__names_what_is_damaged(cache_of, tmp_path):
    cached = cache_of()
    tar = tmp_path / "cache" / "shards" / "00000.tar"
    place = Cache(cached, short_side=32).frames(1).pieces[7]["offset"] + 40
    content = bytearray(tar.read_bytes())
    content[place] ^= 1
    tar.write_bytes(content)
    frames = Cache(cached, short_side=32).frames(1)
    frames[np.array([6, 8])]
    with pytest.raises(
        DataError,
        match=r"stored frame 7 of 30.mp4 is damaged in .*00000.tar; find and repair damage with: "
        r"semivideo prepare .*manifest.parquet --out .*cache --verify$",
    ):
        frames[np.array([6, 7])]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("00000.tar", r"it has 100 bytes, not \d+"),
        ("00000.index", "index 00000.index is damaged"),
    ],
)
def test_read__refuses_a_shard_that_is_cut_off(cache_of, tmp_path, name, reason):
    cached = cache_of()
    file = tmp_path / "cache" / "shards" / name
    file.write_bytes(file.read_bytes()[:100])
    clips = reader(cached)
    with pytest.raises(DataError, match=rf"00000.tar is not whole \({reason}\); find and repair"):
        clips.training(0, 0)
    clips.training(3, 0)  # of the other shard


# It leaves files open and lets the interpreter close them.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_shards__are_streamed_by_webdataset(source, cache_of, tmp_path):
    webdataset = pytest.importorskip("webdataset", reason="webdataset is in the extra dev")
    cached = cache_of(flow=True)
    shards = sorted(str(path) for path in (tmp_path / "cache" / "shards").glob("*.tar"))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == [f"{row:07}" for row in range(4)]
    assert [sample["json"]["id"] for sample in samples] == cached.ids
    assert samples[1]["json"]["num_frames"] == 30
    frames = np.stack([samples[1][f"{number:06}.jpg"] for number in range(30)])
    found = Cache(cached, short_side=32).frames(1)[np.arange(30)]
    assert np.abs(frames.astype(int) - found).mean() < 2  # another decoder
    assert sum(name.endswith("flow.jpg") for name in samples[1]) == 29
    gc.collect()


def test_check__lets_everything_pass_where_all_frames_are_there(cache_of):
    cache = reader(cache_of()).cache
    specs = {name: replace(spec, stride_frames=1) for name, spec in SPECS.items()}
    cache.check(specs, DataSettings())


def test_open__counts_files_and_not_what_a_form_asks_for(cache_of, source, tmp_path):
    cache_of()
    file = tmp_path / "cache" / "cache.json"
    asked = {"num_videos": 100_000_000, "videos_per_shard": 1}
    file.write_text(json.dumps(json.loads(file.read_text()) | asked))
    with pytest.raises(
        DataError, match=r"not finished: 9999999\d of its 100000000 shards are missing"
    ):
        cached_manifest(tmp_path / "cache")
    with pytest.raises(DataError, match="was made of other videos than those of"):
        prepare(source, tmp_path / "cache")
