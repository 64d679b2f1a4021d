"""What a folder holds is looked at or counted."""

import pytest

from semivideo.base.errors import DataError
from semivideo.data.catalogue.searching import Found, search, tell_left_out


@pytest.fixture
def make(tmp_path):
    def files(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return files


@pytest.mark.parametrize(
    "ending",
    "MTS m2ts ts ASF wmv vob ogv 3g2 mxf dv h264 mjpeg MPG mpeg m2v f4v hevc".split(),
)
def test_search__endings_of_cameras_and_players(make, ending):
    assert search(make(f"a/x.{ending}")).videos == (f"a/x.{ending}",)


def test_search__folders_of_frames_are_videos_where_there_are_no_others(make):
    root = make(*(f"a/v{v}/{n}.jpg" for v in (1, 2) for n in (1, 2)))
    assert search(root) == Found((), ("a/v1", "a/v2"), ())
    found = search(make("b/x.mp4"))
    assert (found.paths, found.frame_folders) == (["b/x.mp4"], ("a/v1", "a/v2"))


def test_search__pictures_beside_a_video_are_no_frames(make):
    found = search(make("a/x.mp4", "a/x1.jpg", "a/x2.jpg"))
    assert found == Found(("a/x.mp4",), (), ("a/x1.jpg", "a/x2.jpg"))


def test_search__a_real_folder_counts_before_a_link_to_it(make):
    root = make("zwave/a.mp4", "z/other/b.mp4")
    (root / "alias").symlink_to("zwave")
    (root / "z" / "alias").symlink_to(root / "zwave")
    assert search(root).videos == ("z/other/b.mp4", "zwave/a.mp4")


@pytest.mark.parametrize(
    "name", ["$RECYCLE.BIN", "System Volume Information", "@eaDir", "#recycle", "lost+found"]
)
def test_search__folders_of_systems_are_left_out(make, name):
    assert search(make("a/x.mp4", f"a/{name}/y.mp4", f"{name}/z.mp4")).videos == ("a/x.mp4",)


def test_search__runs_are_left_out(make):
    root = make("a/x.mp4", *(f"run/{n}" for n in ("settings.yaml", "manifest.parquet", "y.mp4")))
    assert search(root) == Found(("a/x.mp4",), (), ())


def test_tell_left_out__counts_by_ending_and_names_tables(make, caplog):
    root = make("a/x.mp4", "a/y.txt", "a/Z.TXT", "README", "clips.csv", "labels.csv")
    tell_left_out(root, search(root), known=["labels.csv"])
    assert caplog.messages == [
        f"4 other file(s) below {root} were not read as videos: .txt 2, no ending 1, .csv 1; if "
        "'clips.csv' is about the videos, give it as a list (--list)"
    ]


def test_tell_left_out__folders_of_frames_beside_videos(make, caplog):
    root = make("a/x.mp4", "f/v1/1.jpg", "f/v1/2.jpg", "f/v2/1.jpg", "f/v2/2.jpg")
    tell_left_out(root, search(root), known=["f/v2"])
    [told] = caplog.messages
    assert told.startswith("1 folder(s) of numbered pictures below")
    assert "first 'f/v1'; name them in a list or give a folder of their own" in told


def test_tell_left_out__says_nothing_where_all_is_read(make, caplog):
    root = make("a/x.mp4")
    tell_left_out(root, search(root), known=[])
    assert caplog.messages == []


def test_search__a_folder_that_is_one_video(make):
    with pytest.raises(
        DataError, match=r"is a folder of frames, which is one video; give the fold"
    ):
        search(make("1.jpg", "2.jpg"))
