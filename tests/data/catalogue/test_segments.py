"""A segment has the frames between its times, an id that says so, or a reason not to be used."""

import math
import re
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.base.records import FrameTable, Video
from semivideo.data.catalogue.segments import (
    ends_late,
    looked_at,
    overlap,
    segment_named,
    segment_of,
    video_id,
    why_no_segment,
)
from semivideo.data.video import decode
from semivideo.data.video.barcodes import barcode_video


def table(num_frames=100, *, base=Fraction(1, 12800), step=512, first=0):
    pts = first + step * np.arange(num_frames)
    return FrameTable(pts, np.arange(num_frames) % 12 == 0, base)


def frames_of(start, end, given=None):
    found = segment_of(given or table(), start, end)
    return found.first_frame, found.num_frames


def video(start, end, **given):
    frames = table(**given)
    segment = segment_of(frames, start, end)
    id = video_id("a.mp4", start, end)
    return Video(id, "a.mp4", "x", None, 64, 48, 25.0, 0, frames, None, segment)


def test_segment_of__takes_frames_from_its_start_up_to_its_end():
    assert frames_of(0.0, 2.0) == (0, 50)
    assert frames_of(2.0, 4.0) == (50, 50)
    assert frames_of(1.01, 1.09) == (26, 2)  # frames at 1.04 and 1.08
    assert frames_of(None, 1.0) == (0, 25)
    assert frames_of(3.0, None) == (75, 25)
    assert frames_of(3.0, 900.0) == (75, 25)


def test_segment_of__counts_time_from_the_first_frame():
    assert frames_of(2.0, 4.0, table(first=7777)) == (50, 50)


@pytest.mark.parametrize("rate", [24, 25, 30, 50, Fraction(30000, 1001), Fraction(24000, 1001)])
def test_segment_of__time_of_a_frame_is_that_frame_however_it_was_computed(rate):
    """As a number of 64 bits, to the microsecond, or added up frame by frame."""
    given = table(5000, base=1 / Fraction(rate) / 1000, step=1000)
    for index in (1, 2, 3, 7, 29, 1234, 4999):
        second = index / float(rate)
        added = sum([1 / float(rate)] * index)
        for time in (second, round(second, 6), added):
            assert frames_of(time, None, given)[0] == index
            assert frames_of(0.0, time, given) == (0, index)


def test_segment_of__neighbours_share_every_frame_between_them_once():
    rng = np.random.default_rng(0)
    times = [0.0, *np.sort(rng.uniform(0, 4, size=30)).round(3).tolist(), None]
    parts = [frames_of(*pair) for pair in pairwise(times)]
    assert [first for first, _ in parts] == [
        sum(n for _, n in parts[:i]) for i in range(len(parts))
    ]
    assert sum(num for _, num in parts) == 100


def test_video_id__is_readable_and_exact():
    assert video_id("monday/0031.mp4", 12.48, 15.9) == "monday/0031.mp4#12.480-15.900"
    assert video_id("a.mp4", 0.1 + 0.2, 1e-7) == "a.mp4#0.30000000000000004-0.0000001"
    assert video_id("a.mp4", None, 2) == "a.mp4#0.000-2.000"
    assert video_id("a.mp4", 2, None) == "a.mp4#2.000-end"
    assert video_id("a.mp4") == "a.mp4"


@pytest.mark.parametrize("times", [(12.48, 15.9), (0.1 + 0.2, 7.0), (3.0, None)])
def test_segment_named__takes_an_id_apart(times):
    assert segment_named(video_id("a#1/b.mp4", *times)) == ("a#1/b.mp4", *times)
    assert segment_named("a#1/b.mp4") is None


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ((2.0, 1.0), "it ends at 1 s and starts at 2 s, and the end must come later"),
        ((2.0, 2.0), "it ends at 2 s and starts at 2 s, and the end must come later"),
        ((40.0, 50.0), "it starts at 40 s and the video ends at 4.000 s"),
        ((4.0, None), "it starts at 4 s and the video ends at 4.000 s"),
        ((-1.5, 2.0), "it starts 1.5 seconds before the video"),
        ((math.nan, 2.0), "start nan or end 2 is no time"),
        ((0.0, math.nan), "start 0 or end nan is no time"),
        ((math.inf, None), "start inf or end inf is no time"),
        ((1.0, 1.03), r"it has 1 frame\(s\), and at least 2 are needed"),
        ((1.01, 1.03), r"it has 0 frame\(s\), and at least 2 are needed"),
    ],
)
def test_why_no_segment__says_what_is_wrong(times, reason):
    found = why_no_segment(video(*times))
    assert re.search(reason, found)
    assert found.startswith("cannot use a.mp4#")
    assert found.endswith(
        "; correct the row's start and end, in seconds from the start of the video, or leave it out"
    )


def test_why_no_segment__finds_nothing_wrong_with_two_frames():
    assert why_no_segment(video(1.0, 1.05)) is None


def test_ends_late__is_what_rounding_does_not_explain():
    assert [ends_late(video(3.0, end)) for end in (3.9, 4.0, 5.0, 5.1, None)] == [
        *(False, False, False, True, False)
    ]


def test_overlap__is_a_frame_in_common():
    assert overlap(video(0.0, 2.0), video(1.96, 3.0))
    assert not overlap(video(0.0, 2.0), video(2.0, 3.0))
    assert overlap(video(0.0, 4.0), video(1.0, 2.0))


def test_video__of_a_segment_has_its_frames_and_times():
    found = video(1.0, 2.0)
    assert (found.first_frame, found.num_frames, len(found.frames)) == (25, 25, 100)
    np.testing.assert_allclose(found.seconds, np.arange(25) / 25)
    assert found.duration_seconds == pytest.approx(1.0)
    assert video(5.0, 6.0).duration_seconds == 0.0


def test_looked_at__tells_of_an_end_behind_the_video(tmp_path, caplog):
    barcode_video(tmp_path / "a.mp4", 50)
    looked_at(tmp_path / "a.mp4#0.1-2.9")
    assert caplog.messages == []
    assert looked_at(tmp_path / "a.mp4#0.1-9999")[1].num_frames == 47
    assert caplog.messages == [
        "a.mp4#0.1-9999 ends at 9999 s and its video at 2.000 s; what there is of it is used, but "
        "look whether its times are in seconds"
    ]


def test_looked_at__finds_a_file_or_a_segment_of_it(tmp_path, monkeypatch):
    file = barcode_video(tmp_path / "a#1-2.mp4", 50)
    assert looked_at(file)[1].segment is None
    probed = []
    real = decode.probe
    monkeypatch.setattr(decode, "probe", lambda path, **rate: probed.append(path) or real(path))
    for start in range(10):
        found, part = looked_at(tmp_path / f"a#1-2.mp4#0.{start}-1.5")
        assert (found, part.first_frame) == (file, math.ceil(2.5 * start))
    assert probed == [file]
    with pytest.raises(DataError, match=r"b.mp4 does not exist, and so b.mp4#1-2 is no segment of"):
        looked_at(tmp_path / "b.mp4#1-2")
    with pytest.raises(
        DataError, match=r"cannot use a#1-2.mp4#7-9: it starts at 7 s and the video"
    ):
        looked_at(tmp_path / "a#1-2.mp4#7-9")
