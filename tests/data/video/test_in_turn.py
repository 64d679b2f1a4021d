"""Frames in turn are those of a plain decode, whatever lies between them and whatever the file."""

import numpy as np
import pytest

from semivideo.data.video import in_turn
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.container import EndOfFramesError
from semivideo.data.video.decode import probe, read_frames
from semivideo.data.video.in_turn import frames_in_turn

WANTED = np.array([*range(20, 31), *range(150, 290), 299])


def shown(path, indices, **given):
    frames = probe(path).frames
    return [
        (index, read_barcode(image))
        for index, image in frames_in_turn(path, indices, frames=frames, **given)
    ]


@pytest.mark.parametrize(
    "form",
    [
        {"name": "a.mp4"},
        {"name": "a.mp4", "keyframe_every": 600},
        {"name": "a.mkv", "codec": "libx264"},
        {"name": "a.avi", "codec": "mpeg4"},
        {"name": "a.ts"},
    ],
)
def test_frames_in_turn__are_the_wanted_ones(tmp_path, form):
    options = {key: value for key, value in form.items() if key != "name"}
    path = barcode_video(tmp_path / form["name"], 300, **options)
    assert shown(path, WANTED) == [(index, index) for index in WANTED]
    assert shown(path, WANTED[:0]) == []


def test_frames_in_turn__are_bit_for_bit_those_of_read_frames(tmp_path):
    path = barcode_video(tmp_path / "a.mp4", 300)
    given = {"frames": probe(path).frames, "rotation": 90, "short_side": 32}
    images = [image for _, image in frames_in_turn(path, WANTED, **given)]
    assert np.array_equal(np.stack(images), read_frames(path, WANTED, **given))


def test_frames_in_turn__decodes_no_group_twice(tmp_path, monkeypatch):
    path = barcode_video(tmp_path / "a.mp4", 300)
    blocks = []
    monkeypatch.setattr(
        in_turn, "read_frames", lambda p, i, **k: blocks.append(i) or read_frames(p, i, **k)
    )
    shown(path, WANTED)
    assert np.concatenate(blocks).tolist() == WANTED.tolist()
    group = np.cumsum(probe(path).frames.is_keyframe)
    groups = [set(group[block].tolist()) for block in blocks]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert max(map(len, blocks)) < 64 + 12


@pytest.mark.parametrize("name", ["a.mp4", "a.ts"])
def test_frames_in_turn__gives_what_is_before_the_end(tmp_path, name):
    longer = probe(barcode_video(tmp_path / f"long-{name}", 300)).frames
    path = barcode_video(tmp_path / name, 200)
    got = []
    frames = frames_in_turn(path, WANTED, frames=longer)
    with pytest.raises(EndOfFramesError, match=r"cannot decode frame 2\d\d of a\.\w+ \(file ends"):
        got.extend((index, read_barcode(image)) for index, image in frames)
    assert got == [(index, index) for index in WANTED if index < 200]
