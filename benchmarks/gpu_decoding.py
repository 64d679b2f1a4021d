"""A GPU's video decoder beside the software reader: windows of both rates, and evaluation.

    python benchmarks/gpu_decoding.py                 # on the GPU; without one it says "not run"
    python benchmarks/gpu_decoding.py --device cpu    # the whole program without one

Files are written on the spot, see ``readers``; windows and clips are those of ``speed_reading``.
Both readers open the file, decode, shrink to the canvas and end with frames in the CPU's memory.
They take turns; times are by the clock, since a processor does nothing while a GPU decodes. In
software a reading keeps one core busy; several at once are as many as training has loader processes
with a GPU's decoder.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from readers import drifting, kinetics_like, ucf_like
from speed_reading import FAST, NUM_CLIPS, SLOW, WINDOW
from timing import figure, machine, one_thread, take_turns

from semivideo.base.errors import ConfigError, MissingExtraError
from semivideo.base.randomness import uniform
from semivideo.data.video.decode import probe, read_frames
from semivideo.data.video.encode import encode
from semivideo.data.video.hardware import HardwareDecoder, hardware_decoder

SHORT_SIDE = 224
TITLES = ("what", "software, ms", "hardware, ms", "ratio", "hardware, several at once", "levels")


def lines(device: torch.device, *, rounds: int) -> Iterator[str]:
    """Lines of the table, each as soon as it is known; or why there is none.

    Args:
        device: Which decodes.
        rounds: Turns of each reader, >= 1.
    """
    try:
        decoder = hardware_decoder("cpu" if device.type == "cpu" else None)
        yield from _table(decoder, rounds=rounds)
    except (ConfigError, MissingExtraError) as error:
        yield f"not run: {error}"


def _table(decoder: HardwareDecoder, *, rounds: int) -> Iterator[str]:
    """A line for each file and way of reading it, under the titles."""
    yield f"| {' | '.join(TITLES)} |"
    yield "|---|" + "--:|" * (len(TITLES) - 1)
    with tempfile.TemporaryDirectory() as folder, one_thread():
        for name, write in FILES.items():
            path = write(Path(folder) / name)
            for what, asked in _readings(len(probe(path).frames), rounds=rounds).items():
                yield _line(f"{path.stem}, {what}", path, asked, decoder=decoder)
    for reason, paths in decoder.software.items():
        names = ", ".join(sorted(path.stem for path in paths))
        yield f"\nRead in software after all: {names}: {reason}"


def _readings(num_frames: int, *, rounds: int) -> dict[str, list[np.ndarray]]:
    """What is read in each round: windows at random places, and the clips of an evaluation."""
    last = num_frames - WINDOW
    starts = (uniform([0], "windows", size=rounds)[0] * last).astype(int)
    spread = np.linspace(0, last, NUM_CLIPS).astype(int)
    return {
        "window of 64 at both rates": [start + FAST for start in starts],
        "ten clips of 8 for evaluation": [np.unique(np.add.outer(spread, SLOW))] * rounds,
    }


def _line(what: str, path: Path, asked: list[np.ndarray], *, decoder: HardwareDecoder) -> str:
    """Time both readers, and compare their frames."""
    options: dict[str, Any] = {"frames": probe(path).frames, "short_side": SHORT_SIDE}
    ways = {
        "software": partial(read_frames, path, **options),
        "hardware": partial(decoder.read_frames, path, **options),
    }

    def taking(read: Callable[[np.ndarray], object]) -> Callable[[], object]:
        turns = itertools.cycle(asked)
        return lambda: read(next(turns))

    seconds = take_turns(
        {name: taking(read) for name, read in ways.items()},
        rounds=len(asked),
        clock=time.perf_counter,
    )
    with ThreadPoolExecutor(decoder.at_once) as pool:
        before = time.perf_counter()
        list(pool.map(ways["hardware"], asked * decoder.at_once))
        rate = len(asked) * decoder.at_once / (time.perf_counter() - before)
    ours, theirs = (ways[name](asked[0]).astype(np.int16) for name in ("software", "hardware"))
    error = np.abs(ours - theirs)
    return (
        f"| {what} | {figure(1000 * seconds['software'])} | {figure(1000 * seconds['hardware'])} "
        f"| {seconds['software'] / seconds['hardware']:.2f}x | {figure(rate)}/s "
        f"| {error.mean():.2f}, at most {error.max()} |"
    )


def _full_hd(path: Path) -> Path:
    """Write H.264, 1920x1080, 30 fps, 3 s, a keyframe every 90 frames."""
    encode(path, drifting(1920, 1080, 90), frame_rate=30, options={"g": "90", "preset": "fast"})
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    "Kinetics-like.mp4": kinetics_like,
    "UCF-like.avi": ucf_like,
    "full-HD.mp4": _full_hd,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--rounds", type=int, default=21, help="turns of each reader")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("not run: no GPU")
        return
    print(machine())
    for line in lines(torch.device(options.device), rounds=options.rounds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
