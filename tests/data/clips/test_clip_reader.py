import logging
import re
import shutil
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.base.records import ClipSpec
from semivideo.data.catalogue.manifest import why_unusable
from semivideo.data.clips import clip_reader as clips_module
from semivideo.data.clips.clip_reader import ClipReader, testing_clips
from semivideo.data.clips.plan import testing_indices, timeline_of, training_indices
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.decode import probe
from semivideo.settings import DataSettings

BOTH = {"primary": ClipSpec(4, 4), "auxiliary": ClipSpec(8, 2)}
testing_clips.__test__ = testing_indices.__test__ = False  # pytest takes them for tests


def shown(clip):
    """Frame numbers that a clip (..., T, C, H, W) shows."""
    frames = np.moveaxis(clip, -3, -1)
    flat = frames.reshape(-1, *frames.shape[-3:])
    return np.reshape([read_barcode(frame) for frame in flat], clip.shape[:-3])


def number_of(frame):
    """Number that a frame (C, H, W) shows, or None where it is not whole."""
    try:
        return read_barcode(np.moveaxis(frame, 0, -1))
    except ValueError:
        return None


@pytest.fixture
def reader_of(manifest_of):
    def make(*paths, specs=BOTH, **settings):
        return ClipReader(manifest_of(*paths), specs, settings=DataSettings(**settings))

    return make


def test_training__shows_both_networks_one_window(reader_of, bars):
    reader = reader_of(bars[100])
    starts = set()
    for draw in range(20):
        clip = reader.training(0, draw)
        start = shown(clip["primary"])[0]
        starts.add(start)
        assert shown(clip["primary"]).tolist() == list(range(start, start + 16, 4))
        assert shown(clip["auxiliary"]).tolist() == list(range(start, start + 16, 2))
    assert len(starts) > 10
    assert clip["primary"].shape == (4, 3, 64, 104)
    assert clip["primary"].dtype == np.uint8


def test_training__reads_the_file_once_and_no_frame_twice(reader_of, bars, monkeypatch):
    calls = []
    read = clips_module.read_frames
    monkeypatch.setattr(
        clips_module, "read_frames", lambda p, i, **k: calls.append(list(i)) or read(p, i, **k)
    )
    reader_of(bars[100]).training(0, 5)
    ((first, *_),) = calls
    assert calls == [list(range(first, first + 16, 2))]


def test_reader__reads_the_same_frames_by_a_gpus_decoder(reader_of, bars, torchcodec):
    software = reader_of(bars[100], short_side=32)
    reader = reader_of(bars[100], short_side=32, decoder="hardware")
    ours, theirs = (each.training(0, 5) for each in (reader, software))
    for stream, clip in theirs.items():
        assert shown(ours[stream]).tolist() == shown(clip).tolist()
        assert ours[stream].shape == clip.shape
    torchcodec.asked.clear()
    spread = reader.testing(0, num_clips=3, stream="primary")
    assert (
        shown(spread).tolist() == shown(software.testing(0, num_clips=3, stream="primary")).tolist()
    )
    assert [*chain(*torchcodec.asked)] == np.unique(shown(spread)).tolist()
    loose = testing_clips(
        bars[100], probe(bars[100]), spec=BOTH["primary"], settings=reader.settings, num_clips=3
    )
    assert np.array_equal(loose, spread)


def test_training__offset_moves_only_its_own_stream():
    specs = {"primary": ClipSpec(4, 4), "auxiliary": ClipSpec(4, 4, offset_seconds=0.4)}
    plain = {**specs, "auxiliary": ClipSpec(4, 4)}
    timeline, settings = clips_module.Timeline(np.arange(200), 25.0), DataSettings()
    shifts = []
    for draw in range(300):
        chosen = training_indices(timeline, specs=specs, settings=settings, draw=draw)
        same = training_indices(timeline, specs=plain, settings=settings, draw=draw)
        assert np.array_equal(chosen["primary"], same["primary"])
        assert 0 <= chosen["auxiliary"][0] <= chosen["auxiliary"][-1] < 200
        shifts.append(chosen["auxiliary"][0] - chosen["primary"][0])
    assert (min(shifts), max(shifts)) == (-10, 10)  # 0.4 s at 25 frames per second


