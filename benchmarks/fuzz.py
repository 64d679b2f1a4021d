"""Damage videos of every format, scan and read them, and say what came of it: ``make fuzz``.

    python benchmarks/fuzz.py [--minutes 30 | --files 5000] [--seed 0] [--out docs/robustness.md]

Each file is looked at by a process of its own kind (``fuzz_child``), which is replaced when it ends
or hangs. What must hold of every file::

    scan never raises, and no fault of ours is a row's reason
    no file takes more than 10 seconds, and none ends the process
    memory is flat: files do not leave anything behind
    a frame read by its number, in order, and from a cache is one picture, or the video is not exact

Findings are kept in a folder, and each is made again from its name: original, seed.
"""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from mutants import mutant, originals
from speed import filled
from timing import machine

from semivideo.base.files import write_bytes
from semivideo.cli.console import note, run_plainly, show

SHARED = Path(__file__).parents[2] / "shared" / "data" / "hard-videos"
MOST_SECONDS = 10.0
_WAIT = 30.0  # seconds of the clock: others may be at work on the machine
_MOST_MB = 1024
_CHILD = Path(__file__).with_name("fuzz_child.py")
FINE = ("agree", "agree, not exact", "refused")
"""Outcomes that are no findings."""


@dataclass
class Tally:
    """What came of many files.

    Attributes:
        outcomes: How often each came.
        findings: Name of the file and what is wrong.
        slowest: Seconds and name.
        peaks: Largest memory in MB and name.
        memory: Memory in MB after each file, of one process after the other.
        by_format: Ending to outcomes.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[str, str, str]] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    peaks: tuple[int, str] = (0, "")
    memory: list[list[int]] = field(default_factory=lambda: [[]])
    by_format: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, name: str, found: dict[str, Any]) -> bool:
        """Take in one file; whether it is a finding."""
        outcome, why = found["outcome"], found["why"]
        if outcome.endswith("(not exact)"):
            outcome = "not exact, and readings differ"
        elif outcome in FINE and found["seconds"] > MOST_SECONDS:
            outcome, why = "slow", f"{found['seconds']} s of CPU"
        elif outcome in FINE and found["peak_mb"] > _MOST_MB:
            outcome, why = "memory", f"{found['peak_mb']} MB"
        self.outcomes[outcome] += 1
        self.by_format[Path(name).suffix][outcome] += 1
        self.slowest = max(self.slowest, (found["seconds"], name))
        self.peaks = max(self.peaks, (found["peak_mb"], name))
        self.memory[-1].append(found["now_mb"])
        is_finding = outcome not in (*FINE, "not exact, and readings differ")
        if is_finding:
            self.findings.append((name, outcome, why))
        return is_finding

    @property
    def growth_mb(self) -> float:
        """How much more memory the second half of the longest-lived process took, in MB."""
        longest = max(self.memory, key=len)
        half = len(longest) // 2
        if half < 20:
            return 0.0
        return sum(longest[half:]) / (len(longest) - half) - sum(longest[half // 2 : half]) / (
            half - half // 2
        )


class Child:
    """The process that looks at files."""

    def __init__(self) -> None:
        here = str(Path(__file__).parents[1])
        path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
        self.process = subprocess.Popen(
            [sys.executable, str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        )

    def look(self, folder: Path) -> dict[str, Any]:
        """What comes of the one file in a folder; a process that hangs or ends says so."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        none = {"seconds": 0.0, "peak_mb": 0, "now_mb": 0, "descriptors": 0}
        try:
            self.process.stdin.write(json.dumps(str(folder)) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {"outcome": "crash", "why": f"the process ended before: {self.end()}", **none}
        ready, _, _ = select.select([self.process.stdout], [], [], _WAIT)
        line = self.process.stdout.readline() if ready else ""
        if line:
            return dict(json.loads(line))
        outcome = "crash" if ready else "hang"
        return {"outcome": outcome, "why": f"exit code {self.end()}", **none}

    def end(self) -> int:
        """End the process and return its code."""
        time.sleep(0.1)  # one that crashes is about to be gone
        if self.process.poll() is None:
            self.process.kill()
        for pipe in filter(None, (self.process.stdin, self.process.stdout)):
            with suppress(BrokenPipeError):
                pipe.close()
        return self.process.wait()


def fuzzed(
    work: Path, *, seed: int, files: int | None, minutes: float, others: Path | None, keep: Path
) -> Iterator[Tally]:
    """Look at mutants until there were enough, or the time is over.

    Args:
        work: A folder for files.
        seed: Of the first mutant; each next one has the next number.
        files: How many; None goes by the clock.
        minutes: At most so long.
        others: Further originals.
        keep: Where findings are copied to.

    Yields:
        The tally after each file; one and the same object.
    """
    tally, child, end = Tally(), Child(), time.monotonic() + 60 * minutes
    makers = originals(work / "originals", others=others)
    folder = work / "one"
    try:
        number = 0
        while time.monotonic() < end and (files is None or number < files):
            original = makers[(seed + number) % len(makers)]
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            path = mutant(original, seed + number, folder)
            found = child.look(folder)
            if tally.add(path.name, found):
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, keep / path.name)
            if found["outcome"] in ("crash", "hang"):
                child = Child()
                tally.memory.append([])
            number += 1
            yield tally
    finally:
        child.end()


def table(tally: Tally, *, seed: int, seconds: float) -> list[str]:
    """The figures as lines of Markdown."""
    total = tally.outcomes.total()
    lines = [
        f"{machine()}; {total} files, seeds from {seed} on, {seconds / 60:.0f} minutes.",
        "",
        "| outcome | files | share |",
        "|---|--:|--:|",
    ]
    for name in dict.fromkeys([*FINE, *tally.outcomes]):
        count = tally.outcomes[name]
        lines.append(f"| {name} | {count} | {100 * count / max(1, total):.2f} % |")
    for name in ("scan raises", "reading raises", "crash", "hang", "slow", "memory"):
        if not tally.outcomes[name]:
            lines.append(f"| {name} | 0 | 0.00 % |")
    lines += [
        "",
        f"Slowest file {tally.slowest[0]:.1f} s of CPU, largest memory {tally.peaks[0]} MB, "
        f"memory between the halves of the run {tally.growth_mb:+.1f} MB.",
        "",
    ]
    return lines


def main(
    files: Annotated[int | None, typer.Option(min=1, help="Mutants; none: by the clock.")] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="At most so long.")] = 30.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the first mutant.")] = 0,
    keep: Annotated[Path, typer.Option(help="Folder for findings.")] = Path("fuzz-findings"),
    out: Annotated[Path | None, typer.Option(help="Page with the table, written anew.")] = None,
) -> None:
    """Fuzz the reader; exits with 1 if there was a finding."""
    start, tally = time.monotonic(), Tally()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as work:
        for tally in fuzzed(
            Path(work), seed=seed, files=files, minutes=minutes, others=SHARED, keep=keep
        ):
            if tally.outcomes.total() % 200 == 0:
                note(f"{tally.outcomes.total()} files, {len(tally.findings)} findings")
    lines = table(tally, seed=seed, seconds=time.monotonic() - start)
    show(*lines)
    for name, outcome, why in tally.findings:
        show(f"{name}: {outcome}: {why}")
    if out is not None:
        write_bytes(out, filled(out.read_text(), "fuzz", lines).encode())
    if tally.findings:
        raise typer.Exit(1)


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
