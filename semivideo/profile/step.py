"""What a training step costs: the engine's own step, watched from outside; nothing is written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from semivideo.base.records import Batch, Clips, LabeledClips
from semivideo.engine.runtime import Runtime
from semivideo.engine.trainer import Training
from semivideo.profile.measured import Step
from semivideo.profile.stopwatch import Stopwatch, paced, typical
from semivideo.transforms import Views

SECONDS = 60.0
"""About how long steps of one kind are repeated."""
_WARM_UP = 2  # steps
_MATRIX_SIDE = {"cpu": 1024}
_LARGE_MATRIX_SIDE = 8192
_DTYPE = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def measured_step(training: Training, batches: Sequence[Batch], *, num_steps: int) -> Step:
    """Time the parts of a step.

    Args:
        training: Is trained on.
        batches: At least one, on the CPU; taken in turn.
        num_steps: Wanted; fewer are done when they take long.
    """
    runtime, stopwatch = training.runtime, Stopwatch(training.runtime.device)
    turns = in_turn(training, batches)
    _choose_for_last_round(training, batches)
    for _ in paced(_WARM_UP, seconds=SECONDS / 4, least=1):
        learn(training, next(turns))
    laps = []
    with _watched(training, stopwatch):
        for _ in paced(num_steps, seconds=SECONDS):
            with stopwatch.part("bookkeeping"):
                learn(training, next(turns), stopwatch)
            laps.append(stopwatch.lap())
    parts = typical(laps)
    seconds = sum(parts.values())
    if runtime.device.type != "cpu":
        seconds = _seconds_without_stops(training, turns, num_steps=len(laps))
    first = batches[0]
    return Step(
        num_steps=len(laps),
        num_labeled=len(first.labeled),
        num_unlabeled=0 if first.unlabeled is None else len(first.unlabeled),
        parts=parts,
        seconds=seconds,
        gflop=_counted(training, batches) / 1e9,
        matrix_gflops=matrix_gflops(runtime),
        peak_memory_gb=runtime.peak_memory_mb() / 1000,
    )


def in_turn(training: Training, batches: Sequence[Batch]) -> Iterator[Batch]:
    """The batches over and over, as those of steps from the middle of the run on.

    By then warm-ups have ended, in which some methods do less.
    """
    num_steps = training.plan.num_steps
    middle = num_steps // 2
    for number in count():
        step = middle + number % (num_steps - middle)
        yield replace(batches[number % len(batches)], step=step)


def matrix_gflops(runtime: Runtime) -> float:
    """GFLOP/s of a large matrix product at the runtime's precision: what can be had here."""
    side = _MATRIX_SIDE.get(runtime.device.type, _LARGE_MATRIX_SIDE)
    dtype = _DTYPE[runtime.precision]
    matrix = torch.randn(side, side, device=runtime.device, dtype=dtype)
    matrix @ matrix
    seconds = []
    for _ in range(5):
        wait(runtime)
        before = time.perf_counter()
        matrix @ matrix
        wait(runtime)
        seconds.append(time.perf_counter() - before)
    return 2 * side**3 / min(seconds) / 1e9


def learn(training: Training, batch: Batch, stopwatch: Stopwatch | None = None) -> None:
    """One step; nothing was waited for."""
    device = training.runtime.device
    if device.type != "cpu":
        with stopwatch.part("copy to the device") if stopwatch else ExitStack():
            batch = batch.to(device)
    training.learn(batch, waited=0.0)


def seconds_of(training: Training, batch: Batch) -> float:
    """Do one step on a batch that is there, and return how long it took."""
    wait(training.runtime)
    before = time.perf_counter()
    learn(training, batch)
    wait(training.runtime)
    return time.perf_counter() - before


def _seconds_without_stops(training: Training, turns: Iterator[Batch], *, num_steps: int) -> float:
    """Of a step, where the device works behind the program and only the last one is waited for."""
    wait(training.runtime)
    before = time.perf_counter()
    for _ in range(num_steps):
        learn(training, next(turns))
    wait(training.runtime)
    return (time.perf_counter() - before) / num_steps


@contextmanager
def _watched(training: Training, stopwatch: Stopwatch) -> Iterator[None]:
    """Give each part of the engine's step its name."""
    method, runtime = training.method, training.runtime
    watches: list[tuple[Any, str, Any]] = [
        (method, "forward", "networks and losses, forward"),
        (runtime, "backward", "backward"),
        (runtime, "step", "optimiser"),
    ]
    views = getattr(method, "views", None)
    if isinstance(views, Views):

        def other(*_: Any, **__: Any) -> str | None:
            return None if "view" in (stopwatch.current or "") else "other views"

        watches += [(views, kind, _named(kind)) for kind in ("standard", "weak", "strong")]
        watches += [(views, function, other) for function in ("sample", "apply")]
    with ExitStack() as stack:
        for owner, function, name in watches:
            stack.enter_context(stopwatch.watching(owner, function, name))
        yield


def _named(kind: str) -> Any:
    """The name of a view by whom it is made of and for which network."""

    def name(clips: Clips, stream: str) -> str:
        of = "labelled" if isinstance(clips, LabeledClips) else kind
        return f"{of} view, {stream}"

    return name


def _choose_for_last_round(training: Training, batches: Sequence[Batch]) -> None:
    """A method that trains in rounds learns less before its first choice: let it choose."""
    if training.method.num_rounds > 1:
        with training.runtime.autocast():
            training.method.start_round(b.to(training.runtime.device) for b in batches)
        training.stepper.train()


def _counted(training: Training, batches: Sequence[Batch]) -> float:
    """Floating-point operations of one step."""
    with FlopCounterMode(display=False) as counter:
        learn(training, next(in_turn(training, batches)))
    return float(counter.get_total_flops())


def wait(runtime: Runtime) -> None:
    """Return when the device has done all it was given."""
    if runtime.device.type != "cpu":
        torch.accelerator.synchronize()
