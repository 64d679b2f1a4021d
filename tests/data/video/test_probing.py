"""Tables of frames of files that are not simply a frame a packet: what is promised can be read."""

import runpy
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from semivideo.base.errors import DataError
from semivideo.base.records import ClipSpec
from semivideo.data.cache.preparing import prepare
from semivideo.data.cache.reader import cached_manifest
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.store import filled_store
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.decode import iterate_frames, probe, read_frames
from semivideo.settings import DataSettings

CASES = Path(__file__).parents[3].parent / "shared" / "cases"
VIDEO_SIZE = (208, 128)


@pytest.fixture
def case(tmp_path, monkeypatch):
    """Run the generator of a case in an empty folder; its names, by ``runpy``."""

    def run(name: str) -> dict:
        script = CASES / name / "make.py"
        if not script.is_file():
            pytest.skip("the folder of failing inputs is not on this machine")
        monkeypatch.chdir(tmp_path)
        return runpy.run_path(str(script))

    return run


def read_in_every_way(path, manifest, tmp_path):
    """All images of a file, which are the same in order, one by one, from a store and a cache."""
    found = probe(path)
    given = {"frames": found.frames, "rotation": found.rotation}
    images = np.array(list(iterate_frames(path, **given)))
    alone = [read_frames(path, [index], **given)[0] for index in range(len(images))]
    assert np.array_equal(images, alone)
    store = filled_store(manifest, [0], settings=DataSettings())
    if store.frames(0) is not None:
        assert np.array_equal(store.frames(0), images)
    form = {"short_side": min(images.shape[1:3]), "format": "png"}
    prepare(manifest, tmp_path / "cache", wanted=form)
    for source in (manifest, cached_manifest(tmp_path / "cache")):
        reader = ClipReader(source, {"a": ClipSpec(len(images), 1)}, settings=DataSettings())
        clip = reader.testing(0, num_clips=1, stream="a")[0]
        assert np.array_equal(np.moveaxis(clip, 1, -1), images)
    return images


@pytest.mark.parametrize("name", ["paff_a.ts", "paff_b.ts", "paff.MTS"])
def test_probe__pairs_fields(case, manifest_of, tmp_path, name):
    case("paff_field_coded_ts")
    found = probe(tmp_path / name)
    assert (len(found.frames), found.frames.is_exact, found.frame_rate) == (40, True, 25.0)
    images = read_in_every_way(tmp_path / name, manifest_of(tmp_path / name), tmp_path)
    levels = (np.array([20 + 5 * i for i in range(40)]) - 16) * 255 / 219
    assert np.abs(images.mean(axis=(1, 2, 3)) - levels).max() < 1.5


@pytest.mark.parametrize("ending", ["mkv", "mp4", "h264"])
def test_probe__pairs_fields_in_every_container(case, manifest_of, tmp_path, ending):
    case("paff_field_coded_ts")
    path = tmp_path / f"copy.{ending}"
    with av.open("paff_b.ts") as old, av.open(str(path), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for packet in (packet for packet in old.demux(stream) if packet.size):
            packet.stream = copy
            new.mux(packet)
    found = probe(path)
    assert (len(found.frames), found.frame_rate) == (40, 25.0)
    assert len(read_in_every_way(path, manifest_of(path), tmp_path)) == 40


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mkv", "libx264"),
        ("a.ts", "libx264"),
        ("a.h264", "libx264"),
        ("a.avi", "mpeg4"),  # whose decoder gives ghosts for what it cannot decode
        ("a.flv", "flv"),
        ("a.mpg", "mpeg2video"),
        ("a.webm", "libvpx"),
    ],
)
def test_probe__of_a_recording_that_begins_without_a_keyframe(
    manifest_of, rewritten, tmp_path, name, codec
):
    ending = "mp4" if name == "a.h264" else name.rpartition(".")[2]
    whole = barcode_video(tmp_path / f"whole.{ending}", 40, size=VIDEO_SIZE, codec=codec)
    path = rewritten(whole, tmp_path / name, dropped=range(5))
    found = probe(path)
    assert (len(found.frames), found.frame_rate) == (28, 25.0)
    images = read_in_every_way(path, manifest_of(path), tmp_path)
    assert [read_barcode(image) for image in images] == list(range(12, 40))


