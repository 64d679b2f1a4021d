"""A cache behind an address gives the clips of the local folder, with few requests."""

import importlib.util
import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import numpy as np
import pytest
import torch
from fsspec.implementations.memory import MemoryFileSystem

from semivideo.base.errors import ConfigError, DataError, MissingExtraError
from semivideo.base.records import ClipSpec
from semivideo.data.cache.preparing import Work, prepare
from semivideo.data.cache.reader import Cache, cached_manifest
from semivideo.data.cache.remote import NEAR, RemoteCache, merged
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.loader import Streams, training_loader
from semivideo.settings import DataSettings

SPECS = {"primary": ClipSpec(2, 4), "flow": ClipSpec(2, 3, modality="flow", is_apart=True)}
# Workers may be started by forking a process that has threads by now; Python 3.12 warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("semivideo.data.cache.remote._WAIT_SECONDS", 0)
    return tmp_path / "home"


@pytest.fixture
def local(manifest_of, bars, tmp_path):
    """A cache of four videos in two shards."""
    wanted = {"short_side": 32, "videos_per_shard": 3, "flow": True}
    prepare(manifest_of(*bars.values()), tmp_path / "cache", wanted=wanted, work=Work(threads=2))
    return tmp_path / "cache"


@pytest.fixture
def url(local):
    """The same in memory, where files are easy to break."""
    memory = fsspec.filesystem("memory")
    memory.put(str(local), "/bucket/cache", recursive=True)
    yield "memory://bucket/cache"
    memory.rm("/bucket", recursive=True)


def reader(manifest, *, workers=0):
    settings = DataSettings(labeled_batch=2, unlabeled_batch=3, short_side=32, workers=workers)
    return ClipReader(manifest, SPECS, settings=settings)


def batches(reader):
    streams = Streams(labeled=[0, 2], labels=[1, 0], unlabeled=[0, 1, 2, 3])
    return list(training_loader(reader, streams, seed=0, num_steps=3))


def assert_same_batches(place, local, *, workers):
    found = batches(reader(cached_manifest(place), workers=workers))
    for one, two in zip(batches(reader(cached_manifest(local))), found, strict=True):
        for part in ("labeled", "unlabeled"):
            clips, same = getattr(one, part), getattr(two, part)
            assert torch.equal(clips.video, same.video)
            assert all(torch.equal(clips.frames[name], same.frames[name]) for name in SPECS)


def test_remote__gives_the_batches_of_the_local_folder(local, url):
    assert_same_batches(url, local, workers=0)


@pytest.mark.parametrize("workers", [0, 2])
def test_remote__gives_them_in_other_processes(local, workers):
    assert_same_batches(f"file://{local}", local, workers=workers)


def test_remote__gives_them_over_http(local):
    pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp, which is not installed")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = (local / self.path[1:]).read_bytes()
            given = self.headers.get("Range", f"bytes=0-{len(content) - 1}")
            first, last = map(int, given.removeprefix("bytes=").split("-"))
            part = content[first : last + 1]
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            self.end_headers()
            self.wfile.write(part)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            for workers in (0, 2):
                assert_same_batches(
                    f"http://127.0.0.1:{server.server_port}", local, workers=workers
                )
        finally:
            server.shutdown()


def test_remote__reads_a_clip_in_one_request(url, monkeypatch):
    frames = Cache(cached_manifest(url), short_side=32).frames(0)
    requests = []
    whole = MemoryFileSystem.cat_ranges

    def counted(self, paths, starts, ends, **options):
        requests.append(list(zip(starts, ends, strict=True)))
        return whole(self, paths, starts, ends, **options)

    monkeypatch.setattr(MemoryFileSystem, "cat_ranges", counted)
    frames[np.arange(0, 64, 4)]
    places = frames.pieces
    last = places[60]
    assert requests == [[(places["offset"][0], last["offset"] + last["size"])]]
    monkeypatch.setattr("semivideo.data.cache.remote.NEAR", 1)
    frames[np.array([3, 9, 9])]
    assert requests[1] == [
        (places["offset"][n], places["offset"][n] + places["size"][n]) for n in (3, 9)
    ]


@pytest.mark.parametrize(("gap", "num_runs"), [(NEAR - 1, 1), (NEAR, 2)])
def test_merged__reads_small_gaps_and_leaves_out_large_ones(gap, num_runs):
    assert len(merged([(0, 100), (100 + gap, 200 + gap)])) == num_runs
    assert merged([(50, 60), (0, 100)]) == [(0, 100)]


def test_remote__fetches_what_is_small_once(url, home, monkeypatch):
    fetched = []
    whole = MemoryFileSystem.cat_file

    def counted(self, path, start=None, end=None, **options):
        if start is None:
            fetched.append(path.rpartition("/")[2])
        return whole(self, path, start, end, **options)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", counted)
    for _ in range(2):
        clips = reader(cached_manifest(url))
        for row in (0, 1, 3):
            clips.training(row, 0)
    opened = ["cache.json", "manifest.parquet", "cache.json"]
    assert fetched == [*opened, "00000.index", "00001.index", *opened]
    [folder] = (home / "semivideo").iterdir()
    assert sorted(path.name for path in folder.rglob("*.*")) == [
        *("00000.index", "00001.index", "cache.json", "manifest.parquet")
    ]


