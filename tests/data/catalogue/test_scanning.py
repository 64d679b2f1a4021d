"""A scan looks at each file once, survives bad files and kills, and adds up."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from semivideo.base.errors import DataError, WriteError
from semivideo.data.catalogue import manifest_file, scanning
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.scanning import ClassCount, report, scan
from semivideo.data.video import decode, verifying
from semivideo.data.video.barcodes import barcode_video

HARD = Path(__file__).parents[3].parent / "shared" / "data" / "hard-videos"


def write_video(
    path: Path, *, num_frames: int = 5, rate: int = 10, width: int = 48, height: int = 32
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height = width, height
        for value in range(num_frames):
            picture = np.full((height, width, 3), value, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def videos(tmp_path):
    root = tmp_path / "videos"
    for name, num_frames in (("a/x.mp4", 5), ("a/y.mp4", 8), ("b/x.mp4", 70)):
        write_video(root / name, num_frames=num_frames)
    (root / "b" / "empty.mp4").touch()
    (root / "b" / "text.mp4").write_text("not a video")
    return root


@pytest.fixture
def probed(monkeypatch):
    """Names of the files that are opened."""
    opened = []
    real = decode.probe
    monkeypatch.setattr(decode, "probe", lambda path: opened.append(path.name) or real(path))
    return opened


def test_scan__rows_and_report(videos):
    manifest = scan(videos, workers=2)
    assert manifest.ids == ["a/x.mp4", "a/y.mp4", "b/empty.mp4", "b/text.mp4", "b/x.mp4"]
    assert manifest.num_frames.tolist() == [5, 8, 0, 0, 70]
    first = manifest[0]
    assert (first.width, first.height, first.frame_rate, first.label) == (48, 32, 10.0, "a")
    found = report(manifest)
    assert (found.num_videos, found.num_classes, found.num_labeled) == (5, 2, 5)
    assert found.hours == pytest.approx((0.5 + 0.8 + 7.0) / 3600)
    assert found.num_short == 2
    assert report(manifest, window_frames=6).num_short == 1
    assert [id for id, _ in found.unreadable] == ["b/empty.mp4", "b/text.mp4"]
    assert all("re-encode it or leave it out" in reason for _, reason in found.unreadable)


def test_scan__table_does_not_depend_on_workers(videos):
    assert scan(videos, workers=1).table.equals(scan(videos, workers=4).table)


def test_scan__table_does_not_depend_on_chunks(videos, tmp_path, monkeypatch):
    expected = scan(videos).table
    monkeypatch.setattr("semivideo.data.catalogue.scanning._CHUNK", 2)
    monkeypatch.setattr("semivideo.data.catalogue.scanning._SAVE_EVERY_SECONDS", 0.0)
    found = scan(videos, out=tmp_path / "m.parquet").table
    assert found.equals(expected)
    assert found["pts"].num_chunks == 1


def test_scan__writes_nothing_but_out(videos, tmp_path):
    before = sorted(p for p in tmp_path.rglob("*"))
    scan(videos)
    scan(videos, out=tmp_path / "m.parquet")
    assert sorted(p for p in tmp_path.rglob("*")) == sorted([*before, tmp_path / "m.parquet"])


def test_scan__second_time_opens_what_changed(videos, tmp_path, probed):
    out = tmp_path / "m.parquet"
    first = scan(videos, out=out)
    probed.clear()
    write_video(videos / "a/new.mp4")
    write_video(videos / "a/y.mp4", num_frames=9)
    (videos / "b/x.mp4").rename(videos / "c.mp4")
    again = scan(videos, out=out)
    assert sorted(probed) == ["c.mp4", "empty.mp4", "new.mp4", "text.mp4", "y.mp4"]
    assert again.ids == ["a/new.mp4", "a/x.mp4", "a/y.mp4", "b/empty.mp4", "b/text.mp4", "c.mp4"]
    assert again.num_frames.tolist() == [5, 5, 9, 0, 0, 70]
    np.testing.assert_array_equal(again[1].frames.pts, first[0].frames.pts)
    assert Manifest.read(out).table.equals(again.table)


def test_scan__looks_anew_at_what_an_earlier_version_saw(videos, tmp_path, probed, monkeypatch):
    out = tmp_path / "m.parquet"
    monkeypatch.setattr(manifest_file, "PROBE", 1)
    first = scan(videos, out=out)
    monkeypatch.undo()
    assert Manifest.read(out).table.equals(first.table)  # it is still read
    with monkeypatch.context() as patch:
        patch.setattr(scanning, "_probed", lambda *_, **__: pytest.fail("must look"))
        with pytest.raises(pytest.fail.Exception, match="must look"):
            scan(videos, out=out)


def test_report__hours_leave_out_gaps_in_a_clock(tmp_path):
    times = [*range(50), *range(10**6, 10**6 + 50)]
    barcode_video(tmp_path / "a.mp4", 100, times=times, frame_rate=25)
    assert report(scan(tmp_path)).hours == pytest.approx(4 / 3600)


def test_scan__new_labels_need_no_new_look(videos, tmp_path, probed):
    scan(videos, out=tmp_path / "m.parquet")
    probed.clear()
    (videos / "labels.csv").write_text("path,label,group\na/x.mp4,wave,tom\nb/x.mp4,run,\n")
    manifest = scan(videos, out=tmp_path / "m.parquet")
    assert sorted(probed) == ["empty.mp4", "text.mp4"]
    assert manifest.labels == ["wave", None, None, None, "run"]
    assert manifest.groups[0] == "tom"


def test_scan__progress_counts_to_the_end(videos, tmp_path):
    calls = []
    scan(videos, out=tmp_path / "m", progress=lambda *told: calls.append(told[1:3]))
    assert calls == [(done, 5) for done in range(6)]
    calls.clear()
    scan(videos, out=tmp_path / "m", progress=lambda *told: calls.append(told[1:3]))
    assert calls == [(3, 5), (4, 5), (5, 5)]


def test_scan__continues_after_ctrl_c(videos, tmp_path, probed):
    def stop(what: str, done: int, total: int, extra: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(videos, out=tmp_path / "m.parquet", workers=1, progress=stop)
    assert [p.name for p in tmp_path.glob("m.*")] == ["m.parquet.partial"]
    probed.clear()
    manifest = scan(videos, out=tmp_path / "m.parquet")
    assert sorted(probed) == ["empty.mp4", "text.mp4", "x.mp4"]
    assert manifest.table.equals(scan(videos).table)
    assert [p.name for p in tmp_path.glob("m.*")] == ["m.parquet"]


SLOW_SCAN = """
import sys, time
from pathlib import Path
from semivideo.data.video import decode, verifying
from semivideo.data.catalogue import scanning as scan
real = decode.probe
decode.probe = lambda path: time.sleep(0.02) or real(path)
scan._CHUNK, scan._SAVE_EVERY_SECONDS, scan._SAVE_SHARE = 2, 0.0, 1.0
scan.scan(Path(sys.argv[1]), out=Path(sys.argv[2]), workers=1)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_scan__continues_after_kill(tmp_path, probed, limited):
    """Killed at an arbitrary moment: no half file, and what was written is not looked at again."""
    first = write_video(tmp_path / "videos/a/00.mp4")
    for number in range(1, 60):
        (tmp_path / f"videos/a/{number:02d}.mp4").write_bytes(first.read_bytes())
    out = tmp_path / "m.parquet"
    partial = tmp_path / "m.parquet.partial"
    command = [sys.executable, "-c", SLOW_SCAN, str(tmp_path / "videos"), str(out)]
    process = limited(subprocess.Popen(command))
    while not partial.exists() or len(Manifest.read(partial)) < 4:
        assert process.poll() is None, "it ended, or was ended, before it wrote four rows"
        time.sleep(0.01)
    process.kill()
    process.wait()
    num_saved = len(Manifest.read(partial))
    assert 4 <= num_saved < 60
    assert not out.exists()
    manifest = scan(tmp_path / "videos", out=out)
    assert len(probed) == 60 - num_saved
    assert manifest.num_frames.tolist() == [5] * 60


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read anything")
def test_scan__file_without_rights_is_a_row_with_a_reason(videos):
    (videos / "a/x.mp4").chmod(0)
    assert scan(videos)[0].error is not None


