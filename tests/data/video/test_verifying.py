"""What a scan that decodes finds, and what it then says of a file."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.data.video import verifying
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.container import EndOfFramesError
from semivideo.data.video.decode import probe, read_frames
from semivideo.data.video.verifying import verified


@pytest.fixture
def video(tmp_path):
    barcode_video(tmp_path / "a.mp4", 40, frame_rate=25)
    return tmp_path / "a.mp4"


def wrong_by_number(monkeypatch, *, needs_start=False):
    """Readings of single frames that give another picture for frame 9, from the middle or ever."""

    def reading(path, indices, *, frames, **given):
        images = read_frames(path, indices, frames=frames, **given)
        if list(indices) == [9] and (frames.is_keyframe.sum() > 1 or needs_start):
            images = 255 - images
        return images

    monkeypatch.setattr(verifying, "read_frames", reading)


def test_verified__leaves_a_whole_file_as_it_is(video, caplog):
    found = probe(video)
    assert verified(video, found) == found
    assert not caplog.records


def test_verified__reads_from_the_start_what_differs_from_the_middle(video, monkeypatch, caplog):
    found = probe(video)
    assert found.frames.is_keyframe.sum() > 1
    wrong_by_number(monkeypatch)
    with caplog.at_level(logging.WARNING):
        frames = verified(video, found).frames
    assert frames.is_exact
    assert np.flatnonzero(frames.is_keyframe).tolist() == [0]
    np.testing.assert_array_equal(frames.pts, found.frames.pts)
    assert caplog.messages == [
        f"{video} is damaged: frame 9 by its number is another picture than in order; it is read "
        "from its start"
    ]


def test_verified__counts_where_readings_differ_from_the_start_too(video, monkeypatch):
    wrong_by_number(monkeypatch, needs_start=True)
    frames = verified(video, probe(video)).frames
    assert (frames.is_exact, len(frames), float(1 / frames.time_base)) == (False, 40, 25.0)


def test_verified__notices_a_reading_that_ends_early(video, monkeypatch):
    def reading(path, indices, *, frames, **given):
        if frames.is_keyframe.sum() > 1:
            raise EndOfFramesError("it ends", num_frames=20)
        return read_frames(path, indices, frames=frames, **given)

    monkeypatch.setattr(verifying, "read_frames", reading)
    frames = verified(video, probe(video)).frames
    assert (len(frames), frames.is_keyframe.sum()) == (40, 1)


def test_verified__takes_the_frames_that_come_out(video):
    found = probe(video)
    longer = np.append(found.frames.pts, found.frames.pts[-1] + np.arange(1, 6))
    frames = replace(found.frames, pts=longer, is_keyframe=longer == longer[0], is_exact=False)
    assert len(verified(video, replace(found, frames=frames)).frames) == 40


def test_verified__refuses_what_gives_no_frame(video, monkeypatch):
    monkeypatch.setattr(verifying, "iterate_frames", lambda *_, **__: iter(()))
    with pytest.raises(DataError, match=r"cannot use a.mp4: none of its frames can be decoded"):
        verified(video, probe(video))
