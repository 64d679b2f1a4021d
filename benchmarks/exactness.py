"""Which frames of files that trip video readers does each library get right?

Truth is a plain sequential decode by PyAV. SemiVideo's frames have to equal it bit for bit. Other
libraries convert colours by themselves, so theirs are right when no other frame near by is more
like them: we count wrong frames, not rounding. A file with several video streams is left out for
those that read another one than its first.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from readers import READERS, Reader, is_installed

from semivideo.data.video.decode import probe, read_frames
from semivideo.data.video.orientation import upright
from semivideo.data.video.probing import Probe

HARD_VIDEOS = Path(__file__).parents[2] / "shared" / "data" / "hard-videos"
CHUNK = 48  # frames asked for at once, so that all ways of getting to a frame are used
_NEAR = 3  # places on either side
_SAME = 0.5  # grey levels, between frames that are as good as equal
_EVERY = 4  # pixels; enough to tell frames apart


def table(folder: Path = HARD_VIDEOS) -> list[str]:
    """Lines of a table: files where someone is wrong, and the sum."""
    if not folder.is_dir():
        return [f"Exactness not run: there is no folder {folder.name} beside the checkout.", ""]
    others = [name for name in READERS if is_installed(name)]
    names = ["SemiVideo", *others]
    lines = [f"| file | frames | {' | '.join(names)} |", "|---|--:|" + "--:|" * len(names)]
    total, right = 0, dict.fromkeys(names, 0)
    whole, tried = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    with open(folder / "expected.csv", newline="") as file:
        listed = [row["file"] for row in csv.DictReader(file)]
    for name in listed:
        num_frames, counts = right_frames(folder / name, others)
        total += num_frames
        for library, count in counts.items():
            right[library] += count or 0
            whole[library] += count == num_frames
            tried[library] += count is not None
        if set(counts.values()) != {num_frames}:
            shown = ("other stream" if count is None else str(count) for count in counts.values())
            lines.append(f"| {name} | {num_frames} | {' | '.join(shown)} |")
    cells = " | ".join(f"{whole[n]} of {tried[n]} files, {right[n]} frames" for n in names)
    return [*lines, f"| all {len(listed)} files | {total} | {cells} |", ""]


def right_frames(path: Path, others: list[str]) -> tuple[int, dict[str, int | None]]:
    """Count the frames of a file, and those that each library gets right; None: other stream."""
    found = probe(path)
    ours, first, thumbnails = 0, 0, []
    for truth in chunks(path):
        ours += _equal(path, found, first, [upright(image, found.rotation) for image in truth])
        first += len(truth)
        thumbnails += [_small(image) for image in truth]
    counts = {name: _recognised(READERS[name], path, thumbnails, found.rotation) for name in others}
    return first, {"SemiVideo": ours, **counts}


def chunks(path: Path) -> Iterator[list[np.ndarray]]:
    """Images of a plain sequential decode, ``CHUNK`` at a time."""
    images: list[np.ndarray] = []
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(video=0):
                images.append(frame.to_ndarray(format="rgb24"))
                if len(images) == CHUNK:
                    yield images
                    images = []
        except av.error.InvalidDataError:
            pass  # corrupted.mp4; what was decoded counts
    if images:
        yield images


def _equal(path: Path, found: Probe, first: int, truth: list[np.ndarray]) -> int:
    """Frames that are bit for bit those of a plain decode."""
    indices = range(first, first + len(truth))
    read = read_frames(path, indices, frames=found.frames, rotation=found.rotation)
    return sum(map(np.array_equal, read, truth))


def _recognised(read: Reader, path: Path, truth: list[np.ndarray], rotation: int) -> int | None:
    """Count the frames that are more like the truth than like its neighbours."""
    num_right = num_others = 0
    for first in range(0, len(truth), CHUNK):
        indices = np.arange(first, min(first + CHUNK, len(truth)))
        for index, image in zip(indices.tolist(), _images(read, path, indices), strict=True):
            if image is not None:
                candidates = [_small(image), _small(np.rot90(image, rotation // 90))]
                fitting = [small for small in candidates if small.shape == truth[0].shape]
                num_others += not fitting
                num_right += any(_is_nearest(small, truth, index) for small in fitting)
    return None if num_others == len(truth) else num_right


def _images(read: Reader, path: Path, indices: np.ndarray) -> list[np.ndarray | None]:
    """Read frames; where that fails as a whole, one by one; None for those that fail."""
    try:
        return list(read(path, indices, None))
    except Exception:  # whatever they raise, the frame is not there
        if len(indices) == 1:
            return [None]
    return [image for index in indices for image in _images(read, path, np.array([index]))]


def _small(image: np.ndarray) -> np.ndarray:
    """Enough of an image to recognise it."""
    return image[::_EVERY, ::_EVERY].astype(np.int16)


def _is_nearest(small: np.ndarray, truth: list[np.ndarray], index: int) -> bool:
    """Whether an image is the frame with this number and not one before or after."""
    near = range(max(0, index - _NEAR), min(len(truth), index + _NEAR + 1))
    apart = {other: np.abs(small - truth[other]).mean() for other in near}
    return bool(apart[index] <= min(apart.values()) + _SAME)