def test_probe__does_not_count_hidden_pictures(manifest_of, rewritten, tmp_path):
    whole = barcode_video(tmp_path / "whole.webm", 40, size=VIDEO_SIZE, codec="libvpx")
    path = rewritten(whole, tmp_path / "a.webm", hidden=(5, 6, 17))
    images = read_in_every_way(path, manifest_of(path), tmp_path)
    assert [read_barcode(image) for image in images] == [
        index for index in range(40) if index not in (5, 6, 17)
    ]


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
@pytest.mark.parametrize("default", [0, 1])
def test_probe__takes_the_default_stream(tmp_path, ending, default):
    files = [barcode_video(tmp_path / f"{i}.mp4", num) for i, num in enumerate((20, 33))]
    path = tmp_path / f"two.{ending}"
    with av.open(str(path), "w") as new:
        sources = [av.open(str(file)) for file in files]
        copies = [new.add_stream_from_template(source.streams.video[0]) for source in sources]
        for number, copy in enumerate(copies):
            copy.disposition = Disposition(int(Disposition.default) * (number == default))
        for source, copy in zip(sources, copies, strict=True):
            for packet in (packet for packet in source.demux(video=0) if packet.size):
                packet.stream = copy
                new.mux(packet)
            source.close()
    table = probe(path).frames
    assert len(table) == (20, 33)[default]
    images = read_frames(path, range(len(table)), frames=table)
    assert [read_barcode(image) for image in images] == list(range(len(table)))


def test_probe__counts_where_recordings_were_joined(tmp_path, manifest_of):
    one = barcode_video(tmp_path / "one.ts", 30).read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(one + one)
    found = probe(path)
    assert (len(found.frames), found.frames.is_exact, found.frame_rate) == (60, False, 25.0)
    images = read_in_every_way(path, manifest_of(path), tmp_path)
    assert [read_barcode(image) for image in images] == [*range(30), *range(30)]


def test_probe__of_a_clock_that_jumps_has_the_usual_rate(tmp_path):
    times = [*range(30), *range(10**6, 10**6 + 30)]
    found = probe(barcode_video(tmp_path / "a.mp4", 60, times=times))
    assert found.frame_rate == pytest.approx(25)
    assert found.frames.seconds[-1] > 40_000


def test_probe__says_that_there_is_no_decoder(tmp_path):
    path = barcode_video(tmp_path / "a.mp4", 5)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(DataError, match=r"^cannot use a.mp4: there is no decoder for its kind"):
        probe(path)


def test_read_frames__doubts_keyframes_where_an_index_is_lost(manifest_of, tmp_path):
    """Without its index every packet of an AVI file is called a keyframe."""
    whole = barcode_video(tmp_path / "whole.avi", 60, codec="msmpeg4", size=VIDEO_SIZE)
    path = tmp_path / "cut.avi"
    path.write_bytes(whole.read_bytes().rpartition(b"idx1")[0])
    table = probe(path).frames
    assert table.is_keyframe.sum() > 6
    images = read_in_every_way(path, manifest_of(path), tmp_path)
    assert [read_barcode(image) for image in images] == list(range(60))


@pytest.mark.parametrize("kind", ["damaged", "cut_short"])
def test_reading__of_broken_files_agrees_in_every_way(request, manifest_of, tmp_path, kind):
    path = request.getfixturevalue(kind)
    images = read_in_every_way(path, manifest_of(path), tmp_path)
    assert len(images) == {"damaged": 100, "cut_short": 28}[kind]


def test_reading__goes_on_behind_the_hole_of_the_case(case, manifest_of, tmp_path):
    case("broken_in_the_middle")
    path = tmp_path / "hole.mkv"
    images = read_in_every_way(path, manifest_of(path), tmp_path)
    whole = np.array(list(iterate_frames(tmp_path / "full.mkv")))
    assert len(images) == 60
    assert np.array_equal(images[:30], whole[:30])
    assert np.array_equal(images[40:], whole[40:])
    assert all(np.array_equal(image, images[29]) for image in images[30:33])


def test_probe__opens_no_file_of_0_bytes(tmp_path, monkeypatch):
    """Such as a link to /proc/kmsg, which has no size and is waited for without an end."""
    (tmp_path / "a.mp4").touch()
    monkeypatch.setattr(av, "open", None)
    with pytest.raises(DataError, match=r"^cannot use a.mp4: it is empty \(0 bytes\); re-encode"):
        probe(tmp_path / "a.mp4")
