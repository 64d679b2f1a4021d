import importlib
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.decode import read_frames

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu_decoding.py"


@pytest.fixture
def decoding(monkeypatch):
    """The benchmark, with one small file."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    found = importlib.import_module("gpu_decoding")
    monkeypatch.setattr(found, "FILES", {"bars.mp4": lambda path: barcode_video(path, 70)})
    return found


def test_lines__compare_both_readers(decoding, monkeypatch):
    fake = SimpleNamespace(at_once=2, read_frames=read_frames, software={"odd": {Path("a.mp4")}})
    monkeypatch.setattr(decoding, "hardware_decoder", lambda device: fake)
    titles, rule, *rows, last = decoding.lines(torch.device("cpu"), rounds=2)
    assert titles.count("|") == rule.count("|") == rows[0].count("|")
    assert [row.split(" | ")[0] for row in rows] == [
        "| bars, window of 64 at both rates",
        "| bars, ten clips of 8 for evaluation",
    ]
    assert all(row.endswith("| 0.00, at most 0 |") for row in rows)
    assert last == "\nRead in software after all: a: odd"


def test_lines__say_why_nothing_was_run(decoding, monkeypatch):
    def refused(device):
        raise ConfigError("it does not work")

    monkeypatch.setattr(decoding, "hardware_decoder", refused)
    assert [*decoding.lines(torch.device("cuda"), rounds=2)] == ["not run: it does not work"]


def test_gpu_decoding__says_that_it_was_not_run_without_a_gpu(decoding, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", [str(SCRIPT)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert capsys.readouterr().out == "not run: no GPU\n"
