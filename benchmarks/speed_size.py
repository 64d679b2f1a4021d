"""What a data set costs that is a thousand times as large: it should be nothing, a sample.

    python benchmarks/speed_size.py [--largest 1000000]

Rows are synthetic and share a few files of 300 frames. Drawing a sample is all but decoding: its
place in the shuffled line, its row of the manifest, and the numbers of its frames. A training
starts with ``semivideo train`` and has done its first step when it logs it, with all rows but 400
in the unlabelled stream; its memory is the most that its process ever had. A scan looks at links to
one tiny video, of at most a tenth of the largest size.
"""

from __future__ import annotations

import functools
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer
from timing import Row, figure, machine, markdown, take_turns

from semivideo.base.errors import TrainingError
from semivideo.base.randomness import key
from semivideo.base.records import ClipSpec
from semivideo.cli.console import run_plainly
from semivideo.data.catalogue.manifest import SCHEMA, Manifest
from semivideo.data.catalogue.scanning import scan
from semivideo.data.clips.order import Line
from semivideo.data.clips.plan import timeline_of, training_indices
from semivideo.data.video.barcodes import barcode_video
from semivideo.runfolder import RunFolder
from semivideo.settings import DataSettings

SMALLEST, LARGEST = 1000, 1_000_000
NUM_FILES, NUM_CLASSES = 4, 400
ROUNDS, SAMPLES = 15, 200
LIMIT_SECONDS, LIMIT_GB = 10.0, 2.0
FLAT = 0.75
"""Share of the speed at the smallest size that the largest should keep."""
SPECS = {"primary": ClipSpec(8, 8), "auxiliary": ClipSpec(16, 4)}


@dataclass(frozen=True)
class Cost:
    """What one size costs.

    Attributes:
        num_rows: Rows of the manifest.
        open_ms: CPU time to read the manifest.
        manifest_mb: Its memory.
        sample_us: CPU time to draw one sample.
        train_seconds: From the start of the command to its first step, by the clock.
        train_cpu_seconds: CPU time of the whole training of one step.
        train_gb: Most memory of that process.
        scan_ms: CPU time to scan one file; None for a size that is not scanned.
    """

    num_rows: int
    open_ms: float
    manifest_mb: float
    sample_us: float
    train_seconds: float
    train_cpu_seconds: float
    train_gb: float
    scan_ms: float | None


def rows(largest: int = LARGEST) -> list[Row]:
    """The largest size beside the smallest one, and beside what is allowed."""
    costs = measured(largest)
    small, large = costs[0], costs[-1]
    scans = [(cost.num_rows, cost.scan_ms) for cost in costs if cost.scan_ms is not None]
    (few, first), (many, last) = scans[0], scans[-1]
    size, limit = f"{large.num_rows:,} rows", "the limit"
    start = f"start of a training on {size}"
    return [
        Row(
            f"drawing a sample of {size}",
            "us",
            large.sample_us,
            f"of {small.num_rows:,}",
            small.sample_us,
            FLAT,
        ),
        Row(f"scanning one of {many:,} files", "ms", last, f"of {few:,}", first, FLAT),
        Row(f"{start}, by the clock", "s", large.train_seconds, limit, LIMIT_SECONDS, 1.0),
        Row(f"{start}, memory", "GB", large.train_gb, limit, LIMIT_GB, 1.0),
    ]


def table(largest: int = LARGEST) -> list[str]:
    """All sizes, a line each."""
    names = (
        *("rows", "manifest opened, ms", "in memory, MB", "sample drawn, us"),
        *("training's first step after, s by the clock", "CPU, s", "memory, GB", "scan, ms a file"),
    )
    lines = [f"| {' | '.join(names)} |", "|--:" * len(names) + "|"]
    for cost in measured(largest):
        figures = [cost.open_ms, cost.manifest_mb, cost.sample_us]
        figures += [cost.train_seconds, cost.train_cpu_seconds, cost.train_gb]
        scan = "not run" if cost.scan_ms is None else figure(cost.scan_ms)
        lines.append(f"| {cost.num_rows:,} | {' | '.join(map(figure, figures))} | {scan} |")
    return lines


