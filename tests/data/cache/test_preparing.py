"""The job that makes a cache: estimated, resumable, verified."""

import json
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from semivideo.base.errors import ConfigError, DataError, WriteError
from semivideo.data.cache import preparing
from semivideo.data.cache.estimate import Estimate, check_room
from semivideo.data.cache.form import CacheForm
from semivideo.data.cache.preparing import Work, prepare
from semivideo.data.cache.reader import Cache, cached_manifest
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.scanning import scan
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.decode import read_frames

REAL = Path(__file__).parents[3].parent / "shared" / "data"
SMALL = {"short_side": 32, "videos_per_shard": 3}
JOB = """
import sys
from pathlib import Path
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.cache.preparing import prepare, Work
manifest = Manifest.read(Path(sys.argv[1]))
wanted = {"short_side": 32, "videos_per_shard": 3, "flow": True}
told = lambda *what: sys.stdout.write(f"{what}\\n") and sys.stdout.flush()
prepare(manifest, Path(sys.argv[2]), wanted=wanted, progress=told, work=Work(threads=2))
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A manifest of ten files."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "videos").mkdir()
    for number in range(10):
        barcode_video(folder / "videos" / f"{number}.mp4", 20 + 3 * number)
    return scan(folder / "videos", out=folder / "manifest.parquet"), folder / "manifest.parquet"


@pytest.fixture
def cache(videos, tmp_path):
    out = tmp_path / "cache"
    prepare(videos[0], out, wanted=SMALL, work=Work(threads=2))
    return out


def content(folder):
    """Relative path to bytes of every file, hidden ones included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def flip(path, place):
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 1
    path.write_bytes(damaged)


def test_prepare__reports_what_it_made(videos, tmp_path):
    told, estimates = [], []
    made = prepare(
        videos[0],
        tmp_path / "cache",
        wanted=SMALL,
        on_estimate=estimates.append,
        progress=lambda *what: told.append(what),
    )
    assert told == [("prepare", done, 10, "") for done in range(11)]
    assert (made.num_frames, made.failed, made.cut_short) == (sum(range(20, 50, 3)), {}, {})
    files = list((tmp_path / "cache" / "shards").iterdir())
    assert made.num_bytes == sum(path.stat().st_size for path in files)
    assert len(files) == 2 * made.form.num_shards == 8
    assert made.form == CacheForm.read(tmp_path / "cache")
    (estimate,) = estimates
    assert (estimate.num_videos, estimate.num_frames) == (10, made.num_frames)
    assert estimate.num_bytes == pytest.approx(made.num_bytes, rel=0.15)


def test_prepare__writes_plain_tar_files_with_what_is_known(cache):
    with tarfile.open(cache / "shards" / "00001.tar") as tar:
        names = tar.getnames()
        assert names[:2] == ["0000003.000000.jpg", "0000003.000001.jpg"]
        assert names.index("0000003.json") == 29
        about = json.load(tar.extractfile("0000003.json"))
    assert about == {
        **{"id": "3.mp4", "label": None, "group": None, "frame_rate": 25.0, "error": None},
        **{"num_frames": 29, "num_stored": 29, "every": 1},
    }


@pytest.mark.parametrize("stop_at", [1, 4, 8])
def test_prepare__goes_on_after_a_kill_as_if_nothing_had_happened(
    videos, tmp_path, stop_at, limited
):
    whole, broken = tmp_path / "a" / "cache", tmp_path / "b" / "cache"
    wanted = SMALL | {"flow": True}
    prepare(videos[0], whole, wanted=wanted)
    job = subprocess.Popen(
        [sys.executable, "-c", JOB, videos[1], broken], stdout=subprocess.PIPE, text=True
    )
    with limited(job):
        for _ in range(stop_at):
            job.stdout.readline()
        time.sleep(0.004 * stop_at)  # somewhere in the next video, shard or index
        job.send_signal(signal.SIGKILL)
    left = set(content(broken))
    told = []
    prepare(
        videos[0],
        broken,
        wanted=wanted,
        progress=lambda *what: told.append(what),
        work=Work(threads=1),
    )
    assert content(broken) == content(whole)
    finished = sum(name.endswith(".index") and "/." not in name for name in left)
    assert told[0][1] >= min(3 * finished, 10) >= 0
    assert told[0][1] % 3 == 0