@pytest.mark.parametrize(
    ("past_end", "expected"),
    [("loop", [0, 8, 16, 4, 12, 0, 8, 16]), ("repeat_last", [0, 8, 16] + [19] * 5)],
)
def test_training__fills_a_short_video_up(reader_of, bars, past_end, expected):
    reader = reader_of(bars[20], specs={"a": ClipSpec(8, 8)}, past_end=past_end)
    clip = reader.training(0, 0)["a"]
    assert clip.shape == (8, 3, 104, 64)
    assert shown(clip).tolist() == expected


def test_training__resamples_to_a_frame_rate(reader_of, bars):
    reader = reader_of(bars[100], specs={"a": ClipSpec(10, 1)}, frame_rate=5)
    frames = shown(reader.training(0, 3)["a"])
    assert np.diff(frames).tolist() == [5] * 9  # 25 to 5 frames per second
    assert frames[0] % 5 == 0


def test_training__segments_cover_the_video_and_contain_each_other(reader_of, bars):
    specs = {"primary": ClipSpec(4, 1), "auxiliary": ClipSpec(8, 1)}
    reader = reader_of(bars[40], specs=specs, sampling="segments")
    phases, seen = set(), set()
    for draw in range(40):
        clip = {name: shown(frames).tolist() for name, frames in reader.training(0, draw).items()}
        assert [frame // 5 for frame in clip["auxiliary"]] == list(range(8))
        phases.add(clip["primary"] == clip["auxiliary"][::2])
        seen.update(clip["auxiliary"])
        assert clip["primary"] in (clip["auxiliary"][::2], clip["auxiliary"][1::2])
    assert phases == {True, False}
    assert seen == set(range(40))


def test_testing__spreads_clips_over_the_video(reader_of, bars):
    reader = reader_of(bars[100])
    clips = reader.testing(0, num_clips=3, stream="primary")
    assert clips.shape == (3, 4, 3, 64, 104)
    assert shown(clips).tolist() == [[0, 4, 8, 12], [42, 46, 50, 54], [84, 88, 92, 96]]


def test_testing__takes_the_middle_of_segments(reader_of, bars):
    reader = reader_of(bars[40], specs={"a": ClipSpec(4, 1)}, sampling="segments")
    assert shown(reader.testing(0, num_clips=1, stream="a")).tolist() == [[5, 15, 25, 35]]
    two = shown(reader.testing(0, num_clips=2, stream="a"))
    assert two.tolist() == [[2, 12, 22, 32], [7, 17, 27, 37]]


def test_testing_clips__need_no_manifest(reader_of, bars):
    settings = DataSettings(short_side=32)
    reader = reader_of(bars[100], short_side=32)
    loose = testing_clips(
        bars[100], probe(bars[100]), spec=BOTH["auxiliary"], settings=settings, num_clips=5
    )
    assert loose.shape[-2:] == (32, 52)
    assert np.array_equal(loose, reader.testing(0, num_clips=5, stream="auxiliary"))


def test_timeline__of_a_variable_rate_follows_the_clock(tmp_path):
    times = [0, 1, 2, 3, 10, 11, 12, 13]
    path = barcode_video(tmp_path / "bars.mp4", 8, times=times, frame_rate=10)
    timeline = timeline_of(probe(path), frame_rate=2.0)
    assert timeline.frame.tolist() == [0, 3, 4]  # at 0, 0.5 and 1 s
    assert timeline.frame_rate == 2.0


def test_timeline__passes_over_gaps_in_the_clock(tmp_path):
    """Half a day between two recordings is no half a million copies of a frame."""
    times = [*range(50), *range(10**6, 10**6 + 50)]
    found = probe(barcode_video(tmp_path / "bars.mp4", 100, times=times, frame_rate=25))
    timeline = timeline_of(found, frame_rate=5.0)
    assert len(timeline.frame) == 20
    assert np.diff(timeline.frame).tolist() == [5] * 19


def test_timeline__keeps_pictures_that_stand_still(tmp_path):
    """A screen that changes every 1.5 s, and a frame every 3 s, are no gaps."""
    for steps, expected in ((15, 3), (30, 6)):
        times = [steps * number for number in range(20)]
        found = probe(barcode_video(tmp_path / "bars.mp4", 20, times=times, frame_rate=10))
        counts = np.bincount(timeline_of(found, frame_rate=2.0).frame)
        assert np.median(counts) == expected


def test_training__uses_a_file_up_to_its_end_and_warns_once(reader_of, cut_short, caplog):
    copy = cut_short.with_name("training.mp4")
    shutil.copy(cut_short, copy)
    reader = reader_of(copy, specs={"a": ClipSpec(4, 6)}, short_side=32)
    with caplog.at_level(logging.WARNING, logger="semivideo"):
        clips = [reader.training(0, draw)["a"] for draw in range(6)]
    assert all(clip.shape == (4, 3, 32, 52) for clip in clips)
    (message,) = [record.getMessage() for record in caplog.records]
    assert "training.mp4 (file ends at frame 28)" in message
    assert "its first 28 frames are used" in message


def test_training__goes_on_behind_what_is_broken_and_warns_once(reader_of, damaged, caplog):
    copy = damaged.with_name("training.mkv")
    shutil.copy(damaged, copy)
    reader = reader_of(copy, specs={"a": ClipSpec(4, 1)})
    with caplog.at_level(logging.WARNING, logger="semivideo"):
        seen = np.concatenate([reader.training(0, d)["a"] for d in range(80)])
    numbers = {number for frame in seen if (number := number_of(frame)) is not None}
    assert all(numbers & set(sound) for sound in (range(30), range(40, 60), range(80, 85)))
    (message,) = [record.getMessage() for record in caplog.records]
    assert re.search(
        r"training.mkv is damaged: frame \d+ cannot be decoded; such frames show the one before$",
        message,
    )


@pytest.mark.parametrize("kind", ["damaged", "cut_short"])
def test_testing_clips__of_a_broken_file_are_those_of_the_reader(request, reader_of, kind):
    path = request.getfixturevalue(kind)
    spec, settings = ClipSpec(8, 2), DataSettings(short_side=32)
    reader = reader_of(path, specs={"a": spec}, short_side=32)
    expected = reader.testing(0, num_clips=5, stream="a")
    given = {"spec": spec, "settings": settings, "num_clips": 5}
    assert np.array_equal(testing_clips(path, probe(path), **given), expected)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("video-with-dash-.mp4", "its frames have 1x1 pixels, and at least 8x8 are needed"),
        ("testsrc2_mpeg4.mp4", r"it has 1 frame\(s\), and at least 2 are needed"),
    ],
)
def test_reading__refuses_what_one_cannot_learn_from(reader_of, hard_videos, file, reason):
    reader = reader_of(hard_videos / file)
    with pytest.raises(DataError, match=f"^cannot use {file}: {reason}; re-encode"):
        reader.training(0, 0)
    with pytest.raises(DataError, match=reason):
        reader.testing(0, num_clips=1, stream="primary")


