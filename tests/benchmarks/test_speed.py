import importlib
from pathlib import Path

import numpy as np
import pytest

from semivideo.base.errors import ConfigError
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.decode import probe, read_frames

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """Import a file of the benchmarks by name, as they import each other."""
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module


def test_row__ratio_says_how_many_times_as_fast(load):
    row = load("timing").Row
    assert row("reading", "ms", 10.0, "decord", 25.0).ratio == 2.5
    assert row("views", "clips/s", 500.0, "Pillow", 100.0).ratio == 5.0
    assert row("views", "clips/s", 500.0, "Pillow", None).ratio is None


def test_compared__makes_a_row_for_each_competitor_there_or_not(load):
    timing = load("timing")
    medians = {"SemiVideo": 0.002, "decord": 0.005}
    lines = timing.markdown(timing.compared("a clip", medians, {"decord": 2.0, "other": None}))
    assert lines[2:] == [
        "| a clip | 2 ms | decord: 5 ms | 2.50x | 2x |",
        "| a clip | 2 ms | other: not installed |  |  |",
    ]


def test_take_turns__interleaves_and_drops_the_first_call(load):
    calls, clock = [], iter(range(100))
    ways = {name: lambda name=name: calls.append(name) for name in "ab"}
    medians = load("timing").take_turns(ways, rounds=3, clock=lambda: next(clock))
    assert calls == ["a", "b"] * 4
    assert medians == {"a": 1.0, "b": 1.0}


def test_timed__asks_all_ways_for_the_same_frames(load):
    asked = {"one": [], "two": []}
    windows = [np.array([start]) for start in range(40)]
    ways = {name: lambda w, name=name: asked[name].append(int(w[0])) for name in asked}
    load("speed_reading")._timed(ways, windows)
    assert asked["one"] == asked["two"] == list(range(load("speed_reading").ROUNDS + 1))


def test_filled__replaces_only_its_own_part(load):
    text = "a\n<!-- views -->\nold\n<!-- end of views -->\nb\n"
    filled = load("speed").filled
    expected = "a\n<!-- views -->\n| new |\n<!-- end of views -->\nb\n"
    assert filled(text, "views", ["| new |", ""]) == expected
    assert filled(expected, "views", ["| new |"]) == expected
    with pytest.raises(ConfigError, match="has no place for 'step'; put the lines '<!-- step -->'"):
        filled(text, "step", [])


def test_versions__names_what_is_missing(load):
    words = load("speed").versions(["numpy", "no-such-package"])
    assert words == f"numpy {np.__version__}, no-such-package not installed"


def test_speed_document__has_a_place_for_every_part(load):
    speed = load("speed")
    text = (FOLDER.parent / "docs" / "speed.md").read_text()
    for part in speed.PARTS:
        assert speed.filled(text, part, ["x"]) != text


def test_right_frames__counts_those_of_a_reader_that_is_one_behind(load, tmp_path, monkeypatch):
    exactness = load("exactness")
    path = barcode_video(tmp_path / "bars.mp4", 60)
    table = probe(path).frames

    def late(path, indices, size):
        if 59 in indices:
            raise RuntimeError("no such frame")
        return read_frames(path, np.where(indices < 10, indices, indices - 1), frames=table)

    def other_stream(path, indices, size):
        return np.zeros((len(indices), 8, 8, 3), np.uint8)

    readers = {"late": late, "other": other_stream}
    monkeypatch.setattr(exactness, "READERS", readers)
    counts = {"SemiVideo": 60, "late": 10, "other": None}
    assert exactness.right_frames(path, list(readers)) == (60, counts)


def test_made_views__stand_in_for_features_of_videos(load, monkeypatch):
    features = load("speed_features")
    monkeypatch.setattr(features, "VIDEOS", 20)
    views = features.made_views("motion")
    assert (views.num_weak, views.errors) == (2, {})
