"""Is reading exact, and what does it cost?

    python benchmarks/decode.py [--hard-videos DIR] [--rounds 15]

Two tables. The first compares every frame that ``read_frames`` gives, asked for one window at a
time, with a plain sequential decode by PyAV. The second gives CPU time (all threads) for one
64-frame window of two files written on the spot: Kinetics-like (H.264, 340x256, 30 fps, 10 s,
keyframe every 250 frames, the worst case) and UCF-like (MPEG-4 AVI, 320x240, 25 fps, 7 s, keyframe
every 12). All ways of reading take turns in one process; the figures are medians. Trust ratios, not
milliseconds. decord and torchcodec take part where they can be imported.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from semivideo.data.container import Probe
from semivideo.data.decode import probe, read_frames
from semivideo.data.synthetic import encode
from semivideo.randomness import uniform

HARD_VIDEOS = Path(__file__).parents[2] / "shared" / "data" / "hard-videos"
WINDOW = 64
SLOW, FAST = np.arange(0, WINDOW, 8), np.arange(0, WINDOW, 4)  # 8x8 and 16x4
CHUNK = 48  # frames asked for at once in the test of exactness

Way = Callable[[Path, Probe, int], object]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hard-videos", type=Path, default=HARD_VIDEOS)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    console = Console()
    if arguments.hard_videos.is_dir():
        console.print(exactness(arguments.hard_videos))
    else:
        console.print(f"exactness not run: there is no folder {arguments.hard_videos}")
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder))
        medians = {name: timed(path, rounds=arguments.rounds) for name, path in files.items()}
    console.print(speed(medians))
    console.print(ratios(medians))


def exactness(folder: Path) -> Table:
    """Compare every frame of every file with a plain decode."""
    table = Table("file", "frames", "equal", "table", title="exactness")
    with open(folder / "expected.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    num_exact = 0
    for row in track(rows, "comparing"):
        path = folder / row["file"]
        found = probe(path)
        equal, total = 0, int(row["decoded_frames"])
        for first, truth in chunks(path, turns=-found.rotation // 90):
            indices = range(first, first + len(truth))
            read = read_frames(path, indices, frames=found.frames, rotation=found.rotation)
            equal += sum(map(np.array_equal, read, truth))
        num_exact += equal == total
        trust = "times" if found.frames.is_exact else "counting"
        style = "" if equal == total else "bold red"
        table.add_row(row["file"][:40], str(total), str(equal), trust, style=style)
    table.caption = f"{num_exact} of {len(rows)} files exact"
    return table


def chunks(path: Path, *, turns: int) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Images of a plain sequential decode, some at a time, with the number of the first."""
    images: list[np.ndarray] = []
    first = 0
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(video=0):
                images.append(np.rot90(frame.to_ndarray(format="rgb24"), turns))
                if len(images) == CHUNK:
                    yield first, images
                    first, images = first + CHUNK, []
        except av.error.InvalidDataError:
            pass  # corrupted.mp4; what was decoded counts
    if images:
        yield first, images


def write_files(folder: Path) -> dict[str, Path]:
    """Write the two files: a texture that drifts under changing noise."""
    kinds = {
        "Kinetics": (
            "kinetics.mp4",
            340,
            256,
            30,
            300,
            "libx264",
            {"g": "250", "preset": "medium"},
        ),
        "UCF": ("ucf.avi", 320, 240, 25, 175, "mpeg4", {"g": "12", "b": "800000"}),
    }
    files = {}
    for name, (file, width, height, rate, num_frames, codec, options) in kinds.items():
        files[name] = folder / file
        frames = drifting(width, height, num_frames)
        encode(files[name], frames, frame_rate=rate, codec=codec, options=options)
    return files


