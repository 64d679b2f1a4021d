"""What a user waits for besides arithmetic: data during a training, and the start of a command.

    python benchmarks/around_step.py

Trainings read a prepared cache of rendered videos with two loader processes and without the store
in memory. Times are those of the clock, so let the machine rest meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from timing import figure, machine

import semivideo
from semivideo.cli.demo import SETTINGS as DEMO
from semivideo.data.synthetic.rendering import render
from semivideo.run.finished import Run

STEPS, LINE = 120, 20
WAITING_TARGET = 0.05
SIZES: dict[str, dict[str, Any]] = {"demo": DEMO, "accuracy benchmark": {}}
RECIPES = ("small-supervised", "small-fixmatch", "small-cmpl")
FROM_CACHE = {
    "data.memory_gb": 0.0,
    "data.workers": 2,
    "engine.log_every": LINE,
    "engine.tensorboard": False,
}
HELP_TARGET, PREDICT_TARGET = 0.6, 5.0
"""Seconds."""
ROUNDS = 5


def waiting_table() -> list[str]:
    """Share of training that is spent waiting for data, once the loader has started."""
    lines = [
        "| waiting for data | clips/s | share of the time | with the start | target |",
        "|---|--:|--:|--:|--:|",
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        render(folder / "videos", videos_per_class=12, seed=0)
        semivideo.prepare(folder / "videos", out=folder / "cache")
        for size, settings in SIZES.items():
            for recipe in RECIPES:
                run = _trained(folder, recipe, settings | FROM_CACHE, steps=STEPS)
                rate, share = _steady(run)
                lines.append(
                    f"| {recipe}, size of the {size} | {figure(rate)} | {share:.1%} "
                    f"| {run.summary['waiting']:.1%} | under {WAITING_TARGET:.0%} |"
                )
    return lines


def start_table() -> list[str]:
    """Seconds from the call of a command to its end."""
    lines = ["| start | seconds | CPU seconds | target |", "|---|--:|--:|--:|"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        [clip, *_] = render(folder / "videos", videos_per_class=4, seed=0)
        run = _trained(folder, "small-supervised", {}, steps=2)
        for what, arguments, target in (
            ("`semivideo --help`", ["--help"], HELP_TARGET),
            ("`semivideo predict`, a short clip", ["predict", run.path, clip], PREDICT_TARGET),
        ):
            wall, cpu = _command_seconds([str(argument) for argument in arguments])
            lines.append(f"| {what} | {figure(wall)} | {figure(cpu)} | under {target:g} |")
    return lines


def _trained(folder: Path, recipe: str, settings: dict[str, Any], *, steps: int) -> Run:
    """A short training on the cache in the folder, or on the videos where there is none."""
    videos = folder / "cache" if (folder / "cache").exists() else folder / "videos"
    out = Path(tempfile.mkdtemp(dir=folder)) / "run"
    return semivideo.train(
        videos, recipe=recipe, labels_per_class=2, steps=steps, settings=settings, out=out
    )


def _steady(run: Run) -> tuple[float, float]:
    """Clips a second and share of waiting, of all lines but the first: it has the loader's start.

    Every line is of equally many clips, so its time is as 1 / (clips a second).
    """
    lines = [line for line in run.folder.metrics() if "waiting" in line][1:]
    times = [1 / line["clips_per_second"] for line in lines]
    waited = [line["waiting"] * each for line, each in zip(lines, times, strict=True)]
    return len(times) / sum(times), sum(waited) / sum(times)


def _command_seconds(arguments: list[str]) -> tuple[float, float]:
    """Median seconds of the clock and of the processors for a command line."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        before, start = os.times(), time.perf_counter()
        command = [sys.executable, "-m", "semivideo", *arguments]
        subprocess.run(command, check=True, capture_output=True)
        walls.append(time.perf_counter() - start)
        after = os.times()
        cpus.append(sum(after[2:4]) - sum(before[2:4]))  # of children that ended
    return median(walls), median(cpus)


if __name__ == "__main__":
    lines = [machine(), "", *waiting_table(), "", *start_table(), ""]
    sys.stdout.write("\n".join(lines))
