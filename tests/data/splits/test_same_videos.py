"""Which videos of one manifest are in another: by place, by bytes, or by what scans wrote down."""

import shutil
from pathlib import Path

import pytest

import semivideo
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits.same_videos import same_videos

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
