"""How large a cache will be and how long it takes, by really preparing a small sample.

The sample is drawn frame by frame: draws lie evenly spaced in all frames of the videos, which stand
in the order of their bytes per frame, and the video that a draw hits is measured::

    frames    | video 7 | video 2           | v. 5 | video 1       |      bytes per frame ascend
    draws       x       x       x       x       x       x       x
    measured    7       2       2       2       5       1       1

So a video counts as often as it has frames, and simple and difficult pictures in their shares.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semivideo.base.errors import WriteError
from semivideo.base.records import Indices
from semivideo.data.cache.form import CacheForm
from semivideo.data.cache.index import PIECE, VIDEO
from semivideo.data.cache.sections import Section, make_section
from semivideo.data.cache.shards import in_order
from semivideo.data.catalogue.manifest import Manifest

_NUM_DRAWS = 48
_MOST_FRAMES = 512  # of a long video
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job will take, by a sample.

    Attributes:
        num_videos: Videos that are still to prepare.
        num_frames: Frames of their files.
        frames_per_second: Frames of files that are dealt with in a second.
        num_bytes: Size of their shards.
    """

    num_videos: int
    num_frames: int
    frames_per_second: float
    num_bytes: int

    @property
    def seconds(self) -> float:
        """Time the job will take."""
        return self.num_frames / self.frames_per_second

    def part(self, *, num_videos: int, num_frames: int) -> Estimate:
        """What a part of the job will take."""
        num_bytes = round(self.num_bytes * num_frames / max(1, self.num_frames))
        return Estimate(num_videos, num_frames, self.frames_per_second, num_bytes)


def estimated(
    manifest: Manifest, rows: Indices, form: CacheForm, *, folder: Path, threads: int
) -> Estimate:
    """Prepare a sample of some rows and throw it away.

    Args:
        manifest: The videos.
        rows: Rows to be prepared.
        form: What to store.
        folder: Where large sections of the sample wait.
        threads: Videos prepared at once.
    """
    num_frames = int(manifest.num_frames[rows].sum())
    drawn, counts = np.unique(_draws(manifest, rows), return_counts=True)
    seconds: dict[int, float] = {}

    def make(row: int) -> Section:
        start = time.perf_counter()
        section = make_section(manifest, row, form, folder=folder, most_frames=_MOST_FRAMES)
        seconds[row] = time.perf_counter() - start
        return section

    shares = []  # bytes and seconds a frame of each drawn video
    for row, section in zip(drawn, in_order(make, drawn.tolist(), threads=threads), strict=True):
        with section.file:
            num_bytes = section.file.seek(0, 2)
        frames = min(int(manifest.num_frames[row]), _MOST_FRAMES)
        num_bytes += VIDEO.itemsize + PIECE.itemsize * (len(section.frames) + len(section.flows))
        shares.append((num_bytes / frames, seconds[int(row)] / frames))
    if not shares:
        return Estimate(len(rows), num_frames=0, frames_per_second=1.0, num_bytes=0)
    bytes_per_frame, seconds_per_frame = np.average(shares, axis=0, weights=counts)
    return Estimate(
        num_videos=len(rows),
        num_frames=num_frames,
        frames_per_second=threads / float(seconds_per_frame),
        num_bytes=round(num_frames * float(bytes_per_frame)),
    )


def check_room(estimate: Estimate, folder: Path) -> None:
    """Refuse to start what will not fit.

    Raises:
        WriteError: The disk has less room than the estimate.
    """
    free = shutil.disk_usage(folder).free
    if estimate.num_bytes > free:
        raise WriteError(
            f"the cache needs about {estimate.num_bytes / _GB:.2f} GB more and the disk of {folder}"
            f" has {free / _GB:.2f} GB free; free space, choose another --out, or make it smaller "
            "with --short-side, --every 2 or --format h264"
        )


def _draws(manifest: Manifest, rows: Indices) -> Indices:
    """Rows of the sample, as described above; a video may be drawn more than once."""
    num_frames = manifest.num_frames[rows]
    rows, num_frames = rows[num_frames > 0], num_frames[num_frames > 0]
    if not len(rows):
        return rows
    num_bytes = np.asarray(manifest.table["num_bytes"].to_numpy())[rows]
    order = np.argsort(num_bytes / num_frames, kind="stable")
    ends = np.cumsum(num_frames[order])
    places = (np.arange(_NUM_DRAWS) + 0.5) / _NUM_DRAWS * ends[-1]
    return np.asarray(rows[order][np.searchsorted(ends, places, side="right")])
