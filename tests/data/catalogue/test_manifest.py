"""A manifest gives back what was put in, at any size, from anywhere, or a sentence."""

import pickle
import shutil
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semivideo.base.errors import DataError
from semivideo.base.records import FrameTable, Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.manifest_file import SCHEMA, SEGMENT_COLUMNS


def video(path="a/x.mp4", *, label="a", group=None, pts=(0, 512, 1024), error=None, rate=30.0):
    times = np.array(pts, dtype=np.int64)
    is_keyframe = np.arange(len(times)) % 2 == 0
    frames = FrameTable(times, is_keyframe, Fraction(1, 15360), is_exact=error is None)
    return Video(path, path, label, group, 320, 240, rate, 90, frames, error)


@pytest.fixture
def manifest(tmp_path):
    (tmp_path / "videos").mkdir()
    rows = [
        video("a/x.mp4", group="g1"),
        video("b/y \xfc.mp4", label="b", pts=(-512, 0, 768, 1280), rate=0.0),
        video("z.mp4", label=None, pts=(), error="it is empty"),
        video("b/w.mp4", label="b", pts=(7,)),
    ]
    subsets = ["train", "test", None, "train"]
    return Manifest.from_videos(rows, root=tmp_path / "videos", subsets=subsets)


def test_manifest__columns(manifest):
    assert len(manifest) == 4
    assert manifest.ids == ["a/x.mp4", "b/y \xfc.mp4", "z.mp4", "b/w.mp4"]
    assert manifest.labels == ["a", "b", None, "b"]
    assert manifest.groups == ["g1", None, None, None]
    assert manifest.subsets == ["train", "test", None, "train"]
    assert manifest.classes == ["a", "b"]
    assert manifest.usable.tolist() == [True, True, False, True]
    assert manifest.num_frames.tolist() == [3, 4, 0, 1]


def test_manifest__row_is_the_video_that_went_in(manifest, tmp_path):
    manifest.write(tmp_path / "m.parquet")
    for source in (manifest, Manifest.read(tmp_path / "m.parquet")):
        found = source[1]
        expected = video("b/y \xfc.mp4", label="b", pts=(-512, 0, 768, 1280), rate=0.0)
        for name in Video.__slots__:
            if name != "frames":
                assert getattr(found, name) == getattr(expected, name)
        np.testing.assert_array_equal(found.frames.pts, expected.frames.pts)
        np.testing.assert_array_equal(found.frames.is_keyframe, expected.frames.is_keyframe)
        assert found.frames.time_base == Fraction(1, 15360)
        assert found.frames.is_exact
        assert source[2].error == "it is empty"
        assert source[-1].id == "b/w.mp4"


def test_manifest__durations_equal_those_of_rows(manifest):
    joined = Manifest(pa.concat_tables([manifest.table, manifest.table[2:]]), root=manifest.root)
    expected = [joined[row].duration_seconds for row in range(6)]
    np.testing.assert_allclose(joined.durations_seconds, expected)
    assert expected[0] == pytest.approx(1024 / 15360 + 1 / 30)


def test_manifest__rows_and_paths(manifest):
    assert manifest.row_of("b/w.mp4") == 3
    assert manifest.absolute(3) == manifest.root / "b/w.mp4"
    with pytest.raises(DataError, match=r"has no video 'w.mp4'; scan the folder again if the file"):
        manifest.row_of("w.mp4")
    assert manifest.rows_of(["z.mp4", "a/x.mp4"]).tolist() == [2, 0]
    assert manifest.find(["b/w.mp4", "w.mp4"]).tolist() == [3, -1]
    assert manifest.find([]).tolist() == []
    with pytest.raises(DataError, match=r"has no video 'w.mp4'; scan the folder again if the"):
        manifest.rows_of(["z.mp4", "w.mp4"])
    with pytest.raises(IndexError, match="manifest has 4 rows, got row 4"):
        manifest[4]


def test_manifest__without_rows(tmp_path):
    empty = Manifest(SCHEMA.empty_table(), root=tmp_path)
    assert (len(empty), empty.classes, empty.ids) == (0, [], [])
    assert empty.num_frames.shape == empty.usable.shape == empty.durations_seconds.shape == (0,)


def test_manifest__moves_with_videos_below_it(manifest, tmp_path):
    manifest.write(tmp_path / "m.parquet")
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.move(tmp_path / "videos", moved / "videos")
    shutil.move(tmp_path / "m.parquet", moved / "m.parquet")
    assert Manifest.read(moved / "m.parquet").root == moved / "videos"


def test_manifest__root_elsewhere_is_absolute_and_missed(manifest, tmp_path):
    file = tmp_path / "other" / "m.parquet"
    manifest.write(file)
    assert Manifest.read(file).root == tmp_path / "videos"
    (tmp_path / "videos").rmdir()
    with pytest.raises(
        DataError, match=r"videos of m.parquet were in .*videos, which does not exi"
    ):
        Manifest.read(file)


