"""From a draw's key to frame numbers: what the settings and the networks ask of ``sampling``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from semivideo.data import sampling
from semivideo.data.container import Probe
from semivideo.data.sampling import Indices
from semivideo.randomness import uniform
from semivideo.records import ClipSpec, Video
from semivideo.settings import DataSettings


@dataclass(frozen=True, slots=True)
class Timeline:
    """The frames of a video that sampling may choose from.

    Attributes:
        frame: int64 (num_available,), the file's frame at each position.
        frame_rate: Positions per second, 0.0 if unknown.
    """

    frame: Indices
    frame_rate: float


def timeline_of(
    video: Video | Probe, *, frame_rate: float | None, num_frames: int | None = None
) -> Timeline:
    """List the frames of a video, at the wanted rate.

    Args:
        video: The video, of at least one frame.
        frame_rate: Frames per second to resample to, or None for all frames.
        num_frames: Use only so many of its first frames, >= 1; None for all.
    """
    num_frames = num_frames or len(video.frames)
    if frame_rate is None:
        return Timeline(np.arange(num_frames), video.frame_rate)
    seconds = video.frames.seconds[:num_frames]
    duration = seconds[-1] + (1 / video.frame_rate if video.frame_rate > 0 else 0.0)
    frame = sampling.resampled(seconds, duration_seconds=duration, frame_rate=frame_rate)
    return Timeline(frame, frame_rate)


def training_indices(
    timeline: Timeline, *, specs: Mapping[str, ClipSpec], settings: DataSettings, draw: int
) -> dict[str, Indices]:
    """Choose the frames of one draw.

    Window: all streams start where the longest window starts, apart from those with an offset.
    Segments: the stream with most frames takes a random frame of each of its segments, the others
    take frames of it; strides and offsets do not apply.

    Returns:
        Stream name to int64 (T,), frames of the file.
    """
    num = len(timeline.frame)
    if settings.sampling == "segments":
        finest = max(spec.num_frames for spec in specs.values())
        frames = sampling.segment_indices(num, uniform([draw], "segments", size=finest)[0])
        phase = uniform([draw], "phase")[0, 0]
        chosen = {
            name: sampling.thinned(frames, spec.num_frames, uniform=phase)
            for name, spec in specs.items()
        }
        return {name: timeline.frame[indices] for name, indices in chosen.items()}
    longest = max(spec.window_frames for spec in specs.values())
    shared = sampling.random_start(num, longest, uniform=uniform([draw], "start")[0, 0])
    chosen = {}
    for name, spec in specs.items():
        start = sampling.shifted_start(
            shared,
            max_frames=int(spec.offset_seconds * timeline.frame_rate),
            last_start=max(0, num - spec.window_frames),
            uniform=uniform([draw], "offset", name)[0, 0],
        )
        indices = sampling.clip_indices(start, spec)
        chosen[name] = sampling.within(indices, num, past_end=settings.past_end)
    return {name: timeline.frame[indices] for name, indices in chosen.items()}


def testing_indices(
    timeline: Timeline, *, spec: ClipSpec, settings: DataSettings, num_clips: int
) -> Indices:
    """Choose the frames of clips spread over a video.

    Window: the windows of ``sampling.uniform_starts``. Segments: clip k of n takes the frame at
    (k + 1/2) / n of each segment.

    Returns:
        int64 (num_clips, T), frames of the file.
    """
    num = len(timeline.frame)
    if settings.sampling == "segments":
        places = [np.full(spec.num_frames, (k + 0.5) / num_clips) for k in range(num_clips)]
        chosen = np.stack([sampling.segment_indices(num, place) for place in places])
    else:
        starts = sampling.uniform_starts(num, spec.window_frames, num_clips=num_clips)
        indices = np.stack([sampling.clip_indices(int(start), spec) for start in starts])
        chosen = sampling.within(indices, num, past_end=settings.past_end)
    return timeline.frame[chosen]
