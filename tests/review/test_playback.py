import av
import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.data.catalogue.scanning import scan
from semivideo.data.video.encode import encode
from semivideo.data.video.in_turn import frames_in_turn
from semivideo.review import playback
from semivideo.review.playback import Clips, played_as


def noise(num, width=50, height=35):
    rng = np.random.default_rng(0)
    for _ in range(num):
        yield rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    encode(folder / "a/plays.mp4", noise(12, 48, 36), frame_rate=12)
    encode(folder / "a/plays.webm", noise(12, 48, 36), frame_rate=12, codec="libvpx")
    encode(folder / "b/old.avi", noise(12, 50, 36), frame_rate=12, codec="mpeg4")
    encode(folder / "b/flat.mpg", noise(12, 48, 36), frame_rate=25, codec="mpeg1video")
    return folder


def test_played_as__says_what_browsers_play(folder):
    assert played_as(folder / "a/plays.mp4") == "video/mp4"
    assert played_as(folder / "a/plays.webm") == "video/webm"
    assert played_as(folder / "b/old.avi") is None
    assert played_as(folder / "b") is None


def test_clips__of_what_browsers_play_are_the_files(folder, tmp_path):
    manifest = scan(folder)
    found = Clips(manifest, tmp_path).of(manifest.row_of("a/plays.mp4"))
    assert found.path == folder / "a/plays.mp4"
    assert not found.is_copy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["b/old.avi", "b/flat.mpg"])
def test_clips__of_other_files_are_copies_that_play(folder, tmp_path, name):
    manifest = scan(folder)
    clips = Clips(manifest, tmp_path)
    found = clips.of(manifest.row_of(name))
    assert found.is_copy
    assert played_as(found.path) == "video/mp4"
    with av.open(str(found.path)) as container:
        assert (
            sum(1 for _ in container.decode(video=0)) == manifest[manifest.row_of(name)].num_frames
        )
    before = found.path.stat().st_mtime_ns
    assert clips.of(manifest.row_of(name)).path.stat().st_mtime_ns == before


def test_clips__end_while_a_copy_is_made(folder, tmp_path, monkeypatch):
    """A signal comes when it comes; nothing is left, and nothing goes on for long."""
    manifest, copies = scan(folder), tmp_path / "copies"
    copies.mkdir()
    clips, given = Clips(manifest, copies), []

    def slowly(*args, **options):
        for each in frames_in_turn(*args, **options):
            given.append(each)
            if len(given) == 2:
                clips.end()
            yield each

    monkeypatch.setattr(playback, "frames_in_turn", slowly)
    for _ in range(2):
        with pytest.raises(DataError, match="this review has ended; begin it again"):
            clips.of(manifest.row_of("b/old.avi"))
    assert len(given) == 2
    assert not copies.exists()


def test_clips__refuse_what_is_not_there(folder, tmp_path):
    manifest = scan(folder)
    clips = Clips(manifest, tmp_path)
    with pytest.raises(DataError, match="there is no video 9; the run has 4"):
        clips.of(9)
    with pytest.raises(DataError, match="there is no video -1"):
        clips.of(-1)
    (folder / "a/plays.webm").rename(folder / "a/gone")
    try:
        with pytest.raises(DataError, match=r"plays\.webm is not there any more; bring it back"):
            clips.of(manifest.row_of("a/plays.webm"))
    finally:
        (folder / "a/gone").rename(folder / "a/plays.webm")
