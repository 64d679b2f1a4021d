import csv
import logging
import pickle
import shutil
import wave
from fractions import Fraction

import av
import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.data.video import container, decode
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.decode import canvas_size, iterate_frames, probe, read_frames

ROTATED = {"video_90.mov": 90, "video_270.mov": 270, "nasa_13013_rotated.mp4": 270}


def truth(path, wanted):
    """Number of frames of a plain sequential decode by PyAV, and its images of some of them."""
    images, num_frames = {}, 0
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(video=0):
                if num_frames in wanted:
                    images[num_frames] = frame.to_ndarray(format="rgb24")
                num_frames += 1
        except av.error.InvalidDataError:
            pass
    return num_frames, images


def codes(images):
    return [read_barcode(image) for image in images]


@pytest.fixture
def no_counting(monkeypatch):
    """Fail where frames are found by counting, not by the table."""
    monkeypatch.setattr(decode, "_count_frames", None)


def expected(hard_videos):
    with open(hard_videos / "expected.csv", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("part", range(6))
def test_read_frames__is_a_plain_decode_by_index_on_every_hard_file(hard_videos, part):
    for file, row in sorted(expected(hard_videos).items())[part::6]:
        path, num_frames = hard_videos / file, int(row["decoded_frames"])
        found = probe(path)
        few = int(row["width"]) >= 640
        wanted = np.unique(np.linspace(0, num_frames - 1, 5 if few else 60).astype(int))
        counted, images = truth(path, set(wanted.tolist()))
        assert counted == num_frames, file
        turns = -found.rotation // 90
        for start in (0, len(wanted) // 2, len(wanted) - 1):  # from a keyframe and from within
            some = wanted[start :: 1 if few else 3]
            read = read_frames(path, some, frames=found.frames, rotation=found.rotation)
            for index, image in zip(some, read, strict=True):
                assert np.array_equal(image, np.rot90(images[index], turns)), (file, index)


@pytest.mark.parametrize(("file", "rotation"), ROTATED.items())
def test_probe__turns_the_size_with_the_frames(hard_videos, file, rotation):
    found, row = probe(hard_videos / file), expected(hard_videos)[file]
    assert found.rotation == rotation
    assert (found.height, found.width) == (int(row["width"]), int(row["height"]))


def test_read_frames__stands_a_rotated_video_up(hard_videos):
    """The keyboard of video_90 is filmed sideways; its left edge becomes the top."""
    path = hard_videos / "video_90.mov"
    found = probe(path)
    _, images = truth(path, {0})
    (image,) = read_frames(path, [0], frames=found.frames, rotation=found.rotation)
    assert np.array_equal(image[0, ::-1], images[0][:, 0])


def test_probe__trusts_no_table_of_reordered_frames_without_times(hard_videos):
    exact = {file: probe(hard_videos / file).frames.is_exact for file in expected(hard_videos)}
    doubted = {file for file, is_exact in exact.items() if not is_exact}
    assert doubted == {"S001C001P001R001A001_rgb.avi", "v_ApplyEyeMakeup_g01_c01.avi"}


@pytest.mark.parametrize(
    ("ending", "codec"),
    [("mp4", "libx264"), ("mkv", "libx264"), ("avi", "mpeg4"), ("mp4", "mpeg4")],
)
def test_read_frames__finds_frames_by_the_table_in_any_order(tmp_path, no_counting, ending, codec):
    path = barcode_video(tmp_path / f"bars.{ending}", 100, codec=codec)
    table = probe(path).frames
    assert len(table) == 100
    for indices in ([7], [99, 0, 50, 50], range(3, 67, 8), range(100), [11, 12, 23, 24]):
        assert codes(read_frames(path, list(indices), frames=table)) == list(indices)


def test_read_frames__seeks_to_the_right_frames(tmp_path, no_counting, monkeypatch):
    path = barcode_video(tmp_path / "bars.mp4", 100, keyframe_every=10)
    table = probe(path).frames
    monkeypatch.setattr(decode, "_SEEK_FRAMES", 0)
    for indices in ([5], [95], [12, 55, 57, 91]):
        assert codes(read_frames(path, indices, frames=table)) == indices


def test_opened__decodes_in_one_thread(tmp_path):
    """As libraries such as dav1d see it, which lose pictures before a broken packet in more."""
    with container.opened(barcode_video(tmp_path / "a.mp4", 3)) as (_, stream):
        assert stream.codec_context.thread_count == 1


def test_read_frames__decodes_few_frames_it_does_not_need(tmp_path):
    path = barcode_video(tmp_path / "bars.mp4", 100, keyframe_every=25)
    table = probe(path).frames
    with decode.opened(path) as (container, stream):
        needed = decode._needed_frames(container, stream, frames=table, wanted=[30, 60])
        times = {frame.pts for frame in needed}
    decoded = np.flatnonzero(np.isin(table.pts, list(times)))
    starts = [np.flatnonzero(table.is_keyframe[: index + 1])[-1] for index in (30, 60)]
    reach = {i for s, index in zip(starts, (30, 60), strict=True) for i in range(s, index + 8)}
    assert {30, 60} <= set(decoded) <= reach
    assert len(decoded) < 0.8 * len(reach)  # frames no other frame refers to are not decoded


def test_probe__knows_variable_times(tmp_path, no_counting):
    times = [0, 1, 5, 6, 7, 20, 21, 40]
    path = barcode_video(tmp_path / "bars.mp4", 8, times=times, frame_rate=10)
    found = probe(path)
    assert np.allclose(found.frames.seconds, np.array(times) / 10)
    assert found.frame_rate == pytest.approx(7 / 4.0, rel=0.02)
    assert codes(read_frames(path, [6, 2], frames=found.frames)) == [6, 2]


def test_read_frames__counts_where_the_table_is_not_exact(tmp_path):
    path = barcode_video(tmp_path / "bars.mp4", 30)
    table = decode.FrameTable(np.arange(30), np.arange(30) == 0, Fraction(1, 25), is_exact=False)
    assert codes(read_frames(path, [29, 3, 3], frames=table)) == [29, 3, 3]


def test_read_frames__says_where_the_file_ends(tmp_path):
    path = barcode_video(tmp_path / "bars.mp4", 30)
    with pytest.raises(
        DataError, match=r"^cannot decode frame 41 of bars.mp4 \(file ends at frame 30\); re-encode"
    ) as caught:
        read_frames(path, [3, 41], frames=probe(path).frames)
    copy = pickle.loads(pickle.dumps(caught.value))  # it may cross processes
    assert (str(copy), copy.num_frames) == (str(caught.value), 30)


def test_read_frames__of_a_file_that_ends_early_says_where(cut_short):
    with pytest.raises(DataError, match=r"frame 49 of cut_short.mp4 \(file ends at frame 28\)"):
        read_frames(cut_short, [27, 49], frames=probe(cut_short).frames)


def test_iterate_frames__warns_once_where_a_file_ends_early(cut_short, caplog):
    path = shutil.copy(cut_short, cut_short.with_name("iterated.mp4"))
    with caplog.at_level(logging.WARNING, logger="semivideo"):
        for _ in range(2):
            assert len(list(iterate_frames(path))) == 28
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == f"{path} ends after 28 of 50 frames; those are used"


def test_read_frames__goes_on_behind_the_broken_packet_of_a_real_file(hard_videos):
    path = hard_videos / "corrupted.mp4"
    table = probe(path).frames
    images = np.array(list(iterate_frames(path, frames=table, short_side=64)))
    assert len(images) == len(table) == 50
    assert np.array_equal(images[30], images[29])  # its packet is the broken one
    moving = [not np.array_equal(*images[[i, i + 1]]) for i in (*range(29), *range(31, 49))]
    assert np.mean(moving) > 0.9
    for index in (0, 27, 30, 31, 49):
        (image,) = read_frames(path, [index], frames=table, short_side=64)
        assert np.array_equal(image, images[index])


def test_read_frames__of_a_shortened_file_gives_what_is_there(tmp_path):
    whole = barcode_video(tmp_path / "bars.mkv", 60)
    path = tmp_path / "half.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    plain = codes(iterate_frames(path))
    assert 10 < len(plain) < 50
    assert codes(read_frames(path, range(len(plain)), frames=probe(path).frames)) == plain


def test_probe__says_why_a_file_is_no_video(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("This is not a video.\n" * 50)
    with wave.open(str(tmp_path / "sound.mp4"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    for name, reason in {
        "empty.mp4": r"^cannot use empty.mp4: it is empty \(0 bytes\); re-encode it or leave",
        "text.mp4": r"^cannot use text.mp4: it is no video file \(Invalid data",
        "sound.mp4": r"^cannot use sound.mp4: it is no video of a kind that is read, such",
        "none.mp4": r"none.mp4 does not exist; check the path",
    }.items():
        with pytest.raises(DataError, match=reason):
            probe(tmp_path / name)


def test_probe__opens_names_that_look_like_addresses(tmp_path):
    path = barcode_video(tmp_path / "bars.mp4", 5)
    odd = shutil.copy(path, tmp_path / "http: 100%d -x.mp4")
    assert len(probe(odd).frames) == 5


def test_iterate_frames__equals_reading_by_index_on_the_canvas(bars):
    path = bars[30]
    by_index = read_frames(path, range(30), frames=probe(path).frames, short_side=32)
    assert by_index.shape == (30, 32, 52, 3)
    assert np.array_equal(by_index, list(iterate_frames(path, short_side=32)))
    assert codes(by_index) == list(range(30))


def grows(path, sizes=((96, 64), (144, 96))):
    """A video of VP8, whose later half has another size; every fourth frame is a keyframe."""
    with av.open(str(path), "w") as out:
        copied, start = None, 0
        for number, size in enumerate(sizes):
            part = barcode_video(
                path.with_name(f"{number}.mkv"), 12, size=size, codec="libvpx", keyframe_every=4
            )
            with av.open(str(part)) as container:
                copied = copied or out.add_stream_from_template(container.streams.video[0])
                for packet in container.demux(video=0):
                    if packet.dts is not None:
                        packet.pts += start
                        packet.dts += start
                        packet.stream = copied
                        out.mux(packet)
            start += 12 * 40
    return path


def test_read_frames__gives_all_frames_of_a_video_the_size_of_its_first(tmp_path):
    path = grows(tmp_path / "grows.mkv")
    frames = probe(path).frames
    assert frames.is_exact
    every = list(iterate_frames(path, frames=frames))
    assert {image.shape for image in every} == {(64, 96, 3)}
    for wanted in ([3], [20], [9, 13, 23], range(24)):
        found = read_frames(path, wanted, frames=frames)
        np.testing.assert_array_equal(found, [every[index] for index in wanted])


def test_canvas_size__is_the_size_of_what_is_read(tmp_path):
    path = barcode_video(tmp_path / "wide.mp4", 3, size=(320, 64))
    for rotation in (0, 90):
        width, height = (320, 64) if rotation == 0 else (64, 320)
        for side in (None, 32, 50, 64, 200):
            frames = read_frames(
                path, [0], frames=probe(path).frames, rotation=rotation, short_side=side
            )
            assert frames.shape[1:3] == canvas_size(width, height, side)


def test_read_frames__cuts_the_middle_of_a_very_wide_video(tmp_path):
    path = barcode_video(tmp_path / "wide.mp4", 3, size=(320, 64))
    table = probe(path).frames
    (whole,) = read_frames(path, [2], frames=table)
    (cut,) = read_frames(path, [2], frames=table, short_side=64)
    assert np.array_equal(cut, whole[:, 96:224])
