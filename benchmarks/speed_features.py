"""Features of a pretrained network, training on them, and a training beside other busy processes.

    python benchmarks/speed_features.py

The files are like J-HMDB's: H.264, 320x240, 40 frames. Features are measured by the clock, for both
ways use all cores; steps in processor time of one thread. Ways of one row take turns. Trainings of
CMPL are processes of their own, for how threads wait is said before torch is loaded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import plain_features
import torch
from readers import drifting
from speed_step import cmpl_step
from timing import Row, compared, figure, machine, markdown, one_thread, take_turns

import semivideo
from semivideo.base.machine.threads import ASLEEP, BRIEFLY_AWAKE
from semivideo.data.clips.loader import Streams
from semivideo.data.video.encode import encode
from semivideo.encoders import load_encoder
from semivideo.engine.runtime import Runtime
from semivideo.engine.trainer import Plan, Training
from semivideo.features.cached_views import FeatureViews
from semivideo.features.descriptor import Descriptor, described_dim
from semivideo.features.extract import Wanted, extract
from semivideo.features.feature_loader import FeatureLoader
from semivideo.recipes.on_features import fixmatch
from semivideo.run import build, feature_runs
from semivideo.runfolder import RunFolder

ROUNDS, CLIPS, FRAMES, SIDE = 5, 24, 8, 160
VIDEOS, VIEWS, DIM, CLASSES, LABELED = 928, 6, 1280, 21, 105
STEPS_AT_ONCE, BUSY = 50, 6
FEATURES_TARGET, STEPS_TARGET = 2.0, 500
KINDS: dict[Descriptor, int | None] = {"mean": STEPS_TARGET, "motion": None}
"""Descriptors that steps are measured with, and the target of each."""
CMPL_STEPS = 3


def rows() -> list[Row]:
    """All comparisons."""
    return [*feature_rows(), *step_rows()]


def table() -> list[str]:
    """Start to result, and a training beside busy processes, in Markdown."""
    return [*start_table(), "", *beside_table()]


def feature_rows() -> list[Row]:
    """Clips a second, one view each, and with six views of one reading."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "videos").mkdir()
        options = {"g": "12", "preset": "medium"}
        for number in range(CLIPS):
            path = folder / "videos" / f"{number}.mp4"
            encode(path, drifting(320, 240, 40), frame_rate=30, codec="libx264", options=options)
        manifest, network = semivideo.scan(folder / "videos"), load_encoder("efficientnet_lite0")
        paths = [manifest.absolute(row) for row in range(len(manifest))]

        def ours(num_views: int) -> Callable[[], object]:
            wanted = Wanted(num_views, FRAMES)
            return lambda: extract(
                manifest, Path(tempfile.mkdtemp(dir=folder)), encoder=network, wanted=wanted
            )

        def theirs() -> object:
            return plain_features.features(paths, num_frames=FRAMES, side=SIDE)

        clock = time.perf_counter
        one = take_turns({"SemiVideo": ours(1), "plain": theirs}, rounds=ROUNDS, clock=clock)
        six = take_turns({"SemiVideo": ours(VIEWS)}, rounds=1, clock=clock)
    name = "a plain torch and Pillow loop"
    what = f"features, {FRAMES} frames of {SIDE}, one view, by the clock"
    found = _rates(what, one, name, target=FEATURES_TARGET)
    six["plain"] = VIEWS * one["plain"]
    what = f"features, {VIEWS} views of one reading, by the clock"
    return [*found, *_rates(what, six, f"{name}, once a view", target=None)]


def _rates(what: str, seconds: dict[str, float], name: str, *, target: float | None) -> list[Row]:
    rates = {"SemiVideo": CLIPS / seconds["SemiVideo"], name: CLIPS / seconds["plain"]}
    return compared(what, rates, {name: target}, unit="clips/s", scale=1.0)


def step_rows() -> list[Row]:
    """Steps a second of FixMatch with a linear head on one core.

    On the mean of an encoder's numbers over time, which the target speaks of, and on what recipes
    take, which is three times as long: the mean, and how the numbers move.
    """
    with one_thread(), tempfile.TemporaryDirectory() as temporary:
        steps: dict[str, Callable[[], None]] = {}
        for kind in KINDS:
            ours, plain = _steps(kind, folder=Path(temporary))
            steps |= {kind: ours, f"plain {kind}": plain}
        seconds = take_turns(steps, rounds=4 * ROUNDS)
    rows = []
    for kind, target in KINDS.items():
        what = f"FixMatch, linear head on {described_dim(DIM, kind)} numbers ({kind})"
        rates = {
            "SemiVideo": STEPS_AT_ONCE / seconds[kind],
            "a plain torch loop": STEPS_AT_ONCE / seconds[f"plain {kind}"],
        }
        rows += compared(what, rates, {"a plain torch loop": None}, unit="steps/s", scale=1.0)
        if target:
            rows.append(Row(what, "steps/s", rates["SemiVideo"], "the target", target, 1.0))
    return rows


