"""Kill every command that writes, at random moments, and go on: ``make soak``.

    python benchmarks/soak.py [--kills 100] [--seed 0] [--commands scan,prepare] [--out PAGE]

A command is run once to its end; what it leaves is the unbroken result. Then, again and again, it
is started anew, killed after a random part of that time by INT, TERM or KILL, run to its end, and
its result is compared with the unbroken one, byte by byte. Beside it: two writers at once, a disk
that is full, and a loop of readings in which memory and open files are watched.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from speed import filled
from timing import machine

from semivideo.base.errors import ConfigError
from semivideo.base.files import write_bytes
from semivideo.cli.console import note, run_plainly, show
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.data.video.decode import probe, read_frames

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
MOST_ENDING = 10.0  # seconds from a signal to the end; 2 on a machine that does nothing else
_TINY = (
    *("data.short_side=32", "data.labeled_batch=2", "views.crop_size=24", "data.workers=0"),
    *("networks.primary.num_frames=2", "networks.primary.options={width: 0.25}"),
    *("evaluation.crop_size=24", "engine.precision=fp32", "engine.tensorboard=false"),
    *("engine.checkpoint_every=2", "engine.check_memory=false", "evaluation.num_clips=2"),
)
_SET = [word for each in _TINY for word in ("--set", each)]
_GRID = "recipe: small-supervised\nvariants:\n  a: {%s}\n  b: {engine.seed: 1, %s}\n"


@dataclass(frozen=True)
class Job:
    """A command that writes.

    Attributes:
        words: As typed.
        needs: The job whose results it starts from; "" for the videos alone.
        writes: What it leaves, as patterns.
        again: How it is gone on with, where that is another command.
    """

    words: Sequence[str]
    needs: str
    writes: Sequence[str]
    again: Callable[[Path], Sequence[str]] | None = None


def _resume(folder: Path) -> Sequence[str]:
    is_begun = (folder / "run" / "settings.yaml").is_file()
    return ["train", "--resume", "run"] if is_begun else JOBS["train"].words


_STEPS = ["--steps", "8"]
_SWEEP = ["sweep", "grid.yaml", "manifest.parquet"]
_TRAIN = ["train", "manifest.parquet", "--recipe", "small-supervised", "--split", "split.json"]
_SPLIT = ["split", "manifest.parquet", "--labels-per-class", "2", "--test-groups", "g02"]
JOBS: dict[str, Job] = {
    "scan": Job(
        ["scan", "videos", "--out", "manifest.parquet", "--group-pattern", GROUP_PATTERN],
        "",
        ["manifest.parquet"],
    ),
    "prepare": Job(
        ["prepare", "manifest.parquet", "--out", "cache", "--short-side", "32"],
        "scan",
        ["cache/cache.json", "cache/shards/*", "cache/manifest.parquet"],
    ),
    "split": Job([*_SPLIT, "--out", "split.json"], "scan", ["split.json"]),
    "train": Job(
        [*_TRAIN, *_STEPS, "--out", "run", *_SET],
        "split",
        ["run/model/*", "run/split.json", "run/settings.yaml"],
        _resume,
    ),
    "evaluate": Job(["evaluate", "run"], "train", ["run/evaluation.json", "run/evaluation.npz"]),
    "predict": Job(["predict", "run", "videos", "--out", "found.csv"], "train", ["found.csv"]),
    "compare": Job(
        ["compare", "run", "--records", "records", "--csv", "table.csv"],
        "evaluate",
        ["records/*", "table.csv"],
    ),
    "features": Job(
        ["features", "manifest.parquet", "--encoder", "local_motion", "--out", "features"],
        "scan",
        ["features/features.json", "features/shards/*"],
    ),
    "timeline": Job(
        ["predict", "run", "videos/wave/g02_c00.mp4", "--timeline", "--out", "events.csv"],
        "train",
        ["events.csv"],
    ),
    "report": Job(["report", "run", "--out", "report.html"], "evaluate", ["report.html"]),
    "sweep": Job(
        [*_SWEEP, "--split", "split.json", *_STEPS, "--out", "grid"],
        "split",
        ["grid/*/model/*", "grid/*/evaluation.json"],
    ),
}
"""Every command that writes, to be killed; a new one is a line here."""


@dataclass
class Report:
    """What came of the kills.

    Attributes:
        kills: Command and signal to how often it was killed so.
        same: How often the result was then the unbroken one.
        ended_before: Commands that had ended before the signal came.
        findings: Sentences on what was not as it should be.
        endings: Longest time from INT or TERM to the end, by command.
        others: Further rows: name and what came of it.
    """

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    same: Counter[str] = field(default_factory=Counter)
    ended_before: int = 0
    findings: list[str] = field(default_factory=list)
    endings: dict[str, float] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)


class Soak:
    """A folder in which commands are run, killed and compared.

    Args:
        work: An empty folder.
    """

    def __init__(self, work: Path) -> None:
        self.work, self.here = work, work / "here"
        self.report = Report()
        self.seconds: dict[str, float] = {}
        self.unbroken: dict[str, dict[str, str]] = {}
        start = self._kept("")
        classes = ["wave", "squat"]
        render(start / "videos", videos_per_class=6, seed=0, classes=classes, num_groups=3)
        pairs = ", ".join(each.replace("=", ": ", 1) for each in _TINY)
        (start / "grid.yaml").write_text(_GRID % (pairs, pairs))

    def _kept(self, name: str) -> Path:
        """Where the folder as a job leaves it is kept."""
        return self.work / "kept" / (name or "start")

    def begin(self, name: str) -> None:
        """Put the folder back to where a job starts."""
        shutil.rmtree(self.here, ignore_errors=True)
        shutil.copytree(self._kept(JOBS[name].needs), self.here)

    def start(self, words: Sequence[str], *, wrapped: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a command."""
        package = str(Path(__file__).parents[1])
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
        return subprocess.Popen(
            [*wrapped, sys.executable, "-m", "semivideo", *words],
            cwd=self.here,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # What a shell starts in the background ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def to_the_end(self, words: Sequence[str]) -> str:
        """Run a command to its end; "" or what it said when it failed."""
        process = self.start(words)
        _, said = process.communicate()
        return "" if process.returncode == 0 else f"exit code {process.returncode}: {said[-400:]}"

    def results(self, name: str) -> dict[str, str]:
        """Digest of each file that a job leaves."""
        files = (file for pattern in JOBS[name].writes for file in self.here.glob(pattern))
        return {
            str(file.relative_to(self.here)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
            if not file.name.startswith(".")
        }

    def leftovers(self) -> list[str]:
        """Half-written files and locks."""
        left = [*self.here.rglob(".*.tmp"), *self.here.rglob("*.lock"), *self.here.rglob(".begun")]
        return [str(file.relative_to(self.here)) for file in left]

    def run_unbroken(self, name: str) -> None:
        """Run a job to its end, after those that it needs, and keep what it leaves."""
        if name in self.unbroken:
            return
        if JOBS[name].needs:
            self.run_unbroken(JOBS[name].needs)
        self.begin(name)
        start = time.monotonic()
        if failed := self.to_the_end(JOBS[name].words):
            raise ConfigError(f"{name} fails without being killed: {failed}")
        self.seconds[name] = time.monotonic() - start
        self.unbroken[name] = self.results(name)
        shutil.copytree(self.here, self._kept(name))

    def kill(self, name: str, number: signal.Signals, share: float) -> None:
        """Kill a job after a share of its time, go on with it, and compare."""
        self.begin(name)
        process = self.start(JOBS[name].words)
        time.sleep(share * self.seconds[name])
        process.send_signal(number)
        start = time.monotonic()
        process.communicate()
        took = time.monotonic() - start
        if process.returncode == 0:
            self.report.ended_before += 1
        self.report.kills[name, number.name] += 1
        if number != signal.SIGKILL:
            self.report.endings[name] = max(took, self.report.endings.get(name, 0.0))
            if took > MOST_ENDING:
                self.report.findings.append(f"{name} went on for {took:.1f} s after {number.name}")
        again = JOBS[name].again
        failed = self.to_the_end(again(self.here) if again else JOBS[name].words)
        where = f"{name}, {number.name} after {share:.2f} of its time"
        self.compare(name, where, failed)

    def compare(self, name: str, where: str, failed: str) -> None:
        """Note whether a job came to the unbroken result."""
        found = self.results(name)
        if failed:
            self.report.findings.append(f"{where}: cannot go on: {failed}")
        elif found != self.unbroken[name]:
            wanted = self.unbroken[name]
            wrong = [file for file in {**found, **wanted} if found.get(file) != wanted.get(file)]
            self.report.findings.append(f"{where}: other results: {', '.join(wrong[:5])}")
        elif left := self.leftovers():
            self.report.findings.append(f"{where}: leaves {', '.join(left[:5])}")
        else:
            self.report.same[name] += 1

    def two_writers(self, name: str) -> None:
        """Start a job twice; one does it, the other says that somebody is at it."""
        self.begin(name)
        both = [self.start(JOBS[name].words) for _ in range(2)]
        ends = [(process.communicate()[1], process.returncode) for process in both]
        refused = [said for said, code in ends if code]
        is_told = all("in use" in said or "exists" in said for said in refused)
        is_same = self.results(name) == self.unbroken[name]
        words = f"{len(refused)} of 2 refused, the result is {'the same' if is_same else 'ANOTHER'}"
        self.report.others[f"two writers, {name}"] = words
        if not is_same or not is_told or len(refused) > 1:
            self.report.findings.append(f"two writers, {name}: {words}: {refused}")

    def full_disk(self, name: str) -> None:
        """Run a job on a disk without room, then with room."""
        self.begin(name)
        # Pages of 4 kB; what is there already takes some, and one is free.
        sizes = [file.stat().st_size for file in self.here.rglob("*") if file.is_file()]
        size = 4 * (1 + sum(-(-each // 4096) for each in sizes))
        script = (
            f"mount -t tmpfs -o size={size}k tmpfs /mnt && cp -r . /mnt && cd /mnt && "
            f'"$@"; code=$?; cd /; exit $code'
        )
        wrapped = ["unshare", "-rm", "sh", "-c", script, "sh"]
        if (
            shutil.which("unshare") is None
            or subprocess.run(
                ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True
            ).returncode
        ):
            self.report.others[f"full disk, {name}"] = "not run: no disk can be made here"
            return
        process = self.start(JOBS[name].words, wrapped=wrapped)
        said = process.communicate()[1]
        is_told = "full" in said or "free" in said or process.returncode == 0
        self.report.others[f"full disk, {name}"] = (
            "it fits" if process.returncode == 0 else "one sentence" if is_told else "NO sentence"
        )
        if not is_told or "Traceback" in said:
            self.report.findings.append(f"full disk, {name}: {said[-300:]}")

    def reads(self, num: int) -> None:
        """Read clips again and again; memory and open files stay as they are."""
        files = sorted((self._kept("") / "videos").rglob("*.mp4"))
        tables = {file: probe(file).frames for file in files}
        rng = random.Random(0)
        memory = []
        for number in range(num):
            file = rng.choice(files)
            indices = sorted(rng.sample(range(len(tables[file])), 4))
            read_frames(file, indices, frames=tables[file])
            if number % (num // 10) == 0:
                memory.append((_memory_mb(), len(os.listdir("/proc/self/fd"))))
        growth = memory[-1][0] - memory[len(memory) // 2][0]
        descriptors = memory[-1][1] - memory[1][1]
        self.report.others[f"{num} readings"] = f"{growth:+.1f} MB, {descriptors:+d} open files"
        if growth > 20 or descriptors > 0:
            self.report.findings.append(f"{num} readings: {growth:+.1f} MB, {descriptors:+d} files")


def _memory_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def soaked(
    soak: Soak, names: Sequence[str], *, kills: int, seed: int, reads: int
) -> Iterator[Report]:
    """Do all of it.

    Args:
        soak: The folder.
        names: Of the jobs.
        kills: How many, shared out evenly.
        seed: Of moments and signals.
        reads: Readings in the loop.

    Yields:
        The report after each kill; one and the same object.
    """
    rng = random.Random(seed)
    for name in names:
        soak.run_unbroken(name)
    for number in range(kills):
        name = names[number % len(names)]
        kind = SIGNALS[(number // len(names)) % len(SIGNALS)]
        soak.kill(name, kind, rng.uniform(0.1, 1.0))
        yield soak.report
    for name in names:
        soak.two_writers(name)
        soak.full_disk(name)
    soak.reads(reads)
    yield soak.report


def table(soak: Soak, *, seconds: float) -> list[str]:
    """The figures as lines of Markdown."""
    report = soak.report
    lines = [
        f"{machine()}; {report.kills.total()} kills in {seconds / 60:.0f} minutes, "
        f"{report.ended_before} of them after the command had ended.",
        "",
        "| command | seconds | INT | TERM | KILL | same result | longest end |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name in soak.unbroken:
        counts = [report.kills[name, number.name] for number in SIGNALS]
        if sum(counts):
            end = f"{report.endings[name]:.1f} s" if name in report.endings else "-"
            cells = [f"{soak.seconds[name]:.1f}", *counts, report.same[name], end]
            lines.append(f"| {name} | {' | '.join(map(str, cells))} |")
    lines += ["", "| beside it | outcome |", "|---|---|"]
    lines += [f"| {name} | {words} |" for name, words in report.others.items()]
    return [*lines, ""]


def main(
    kills: Annotated[int, typer.Option(min=0, help="How many.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of moments and signals.")] = 0,
    commands: Annotated[str, typer.Option(help="Which, with commas.")] = ",".join(JOBS),
    reads: Annotated[int, typer.Option(min=100, help="Readings in the loop.")] = 3000,
    out: Annotated[Path | None, typer.Option(help="Page with the table, written anew.")] = None,
) -> None:
    """Kill and compare; exits with 1 if there was a finding."""
    names = [name.strip() for name in commands.split(",")]
    if unknown := [name for name in names if name not in JOBS]:
        raise ConfigError(f"no command {unknown[0]!r}; --commands accepts {', '.join(JOBS)}")
    start, num_told = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="soak-") as work:
        soak = Soak(Path(work))
        for report in soaked(soak, names, kills=kills, seed=seed, reads=reads):
            done = report.kills.total()
            if done % 10 == 0 or len(report.findings) > num_told:
                num_told = len(report.findings)
                last = f", the last: {report.findings[-1]}" if num_told else ""
                note(f"{done} kills, {num_told} findings{last}")
        lines = table(soak, seconds=time.monotonic() - start)
    show(*lines)
    for finding in soak.report.findings:
        show(finding)
    if out is not None:
        write_bytes(out, filled(out.read_text(), "soak", lines).encode())
    if soak.report.findings:
        raise typer.Exit(1)


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
