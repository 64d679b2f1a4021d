"""One cache made by several processes is, byte for byte, the cache that one process makes."""

import os
import signal
import subprocess
import sys

import pytest

from semivideo.base.errors import ConfigError, DataError
from semivideo.data.cache.estimate import Estimate
from semivideo.data.cache.form import CacheForm, digest_of
from semivideo.data.cache.preparing import Work, prepare
from semivideo.data.cache.reader import Cache, cached_manifest
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.scanning import scan
from semivideo.data.video.barcodes import barcode_video

WANTED = {"short_side": 32, "videos_per_shard": 1}
JOB = """
import sys
from pathlib import Path
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.cache.preparing import prepare, Work
from semivideo.base.jobs import part_of_job
manifest, wanted = Manifest.read(Path(sys.argv[1])), {"short_side": 32, "videos_per_shard": 1}
print("ready", flush=True)
sys.stdin.readline()
made = prepare(manifest, Path(sys.argv[2]), wanted=wanted, work=Work(threads=1, part=part_of_job()))
print(len(made.missing), flush=True)
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A manifest of seven files, its file, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "videos").mkdir()
    for number in range(7):
        barcode_video(folder / "videos" / f"{number}.mp4", 10 + number)
    scan(folder / "videos", out=folder / "manifest.parquet")
    manifest = Manifest.read(folder / "manifest.parquet")
    prepare(manifest, folder / "one" / "cache", wanted=WANTED)
    return manifest, folder / "manifest.parquet", content(folder / "one" / "cache")


def content(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def started(manifest, out, rank, world_size):
    """A process that waits for a line."""
    env = os.environ | {"RANK": str(rank), "WORLD_SIZE": str(world_size)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", JOB, manifest, out], env=env, **pipes)


def test_prepare__by_three_processes_at_once_is_that_of_one(videos, tmp_path, limited):
    _, file, expected = videos
    out = tmp_path / "a" / "cache"
    jobs = [limited(started(file, out, rank, 3)) for rank in range(3)]
    for job in jobs:
        assert job.stdout.readline() == "ready\n"
    for job in jobs:
        job.stdin.write("go\n")
        job.stdin.flush()
    left = [int(job.communicate(timeout=120)[0]) for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0]
    assert 0 in left  # the last one to end finds nothing missing
    assert content(out) == expected


def test_prepare__completes_alone_what_a_dead_process_left(videos, tmp_path, limited):
    manifest, file, expected = videos
    out = tmp_path / "a" / "cache"
    job = limited(started(file, out, 1, 3))
    with job:
        job.stdout.readline()
        job.stdin.write("go\n")
        job.stdin.flush()
        while not (out / "shards").is_dir():  # it has begun the cache
            assert job.poll() is None
        job.send_signal(signal.SIGKILL)
    made = prepare(manifest, out, wanted=WANTED, work=Work(part=(0, 3)))
    assert {2, 5} <= set(made.missing)
    assert made.num_videos == made.form.num_videos - len(made.missing)
    with pytest.raises(DataError, match=r"is not finished: \d of its 7 shards are missing"):
        cached_manifest(out)
    assert prepare(manifest, out, wanted=WANTED).missing == []
    assert content(out / "shards") == content_of_shards(expected)  # and no leftovers


def content_of_shards(made):
    return {n.removeprefix("shards/"): c for n, c in made.items() if n.startswith("shards/")}


def test_prepare__of_a_part_tells_of_that_part(videos, tmp_path):
    told, estimates = [], []
    made = prepare(
        videos[0],
        tmp_path / "cache",
        wanted=WANTED,
        on_estimate=estimates.append,
        progress=lambda *what: told.append(what),
        work=Work(part=(1, 3)),
    )
    assert told == [("prepare", done, 2, "") for done in range(3)]
    assert (estimates[0].num_videos, estimates[0].num_frames) == (2, 11 + 14)
    assert estimates[0].num_bytes == pytest.approx(made.num_bytes, rel=0.2)
    assert (made.num_videos, made.num_frames, made.missing) == (2, 25, [0, 2, 3, 5, 6])
    again = prepare(videos[0], tmp_path / "cache", on_estimate=pytest.fail, work=Work(part=(1, 3)))
    assert again == made


def test_prepare__agrees_on_the_shards_of_the_first_one(videos, tmp_path, monkeypatch):
    """The second process has estimated another size when the first one's file appears."""
    manifest, out = videos[0], tmp_path / "cache"
    first = CacheForm.make(short_side=32, videos_per_shard=4, num_videos=7, videos="")
    first = first.model_copy(update={"videos": digest_of(manifest)})
    monkeypatch.setattr(
        "semivideo.data.cache.preparing.check_room", lambda *_: first.write(out, is_alone=False)
    )
    made = prepare(manifest, out, wanted={"short_side": 32}, work=Work(part=(1, 2)))
    assert (made.form.videos_per_shard, made.form.num_shards, made.missing) == (4, 2, [0])


def test_prepare__refuses_another_process_with_other_settings(videos, tmp_path):
    prepare(videos[0], tmp_path / "cache", wanted=WANTED, work=Work(part=(0, 2)))
    with pytest.raises(ConfigError, match="made with --short-side 32, and --short-side 64 is"):
        prepare(videos[0], tmp_path / "cache", wanted={"short_side": 64}, work=Work(part=(1, 2)))


def test_verify__is_shared_as_well(videos, tmp_path):
    out = tmp_path / "cache"
    prepare(videos[0], out, wanted=WANTED)
    for number in (1, 2):
        tar = out / "shards" / f"{number:05}.tar"
        tar.write_bytes(b"x" + tar.read_bytes()[1:])
    assert prepare(videos[0], out, verify=True, work=Work(part=(1, 2))).damaged == [
        "00001.tar is damaged"
    ]
    assert prepare(videos[0], out, verify=True, work=Work(part=(0, 2))).damaged == [
        "00002.tar is damaged"
    ]
    assert content(out / "shards") == content_of_shards(videos[2])


def test_estimate__of_a_part_keeps_the_rates():
    whole = Estimate(10, 1000, 50.0, 4000)
    assert whole.part(num_videos=3, num_frames=250) == Estimate(3, 250, 50.0, 1000)
    assert Estimate(0, 0, 1.0, 0).part(num_videos=0, num_frames=0).num_bytes == 0


def test_cache__of_parts_can_be_read(videos, tmp_path):
    for rank in range(2):
        prepare(videos[0], tmp_path / "cache", wanted=WANTED, work=Work(part=(rank, 2)))
    cache = Cache(cached_manifest(tmp_path / "cache"), short_side=32)
    assert [cache.frames(row).num_frames for row in range(7)] == list(range(10, 17))
