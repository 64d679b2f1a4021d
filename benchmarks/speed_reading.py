"""What reading costs: files, evaluation, the prepared cache, and all the way to the views.

    python benchmarks/speed_reading.py

The files are written on the spot, see ``readers``. A training sample is one 64-frame window at
both rates, 8 frames of stride 8 and 16 of stride 4: SemiVideo's one reading of it, for the others
one call with the 16 frames that hold the 8. Everything is one thread a process, and CPU time of
this process unless it says otherwise.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import cached
import exactness
import numpy as np
from readers import READERS, Size, is_installed, kinetics_like, ucf_like
from timing import Row, compared, machine, markdown, one_thread, take_turns

from semivideo.base.randomness import uniform
from semivideo.data.video.decode import canvas_size, probe, read_frames
from semivideo.data.video.probing import Probe

WINDOW, NUM_CLIPS = 64, 10
SLOW, FAST = np.arange(0, WINDOW, 8), np.arange(0, WINDOW, 4)  # 8x8 and 16x4
ROUNDS = 31
PLAIN, TWICE, MANY = "a plain PyAV loop", "a reading for each rate", "ten readings"
# Ratios that are aimed at, of whole frames.
WINDOW_TARGETS = {
    "Kinetics-like": {"decord": 1.5, "decord2": None, "TorchCodec": 1.35, PLAIN: None, TWICE: None},
    "UCF-like": {"decord": 1.9, "decord2": None, "TorchCodec": 1.0, PLAIN: None, TWICE: None},
}
CANVAS_TARGETS = {"decord": None, "decord2": None, "TorchCodec": None}
CLIPS_TARGETS = {"decord": None, "decord2": None, "TorchCodec": 1.0, MANY: None}

Read = Callable[[np.ndarray], object]


def rows() -> list[Row]:
    """All comparisons of reading."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, one_thread():
        files = {
            "Kinetics-like": kinetics_like(Path(folder) / "kinetics.mp4"),
            "UCF-like": ucf_like(Path(folder) / "ucf.avi"),
        }
        for name, path in files.items():
            found += _reading(name, path)
    return found + cached.rows()


def table() -> list[str]:
    """How many frames each library gets right."""
    return exactness.table()


def _reading(name: str, path: Path) -> list[Row]:
    """Compare the ways of reading one file."""
    found = probe(path)
    small = canvas_size(found.width, found.height, 128)
    last = len(found.frames) - WINDOW
    starts = (uniform([0], "windows", size=ROUNDS)[0] * last).astype(int)
    windows = [start + FAST for start in starts]
    spread = np.linspace(0, last, NUM_CLIPS).astype(int)
    clips = np.unique(np.add.outer(spread, SLOW))
    own = {PLAIN: partial(_plain_loop, path, found), TWICE: partial(_twice, path, found)}
    many = {MANY: lambda _: [_ours(path, found, start + SLOW) for start in spread]}
    return [
        *compared(
            f"{name}, window of 64 at both rates",
            _timed(_ways(path, found) | own, windows),
            WINDOW_TARGETS[name],
        ),
        *compared(
            f"{name}, the same shrunk to {small[1]}x{small[0]}",
            _timed(_ways(path, found, size=small), windows),
            CANVAS_TARGETS,
        ),
        *compared(
            f"{name}, ten clips of 8 for evaluation",
            _timed(_ways(path, found) | many, [clips] * ROUNDS),
            CLIPS_TARGETS,
        ),
    ]


def _ways(path: Path, found: Probe, *, size: Size = None) -> dict[str, Read]:
    """SemiVideo's way of reading frames, and those of the libraries that are there."""
    others = {
        name: partial(_theirs, name, path, size=size) for name in READERS if is_installed(name)
    }
    side = None if size is None else min(size)
    return {"SemiVideo": partial(_ours, path, found, short_side=side), **others}


def _timed(ways: dict[str, Read], asked: list[np.ndarray]) -> dict[str, float]:
    """Median CPU seconds of each way; in a round all are asked for the same frames."""

    def taking(read: Read) -> Callable[[], object]:
        turns = itertools.cycle(asked)
        return lambda: read(next(turns))

    return take_turns({name: taking(read) for name, read in ways.items()}, rounds=ROUNDS)


def _ours(path: Path, found: Probe, indices: np.ndarray, short_side: int | None = None) -> object:
    """SemiVideo."""
    return read_frames(path, indices, frames=found.frames, short_side=short_side)


def _theirs(name: str, path: Path, indices: np.ndarray, *, size: Size) -> object:
    """Another library."""
    return READERS[name](path, indices, size)


def _twice(path: Path, found: Probe, indices: np.ndarray) -> object:
    """SemiVideo, the two rates one after the other."""
    return _ours(path, found, indices), _ours(path, found, indices[::2])


def _plain_loop(path: Path, found: Probe, indices: np.ndarray) -> object:
    """What one writes first: seek, convert every frame, keep the wanted ones."""
    wanted = found.frames.pts[indices]
    images = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        container.seek(int(wanted[0]), stream=stream)
        for frame in container.decode(stream):
            images[frame.pts] = frame.to_ndarray(format="rgb24")
            if frame.pts >= wanted[-1]:
                break
    return np.stack([images[pts] for pts in wanted])


if __name__ == "__main__":
    sys.stdout.write("\n".join([machine(), "", *markdown(rows()), "", *table()]))
