"""A training step of CMPL on a GPU: how much of the machine it uses, and where the time goes.

    python benchmarks/gpu.py                        # on the GPU; without one it says "not run"
    python benchmarks/gpu.py --device cpu --tiny    # the whole program on a few pixels

The step is that of the paper: R50 on 8 x 8 frames and R50 x 1/4 on 16 x 4 at 224 pixels, labelled +
unlabelled clips as ``--batches`` says. Clips are random numbers on a 256 x 342 canvas in pinned
memory. Every way is timed whole, without stops, on the wall clock; the parts of a step are timed by
events on the device in steps of their own. TFLOP/s are those of the joint step, counted, whatever a
way computes twice or leaves out, so that they compare. Reading video is a table of its own at the
end, see ``gpu_decoding``.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gpu_decoding
import torch
from plain_loop import PlainLoop
from timing import figure, machine
from torch.utils.flop_counter import FlopCounterMode

from semivideo.base.devices import is_out_of_memory
from semivideo.base.errors import ConfigError
from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.engine import Plan, Runtime
from semivideo.engine.prefetch import delivered
from semivideo.engine.trainer import Training
from semivideo.recipes.cmpl_paper import paper_settings
from semivideo.run import build
from semivideo.runfolder import RunFolder
from semivideo.settings import Settings

NUM_CLASSES = 400
NUM_BATCHES = 4
WARM_UP = 3
TINY: dict[str, Any] = {
    "views.crop_size": 32,
    "networks.primary": {"name": "resnet3d10", "num_frames": 4, "options": {"width": 0.125}},
    "networks.auxiliary": {"name": "resnet3d10", "num_frames": 8, "options": {"width": 0.0625}},
}
WAYS: dict[str, dict[str, Any]] = {
    "as set": {},
    "contiguous": {"engine.channels_last": False},
    "factorised": {"engine.factorized": True},
    "factorised, contiguous": {"engine.factorized": True, "engine.channels_last": False},
    "cuDNN tries": {"engine.deterministic": False},
    "factorised, cuDNN tries": {"engine.factorized": True, "engine.deterministic": False},
    "compiled": {"engine.compile": "default"},
    "compiled, CUDA graphs": {"engine.compile": "reduce-overhead"},
    "optimiser not fused": {},
    "activations checkpointed": {"engine.checkpoint_activations": True},
    "weak views without graph": {"engine.weak_graph": False},
    "fp32": {"engine.precision": "fp32"},
}
"""Name to what it changes; the first one is the reference."""
TARGET_SHARE, TARGET_SPEED, TARGET_VIEWS = 0.35, 2.0, 0.10


class Size(NamedTuple):
    """Clips of a step."""

    labeled: int
    unlabeled: int


class Figures(NamedTuple):
    """One way at one size.

    Attributes:
        seconds: Of a step.
        memory_gb: The most that was allocated; of a CPU the most of the process so far.
    """

    seconds: float
    memory_gb: float


class Parts:
    """Milliseconds of the parts of a step, by events on the device.

    Args:
        device: On a CPU the processor's clock is read.
    """

    def __init__(self, device: torch.device) -> None:
        self._is_cuda = device.type == "cuda"
        self._spans: dict[str, list[tuple[Any, Any]]] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a block."""
        start = self._now()
        yield
        self._spans.setdefault(name, []).append((start, self._now()))

    def watch(self, owner: Any, attribute: str, name: str) -> None:
        """Time every call of a function of an object."""
        function = getattr(owner, attribute)

        def watched(*arguments: Any, **options: Any) -> Any:
            with self.part(name):
                return function(*arguments, **options)

        setattr(owner, attribute, watched)

    def milliseconds(self, num_steps: int) -> dict[str, float]:
        """Return the time of each part in a step; waits for the device."""
        if self._is_cuda:
            torch.cuda.synchronize()
        return {
            name: sum(self._between(*span) for span in spans) / num_steps
            for name, spans in self._spans.items()
        }

    def _now(self) -> Any:
        if not self._is_cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def _between(self, start: Any, end: Any) -> float:
        return float(start.elapsed_time(end) if self._is_cuda else 1000 * (end - start))


def settings_of(size: Size, *, tiny: bool) -> Settings:
    """The paper's settings with another batch, or small ones."""
    base = paper_settings("cmpl", network="r50", data="kinetics400", percent=1)
    batch = {"data.labeled_batch": size.labeled, "data.unlabeled_batch": size.unlabeled}
    return base.updated({**batch, "engine.tensorboard": False, **(TINY if tiny else {})})


def training_of(settings: Settings, *, device: torch.device, folder: Path) -> Training:
    """What ``semivideo train`` would run."""
    torch.manual_seed(0)
    method = build.build_method(settings, num_classes=NUM_CLASSES)
    training = Training(
        method,
        plan=Plan(10**6, settings.engine, split_hash="", settings_hash=""),
        run=RunFolder(folder),
        runtime=Runtime(precision=settings.engine.precision, cpu=device.type == "cpu"),
    )
    training.stepper.train()
    return training


