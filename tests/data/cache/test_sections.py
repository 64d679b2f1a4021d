"""Segments are sections of their own, made in few passes over their file."""

import json
import tarfile

import numpy as np
import pytest

from semivideo.data.cache import sections
from semivideo.data.cache.preparing import Work, prepare
from semivideo.data.cache.reader import Cache, cached_manifest
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.in_turn import frames_in_turn

FORM = {"format": "png", "short_side": 64}


@pytest.fixture
def passes(monkeypatch):
    """Frames that each pass over a file is asked for, once the estimate is done."""
    asked = []
    monkeypatch.setattr(
        sections,
        "frames_in_turn",
        lambda path, wanted, **given: asked.append(wanted) or frames_in_turn(path, wanted, **given),
    )
    return asked


def frames_of(cache, row):
    images = cache.frames(row)
    return [read_barcode(image) for image in images[np.arange(images.num_frames)]]


def test_cache__holds_each_segment_as_a_sample(segments_of, bars, tmp_path):
    manifest = segments_of(bars[100], times=[(0.0, 1.0), (0.5, 1.5), (2.0, None)])
    made = prepare(manifest, tmp_path / "c", wanted=FORM | {"videos_per_shard": 8, "flow": True})
    assert (made.num_videos, made.num_frames, made.failed) == (3, 25 + 25 + 50, {})
    with tarfile.open(tmp_path / "c/shards/00000.tar") as tar:
        about = [json.load(tar.extractfile(f"{row:07}.json")) for row in range(3)]
    assert [each["num_frames"] for each in about] == [25, 25, 50]
    assert [(each["start_seconds"], each["end_seconds"]) for each in about] == [
        *((0.0, 1.0), (0.5, 1.5), (2.0, None))
    ]
    cache = Cache(cached_manifest(tmp_path / "c"), short_side=64)
    assert [frames_of(cache, row)[0] for row in range(3)] == [0, 13, 50]
    assert [frames_of(cache, row)[-1] for row in range(3)] == [24, 37, 99]
    assert len(cache.flow(1).pieces) == 24


@pytest.mark.parametrize(("name", "most"), [("a.avi", 2), ("a.ts", 2), ("a.mp4", 8)])
def test_prepare__reads_a_file_of_many_segments_few_times(
    segments_of, tmp_path, passes, name, most
):
    """Of 60 segments two overlap at any time; only a file that starts anywhere is shared out."""
    path = barcode_video(tmp_path / name, 200)
    manifest = segments_of(path, times=[(i / 8, i / 8 + 0.2) for i in range(60)])
    prepare(manifest, tmp_path / "c", wanted=FORM | {"videos_per_shard": 64})
    estimated = [wanted for wanted in passes if len(wanted) <= 5]
    assert len(passes) - len(estimated) <= most
    if name != "a.mp4":  # a sample far inside would read all that is before it
        assert all(wanted[0] == 0 for wanted in estimated)
    cache = Cache(cached_manifest(tmp_path / "c"), short_side=64)
    for row in range(60):
        start = manifest[row].first_frame
        assert frames_of(cache, row) == list(range(start, start + manifest[row].num_frames))


def test_prepare__stores_segments_up_to_where_their_file_ends(segments_of, tmp_path):
    path = barcode_video(tmp_path / "a.mp4", 100)
    manifest = segments_of(path, times=[(0, 1), (1, 3), (3, 4)])
    barcode_video(path, 60)
    made = prepare(manifest, tmp_path / "c", wanted=FORM | {"videos_per_shard": 8})
    assert made.cut_short == {manifest.ids[1]: 35, manifest.ids[2]: 0}
    cache = Cache(cached_manifest(tmp_path / "c"), short_side=64)
    assert frames_of(cache, 1) == list(range(25, 60))


def test_prepare__does_not_depend_on_threads(segments_of, bars, tmp_path):
    manifest = segments_of(bars[100], bars[40], times=[(i / 10, i / 10 + 0.4) for i in range(30)])
    for threads in (1, 3):
        out = tmp_path / str(threads)
        prepare(manifest, out, wanted=FORM | {"videos_per_shard": 25}, work=Work(threads=threads))
    one, other = (sorted((tmp_path / n / "shards").iterdir()) for n in "13")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