def test_scan__link_to_nowhere_is_a_row_with_a_reason(videos):
    (videos / "a" / "gone.mp4").symlink_to(videos / "nowhere.mp4")
    row = scan(videos)[0]
    assert row.id == "a/gone.mp4"
    assert row.error.startswith("cannot open ")
    assert row.error.endswith("a/gone.mp4: No such file or directory; check the path")


def test_scan__does_not_overwrite_other_files(videos, tmp_path):
    (tmp_path / "labels.csv").write_text("path,label")
    with pytest.raises(DataError, match=r"labels.csv exists and is not a manifest that a scan co"):
        scan(videos, out=tmp_path / "labels.csv")
    with pytest.raises(DataError, match=r"videos is a folder; give the name of a file, such as"):
        scan(videos, out=videos)
    assert (tmp_path / "labels.csv").read_text() == "path,label"


def test_scan__place_that_cannot_be_written_shows_before_the_work(videos, tmp_path, probed):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"cannot write .* or choose another place"):
        scan(videos, out=tmp_path / "file" / "m.parquet")
    assert probed == []


def test_scan__manifest_of_another_folder_is_made_anew(videos, tmp_path, probed):
    write_video(tmp_path / "others/a/x.mp4")
    scan(tmp_path / "others", out=tmp_path / "m.parquet")
    manifest = scan(videos, out=tmp_path / "m.parquet")
    assert manifest.root == videos
    assert len(probed) == 1 + 5


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ({"num_frames": 1}, "it has 1 frame(s), and at least 2 are needed"),
        ({"width": 64, "height": 2}, "its frames have 64x2 pixels, and at least 8x8 are needed"),
        ({"num_frames": 2, "width": 8, "height": 8}, None),
    ],
)
def test_scan__tells_what_can_be_read_and_not_cut_into_clips(tmp_path, size, reason):
    write_video(tmp_path / "x.mp4", **size)
    manifest = scan(tmp_path)
    assert manifest[0].error is None
    assert report(manifest).unfit == ((("x.mp4", reason),) if reason else ())


