"""Segments: labelled clips of a long video, given by where they start and end, in seconds.

A frame belongs to a segment if start <= its time < end, all three to the nearest microsecond; a
frame's time counts from the file's first frame. Two segments of which one ends where the other
starts share no frame, and none between them is lost::

    frame      0     1     2     3     4     5         25 frames per second
    time     0.00  0.04  0.08  0.12  0.16  0.20
    0-0.12   [-----------------)
    0.12-0.2                   [-----------)

The id of a segment is its path and its times, such as ``monday/0031.mp4#12.480-15.900``.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import fields
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from semivideo.base.errors import DataError
from semivideo.base.faults import about_file
from semivideo.base.records import FrameTable, Segment, Video

if TYPE_CHECKING:
    from semivideo.data.video.probing import Probe

log = logging.getLogger("semivideo")

FEWEST_FRAMES = 2
"""Of a video or segment to learn from."""

_IN_NAME = re.compile(r"(?P<file>.+)#(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?|end)")
_TO_END = "end"
_MICROSECONDS = 1e6


def video_id(
    path: str, start_seconds: float | None = None, end_seconds: float | None = None
) -> str:
    """Return the id of a file, or of a segment of it.

    Args:
        path: Relative to the manifest's root, with "/".
        start_seconds: Where the segment starts; None for the start of the file.
        end_seconds: Where it ends; None for the end of the file. With both None it is no segment.

    >>> video_id("a/0031.mp4", 12.48, 15.9), video_id("b.mp4", 7), video_id("b.mp4")
    ('a/0031.mp4#12.480-15.900', 'b.mp4#7.000-end', 'b.mp4')
    """
    if start_seconds is None and end_seconds is None:
        return path
    end = _TO_END if end_seconds is None else _written(end_seconds)
    return f"{path}#{_written(start_seconds or 0.0)}-{end}"


def _written(seconds: float) -> str:
    """Seconds with three places, and with more where they have more."""
    if not math.isfinite(seconds) or seconds == round(seconds, 3):
        return f"{seconds:.3f}"
    return format(Decimal(repr(float(seconds))), "f")


def segment_of(
    frames: FrameTable, start_seconds: float | None, end_seconds: float | None
) -> Segment:
    """Find the frames of a segment; there are none where the times say nothing, or nonsense.

    Args:
        frames: Of the file.
        start_seconds: Where it starts; None for the start of the file.
        end_seconds: Where it ends; None for the end of the file.
    """
    start = 0.0 if start_seconds is None else float(start_seconds)
    end = math.inf if end_seconds is None else float(end_seconds)
    if not len(frames) or math.isnan(start) or math.isnan(end):
        return Segment(start, end_seconds, first_frame=0, num_frames=0)
    wanted = np.rint(np.array([start, end]) * _MICROSECONDS)
    first, last = np.searchsorted(_microseconds(frames), wanted).tolist()
    return Segment(start, end_seconds, first_frame=first, num_frames=max(0, last - first))


@lru_cache(maxsize=1)
def _microseconds(frames: FrameTable) -> NDArray[np.float64]:
    """Time of each frame after the first; segments of a file come one after the other."""
    return np.rint(frames.seconds * _MICROSECONDS)


def why_no_segment(video: Video) -> str | None:
    """Say why a segment has no clip to learn from, or None if it has; its file can be read."""
    segment = video.segment
    if segment is None or video.error is not None:
        return video.error
    start = segment.start_seconds
    end = math.inf if segment.end_seconds is None else segment.end_seconds
    whole = _duration(video)
    if not math.isfinite(start) or math.isnan(end) or end == -math.inf:
        reason = f"start {start:g} or end {end:g} is no time"
    elif start < 0:
        reason = f"it starts {-start:g} seconds before the video"
    elif end <= start:
        reason = f"it ends at {end:g} s and starts at {start:g} s, and the end must come later"
    elif start >= whole:
        reason = f"it starts at {start:g} s and the video ends at {whole:.3f} s"
    elif segment.num_frames < FEWEST_FRAMES:
        reason = f"it has {segment.num_frames} frame(s), and at least {FEWEST_FRAMES} are needed"
    else:
        return None
    return (
        f"cannot use {video.id}: {reason}; correct the row's start and end, in seconds from the "
        "start of the video, or leave it out"
    )


def overlap(one: Video, other: Video) -> bool:
    """Whether two videos of one file, or of two with the same bytes, have a frame in common."""
    start = max(one.first_frame, other.first_frame)
    return start < min(each.first_frame + each.num_frames for each in (one, other))


def ends_late(video: Video) -> bool:
    """Whether a segment ends more than a second after its video, which rounding does not explain.

    What there is of it is used all the same.
    """
    segment = video.segment
    if segment is None or segment.end_seconds is None or not segment.num_frames:
        return False
    return segment.end_seconds > _duration(video) + 1.0


def video_of(id: str, found: Probe, segment: Segment | None = None) -> Video:
    """Return a file, or a segment of one, that is in no manifest.

    Args:
        id: What to call it.
        found: What ``probe`` says of the file.
        segment: Of it.
    """
    known = {field.name: getattr(found, field.name) for field in fields(found)}
    return Video(id=id, path=id, label=None, group=None, segment=segment, **known)


def segment_named(name: str) -> tuple[str, float, float | None] | None:
    """Take the id of a segment apart: the file, where it starts, and where it ends.

    Returns:
        None where ``name`` is not of that form.

    >>> segment_named("a/0031.mp4#12.5-15.9"), segment_named("b.mp4#7-end"), segment_named("b#.mp4")
    (('a/0031.mp4', 12.5, 15.9), ('b.mp4', 7.0, None), None)
    """
    found = _IN_NAME.fullmatch(name)
    if found is None:
        return None
    end = None if found["end"] == _TO_END else float(found["end"])
    return found["file"], float(found["start"]), end


def looked_at(path: Path, *, frame_rate: float | None = None) -> tuple[Path, Video]:
    """Look at a file, or at a segment of one that is named like its id.

    Args:
        path: Such as ``a.mp4`` or ``a.mp4#12.5-15.9``.
        frame_rate: Frames a second of a folder of frames, > 0; None for 25.

    Returns:
        The file, and what is meant of it.

    Raises:
        DataError: The file cannot be used, or the segment has no clip.
    """
    with about_file(path):
        return _looked_at(path, frame_rate)


def _looked_at(path: Path, frame_rate: float | None) -> tuple[Path, Video]:
    """The same; what else fails is raised as it is."""
    from semivideo.data.video.decode import probe  # PyAV takes a tenth of a second to import

    named = None if path.exists() else segment_named(str(path))
    if named is None:
        return path, video_of(path.name, probe(path, frame_rate=frame_rate))
    file, start, end = Path(named[0]), *named[1:]
    if not file.exists():
        raise DataError(
            f"{file} does not exist, and so {path.name} is no segment of it; check the path",
            path=str(path),
        )
    status = file.stat()
    found = _probed_last(file, frame_rate, (status.st_size, status.st_mtime_ns))
    video = video_of(path.name, found, segment_of(found.frames, start, end))
    if (reason := why_no_segment(video)) is not None:
        raise DataError(reason, path=str(path))
    if ends_late(video):
        log.warning(
            "%s ends at %g s and its video at %.3f s; what there is of it is used, but look "
            "whether its times are in seconds",
            *(path.name, end, _duration(video)),
        )
    return file, video


@lru_cache(maxsize=1)
def _probed_last(file: Path, frame_rate: float | None, state: tuple[int, int]) -> Probe:
    """A file with many segments, which come one after the other, is looked at once."""
    from semivideo.data.video.decode import probe

    return probe(file, frame_rate=frame_rate)


def _duration(video: Video) -> float:
    """Time from the first to the end of the last frame of a segment's file, in seconds."""
    last_frame = 1.0 / video.frame_rate if video.frame_rate > 0 else 0.0
    pts = video.frames.pts
    return float((pts[-1] - pts[0]) * float(video.frames.time_base)) + last_frame