def drifting(width: int, height: int, num_frames: int) -> Iterator[np.ndarray]:
    """Frames with detail and motion, so that they cost about what film does."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (height // 4 + 80, width // 4 + 80, 3), dtype=np.uint8)
    texture = coarse.repeat(8, axis=0).repeat(8, axis=1)
    for index in range(num_frames):
        top, left = index % 300, int(150 + 140 * np.sin(index / 25))
        frame = texture[top : top + height, left : left + width].astype(np.int16)
        noise = random.integers(-6, 7, frame.shape, dtype=np.int16)
        yield np.clip(frame // 2 + 64 + noise, 0, 255).astype(np.uint8)


def plain_loop(path: Path, found: Probe, start: int) -> list[np.ndarray]:
    """What one writes first: seek, convert every frame, keep the wanted ones."""
    first, last = found.frames.pts[start], found.frames.pts[start + int(SLOW[-1])]
    images = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        container.seek(int(first), stream=stream)
        for frame in container.decode(stream):
            images[frame.pts] = frame.to_ndarray(format="rgb24")
            if frame.pts >= last:
                break
    return [images[pts] for pts in found.frames.pts[start + SLOW]]


def tuned(path: Path, found: Probe, start: int) -> np.ndarray:
    """``read_frames``, 8x8."""
    return read_frames(path, start + SLOW, frames=found.frames)


def both(path: Path, found: Probe, start: int) -> np.ndarray:
    """``read_frames``, one window for 8x8 and 16x4."""
    return read_frames(path, start + FAST, frames=found.frames)


def twice(path: Path, found: Probe, start: int) -> None:
    """``read_frames``, a window for each."""
    tuned(path, found, start)
    both(path, found, start)


def ten_clips(path: Path, found: Probe, start: int) -> None:
    """Ten clips of 8x8 spread over the file, in one pass."""
    del start
    starts = np.linspace(0, len(found.frames) - WINDOW, 10).astype(int)
    read_frames(path, np.add.outer(starts, SLOW).ravel(), frames=found.frames)


def ten_reads(path: Path, found: Probe, start: int) -> None:
    """The same, opened and read ten times."""
    del start
    for one in np.linspace(0, len(found.frames) - WINDOW, 10).astype(int):
        tuned(path, found, int(one))


def decord_clip(path: Path, found: Probe, start: int) -> object:
    """decord, 8x8."""
    decord = importlib.import_module("decord")
    return decord.VideoReader(str(path), num_threads=1).get_batch(start + SLOW).asnumpy()


def torchcodec_clip(path: Path, found: Probe, start: int) -> object:
    """torchcodec, 8x8."""
    decoders = importlib.import_module("torchcodec.decoders")
    reader = decoders.VideoDecoder(str(path), num_ffmpeg_threads=1)
    return reader.get_frames_at((start + SLOW).tolist())


WAYS: dict[str, Way] = {
    "plain PyAV loop, 8x8": plain_loop,
    "semivideo, 8x8": tuned,
    "semivideo, 8x8 + 16x4": both,
    "semivideo, 8x8 then 16x4": twice,
    "semivideo, ten clips in one pass": ten_clips,
    "semivideo, ten clips in ten reads": ten_reads,
    "decord, 8x8": decord_clip,
    "torchcodec, 8x8": torchcodec_clip,
}


def timed(path: Path, *, rounds: int) -> dict[str, float]:
    """Median CPU milliseconds of each way that works here."""
    found = probe(path)
    ways = {name: way for name, way in WAYS.items() if works(way, path, found)}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    last = len(found.frames) - WINDOW
    for share in track(uniform([0], "windows", size=rounds)[0], f"reading {path.name}"):
        for name, way in ways.items():
            before = time.process_time()
            way(path, found, int(share * last))
            spent[name].append(1000 * (time.process_time() - before))
    return {name: float(np.median(times)) for name, times in spent.items()}


def works(way: Way, path: Path, found: Probe) -> bool:
    """Whether a way can be used on this machine; also its warm-up."""
    try:
        way(path, found, 0)
    except (ImportError, RuntimeError, OSError):
        if way not in (decord_clip, torchcodec_clip):
            raise
        return False
    return True


def speed(medians: dict[str, dict[str, float]]) -> Table:
    """CPU milliseconds of every way, and of the plain loop over it."""
    table = Table("way", *medians, title="CPU ms (x: plain loop takes so many times as long)")
    for name in WAYS:
        if all(name in times for times in medians.values()):
            cells = []
            for times in medians.values():
                plain = times["plain PyAV loop, 8x8"] / times[name]
                cells.append(f"{times[name]:.1f}  x{plain:.2f}")
            table.add_row(name, *cells)
    return table


RATIOS = {
    "convert every frame / semivideo": (
        ("plain PyAV loop, 8x8", "semivideo, 8x8"),
        {"Kinetics": "2-2.8", "UCF": "2-2.8"},
    ),
    "both rates / one": (
        ("semivideo, 8x8 + 16x4", "semivideo, 8x8"),
        {"Kinetics": "1.05", "UCF": "1.32"},
    ),
    "a window for each rate / one for both": (
        ("semivideo, 8x8 then 16x4", "semivideo, 8x8 + 16x4"),
        {"Kinetics": "1.8-1.9", "UCF": "1.8-1.9"},
    ),
    "ten reads / one pass": (
        ("semivideo, ten clips in ten reads", "semivideo, ten clips in one pass"),
        {"Kinetics": "2.3-4", "UCF": "2.3-4"},
    ),
    "decord / semivideo": (
        ("decord, 8x8", "semivideo, 8x8"),
        {"Kinetics": "1.61", "UCF": "2.26"},
    ),
    "torchcodec / semivideo": (
        ("torchcodec, 8x8", "semivideo, 8x8"),
        {"Kinetics": "1.38", "UCF": "1.10"},
    ),
}
"""Name to the two ways, and what the prototype measured before this library was written."""


def ratios(medians: dict[str, dict[str, float]]) -> Table:
    """Ratios next to those of the prototype."""
    columns = [column for name in medians for column in (name, "prototype")]
    table = Table("ratio", *columns, title="ratios of CPU time")
    for title, ((one, other), expected) in RATIOS.items():
        if all({one, other} <= times.keys() for times in medians.values()):
            cells = []
            for name, times in medians.items():
                cells += [f"{times[one] / times[other]:.2f}", expected[name]]
            table.add_row(title, *cells)
    return table


if __name__ == "__main__":
    main()