@pytest.mark.skipif(not HARD.is_dir(), reason="needs the videos in ../shared/data/hard-videos")
def test_scan__hard_videos_are_all_usable():
    with (HARD / "expected.csv").open(newline="") as file:
        expected = {row["file"]: row for row in csv.DictReader(file)}
    manifest = scan(HARD)
    assert manifest.ids == sorted(expected)
    assert report(manifest).unreadable == ()
    for row, id in enumerate(manifest.ids):
        found = manifest[row]
        size = {int(expected[id]["width"]), int(expected[id]["height"])}
        assert {found.width, found.height} == size, id


@pytest.mark.parametrize(
    ("codec", "format", "ending"),
    [
        *(("mpeg2video", "mpegts", "mts"), ("mpeg2video", "vob", "VOB"), ("wmv2", "asf", "wmv")),
        *(("libx264", "h264", "h264"), ("mjpeg", "mjpeg", "mjpeg"), ("mpeg2video", "mxf", "mxf")),
        *(("mpeg4", "3g2", "3g2"), ("mpeg1video", "mpeg", "MPG"), ("libtheora", "ogg", "ogv")),
    ],
)
def test_scan__reads_containers_of_cameras_and_players(tmp_path, codec, format, ending):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    file = tmp_path / "wave" / f"x.{ending}"
    file.parent.mkdir()
    with av.open(str(file), "w", format=format) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 176, 144
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for value in range(12):
            picture = np.full((144, 176, 3), 20 * value, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    manifest = scan(tmp_path)
    assert (manifest.ids, manifest.labels) == ([f"wave/x.{ending}"], ["wave"])
    assert manifest.num_frames.tolist() == [12]


def test_report__counts_classes_by_side(tmp_path):
    for name in ("train/wave/1", "train/wave/2", "test/wave/1", "train/bowl/1", "unlabeled/x"):
        write_video(tmp_path / f"{name}.mp4")
    found = report(scan(tmp_path))
    assert found.classes == (ClassCount("bowl", train=1), ClassCount("wave", train=2, test=1))
    assert found.unlabeled == ClassCount("", train=1)


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that are decoded whole."""
    found = []
    real = verifying.verified
    monkeypatch.setattr(
        verifying, "verified", lambda path, told: found.append(path.name) or real(path, told)
    )
    return found


def test_scan__verify_decodes_each_file_once(videos, tmp_path, decoded):
    out = tmp_path / "m.parquet"
    plain = scan(videos, out=out)
    assert report(plain).num_verified == 0
    manifest = scan(videos, out=out, verify=True)
    assert sorted(decoded) == ["x.mp4", "x.mp4", "y.mp4"]
    assert report(manifest).num_verified == 3
    assert manifest.table.drop_columns("is_verified").equals(
        plain.table.drop_columns("is_verified")
    )
    decoded.clear()
    write_video(videos / "a/y.mp4", num_frames=9)
    assert report(scan(videos, out=out)).num_verified == 2  # what is known stays so
    assert report(scan(videos, out=out, verify=True)).num_verified == 3
    assert decoded == ["y.mp4"]


def test_scan__verify_tells_of_a_file_without_frames(videos, monkeypatch):
    def nothing(path, found):
        raise DataError(f"cannot use {path.name}: none of its frames can be decoded")

    monkeypatch.setattr(verifying, "verified", nothing)
    found = report(scan(videos, verify=True))
    assert (found.num_verified, len(found.unreadable)) == (0, 5)
