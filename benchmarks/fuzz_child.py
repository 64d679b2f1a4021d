"""The process in which files are looked at: a crash, a hang or a leak of it is a finding.

Reads a path a line, writes a line of JSON a path. Nothing here knows how the file was made.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from semivideo.base.errors import DataError
from semivideo.base.records import Video
from semivideo.data.cache.preparing import prepare
from semivideo.data.cache.reader import Cache, cached_manifest
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.scanning import scan
from semivideo.data.video.container import EndOfFramesError
from semivideo.data.video.decode import iterate_frames, read_frames

MOST_FRAMES = 80  # of a file that are compared
_SIDE = 4096  # pixels: what is larger is read in part
_MOST_PIXELS = 40_000_000  # of all frames that are compared
_DIFFER = ("index != sequence", "cache != sequence")


def look(path: Path) -> dict[str, Any]:
    """Scan a file and read it in three ways.

    Returns:
        ``outcome``: "refused", "agree", "not exact" or a finding: "scan raises", "reading raises",
        "index != sequence", "cache != sequence"; of the last two whether a scan that decodes the
        file finds it; and a word on it.
    """
    found = _read(path, verify=False)
    if found["outcome"] in _DIFFER:
        again = _read(path, verify=True)
        is_found = again["outcome"] not in _DIFFER
        found["outcome"] += ", found by --verify" if is_found else ", also after --verify"
    return found


def _read(path: Path, *, verify: bool) -> dict[str, Any]:
    """As ``look``, after a scan of one kind."""
    try:
        manifest = scan(path.parent, verify=verify, workers=1)
    except Exception as error:
        return _finding("scan raises", error)
    video = manifest[0]
    if video.error is not None:
        is_fault = "unexpected" in video.error
        return {"outcome": "scan raises" if is_fault else "refused", "why": video.error}
    if video.num_frames < 2 or min(video.width, video.height) < 16:
        return {"outcome": "refused", "why": "too few or too small frames"}
    num = _num_compared(video)
    try:
        sequence = _sequence(path, video, num)
        wrong = _by_index(path, video, sequence, num)
    except DataError as error:
        if "unexpected" in str(error):
            return _finding("reading raises", error)
        return {"outcome": "refused", "why": str(error)}
    except Exception as error:
        return _finding("reading raises", error)
    told = "" if video.frames.is_exact else " (not exact)"
    if wrong:
        return {"outcome": f"index != sequence{told}", "why": wrong}
    if num == video.num_frames and (wrong := _by_cache(manifest, sequence)):
        return {"outcome": f"cache != sequence{told}", "why": wrong}
    return {"outcome": "agree" if video.frames.is_exact else "agree, not exact", "why": ""}


def _finding(outcome: str, error: Exception) -> dict[str, Any]:
    return {"outcome": outcome, "why": f"{type(error).__name__}: {error}"[:300]}


def _num_compared(video: Video) -> int:
    pixels = max(1, video.width * video.height)
    return max(1, min(video.num_frames, MOST_FRAMES, _MOST_PIXELS // pixels))


def _sequence(path: Path, video: Video, num: int) -> list[np.ndarray]:
    """The first frames, in order."""
    images: list[np.ndarray] = []
    every = iterate_frames(path, frames=video.frames, rotation=video.rotation)
    for image in every:
        images.append(image)
        if len(images) == num:
            break
    return images


def _by_index(path: Path, video: Video, sequence: list[np.ndarray], num: int) -> str:
    """Read the same frames by number, alone and some together; "" if they are the same."""
    rng = np.random.default_rng(num)
    alone = [[int(index)] for index in rng.permutation(num)[:10]]
    together = [sorted(rng.choice(num, size=min(num, 6), replace=False).tolist()) for _ in range(4)]
    for indices in [*alone, *together, list(range(num))]:
        try:
            found = read_frames(path, indices, frames=video.frames, rotation=video.rotation)
        except EndOfFramesError as end:
            if end.num_frames != len(sequence):
                return f"frames {indices} end at {end.num_frames}, in order at {len(sequence)}"
            continue
        for index, image in zip(indices, found, strict=True):
            if index >= len(sequence):
                return f"frame {index} is there by number; in order there are {len(sequence)}"
            if not np.array_equal(image, sequence[index]):
                return f"frame {index} of {indices} is another picture than in order"
    return ""


def _by_cache(manifest: Manifest, sequence: list[np.ndarray]) -> str:
    """Prepare the file without loss and read its frames; "" if they are the same."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-cache-"))
    try:
        prepare(manifest, folder / "cache", wanted={"format": "png", "short_side": _SIDE})
        cache = Cache(cached_manifest(folder / "cache"), short_side=_SIDE)
        try:
            images = cache.frames(0)
        except DataError as error:
            return "" if not sequence else f"nothing is stored: {error}"
        if images.num_frames != len(sequence):
            return f"{images.num_frames} frames are stored, in order there are {len(sequence)}"
        stored = images[np.arange(len(sequence))]
        for index, (one, other) in enumerate(zip(stored, sequence, strict=True)):
            if not np.array_equal(one, other):
                return f"frame {index} is stored as another picture"
        return ""
    except DataError as error:
        return "" if not sequence else f"the file is not prepared: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _memory_mb(key: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{key}:")[2].split()[0]) >> 10


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def answers() -> Iterator[dict[str, Any]]:
    """Look at each file that is named on stdin."""
    for line in sys.stdin:
        folder = Path(json.loads(line))
        _reset_peak()
        start = time.process_time()
        [path] = folder.iterdir()
        found = look(path)
        found["seconds"] = round(time.process_time() - start, 3)
        found["peak_mb"], found["now_mb"] = _memory_mb("VmHWM"), _memory_mb("VmRSS")
        found["descriptors"] = len(os.listdir("/proc/self/fd"))
        yield found


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for answer in answers():
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
