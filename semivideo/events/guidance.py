"""What a reader of labels is told, and what all readers do alike: points, frames, gaps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from semivideo.base.errors import ConfigError, DataError, option
from semivideo.events.frame_clock import Clock
from semivideo.events.label_row import LabelRow

log = logging.getLogger("semivideo")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file of labels leaves open.

    Attributes:
        format: A name of ``events.formats.FORMATS``; None recognises it by what is in the file.
        group_column: Column of a table that names the group; None for "group".
        annotator: Whose labels to take where several people labelled one video.
        class_from: What names the class where there is a choice: of ELAN "tier" or "value", of CVAT
            and VIA an attribute; None finds it out.
        point_seconds: Length of the window that a point event becomes, with the point in its
            middle, > 0.
        label_rate: Frames a second by which a file counts that counts frames; None takes the
            frames of the video.
        clock: Maps the name of a video to its clock, or to None where it is not found.
        several: Whether labels that overlap are cut into parts with several labels each
            (``label_sets``), for training on them.
    """

    format: str | None = None
    group_column: str | None = None
    annotator: str | None = None
    class_from: str | None = None
    point_seconds: float = 1.0
    label_rate: float | None = None
    clock: Callable[[str], Clock | None] = field(default=lambda video: None)
    several: bool = False

    def __post_init__(self) -> None:
        for name in ("point_seconds", "label_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"{option(name)} must be above 0, got {value:g}")

    def around(self, seconds: float) -> tuple[float, float]:
        """Window around a point event; one at the beginning of the video is cut.

        >>> Reading(point_seconds=2).around(5.0)
        (4.0, 6.0)
        """
        return max(0.0, seconds - self.point_seconds / 2), seconds + self.point_seconds / 2

    def clock_of(self, video: str, file: Path) -> Clock:
        """Clock that a file's frame numbers of a video refer to.

        Raises:
            DataError: Nobody says how long a frame is.
        """
        if self.label_rate is not None:
            return Clock(self.label_rate)
        found = self.clock(video)
        if found is None:
            raise DataError(
                f"{file.name} counts the frames of {video!r}, and that video was not found, so "
                f"nobody knows how long a frame is; name its folder, or give the frames a second "
                f"with {option('label_rate')}",
                path=str(file),
            )
        return found


@dataclass(frozen=True, slots=True)
class Writing:
    """What a file of labels needs to be told besides the labels.

    Attributes:
        label_rate: Frames a second, for formats that count frames; None takes the video's.
        clock: As in ``Reading``.
    """

    label_rate: float | None = None
    clock: Callable[[str], Clock | None] = field(default=lambda video: None)

    def interval(self, row: LabelRow, format: str) -> tuple[float, float]:
        """Start and end of a label for a format that has nothing but intervals.

        Raises:
            DataError: Its end is the end of a video whose length nobody knows.
        """
        end = row.end_seconds
        if end is None:
            clock = self.clock(row.video)
            end = None if clock is None else clock.duration_seconds
        if end is None:
            raise DataError(
                f"the label {row.label!r} goes to the end of {row.video}, {format} wants to know "
                f"where that is, and the video was not found; name its folder with "
                f"{option('videos')}"
            )
        return row.start_seconds or 0.0, end


def tell_overlaps(name: str, rows: Sequence[LabelRow]) -> None:
    """Say how many labels overlap with another one of the same subject of the same video."""
    by_subject: dict[tuple[str, str | None], list[LabelRow]] = {}
    for row in rows:
        if row.part != (None, None) and row.label is not None:
            by_subject.setdefault((row.video, row.subject), []).append(row)
    overlapping = []
    for of_one in by_subject.values():
        of_one.sort(key=lambda row: row.start_seconds or 0.0)
        latest = float("-inf")
        for row in of_one:
            if (row.start_seconds or 0.0) < latest:
                overlapping.append(row)
            latest = max(latest, float("inf") if row.end_seconds is None else row.end_seconds)
    if overlapping:
        first = overlapping[0]
        log.warning(
            "%s: %d label(s) begin before another one of the same video and subject ends, first "
            "%r at %g s of %s; they are several labels at once, which training learns with "
            "multi_label (scan --multi-label, train --multi-label)",
            *(name, len(overlapping), first.label, first.start_seconds or 0.0, first.video),
        )
