"""The GPU benchmark runs from end to end where there is no GPU, and says so where it is asked."""

import re
import runpy
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.fixture
def run(monkeypatch, capsys):
    monkeypatch.syspath_prepend(SCRIPT.parent)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", [str(SCRIPT), *arguments])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_gpu_benchmark__says_that_it_was_not_run_without_a_gpu(run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run() == "not run: no GPU\n"


def test_gpu_benchmark__measures_every_way_on_a_few_pixels(run):
    page = run("--device", "cpu", "--tiny", "--steps", "1", "--batches", "1+2")
    ways = re.findall(r"^\| ([a-zA-Z][^|]*) \| ([^|]*) \|", page, flags=re.M)
    figures = {way: value for way, value in ways if way not in ("way", "part")}
    assert [way for way, value in figures.items() if value.startswith("not run")] == [
        "compiled",
        "compiled, CUDA graphs",
    ]
    assert {"as set", "factorised", "plain PyTorch loop, bf16", "forward A"} <= figures.keys()
    assert all(float(value) >= 0 for value in figures.values() if not value.startswith("not"))
    assert "% of the step (target: under 10%)" in page
    assert page.endswith("\n## Decoding video\nnot run: --tiny\n")