@functools.cache
def measured(largest: int) -> list[Cost]:
    """Measure every power of ten from the smallest size on."""
    sizes = [SMALLEST]
    while sizes[-1] * 10 <= largest:
        sizes.append(sizes[-1] * 10)
    with tempfile.TemporaryDirectory() as folder:
        return [
            cost(size, Path(folder), with_scan=size <= max(SMALLEST, largest // 10))
            for size in sizes
        ]


def cost(num_rows: int, folder: Path, *, with_scan: bool) -> Cost:
    """Measure one size in a folder for its files."""
    file = folder / f"{num_rows}.parquet"
    write_manifest(file, num_rows, videos=folder / "videos")
    manifest = Manifest.read(file)
    opening = take_turns({"open": lambda: Manifest.read(file)}, rounds=3)
    drawing = take_turns({"draw": _sampling(manifest)}, rounds=ROUNDS)
    train_seconds, train_cpu_seconds, train_gb = train(file, folder / f"run-{num_rows}")
    return Cost(
        num_rows,
        1e3 * opening["open"],
        manifest.table.nbytes / 1e6,
        1e6 * drawing["draw"] / SAMPLES,
        train_seconds,
        train_cpu_seconds,
        train_gb,
        1e3 * scan_seconds(num_rows, folder / f"links-{num_rows}") if with_scan else None,
    )


def write_manifest(file: Path, num_rows: int, *, videos: Path) -> None:
    """Write a manifest whose rows share a few videos, made at the first call."""
    videos.mkdir(exist_ok=True)
    for number in range(NUM_FILES):
        if not (videos / f"{number}.mp4").exists():
            barcode_video(videos / f"{number}.mp4", 300)
    few = scan(videos)
    rows = range(num_rows)
    table = few.table.take(pa.array(np.arange(num_rows) % NUM_FILES))
    columns = {
        "id": [f"class {row % NUM_CLASSES:03d}/video_{row:08d}.mp4" for row in rows],
        "label": [f"class {row % NUM_CLASSES:03d}" for row in rows],
        "group": [f"source {row // 20:06d}" for row in rows],
    }
    for name, column in columns.items():
        place = SCHEMA.get_field_index(name)
        table = table.set_column(place, SCHEMA.field(name), pa.array(column, pa.string()))
    Manifest(table, root=videos).write(file)


def train(manifest: Path, out: Path) -> tuple[float, float, float]:
    """Train one step; seconds to its log line, CPU seconds and gigabytes of the process."""
    command = [sys.executable, "-m", "semivideo", "train", str(manifest), "--out", str(out)]
    options = ["--recipe", "small-fixmatch", "--labels-per-class", "1", "--steps", "1"]
    settings = ["--set", "data.memory_gb=0", "--set", "data.workers=0"]
    start = time.perf_counter()
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen([*command, *options, *settings], stdout=nowhere, stderr=nowhere)
    logged = None
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        log = out / "metrics.jsonl"
        if logged is None and log.exists() and log.stat().st_size:
            logged = time.perf_counter() - start
        if ended:
            break
        time.sleep(0.01)
    process.returncode = os.waitstatus_to_exitcode(status)
    if logged is None or process.returncode:
        raise TrainingError(f"the training on {manifest} failed; run it by hand to see why")
    peak_mb = RunFolder.open(out).summary()["peak_memory_mb"]  # usage also counts this program
    return logged, usage.ru_utime + usage.ru_stime, peak_mb / 1000


def scan_seconds(num_files: int, folder: Path) -> float:
    """CPU seconds to scan one of many links to a tiny video."""
    tiny = barcode_video(folder.with_suffix(".mp4"), 30)
    for number in range(num_files):
        place = folder / f"class {number % NUM_CLASSES:03d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:08d}.mp4").symlink_to(tiny)
    before = time.process_time()
    scan(folder, out=folder.with_suffix(".parquet"))
    return (time.process_time() - before) / num_files


def _sampling(manifest: Manifest) -> Callable[[], object]:
    """A function that draws the next samples of a training, without decoding them."""
    line = Line(range(len(manifest)), name="unlabeled", seed=0)
    settings, places = DataSettings(), itertools.count()

    def draw() -> None:
        for _ in range(SAMPLES):
            place = next(places)
            timeline = timeline_of(manifest[line[place]], frame_rate=None)
            number = key(0, "unlabeled", place)
            training_indices(timeline, specs=SPECS, settings=settings, draw=number)

    return draw


def main(
    largest: Annotated[int, typer.Option(min=SMALLEST, help="Rows of the largest size.")] = LARGEST,
) -> None:
    """Print both tables."""
    lines = [machine(), "", *markdown(rows(largest)), "", *table(largest), ""]
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    sys.exit(run_plainly(lambda: typer.run(main)))
