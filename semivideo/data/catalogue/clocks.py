"""Clocks of the videos that a file of labels names, for formats that count frames."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from semivideo.base.errors import DataError
from semivideo.data.catalogue.matching import Disk, match
from semivideo.data.catalogue.searching import search
from semivideo.data.video.frame_names import is_frame_folder
from semivideo.events.frame_clock import Clock
from semivideo.events.label_row import LabelRow

_USUAL_RATE = 25.0  # where a file with one frame does not say


class Clocks:
    """Finds a video by the name that a file of labels gives it, and takes its table of frames.

    Args:
        root: The folder that holds the videos, at any depth.
        frame_rate: Frames a second of folders of frames; None for the usual rate.
    """

    def __init__(self, root: Path, *, frame_rate: float | None = None) -> None:
        self.root, self.frame_rate = root, frame_rate
        self._known: dict[str, Clock | None] = {}

    def __call__(self, video: str) -> Clock | None:
        """Return the clock of a video, or None where it is not found or cannot be read."""
        if video not in self._known:
            file = self.find(video)
            self._known[video] = None if file is None else _clock(self.root / file, self.frame_rate)
        return self._known[video]

    def find(self, video: str) -> str | None:
        """Path of a video relative to the root, or None."""
        (found,) = match([LabelRow(video, alias=f"v_{video}")], self._paths)
        return found or self._disk.find(video)

    @cached_property
    def _paths(self) -> list[str]:
        try:
            return search(self.root).paths
        except DataError:
            return []

    @cached_property
    def _disk(self) -> Disk:
        return Disk(self.root)


def _clock(file: Path, frame_rate: float | None) -> Clock | None:
    """Times of the frames of a file."""
    from semivideo.data.video.decode import probe  # PyAV takes a tenth of a second to import

    if not (file.is_file() or is_frame_folder(file)):
        return None
    try:
        found = probe(file, frame_rate=frame_rate)
    except DataError:
        return None
    return Clock(found.frame_rate or _USUAL_RATE, found.frames.seconds)
