"""A training step on a CPU: how fast, how exact, and where its time goes.

    python benchmarks/speed_step.py

Compared is a step of the network alone (forward, cross-entropy, backward, optimiser) with our
defaults, channels_last_3d and bf16 where the processor has it, against contiguous fp32. The losses
of both are followed for 200 steps from the same weights on the same clips; how far apart they may
be is shown by a third run, in fp32 from weights that were rounded to bf16 once.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from around_step import start_table, waiting_table
from numpy.typing import NDArray
from timing import Row, figure, machine, markdown, one_thread, take_turns
from torch import Tensor
from torch.nn.functional import cross_entropy, interpolate
from torch.profiler import ProfilerActivity, profile

from semivideo.base.records import Batch, Clips, LabeledClips
from semivideo.engine.optim import make_optimizer
from semivideo.engine.runtime import Runtime, native_precision
from semivideo.engine.trainer import Plan, Training
from semivideo.models import create
from semivideo.recipes.small import cmpl
from semivideo.run import build
from semivideo.runfolder import RunFolder
from semivideo.settings import EngineSettings

NETWORK, WIDTH, NUM_FRAMES, CROP, NUM_CLASSES = "resnet3d50", 0.25, 8, 112, 27
OURS = EngineSettings(learning_rate=0.02)
PLAIN = EngineSettings(learning_rate=0.02, precision="fp32", channels_last=False)
SPEED_TARGET = 1.7
LOSS_STEPS, LOSS_BATCH, LAST = 200, 4, 20
PROFILED_STEPS = 5

KNOWN = {
    "aten::convolution_backward": (
        "gradients of convolutions",
        "bf16 and channels_last_3d; fp32 only where the clip is smaller than the kernel",
    ),
    "aten::mkldnn_convolution": (
        "convolutions, two thirds of it those of the two stems",
        "as above; tried and slower: the stem in fp32, on padded channels, on 2x2 pixels as "
        "channels, on frames as channels",
    ),
    "aten::copy_": (
        "the canvas as a table for the views, bf16 copies for autocast",
        "autocast no longer makes the max-pool and what follows fp32",
    ),
    "aten::cat": ("one batch of labelled, weak and strong views", "left: one forward sees all"),
    "aten::native_batch_norm": ("batch norm", "left: bf16 in place of the layout already"),
    "aten::native_batch_norm_backward": ("gradients of batch norm", "left"),
    "aten::max_pool3d_with_indices": ("the stem's max-pool", "in bf16 as its input"),
    "aten::addcmul": ("normalising views, writing them channels_last_3d", "one pass for both"),
    "aten::threshold_backward": ("gradients of ReLU", "left"),
}
"""What an entry of the profile is, and what was done about it."""


def rows() -> list[Row]:
    """The step beside contiguous fp32, in CPU time of one core."""
    what = f"step of R50 x1/4, T = {NUM_FRAMES}, crop {CROP}, 8 clips"
    with one_thread():
        ways = {"ours": stepper(OURS, batch=8), "plain": stepper(PLAIN, batch=8)}
        seconds = take_turns({name: partial(step, 0) for name, step in ways.items()}, rounds=7)
    ours, plain = (1000 * seconds[name] for name in ("ours", "plain"))
    return [Row(what, "ms", ours, "contiguous fp32", plain, target=SPEED_TARGET)]


def table() -> list[str]:
    """Losses, the profile, waiting for data and start, in Markdown."""
    parts = [loss_table(), profile_table(), waiting_table(), start_table()]
    return [line for part in parts for line in (*part, "")]


def loss_table() -> list[str]:
    """How far losses are apart after the same steps."""
    with one_thread():
        plain, ours, rounded = (
            losses(settings, num_steps=LOSS_STEPS, is_rounded=is_rounded)
            for settings, is_rounded in ((PLAIN, False), (OURS, False), (PLAIN, True))
        )
    lines = [
        f"| {LOSS_STEPS} steps | mean loss of the last {LAST} | mean difference from fp32 |",
        "|---|--:|--:|",
    ]
    name = f"channels_last_3d, {native_precision(torch.device('cpu'))}"
    for what, run in (
        ("contiguous fp32", plain),
        (name, ours),
        ("contiguous fp32 from weights rounded to bf16", rounded),
    ):
        apart = figure(float(np.abs(run - plain).mean()))
        lines.append(f"| {what} | {run[-LAST:].mean():.4f} | {apart} |")
    return lines


def losses(
    settings: EngineSettings, *, num_steps: int, is_rounded: bool = False
) -> NDArray[np.float64]:
    """Losses (num_steps,) of a training on clips whose class can be seen."""
    step = stepper(settings, batch=LOSS_BATCH, is_rounded=is_rounded)
    return np.array([step(number) for number in range(num_steps)])


def stepper(
    settings: EngineSettings, *, batch: int, is_rounded: bool = False
) -> Callable[[int], float]:
    """Return a function that does one step and gives its loss; equal numbers, equal clips."""
    torch.manual_seed(0)
    network = create(NETWORK, NUM_CLASSES, width=WIDTH, dropout=0.0).train()
    if is_rounded:
        for parameter in network.parameters():
            parameter.data = parameter.data.bfloat16().float()
    runtime = Runtime(precision=settings.precision, cpu=True)
    runtime.place(network, channels_last=settings.channels_last)
    optimizer = make_optimizer(network, settings)

    def step(number: int) -> float:
        x, y = clips_of(number, num_clips=batch)
        if settings.channels_last:
            x = x.contiguous(memory_format=torch.channels_last_3d)
        with runtime.autocast():
            loss = cross_entropy(network(x).float(), y)
        optimizer.zero_grad()
        runtime.backward(loss)
        runtime.step(optimizer, network.parameters(), clip=None)
        return loss.item()

    return step


@cache
def _patterns() -> Tensor:
    """(K, 3, T, 14, 14): a coarse moving pattern for each class."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(NUM_CLASSES, 3, NUM_FRAMES, 14, 14, generator=generator)


