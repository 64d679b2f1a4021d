"""The fuzzer itself, and a short run of it with fixed seeds."""

import importlib
from pathlib import Path

import pytest

from semivideo.data.video import decode, verifying
from semivideo.data.video.barcodes import barcode_video

FOLDER = Path(__file__).parents[2] / "benchmarks"
ANSWER = {"outcome": "agree", "why": "", "seconds": 0.1, "peak_mb": 90, "now_mb": 80}


@pytest.fixture
def fuzz(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("fuzz")


def test_tally__tells_findings_from_what_is_fine(fuzz):
    tally = fuzz.Tally()
    assert not tally.add("a.mp4", ANSWER)
    assert not tally.add("a.mp4", ANSWER | {"outcome": "index != sequence (not exact)"})
    assert tally.add("b.mp4", ANSWER | {"seconds": 11.0})
    assert tally.add("c.gif", ANSWER | {"peak_mb": 5000})
    assert tally.add("d.avi", ANSWER | {"outcome": "crash", "why": "exit code -11"})
    assert tally.outcomes["not exact, and readings differ"] == 1
    assert [finding[1] for finding in tally.findings] == ["slow", "memory", "crash"]
    assert (tally.slowest, tally.peaks) == ((11.0, "b.mp4"), (5000, "c.gif"))
    lines = fuzz.table(tally, seed=3, seconds=90)
    assert "| agree | 1 | 20.00 % |" in lines
    assert "| scan raises | 0 | 0.00 % |" in lines


def test_tally__sees_memory_that_grows(fuzz):
    tally = fuzz.Tally()
    for number in range(100):
        tally.add("a.mp4", ANSWER | {"now_mb": 80 + number})
    assert tally.growth_mb == pytest.approx(37.5)


def test_fuzz__finds_nothing_in_a_short_run(fuzz, tmp_path):
    """Seeds of which every file is small; a finding names the file that is made again from it."""
    runs = fuzz.fuzzed(
        tmp_path, seed=36_000, files=30, minutes=5, others=None, keep=tmp_path / "findings"
    )
    for tally in runs:
        last = tally
    assert last.findings == []
    assert last.outcomes.total() == 30
    assert set(last.outcomes) <= {*fuzz.FINE, "not exact, and readings differ"}


def test_look__says_whether_a_scan_that_decodes_finds_what_differs(fuzz, tmp_path, monkeypatch):
    child = importlib.import_module("fuzz_child")
    barcode_video(tmp_path / "a.mp4", 40, frame_rate=25)

    def reading(path, indices, *, frames, **given):
        images = decode.read_frames(path, indices, frames=frames, **given)
        return 255 - images if len(indices) == 1 and frames.is_keyframe.sum() > 1 else images

    monkeypatch.setattr(child, "read_frames", reading)
    assert child.look(tmp_path / "a.mp4")["outcome"] == "index != sequence, also after --verify"
    monkeypatch.setattr(verifying, "read_frames", reading)
    assert child.look(tmp_path / "a.mp4")["outcome"] == "index != sequence, found by --verify"