@pytest.mark.parametrize("place", ["prepared", "prepared/../prepared", "s3://bucket/cache"])
def test_manifest__with_a_cache_needs_no_videos(manifest, tmp_path, place):
    is_folder = "://" not in place
    cache = str(tmp_path / place) if is_folder else place
    cached = Manifest(manifest.table, root=manifest.root, cache=cache)
    assert cached.cache == (str(tmp_path / "prepared") if is_folder else place)
    cached.write(tmp_path / "prepared" / "m.parquet")
    (tmp_path / "videos").rmdir()
    found = Manifest.read(tmp_path / "prepared" / "m.parquet")
    assert (found.cache, found.root) == (cached.cache, tmp_path / "videos")
    assert found.ids == manifest.ids


def test_manifest__moves_with_the_cache_it_lies_in(manifest, tmp_path):
    (tmp_path / "cache").mkdir()
    cached = Manifest(manifest.table, root=manifest.root, cache=str(tmp_path / "cache"))
    cached.write(tmp_path / "cache" / "m.parquet")
    shutil.move(tmp_path / "cache", tmp_path / "moved")
    moved = Manifest.read(tmp_path / "moved" / "m.parquet")
    assert moved.cache == str(tmp_path / "moved")
    moved.write(tmp_path / "run" / "m.parquet")
    assert Manifest.read(tmp_path / "run" / "m.parquet").cache == moved.cache


def test_manifest__bad_files(tmp_path):
    file = tmp_path / "m.parquet"
    with pytest.raises(DataError, match=r"there is no manifest .*; make it with: semivideo scan V"):
        Manifest.read(file)
    file.write_text("hello")
    with pytest.raises(DataError, match=r"no readable parquet file \(.*\); delete it and make it"):
        Manifest.read(file)
    pq.write_table(pa.table({"id": ["a"]}), file)
    with pytest.raises(DataError, match="is not a manifest of this version of semivideo; delete"):
        Manifest.read(file)


def test_manifest__format_1_is_still_read(manifest, tmp_path):
    """That format had the times of all frames, and lacked columns that came later."""
    later = ("num_frames", "keyframes_repeat", *SEGMENT_COLUMNS, "is_verified")
    names = [name for name in SCHEMA.names if name not in later]
    columns = {name: manifest.table[name].to_pylist() for name in names}
    columns["pts"] = [manifest[row].frames.pts for row in range(4)]
    columns["keyframes"] = [np.flatnonzero(manifest[row].frames.is_keyframe) for row in range(4)]
    schema = pa.schema([SCHEMA.field(name) for name in names])
    header = {"semivideo": '{"format": 1, "root": "videos"}'}
    table = pa.table(columns, schema=schema).replace_schema_metadata(header)
    pq.write_table(table, tmp_path / "m.parquet")
    found = Manifest.read(tmp_path / "m.parquet")
    assert found.root == manifest.root
    assert found.table.equals(manifest.table)


def test_manifest__keeps_even_times_in_two_numbers(tmp_path):
    regular = video(pts=range(0, 512 * 300, 512))
    manifest = Manifest.from_videos([regular, video("b", pts=(0, 1, 5))], root=tmp_path)
    assert manifest.table["pts"].to_pylist() == [[0, 512], [0, 1, 5]]
    assert manifest.num_frames.tolist() == [300, 3]
    np.testing.assert_array_equal(manifest[0].frames.pts, regular.frames.pts)
    np.testing.assert_array_equal(manifest[0].frames.is_keyframe, regular.frames.is_keyframe)
    expected = [manifest[row].duration_seconds for row in range(2)]
    np.testing.assert_allclose(manifest.durations_seconds, expected)
    assert expected[0] == pytest.approx(512 * 299 / 15360 + 1 / 30)


def test_manifest__travels_to_another_process(manifest):
    copy = pickle.loads(pickle.dumps(manifest))
    assert copy.ids == manifest.ids
    np.testing.assert_array_equal(copy[0].frames.pts, manifest[0].frames.pts)


def test_manifest__opens_many_rows_without_an_object_each(tmp_path):
    """A hundred thousand rows open, and answer for one, faster than they could be made objects."""
    one = Manifest.from_videos([video()], root=tmp_path).table
    Manifest(pa.concat_tables([one] * 100_000).combine_chunks(), root=tmp_path).write(
        tmp_path / "m"
    )
    many = Manifest.read(tmp_path / "m")
    assert many.num_frames.sum() == 300_000
    assert many.usable.all()
    assert many[99_999].num_frames == 3


def test_read__counts_the_videos_first(manifest, tmp_path, monkeypatch):
    """A megabyte of equal rows unpacks to gigabytes."""
    manifest.write(tmp_path / "m.parquet")
    monkeypatch.setenv("SEMIVIDEO_MAX_VIDEOS", "3")
    sentence = (
        r"^cannot use m.parquet: it asks for 4 videos, and max_videos is 3; if that is right, set "
        r"the environment variable SEMIVIDEO_MAX_VIDEOS higher, else leave it out$"
    )
    with pytest.raises(DataError, match=sentence):
        Manifest.read(tmp_path / "m.parquet")