def test_prepare__makes_what_is_half_there_again(videos, cache):
    expected = content(cache)
    shards = cache / "shards"
    (shards / "00000.index").unlink()
    (shards / "00001.tar").write_bytes((shards / "00001.tar").read_bytes()[:5000])
    (shards / "00002.index").write_bytes((shards / "00002.index").read_bytes()[:-9])
    (shards / ".00000.tar.123.tmp").write_text("left by a process that was killed")
    told = []
    prepare(videos[0], cache, progress=lambda *what: told.append(what))
    assert told == [("prepare", done, 10, "") for done in range(1, 11)]
    assert content(cache) == expected


def test_prepare__does_nothing_where_all_is_there(videos, cache):
    before = {path: path.stat().st_mtime_ns for path in (cache / "shards").iterdir()}
    prepare(Manifest.read(cache / "manifest.parquet"), cache, on_estimate=pytest.fail)
    assert before == {path: path.stat().st_mtime_ns for path in (cache / "shards").iterdir()}


def test_verify__finds_names_and_repairs(videos, cache, caplog):
    expected = content(cache)
    place = Cache(cached_manifest(cache), short_side=32).frames(4).pieces[2]["offset"]
    flip(cache / "shards" / "00001.tar", int(place) + 9)
    flip(cache / "shards" / "00002.tar", 3)  # the name in a header
    flip(cache / "shards" / "00003.index", 200)
    made = prepare(videos[0], cache, verify=True)
    assert list(made.damaged) == [
        "00001.tar is damaged; its videos: 4.mp4",
        "00002.tar is damaged",
        "index 00003.index is damaged",
    ]
    assert f"{made.damaged[0]}; the shard is made again" in caplog.text
    assert content(cache) == expected
    assert prepare(videos[0], cache, verify=True).damaged == []


def test_verify__cannot_repair_without_the_sources(cache, tmp_path):
    manifest = Manifest.read(cache / "manifest.parquet")
    gone = Manifest(manifest.table, root=tmp_path / "gone", cache=str(cache))
    assert prepare(gone, cache, verify=True).damaged == []
    flip(cache / "shards" / "00003.tar", 3)
    before = content(cache / "shards")
    with pytest.raises(
        DataError,
        match=r"cannot make shard 00003: none of its 1 videos is there \(the first: .*9.mp4\); "
        "bring them back and run the command again",
    ):
        prepare(gone, cache, verify=True)
    assert content(cache / "shards") == before


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"short_side": 64}, "was made with --short-side 32, and --short-side 64 is asked for"),
        ({"format": "h264"}, "was made with --format jpeg, and --format h264 is asked for"),
        ({"every": 2}, "made with --every 1, and --every 2 is asked for; leave it out to go on"),
        ({"flow": True}, "was made with --flow False, and --flow True is asked for"),
    ],
)
def test_prepare__refuses_other_settings(videos, cache, wanted, sentence):
    with pytest.raises(ConfigError, match=sentence):
        prepare(videos[0], cache, wanted=wanted)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"short_side": 8}, "short_side = 8 is not allowed: input should be greater than"),
        ({"every": 2, "flow": True}, "--every 2 leaves some out; use --every 1 or leave out"),
        ({"quality": 0}, "--quality 0 of jpeg: allowed is from 1 to 100; for lossless frames use"),
        ({"quality": "lossless"}, "--quality lossless of jpeg: .* use --format png"),
        ({"quality": "best"}, "--quality 'best' is neither a number nor lossless"),
        ({"format": "png", "quality": 9}, "png frames are always lossless, got quality 9"),
        ({"format": "h264", "quality": 80}, "of h264: allowed is from 1 to 51 .* or lossless"),
        ({"format": "gif"}, "format = 'gif' is not allowed: input should be 'jpeg', 'png' or"),
    ],
)
def test_prepare__refuses_what_does_not_go_together(videos, tmp_path, wanted, sentence):
    with pytest.raises(ConfigError, match=sentence):
        prepare(videos[0], tmp_path / "cache", wanted=wanted)
    assert not (tmp_path / "cache").exists()


