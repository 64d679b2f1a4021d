"""What the speed benchmarks share: taking turns, rows, and the table they make."""

from __future__ import annotations

import importlib
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Row:
    """One comparison, measured in one process, both sides taking turns.

    Attributes:
        what: What was done.
        unit: Of both figures, such as "ms" or "clips/s"; a rate has a "/".
        ours: SemiVideo's figure.
        competitor: Who else did it.
        theirs: The competitor's figure; None where it is not installed.
        target: The ratio that was aimed at, None for no target.
    """

    what: str
    unit: str
    ours: float
    competitor: str
    theirs: float | None
    target: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as fast SemiVideo is."""
        if self.theirs is None:
            return None
        return self.ours / self.theirs if "/" in self.unit else self.theirs / self.ours


def take_turns(
    ways: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """Call each way ``rounds`` times, one after the other, and return its median in seconds.

    Args:
        ways: Name to what is timed; each is called once before, to warm up.
        rounds: Turns of each, >= 1.
        clock: CPU time of all threads of this process, or ``time.perf_counter``.
    """
    for way in ways.values():
        way()
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            before = clock()
            way()
            spent[name].append(clock() - before)
    return {name: float(np.median(times)) for name, times in spent.items()}


def compared(
    what: str,
    seconds: Mapping[str, float],
    targets: Mapping[str, float | None],
    *,
    unit: str = "ms",
    scale: float = 1000.0,
    ours: str = "SemiVideo",
) -> list[Row]:
    """Make a row for each competitor.

    Args:
        what: As in ``Row``.
        seconds: Name to median, as ``take_turns`` returns it; competitors may be missing.
        targets: Competitor to the ratio that is aimed at.
        unit: As in ``Row``.
        scale: What a median is multiplied with to be in this unit.
        ours: SemiVideo's name in ``seconds``.
    """
    figures = {name: scale * value for name, value in seconds.items()}
    return [
        Row(what, unit, figures[ours], name, figures.get(name), target)
        for name, target in targets.items()
    ]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one core inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def torchvision_transforms() -> Any | None:
    """Return ``torchvision.transforms.v2``, or None where torchvision is not installed.

    Beside a torch of another build its compiled part is passed over, and then the import fails at
    the first operator that part would have defined; transforms need none of them.
    """
    for name in ("nms", "qnms"):
        with suppress(RuntimeError):  # defined already
            torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")
    try:
        return importlib.import_module("torchvision.transforms.v2")
    except ImportError:
        return None


def markdown(rows: Iterable[Row]) -> list[str]:
    """Lines of a table; ratios above 1 mean that SemiVideo is faster."""
    lines = ["| what | SemiVideo | competitor | ratio | target |", "|---|--:|--:|--:|--:|"]
    for row in rows:
        theirs = "not installed" if row.theirs is None else f"{figure(row.theirs)} {row.unit}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
        target = "" if row.target is None else f"{row.target:g}x"
        lines.append(
            f"| {row.what} | {figure(row.ours)} {row.unit} | {row.competitor}: {theirs} "
            f"| {ratio} | {target} |"
        )
    return lines


def figure(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def machine() -> str:
    """Processor, cores and versions, for the table's caption."""
    import av

    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return (
        f"{model}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"PyAV {av.__version__}, Python {platform.python_version()}"
    )
