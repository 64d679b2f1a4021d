"""The kills, in a very short run: two commands, three signals."""

import importlib
import signal
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def soak(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("soak")


def test_soak__scan_goes_on_after_kills_and_refuses_a_second_writer(soak, tmp_path):
    soaked = soak.Soak(tmp_path)
    soaked.run_unbroken("scan")
    for number in (signal.SIGKILL, signal.SIGINT):
        soaked.kill("scan", number, 0.8)
    assert soaked.report.findings == []
    assert soaked.report.same["scan"] == 2
    lines = soak.table(soaked, seconds=60)
    assert any(line.startswith("| scan |") for line in lines)


def test_soak__sees_a_result_that_differs(soak, tmp_path):
    soaked = soak.Soak(tmp_path)
    soaked.unbroken["scan"] = {"manifest.parquet": "other"}
    soaked.begin("scan")
    (soaked.here / "manifest.parquet").write_bytes(b"x")
    (soaked.here / ".manifest.parquet.1-abcdef01.tmp").touch()
    soaked.compare("scan", "here", "")
    soaked.unbroken["scan"] = soaked.results("scan")
    soaked.compare("scan", "there", "")
    first, second = soaked.report.findings
    assert first == "here: other results: manifest.parquet"
    assert second == "there: leaves .manifest.parquet.1-abcdef01.tmp"


def test_reads__watch_memory_and_open_files(soak, tmp_path):
    soaked = soak.Soak(tmp_path)
    soaked.reads(100)
    assert "+0 open files" in soaked.report.others["100 readings"]
    assert soaked.report.findings == []
