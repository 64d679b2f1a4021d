"""Segments of a file are rows that share what the file was looked at for, once."""

import logging
import pickle

import numpy as np
import pyarrow.parquet as pq
import pytest

from semivideo.base.errors import DataError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.rows import rows_of_entries, rows_of_files
from semivideo.data.catalogue.scanning import report, scan
from semivideo.data.video import decode, probing
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.container import opened
from semivideo.events.label_row import LabelRow

RAGGED = [0, *np.cumsum(np.random.default_rng(0).integers(300, 700, size=299)).tolist()]


@pytest.fixture
def folder(tmp_path):
    """Two files of 100 frames at 25 a second."""
    (tmp_path / "videos").mkdir()
    for name in "ab":
        barcode_video(tmp_path / f"videos/{name}.mp4", 100)
    return tmp_path / "videos"


def listed(folder, *rows, header="path,label,start,end"):
    (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


@pytest.fixture
def looks(monkeypatch):
    """Files that are opened, once for each time."""
    names = []
    real = decode.probe
    monkeypatch.setattr(decode, "probe", lambda path: names.append(path.name) or real(path))
    return names


def test_scan__reads_segments_as_rows(folder):
    listed(folder, "b.mp4,bowl,1,3", "a.mp4,bowl,2.0,4.0", "a.mp4,wave,0.0,2.0")
    found = scan(folder)
    assert found.ids == ["a.mp4#0.000-2.000", "a.mp4#2.000-4.000", "b.mp4#1.000-3.000"]
    assert found.labels == ["wave", "bowl", "bowl"]
    assert found.num_frames.tolist() == [50, 50, 50]
    assert [found[row].first_frame for row in range(3)] == [0, 50, 25]
    assert found.durations_seconds.tolist() == pytest.approx([2.0, 2.0, 2.0])
    assert found.absolute(1) == folder / "a.mp4"
    assert (report(found).num_segments, report(found).num_segmented) == (3, 2)


def test_scan__keeps_a_files_segments_in_one_group(folder):
    listed(folder, "a.mp4,x,0,1", "a.mp4,y,1,2", "a.mp4,x,,", "b.mp4,y,,")
    found = scan(folder)
    assert found.ids == ["a.mp4", "a.mp4#0.000-1.000", "a.mp4#1.000-2.000", "b.mp4"]
    assert found.groups == ["a.mp4", "a.mp4", "a.mp4", None]
    assert found[0].segment is None
    listed(folder, "a.mp4,x,0,1,anna", "a.mp4,y,1,2,", header="path,label,start,end,group")
    assert scan(folder).groups[:2] == ["anna", "a.mp4"]
    assert scan(folder).ids[2] == "b.mp4"


def test_scan__a_bad_segment_is_a_row_with_a_reason(folder, caplog):
    listed(folder, "a.mp4,x,3,1", "a.mp4,y,9,12", "a.mp4,x,1,1.01", "a.mp4,y,-1.5,2", "a.mp4,x,2,9")
    (folder / "b.mp4").write_text("no video")
    listed_too = (folder / "labels.csv").read_text() + "b.mp4,y,0,1\nb.mp4,y,1,2\n"
    (folder / "labels.csv").write_text(listed_too)
    with caplog.at_level(logging.WARNING):
        found = scan(folder)
    assert found.usable.tolist() == [False, False, True, False, False, False, False]
    reasons = dict(report(found).unreadable)
    assert "it ends at 1 s and starts at 3 s" in reasons["a.mp4#3.000-1.000"]
    assert "starts at 9 s and the video ends at 4.000 s" in reasons["a.mp4#9.000-12.000"]
    assert "it is no video file" in reasons["b.mp4#1.000-2.000"]
    assert found.num_frames.tolist() == [0, 0, 50, 0, 0, 0, 0]
    assert "1 segments end after their video, the first is a.mp4#2.000-9.000" in caplog.text


def test_scan__opens_the_file_of_a_thousand_segments_once(folder, looks, monkeypatch, tmp_path):
    demuxed = []
    monkeypatch.setattr(probing, "opened", lambda path: demuxed.append(path.name) or opened(path))
    rows = [f"a.mp4,{'xy'[i % 2]},{i / 1000},{i / 1000 + 1}" for i in range(1000)]
    (folder / "b.mp4").unlink()
    found = scan(listed(folder, *rows), out=tmp_path / "m.parquet")
    assert len(found) == 1000
    assert looks == ["a.mp4"]
    assert demuxed == ["a.mp4"]
    again = scan(folder, out=tmp_path / "m.parquet")
    assert looks == ["a.mp4"]
    assert again.table.equals(found.table)


def test_scan__takes_up_a_file_whose_segments_are_others_now(folder, looks, tmp_path):
    out = tmp_path / "m.parquet"
    scan(listed(folder, "a.mp4,x,9,12", "b.mp4,y,0,1"), out=out)
    found = scan(listed(folder, "a.mp4,x,1,2", "a.mp4,y,,"), out=out)
    assert sorted(looks) == ["a.mp4", "b.mp4"]
    assert found.ids == ["a.mp4", "a.mp4#1.000-2.000", "b.mp4"]
    assert found.num_frames.tolist() == [100, 25, 100]
    assert found.usable.all()
    expected = scan(folder)
    assert found.table.equals(expected.table)


def test_manifest__segments_share_one_table_of_frames(tmp_path):
    """Of ten thousand segments of a file with uneven times, each frame's time is stored once."""
    path = barcode_video(tmp_path / "a.mp4", 300, times=RAGGED)
    entries = [
        LabelRow("a.mp4", "x", start_seconds=i / 1000, end_seconds=i / 1000 + 1)
        for i in range(10_000)
    ]
    whole = Manifest(scan(tmp_path).table, root=tmp_path)
    found = Manifest(rows_of_entries(whole.table, entries), root=tmp_path)
    assert len(found.table["pts"].combine_chunks().values) == 300
    assert len({id(found[row].frames) for row in range(0, 10_000, 100)}) == 1
    np.testing.assert_array_equal(found[7].frames.pts, decode.probe(path).frames.pts)
    found.write(tmp_path / "m.parquet")
    assert (tmp_path / "m.parquet").stat().st_size < 600_000
    back = Manifest.read(tmp_path / "m.parquet")
    assert back.table.equals(found.table)
    assert back[9_000].segment == found[9_000].segment
    np.testing.assert_allclose(back[7].seconds, found[7].seconds)


def test_manifest__of_segments_goes_through_rows_files_and_processes(folder):
    found = scan(listed(folder, "a.mp4,x,0,1", "a.mp4,y,1,2", "b.mp4,y,1,9"))
    videos = [found[row] for row in range(3)]
    again = Manifest.from_videos(videos, root=folder)
    assert again.table["pts"].to_pylist() == found.table["pts"].to_pylist()
    copy = pickle.loads(pickle.dumps(found))
    for row, video in enumerate(videos):
        for other in (again[row], copy[row]):
            assert (other.id, other.segment) == (video.id, video.segment)
            np.testing.assert_array_equal(other.frames.pts, video.frames.pts)
    cut = Manifest(found.table.slice(1), root=folder)
    with pytest.raises(DataError, match=r"no row of this manifest has the times of a.mp4; scan it"):
        cut[0]


def test_manifest__without_segments_is_written_as_before(folder, tmp_path):
    """Format 2, without the columns of segments, so that prepared caches keep their bytes."""
    scan(folder, out=tmp_path / "m.parquet")
    with pq.ParquetFile(tmp_path / "m.parquet") as file:
        assert b'"format": 2' in file.schema_arrow.metadata[b"semivideo"]
        assert "start_seconds" not in file.schema_arrow.names
    scan(listed(folder, "a.mp4,x,0,1"), out=tmp_path / "m.parquet")
    with pq.ParquetFile(tmp_path / "m.parquet") as file:
        assert b'"format": 3' in file.schema_arrow.metadata[b"semivideo"]


def test_rows_of_entries__refuses_a_segment_twice(folder):
    files = rows_of_files(scan(folder).table)
    entries = [LabelRow("a.mp4", label, start_seconds=1.0, end_seconds=2.0) for label in "xy"]
    with pytest.raises(DataError, match=r"'a.mp4#1.000-2.000' is named twice; remove one of its"):
        rows_of_entries(files, entries)