def test_reading__repeats_what_the_scan_found_wrong(manifest_of, bars):
    video = replace(manifest_of(bars[30])[0], error="cannot use it: it is empty")
    manifest = manifest_of(bars[30]).from_videos([video], root=bars[30].parent)
    with pytest.raises(DataError, match=r"^cannot use it: it is empty$"):
        ClipReader(manifest, BOTH, settings=DataSettings()).training(0, 0)


def test_why_unusable__accepts_small_videos():
    assert why_unusable(width=8, height=300, num_frames=2) is None


def test_testing__of_clips_that_no_memory_holds_is_refused_before_a_frame_is_read(
    reader_of, bars, monkeypatch
):
    monkeypatch.setenv("SEMIVIDEO_MAX_BYTES", str(3 * 64 * 104 * 8))
    assert reader_of(bars[100]).testing(0, num_clips=2, stream="primary").shape[0] == 2
    sentence = (
        r"it asks for 239616 bytes of clips at once \(num_clips, num_frames and data.short_side "
        r"decide\), and max_bytes is 159744; .*SEMIVIDEO_MAX_BYTES higher"
    )
    monkeypatch.setattr(clips_module, "read_frames", None)
    with pytest.raises(DataError, match=sentence):
        reader_of(bars[100]).testing(0, num_clips=3, stream="primary")
    given = {"spec": ClipSpec(4, 4), "settings": DataSettings(), "num_clips": 3}
    found = probe(bars[100])
    with pytest.raises(DataError, match=sentence):
        testing_clips(bars[100], found, **given)