def clips_of(number: int, *, num_clips: int) -> tuple[Tensor, Tensor]:
    """Views (N, 3, T, crop, crop) of class patterns under noise, and their classes (N,)."""
    generator = torch.Generator().manual_seed(number)
    y = torch.randint(NUM_CLASSES, (num_clips,), generator=generator)
    noise = torch.randn(num_clips, 3, NUM_FRAMES, CROP, CROP, generator=generator)
    return interpolate(_patterns()[y], (NUM_FRAMES, CROP, CROP)) + noise, y


def profile_table() -> list[str]:
    """The five largest entries of a step of CMPL at the size of the accuracy benchmark."""
    with one_thread(), cmpl_step() as step:
        for number in range(3):
            step(number)
        with profile(activities=[ProfilerActivity.CPU]) as found:
            for number in range(3, 3 + PROFILED_STEPS):
                step(number)
    entries = sorted(found.key_averages(), key=lambda entry: -entry.self_cpu_time_total)
    total = sum(entry.self_cpu_time_total for entry in entries)
    lines = [
        f"| entry of a step of CMPL ({figure(total / PROFILED_STEPS / 1000)} ms, one thread) "
        "| share | what it is | what was done |",
        "|---|--:|---|---|",
    ]
    for entry in entries[:5]:
        what, done = KNOWN.get(entry.key, ("", ""))
        share = entry.self_cpu_time_total / total
        lines.append(f"| `{entry.key}` | {share:.0%} | {what} | {done} |")
    return lines


@contextmanager
def cmpl_step() -> Iterator[Callable[[int], None]]:
    """Give a function that does one step of the small CMPL, everything but reading clips."""
    settings, num_videos = cmpl(), 400
    torch.manual_seed(0)
    method = build.build_method(settings, num_classes=NUM_CLASSES)
    method.prepare([str(row) for row in range(num_videos)])
    generator = torch.Generator().manual_seed(0)

    def common(num_clips: int) -> dict[str, object]:
        frames = {
            name: torch.randint(256, (num_clips, spec.num_frames, 3, 56, 75), generator=generator)
            for name, spec in method.clips.items()
        }
        return {
            "frames": {name: clips.to(torch.uint8) for name, clips in frames.items()},
            "size": torch.tensor([[56, 75]] * num_clips),
            "video": torch.arange(num_clips),
            "draw": torch.arange(num_clips) * 7919,
        }

    y = torch.arange(settings.data.labeled_batch) % NUM_CLASSES
    labeled = LabeledClips(**common(len(y)), label=y)  # type: ignore[arg-type]
    unlabeled = Clips(**common(settings.data.unlabeled_batch))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(Path(folder) / "run")
        plan = Plan(1200, settings.engine, split_hash="", settings_hash="")
        training = Training(method, plan=plan, run=run, runtime=Runtime(cpu=True))
        training.resume()

        def step(number: int) -> None:
            draw = number * 10_007
            batch = Batch(
                labeled=replace(labeled, draw=labeled.draw + draw),
                unlabeled=replace(unlabeled, draw=unlabeled.draw + draw),
                step=600 + number,
                progress=0.5,
            )
            training.learn(batch, waited=0.0)

        yield step
        training.metrics.close()


if __name__ == "__main__":
    sys.stdout.write("\n".join([machine(), "", *markdown(rows()), "", *table(), ""]))