def _steps(kind: Descriptor, *, folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    """Fifty steps of ours, and of a plain loop, on the same made-up features."""
    settings = fixmatch().updated({"networks.primary.options.dim": described_dim(DIM, kind)})
    views = made_views(kind)
    method = build.build_method(settings, num_classes=CLASSES, views=views)
    method.prepare([str(row) for row in range(VIDEOS)])
    streams = Streams(range(LABELED), [row % CLASSES for row in range(LABELED)], range(VIDEOS))
    feature_runs.standardized(method, views, streams)
    plan = Plan(10**6, settings.engine, split_hash="", settings_hash="")
    run = RunFolder.create(folder / f"run-{kind}")
    training = Training(method, plan=plan, run=run, runtime=Runtime(cpu=True))
    training.resume()
    batches = iter(FeatureLoader(streams, settings.data, seed=0, num_steps=10**6))
    plain = plain_features.fixmatch_step(
        views.table[:, :, 0],
        torch.arange(VIDEOS) % CLASSES,
        num_classes=CLASSES,
        batches=(settings.data.labeled_batch, settings.data.unlabeled_batch),
    )

    def ours() -> None:
        for _ in range(STEPS_AT_ONCE):
            training.learn(next(batches), waited=0.0)

    def theirs() -> None:
        for _ in range(STEPS_AT_ONCE):
            plain()

    return ours, theirs


def made_views(kind: Descriptor) -> FeatureViews:
    """Views of made-up features, of as many videos and numbers as J-HMDB's."""
    random = np.random.default_rng(0)
    content = random.standard_normal((VIDEOS, VIEWS, 2, DIM)).astype(np.float16)
    form = SimpleNamespace(
        num_views=VIEWS,
        num_weak=2,
        num_strong=VIEWS - 2,
        num_stored=VIEWS,
        num_videos=VIDEOS,
        num_frames=FRAMES,
        modalities=("rgb",),
        rotations=False,
        steps=2,
        dim=DIM,
        is_whole=False,
        views_of=lambda modality: slice(0, VIEWS),
    )
    made = SimpleNamespace(form=form, folder=Path(), errors={}, rows=lambda rows: content[rows])
    made.parts = (made,)
    return FeatureViews(made, rows=np.arange(VIDEOS), kind=kind)  # type: ignore[arg-type]


def start_table() -> list[str]:
    """From the command to the trained head, on features that are there."""
    from semivideo.data.synthetic.rendering import GROUP_PATTERN, render

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        render(folder / "videos", videos_per_class=8, seed=0, num_groups=4)
        manifest = semivideo.scan(folder / "videos", group_pattern=GROUP_PATTERN)
        semivideo.extract_features(manifest, out=folder / "features", views=3)
        given = [str(folder / "features"), "--recipe", "features-fixmatch"]
        given += ["--labels-per-class", "2", "--out", str(folder / "run")]
        before, start = os.times(), time.perf_counter()
        command = [sys.executable, "-m", "semivideo", "train", *given]
        subprocess.run(command, check=True, capture_output=True)
        seconds, after = time.perf_counter() - start, os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return [
        "| start to result | seconds | CPU seconds |",
        "|---|--:|--:|",
        f"| `train FEATURES --recipe features-fixmatch`, 1000 steps | {figure(seconds)} "
        f"| {figure(cpu)} |",
    ]


def beside_table() -> list[str]:
    """A step of CMPL with two threads and with one, alone and beside busy processes."""
    cores = len(os.sched_getaffinity(0))
    share = min(1.0, cores / (BUSY + cores))
    lines = [
        f"| a step of CMPL on {cores} cores | alone | beside {BUSY} busy processes | keeps, of its "
        f"speed alone (its share is {share:.2f}) | CPU a step, alone and beside |",
        "|---|--:|--:|--:|--:|",
    ]
    for what, threads, waiting in (
        ("two threads that sleep while they wait (ours beside others)", 2, ASLEEP),
        ("two threads awake for a moment (ours on free cores)", 2, BRIEFLY_AWAKE),
        ("two threads, as torch has them", 2, {}),
        ("one thread", 1, {}),
    ):
        alone = _cmpl(threads, waiting)
        with busy(BUSY):
            beside = _cmpl(threads, waiting)
        lines.append(
            f"| {what} | {figure(alone['wall'])} s | {figure(beside['wall'])} s "
            f"| {alone['wall'] / beside['wall']:.2f} "
            f"| {figure(alone['cpu'])} s, {figure(beside['cpu'])} s |"
        )
    return lines


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing else than to be busy."""
    code = "while True: pass"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def _cmpl(threads: int, waiting: dict[str, str]) -> dict[str, float]:
    """Seconds of a step, by the clock and of the processors, in a process of its own."""
    known = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    environment = {name: value for name, value in os.environ.items() if name not in known}
    environment |= {"OMP_NUM_THREADS": str(threads), **waiting}
    command = [sys.executable, __file__, "cmpl"]
    done = subprocess.run(command, check=True, capture_output=True, env=environment)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Print the tables, or time CMPL for the process that started this one."""
    if sys.argv[1:] != ["cmpl"]:
        sys.stdout.write("\n".join([machine(), "", *markdown(rows()), "", *table(), ""]))
        return
    with cmpl_step() as step:
        step(0)
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(1, 1 + CMPL_STEPS):
            step(number)
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    sys.stdout.write(json.dumps({name: value / CMPL_STEPS for name, value in spent.items()}))


if __name__ == "__main__":
    main()
