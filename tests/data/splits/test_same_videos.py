"""Which videos of one manifest are in another: by place, by bytes, or by what scans wrote down."""

import shutil
from pathlib import Path

import pytest

import semivideo
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import fingerprint
from semivideo.data.splits.same_videos import same_videos
from semivideo.data.video.barcodes import barcode_video

GIVEN = Path(__file__).parents[2] / "golden" / "run-of-0.1.0" / "videos"


@pytest.fixture
def trained(tmp_path):
    """Eight videos and their manifest."""
    shutil.copytree(GIVEN, tmp_path / "trained")
    return semivideo.scan(tmp_path / "trained", out=tmp_path / "trained.parquet")


def found(ours: Manifest, others: Manifest) -> dict[str, str]:
    """Id to id."""
    pairs = same_videos(ours, range(len(ours)), others, range(len(others)))
    return {ours.ids[one]: others.ids[other] for one, other in pairs.items()}


def test_same_videos__are_those_of_one_place_whatever_the_way_there(trained, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "trained")
    other = semivideo.scan(tmp_path / "link")
    assert found(other, trained) == {id: id for id in trained.ids}


def test_same_videos__are_those_of_the_same_bytes_under_another_name(trained, tmp_path):
    new = tmp_path / "new" / "wave"
    new.mkdir(parents=True)
    shutil.copy(trained.absolute(0), new / "renamed.mp4")
    content = bytearray(trained.absolute(1).read_bytes())
    content[-1] ^= 1  # as long, another file
    (new / "other.mp4").write_bytes(content)
    assert found(semivideo.scan(new.parent), trained) == {"wave/renamed.mp4": trained.ids[0]}


def test_same_videos__are_found_when_the_files_of_the_training_are_gone(trained, tmp_path):
    moved = tmp_path / "moved" / "any"
    moved.mkdir(parents=True)
    trained.absolute(0).rename(moved / "a.mp4")
    trained.absolute(1).rename(moved / "b.mp4")
    shutil.rmtree(trained.root)
    gone = Manifest.read(tmp_path / "trained.parquet", videos_may_be_gone=True)
    wanted = {"any/a.mp4": trained.ids[0], "any/b.mp4": trained.ids[1]}
    assert found(semivideo.scan(moved.parent), gone) == wanted


def test_same_videos__without_sizes_and_files_are_told_by_id_and_frames(trained, tmp_path):
    def without_files(rows, ids) -> Manifest:
        videos = [trained[row] for row in rows]
        for video, id in zip(videos, ids, strict=True):
            object.__setattr__(video, "id", id)
        return Manifest.from_videos(videos, root=tmp_path / "cache")

    ours = without_files([0, 1], ["cached/a", "b"])
    others = without_files([0, 1], ["a", "b"])
    for manifest in (ours, others):  # places differ, as of two caches
        manifest.root = tmp_path / str(id(manifest))
    assert found(ours, others) == {"b": "b"}


def test_same_videos__segments_are_the_same_where_they_overlap(trained, tmp_path):
    """In the file itself, in a copy of it, and after the file is gone."""
    (tmp_path / "copy").mkdir()
    for folder, times in (("trained", ["0,0.6", "0.6,1.2"]), ("copy", ["0,0.3", "1,1.2"])):
        file = tmp_path / folder / "wave" / "g00_c00.mp4"
        file.parent.mkdir(exist_ok=True)
        if folder == "copy":
            shutil.copy(tmp_path / "trained" / "wave" / "g00_c00.mp4", file)
        rows = [f"wave/g00_c00.mp4,wave,{each}" for each in times]
        table = tmp_path / folder / "parts.csv"
        table.write_text("\n".join(["path,label,start,end", *rows]) + "\n")
    theirs = semivideo.scan(tmp_path / "trained/parts.csv", out=tmp_path / "parts.parquet")
    copy = semivideo.scan(tmp_path / "copy/parts.csv")
    first, second = (f"wave/g00_c00.mp4#{times}" for times in ("0.000-0.600", "0.600-1.200"))
    assert found(theirs, trained) == dict.fromkeys((first, second), "wave/g00_c00.mp4")
    expected = {"wave/g00_c00.mp4#0.000-0.300": first, "wave/g00_c00.mp4#1.000-1.200": second}
    assert found(copy, theirs) == expected
    assert same_videos(copy, [1], theirs, [0]) == {}
    shutil.rmtree(tmp_path / "trained")
    gone = Manifest.read(tmp_path / "parts.parquet", videos_may_be_gone=True)
    assert found(copy, gone) == expected
    assert same_videos(copy, [1], gone, [0]) == {}


def test_same_videos__reads_the_file_of_many_segments_once(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).mkdir()
        barcode_video(tmp_path / name / "x.mp4", 50)
        rows = [f"x.mp4,{'uv'[i % 2]},{i / 100},{i / 100 + 0.5}" for i in range(100)]
        (tmp_path / name / "labels.csv").write_text("\n".join(["path,label,start,end", *rows]))
    read = []
    real = fingerprint._digest
    monkeypatch.setattr(fingerprint, "_digest", lambda file: read.append(file) or real(file))
    assert len(found(semivideo.scan(tmp_path / "a"), semivideo.scan(tmp_path / "b"))) == 100
    assert len(read) == 2