def test_prepare__refuses_other_videos_and_other_folders(videos, cache, tmp_path):
    other = Manifest(videos[0].table.slice(2), root=videos[0].root)
    with pytest.raises(DataError, match=r"was made of other videos than those of .*videos; choose"):
        prepare(other, cache)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    with pytest.raises(ConfigError, match="is neither a prepared cache nor an empty folder"):
        prepare(other, tmp_path / "full")
    gone = Manifest(videos[0].table, root=tmp_path / "gone")
    with pytest.raises(DataError, match="cannot make the cache: none of its 10 videos is there"):
        prepare(gone, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_prepare__refuses_to_start_without_room(videos, tmp_path, monkeypatch):
    with pytest.raises(WriteError, match=r"needs about 2000000.00 GB more and the disk of .* has"):
        check_room(Estimate(1, 1, 1.0, 2 * 10**15), tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 9))
    with pytest.raises(WriteError, match="free space, choose another --out, or make it smaller"):
        prepare(videos[0], tmp_path / "cache", wanted=SMALL)
    assert not (tmp_path / "cache").exists()


def test_prepare__goes_on_past_broken_videos(
    manifest_of, bars, tmp_path, hard_videos, cut_short, damaged
):
    gone = barcode_video(tmp_path / "gone.mp4", 20)
    changed = barcode_video(tmp_path / "changed.mp4", 20)
    single = hard_videos / "testsrc2_mpeg4.mp4"
    manifest = manifest_of(gone, changed, cut_short, damaged, single, bars[20])
    gone.unlink()
    barcode_video(changed, 20, size=(64, 64))
    made = prepare(manifest, tmp_path / "cache", wanted={"short_side": 32, "format": "h264"})
    assert made.cut_short == {"cut_short.mp4": 28}
    assert set(made.failed) == {"gone.mp4", "changed.mp4", "testsrc2_mpeg4.mp4"}
    assert made.failed["changed.mp4"].startswith("changed.mp4 has changed since it was scanned")
    assert made.failed["testsrc2_mpeg4.mp4"] == "it has 1 frame(s), and at least 2 are needed"
    assert made.num_frames == 28 + 100 + 20


def test_prepare__spills_long_videos_to_disk(videos, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("semivideo.data.cache.sections._IN_MEMORY", 1000)
    prepare(videos[0], tmp_path / "again" / "cache", wanted=SMALL)
    assert content(tmp_path / "again" / "cache" / "shards") == content(cache / "shards")


def test_prepare__cuts_shards_of_a_handy_size(videos, tmp_path, monkeypatch):
    form = prepare(videos[0], tmp_path / "one", wanted={"short_side": 32}).form
    assert (form.videos_per_shard, form.num_shards) == (1024, 1)
    monkeypatch.setattr(preparing, "_SHARD_BYTES", 1.0)
    assert prepare(videos[0], tmp_path / "ten").form.videos_per_shard == 1


def test_prepare__names_the_frames_of_a_video_as_decoding_does(videos, tmp_path):
    manifest = videos[0]
    prepare(manifest, tmp_path / "cache", wanted={"format": "png", "every": 3, "short_side": 32})
    frames = Cache(cached_manifest(tmp_path / "cache"), short_side=32).frames(5)
    numbers = np.array([0, 1, 3, 33, 34])
    video = manifest[5]
    options = {"frames": video.frames, "rotation": video.rotation, "short_side": 32}
    expected = read_frames(manifest.absolute(5), numbers // 3 * 3, **options)
    assert (frames[numbers] == expected).all()


def test_estimate__is_within_15_percent_on_real_video(tmp_path, monkeypatch):
    folder = REAL / "utd-mhad" / "videos"
    if not folder.is_dir():
        pytest.skip(f"no real video in {folder}")
    monkeypatch.setattr("semivideo.data.cache.estimate._NUM_DRAWS", 12)
    manifest = scan(folder)
    some = Manifest(manifest.table.take(list(range(0, 861, 12))), root=manifest.root)
    estimates = []
    made = prepare(
        some, tmp_path / "cache", wanted={"short_side": 64}, on_estimate=estimates.append
    )
    assert len(some) == 72
    assert estimates[0].num_bytes == pytest.approx(made.num_bytes, rel=0.15)
