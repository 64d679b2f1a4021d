"""Other libraries that read the same frames of the same files, where they are installed.

They take turns with SemiVideo's reader in one process and one thread each; CPU time is counted.
They give whole frames. SemiVideo also shrinks the frames to the canvas, which the others need not
do here.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from semivideo.base.errors import DataError
from semivideo.base.randomness import key
from semivideo.base.records import Indices
from semivideo.data.clips.plan import timeline_of, training_indices
from semivideo.data.video.decode import read_frames
from semivideo.profile.measured import Rival
from semivideo.profile.reading import Source
from semivideo.profile.stopwatch import paced

_SECONDS = 10.0
_CLIPS = 24

Read = Callable[[Path, Indices], object]


def compared(source: Source) -> list[Rival]:
    """Read the same windows with every library there is."""
    rivals = []
    for name, (module, read) in LIBRARIES.items():
        try:
            library = importlib.import_module(module)
        except ImportError:
            rivals.append(Rival(name, "not installed"))
        except (RuntimeError, OSError) as error:  # such as a missing FFmpeg
            rivals.append(Rival(name, f"does not start: {str(error).strip().splitlines()[0]}"))
        else:
            rivals.append(_raced(name, partial(read, library), source))
    return rivals


def _raced(name: str, read: Read, source: Source) -> Rival:
    """Read some clips in turns."""
    theirs, ours, num_failed = [], [], 0
    rows = source.rows
    for number in paced(_CLIPS, seconds=_SECONDS, least=4):
        row = rows[key(source.seed, "rival", number) % len(rows)]
        try:
            path, indices, own = _window(source, row, draw=number)
            seconds = _cpu_seconds(own)
        except DataError:
            continue
        try:
            other = _cpu_seconds(partial(read, path, indices))
        except (RuntimeError, OSError, IndexError, ValueError):
            num_failed += 1
            continue
        if number:  # the first one opens libraries
            ours.append(seconds)
            theirs.append(other)
    if not theirs:
        return Rival(name, "reads none of these files", num_failed=num_failed)
    return Rival(
        name,
        seconds=float(np.median(theirs)),
        ours=float(np.median(ours)),
        num_clips=len(theirs),
        num_failed=num_failed,
    )


def _window(source: Source, row: int, *, draw: int) -> tuple[Path, Indices, Callable[[], object]]:
    """File and frames of a draw, and our way to read them."""
    settings, video = source.settings, source.manifest[row]
    path = source.manifest.absolute(row)
    timeline = timeline_of(video, frame_rate=settings.frame_rate)
    chosen = training_indices(timeline, specs=source.specs, settings=settings, draw=draw)
    indices = np.unique(np.concatenate([frames.ravel() for frames in chosen.values()]))
    indices += video.first_frame
    own = partial(
        read_frames,
        path,
        indices,
        frames=video.frames,
        rotation=video.rotation,
        short_side=settings.short_side,
    )
    return path, indices, own


def _cpu_seconds(action: Callable[[], object]) -> float:
    before = time.process_time()
    action()
    return time.process_time() - before


def _decord(library: Any, path: Path, indices: Indices) -> object:
    return library.VideoReader(str(path), num_threads=1).get_batch(indices).asnumpy()


def _torchcodec(library: Any, path: Path, indices: Indices) -> object:
    decoder = library.VideoDecoder(str(path), num_ffmpeg_threads=1)
    return decoder.get_frames_at(indices.tolist())


LIBRARIES: dict[str, tuple[str, Callable[[Any, Path, Indices], object]]] = {
    "decord": ("decord", _decord),
    "torchcodec": ("torchcodec.decoders", _torchcodec),
}
"""Name to the module and how it reads frames."""