def random_batches(specs: Mapping[str, ClipSpec], size: Size, *, tiny: bool) -> list[Batch]:
    """Clips of noise, as the loader delivers them."""
    height, width = (40, 48) if tiny else (256, 342)
    random = torch.Generator().manual_seed(0)

    def clips(number: int, salt: int) -> dict[str, Any]:
        shapes = {name: (number, spec.num_frames, 3, height, width) for name, spec in specs.items()}
        frames = {
            name: _pinned(torch.randint(0, 256, shape, generator=random, dtype=torch.uint8))
            for name, shape in shapes.items()
        }
        row = torch.arange(number)
        canvas = torch.tensor([[height, width]]).repeat(number, 1)
        return {"frames": frames, "size": canvas, "video": row, "draw": row + 1000 * salt}

    batches = []
    for step in range(NUM_BATCHES):
        label = torch.randint(0, NUM_CLASSES, (size.labeled,), generator=random)
        labeled = LabeledClips(**clips(size.labeled, 2 * step), label=label)
        unlabeled = Clips(**clips(size.unlabeled, 2 * step + 1))
        batches.append(Batch(labeled, unlabeled, step=step, progress=0.5))
    return batches


def _pinned(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.pin_memory() if torch.cuda.is_available() else tensor


def timed_steps(
    step: Callable[[Batch], object], batches: Iterator[Batch], *, device: torch.device, steps: int
) -> Figures:
    """Warm up, then time some steps on the wall clock."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for batch in itertools.islice(batches, WARM_UP if device.type == "cuda" else 1):
        step(batch)
    _wait(device)
    before = time.perf_counter()
    for batch in itertools.islice(batches, steps):
        step(batch)
    _wait(device)
    memory = Runtime(cpu=device.type == "cpu").peak_memory_mb() / 1000
    return Figures((time.perf_counter() - before) / steps, memory)


def on_their_way(batches: list[Batch], device: torch.device) -> Iterator[Batch]:
    """The batches over and over, as the loop gets them."""
    stream = ((batch, 0.0) for batch in itertools.cycle(batches))
    return (batch for batch, _ in delivered(stream, device))


def figures_of(
    way: str, settings: Settings, batches: list[Batch], *, device: torch.device, steps: int
) -> Figures:
    """Time one way of computing SemiVideo's step."""
    with tempfile.TemporaryDirectory() as folder:
        training = training_of(settings.updated(WAYS[way]), device=device, folder=Path(folder))
        if way == "optimiser not fused":
            for group in training.optimizer.param_groups:
                group["fused"], group["foreach"] = False, None
        learn = partial(training.learn, waited=0.0)
        stream = on_their_way(batches, device)
        return timed_steps(learn, stream, device=device, steps=steps)


def parts_of(
    settings: Settings, batches: list[Batch], *, device: torch.device, steps: int
) -> dict[str, float]:
    """Milliseconds of the parts of a step; nothing overlaps here."""
    with tempfile.TemporaryDirectory() as folder:
        training = training_of(settings, device=device, folder=Path(folder))
        parts, method, runtime = Parts(device), training.method, training.runtime
        for batch in batches[:2]:
            training.learn(batch.to(device), waited=0.0)
        for kind in ("standard", "weak", "strong"):
            parts.watch(method.views, kind, "views")
        for network, name in (("primary", "forward F"), ("auxiliary", "forward A")):
            parts.watch(getattr(method, network), "forward", name)
        parts.watch(runtime, "backward", "backward")
        parts.watch(runtime, "step", "optimiser")
        for batch in itertools.islice(itertools.cycle(batches), steps):
            with parts.part("step"):
                with parts.part("copy"):
                    moved = batch.to(device)
                training.learn(moved, waited=0.0)
        found = parts.milliseconds(steps)
    whole = found.pop("step")
    names = ("copy", "views", "forward F", "forward A", "backward", "optimiser")
    return {
        **{name: found[name] for name in names},
        "losses and logs": whole - sum(found.values()),
    }


def counted_flops(settings: Settings, batch: Batch, *, device: torch.device) -> float:
    """Floating-point operations of convolutions and matrix products in a step."""
    with tempfile.TemporaryDirectory() as folder:
        training = training_of(settings, device=device, folder=Path(folder))
        with FlopCounterMode(display=False) as counter:
            training.learn(batch.to(device), waited=0.0)
    return float(counter.get_total_flops())


def matrix_flops(device: torch.device, *, side: int) -> float:
    """FLOP/s of a large bf16 matrix product: the peak that can be had."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        _wait(device)
        before = time.perf_counter()
        for _ in range(5):
            a @ b
        _wait(device)
        best = min(best, (time.perf_counter() - before) / 5)
    return 2 * side**3 / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _attempt(what: Callable[[], Figures]) -> Figures | str:
    """The figures, or in a word why there are none; the memory is empty afterwards."""
    try:
        return what()
    except ConfigError as error:
        return str(error).partition(";")[0]
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return "out of memory"
    finally:
        gc.collect()
        torch.cuda.empty_cache()
        torch.compiler.reset()


def compared(
    size: Size, batches: list[Batch], *, device: torch.device, steps: int, tiny: bool
) -> dict[str, Figures | str]:
    """Every way of SemiVideo, and the plain loop in bf16 and fp32."""
    settings = settings_of(size, tiny=tiny)
    found: dict[str, Figures | str] = {}
    for way, changes in WAYS.items():
        if tiny and "engine.compile" in changes:
            found[way] = "not run: --tiny"
            continue
        run = partial(figures_of, way, settings, batches, device=device, steps=steps)
        found[way] = _attempt(run)
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):

        def plain(dtype: torch.dtype = dtype) -> Figures:
            loop = PlainLoop(settings, device=device, dtype=dtype)
            return timed_steps(loop.step, itertools.cycle(batches), device=device, steps=steps)

        found[f"plain PyTorch loop, {name}"] = _attempt(plain)
    return found


def table(
    found: Mapping[str, Figures | str], size: Size, *, flops: float, peak: float
) -> Iterator[str]:
    """Lines of the table of ways."""
    yield "| way | ms a step | samples/s | TFLOP/s | of the peak | memory GB | speed |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    first = found["as set"]
    for way, figures in found.items():
        if isinstance(figures, str):
            yield f"| {way} | {figures} | | | | | |"
            continue
        seconds, memory = figures
        speed = f"{first.seconds / seconds:.2f}" if isinstance(first, Figures) else ""
        yield (
            f"| {way} | {figure(1000 * seconds)} | {figure(sum(size) / seconds)} "
            f"| {figure(flops / seconds / 1e12)} | {flops / seconds / peak:.1%} "
            f"| {figure(memory)} | {speed} |"
        )


def verdicts(
    found: Mapping[str, Figures | str], parts: Mapping[str, float], *, flops: float, peak: float
) -> Iterator[str]:
    """What was aimed at and what came out."""
    first, plain = found["as set"], found["plain PyTorch loop, bf16"]
    whole = sum(parts.values())
    share = (parts["views"] + parts["copy"]) / whole
    yield f"* views and copies: {share:.1%} of the step (target: under {TARGET_VIEWS:.0%})"
    if isinstance(first, Figures):
        best = min((f.seconds, way) for way, f in found.items() if isinstance(f, Figures))
        rate = flops / first.seconds / peak
        yield f"* share of the matrix rate: {rate:.1%} (target: {TARGET_SHARE:.0%})"
        yield f"* fastest way: {best[1]}, {figure(1000 * best[0])} ms"
        if isinstance(plain, Figures):
            times = plain.seconds / first.seconds
            yield f"* {times:.2f} times as fast as the plain bf16 loop (target: {TARGET_SPEED:g})"


def report(sizes: list[Size], *, device: torch.device, steps: int, tiny: bool) -> Iterator[str]:
    """Lines of the whole page, each as soon as it is known."""
    side = 256 if tiny else 8192
    peak = matrix_flops(device, side=side)
    yield "# A step of CMPL" + (", tiny: these figures say nothing" if tiny else "")
    yield f"{Runtime(cpu=device.type == 'cpu').machine()}; {machine()}"
    yield f"bf16 matrix product of side {side}: {figure(peak / 1e12)} TFLOP/s"
    for size in sizes:
        settings = settings_of(size, tiny=tiny)
        clips = build.build_method(settings, num_classes=2).clips
        batches = random_batches(clips, size, tiny=tiny)
        yield f"\n## {size.labeled} labelled + {size.unlabeled} unlabelled clips"
        found = compared(size, batches, device=device, steps=steps, tiny=tiny)
        if isinstance(found["as set"], str):
            yield f"not run: {found['as set']}"
            continue
        flops = counted_flops(settings, batches[0], device=device)
        parts = parts_of(settings, batches, device=device, steps=steps)
        yield f"{figure(flops / 1e12)} TFLOP a step, counted\n"
        yield from table(found, size, flops=flops, peak=peak)
        yield "\n| part | ms | of the step |\n|---|--:|--:|"
        for name, part in parts.items():
            yield f"| {name} | {figure(part)} | {part / sum(parts.values()):.1%} |"
        yield ""
        yield from verdicts(found, parts, flops=flops, peak=peak)
    yield "\n## Decoding video"
    yield from ["not run: --tiny"] if tiny else gpu_decoding.lines(device, rounds=steps)


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a few pixels, to try the program")
    parser.add_argument("--steps", type=int, default=20, help="steps that are timed")
    parser.add_argument("--batches", default="2+10,8+40,16+80", help="labelled+unlabelled, ...")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("not run: no GPU")
        return
    sizes = [Size(*map(int, size.split("+"))) for size in options.batches.split(",")]
    device = torch.device(options.device)
    for line in report(sizes, device=device, steps=options.steps, tiny=options.tiny):
        print(line, flush=True)


if __name__ == "__main__":
    main()