def test_remote__sees_new_labels_and_new_settings(url, local, home):
    before = cached_manifest(url)
    column = before.table.schema.get_field_index("label")
    labels = [["run"] * 4]
    changed = before.table.set_column(column, before.table.schema.field(column), labels)
    Manifest(changed, root=before.root, cache=str(local)).write(local / "manifest.parquet")
    (local / "cache.json").write_text((local / "cache.json").read_text() + "\n")
    fsspec.filesystem("memory").put(f"{local}/", "/bucket/cache", recursive=True)
    assert (before.labels[0], cached_manifest(url).labels[0]) == (None, "run")
    assert len(list((home / "semivideo").iterdir())) == 2


def test_remote__is_where_the_manifest_says(url, tmp_path):
    manifest = cached_manifest(url + "/")
    assert manifest.cache == url
    manifest.write(tmp_path / "run.parquet")
    again = pickle.loads(pickle.dumps(reader(Manifest.read(tmp_path / "run.parquet"))))
    assert again.training(0, 0)["primary"].shape == (2, 3, 32, 52)


def broken(url, name, change):
    store = MemoryFileSystem.store[f"/bucket/cache/{name}"]
    content = bytearray(store.getvalue())
    store.seek(0)
    store.truncate()
    store.write(change(content))


def test_remote__names_what_is_damaged(url, home):
    frames = Cache(cached_manifest(url), short_side=32).frames(1)
    place = int(frames.pieces[7]["offset"]) + 40

    def flip(content):
        content[place] ^= 1
        return content

    broken(url, "shards/00000.tar", flip)
    with pytest.raises(
        DataError,
        match=r"stored frame 7 of 30.mp4 is damaged in memory://bucket/cache/shards/00000.tar; "
        rf"delete {home}/semivideo/\w+ and, if that does not help, copy the cache again",
    ):
        frames[np.array([6, 7])]
    broken(url, "shards/00000.tar", lambda content: content[:place])
    with pytest.raises(
        DataError, match=r"00000.tar gave \d+ bytes where \d+ were asked for: it is"
    ):
        frames[np.array([7])]


def test_remote__fetches_a_broken_copy_of_an_index_again(url, home):
    before = reader(cached_manifest(url)).training(0, 0)["primary"]
    [copy] = home.rglob("00000.index")
    copy.write_bytes(copy.read_bytes()[:-5])
    assert (reader(cached_manifest(url)).training(0, 0)["primary"] == before).all()
    broken(url, "shards/00001.index", lambda content: content[:-5])
    with pytest.raises(DataError, match=r"index 00001.index is damaged"):
        reader(cached_manifest(url)).training(3, 0)


def test_remote__refuses_a_cache_that_is_not_whole(url):
    fsspec.filesystem("memory").rm("/bucket/cache/shards/00001.index")
    with pytest.raises(
        DataError,
        match=r"cache memory://bucket/cache is not whole: 1 of its 2 shards are missing; finish",
    ):
        cached_manifest(url)


@pytest.mark.parametrize(
    ("place", "kind", "sentence"),
    [
        (
            "memory://nothing/here",
            DataError,
            r"cannot read memory://nothing/here/cache.json \(there is no such file or bucket\); "
            "check the address",
        ),
        ("foo://a", ConfigError, r"foo://a is no address that can be read \(Protocol not known"),
    ],
)
def test_remote__ends_a_wrong_address_in_a_sentence(place, kind, sentence):
    with pytest.raises(kind, match=sentence):
        RemoteCache(place)


def test_remote__names_the_package_of_an_address():
    if importlib.util.find_spec("s3fs"):
        pytest.skip("s3fs is installed")
    with pytest.raises(MissingExtraError, match=r"s3://b/c need one more package: Install s3fs"):
        RemoteCache("s3://b/c")


@pytest.mark.parametrize(("num_failures", "is_read"), [(3, True), (4, False)])
def test_remote__tries_again_when_the_network_is_gone(url, monkeypatch, num_failures, is_read):
    frames = Cache(cached_manifest(url), short_side=32).frames(0)
    expected = frames[np.array([5])]
    failures = iter([ConnectionResetError("gone")] * num_failures)
    whole = MemoryFileSystem.cat_ranges

    def unreliable(self, paths, *places, **options):
        error = next(failures, None)
        return [error] * len(paths) if error else whole(self, paths, *places, **options)

    monkeypatch.setattr(MemoryFileSystem, "cat_ranges", unreliable)
    if is_read:
        assert (frames[np.array([5])] == expected).all()
        return
    with pytest.raises(
        DataError,
        match=r"cannot read memory://.*00000.tar \(4 tries, ConnectionResetError: gone\); check",
    ):
        frames[np.array([5])]


def test_remote__does_not_try_again_without_access(url, monkeypatch):
    calls = []

    def denied(self, path, **_):
        calls.append(path)
        raise PermissionError("Forbidden")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", denied)
    with pytest.raises(DataError, match=r"cache.json \(access is denied: Forbidden\); check the"):
        cached_manifest(url)
    assert len(calls) == 1
