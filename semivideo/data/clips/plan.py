"""From the key of a draw to frame numbers: applies the settings and each network's clip.

The arithmetic is that of ``sampling``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semivideo.base.randomness import key, uniform
from semivideo.base.records import ClipSpec, Indices, Video
from semivideo.data.clips import sampling
from semivideo.data.clips.sampling import PastEnd
from semivideo.data.video.budgets import budget
from semivideo.data.video.probing import Probe
from semivideo.settings import DataSettings


@dataclass(frozen=True, slots=True)
class Timeline:
    """The frames of a video that sampling may choose from.

    Attributes:
        frame: int64 (num_available,), the video's frame at each position; a segment's frames are
            numbered from its own first one, so that no clip shows what lies outside.
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
        frame_rate: Frames per second to resample to, or None for all frames. Gaps in the clock
            are passed over, see ``FrameTable.seconds_without_gaps``.
        num_frames: Use only so many of its first frames, >= 1; None for all.
    """
    num_frames = num_frames or video.num_frames
    if frame_rate is None:
        return Timeline(np.arange(num_frames), video.frame_rate)
    first = video.first_frame
    seconds = video.frames.seconds_without_gaps[first : first + num_frames]
    seconds = seconds - seconds[0]
    duration = seconds[-1] + (1 / video.frame_rate if video.frame_rate > 0 else 0.0)
    path = Path(video.path if isinstance(video, Video) else "the video")
    budget().check(path, frames=duration * frame_rate)
    frame = sampling.resampled(seconds, duration_seconds=duration, frame_rate=frame_rate)
    return Timeline(frame, frame_rate)


def training_indices(
    timeline: Timeline, *, specs: Mapping[str, ClipSpec], settings: DataSettings, draw: int
) -> dict[str, Indices]:
    """Choose the frames of one draw.

    Window: all streams start where the longest window starts, apart from those with an offset.
    Segments: the stream with most frames takes a random frame of each of its segments, the others
    take frames of it; strides do not apply. A stream that is apart draws for itself, and with
    segments, which span the video, so does one with an offset.
    Where some stream needs successors, no stream takes the last frame, which has none.

    Returns:
        Stream name to int64 (T,), frames of the video; (T, 2) with their successors where the
        modality compares frames.
    """
    needs_successor = any(spec.modality != "rgb" for spec in specs.values())
    num = max(1, len(timeline.frame) - needs_successor)
    choose = _segments if settings.sampling == "segments" else _windows
    is_spanning = settings.sampling == "segments"
    apart = {n: s for n, s in specs.items() if s.is_apart or (is_spanning and s.offset_seconds)}
    shared = {name: spec for name, spec in specs.items() if name not in apart}
    chosen = choose(timeline, specs=shared, num=num, draw=draw, past_end=settings.past_end)
    for name, spec in apart.items():
        own = key(draw, "apart", name)
        chosen |= choose(
            timeline, specs={name: spec}, num=num, draw=own, past_end=settings.past_end
        )
    return {
        name: timeline.frame[with_successors(chosen[name], spec, timeline=timeline)]
        for name, spec in specs.items()
    }


def _segments(
    timeline: Timeline, *, specs: Mapping[str, ClipSpec], num: int, draw: int, past_end: PastEnd
) -> dict[str, Indices]:
    """Positions of each stream, one per segment of the video."""
    finest = max((spec.num_frames for spec in specs.values()), default=1)
    frames = sampling.segment_indices(num, uniform([draw], "segments", size=finest)[0])
    phase = uniform([draw], "phase")[0, 0]
    return {
        name: sampling.thinned(frames, spec.num_frames, uniform=phase)
        for name, spec in specs.items()
    }


def _windows(
    timeline: Timeline, *, specs: Mapping[str, ClipSpec], num: int, draw: int, past_end: PastEnd
) -> dict[str, Indices]:
    """Positions of each stream, of windows that start together."""
    longest = max((spec.window_frames for spec in specs.values()), default=1)
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
        chosen[name] = sampling.within(indices, num, past_end=past_end)
    return chosen


def with_successors(positions: Indices, spec: ClipSpec, *, timeline: Timeline) -> Indices:
    """(..., T, 2): each position and the one it is compared with; unchanged, (..., T), for RGB.

    The next one of the timeline, or for the slow gradient the next one of the clip; the clip's last
    frame is then compared with the one that is its median step later, at most the video's last. In
    the place of the video's last frame, which has no successor, stands the one before it.

    Args:
        positions: int64 (..., T), places in the timeline.
        spec: Says what is compared.
        timeline: Of the video.
    """
    if spec.modality == "rgb":
        return positions
    positions = np.minimum(positions, max(0, len(timeline.frame) - 2))
    successors = positions + 1
    if spec.modality == "slow_gradient":
        # The median: where a short video starts over, one step leads back.
        steps = np.diff(positions) if positions.shape[-1] > 1 else np.ones_like(positions)
        step = np.maximum(1, np.median(steps, axis=-1, keepdims=True).astype(np.int64))
        last = positions[..., -1:] + step
        successors = np.concatenate([positions[..., 1:], last], axis=-1)
    successors = np.minimum(successors, len(timeline.frame) - 1)
    return np.stack([positions, successors], axis=-1)


def testing_indices(
    timeline: Timeline, *, spec: ClipSpec, settings: DataSettings, num_clips: int
) -> Indices:
    """Choose the frames of clips spread over a video.

    Window: the windows of ``sampling.uniform_starts``. Segments: clip k of n takes the frame at
    (k + 1/2) / n of each segment.

    Returns:
        int64 (num_clips, T), frames of the video; (num_clips, T, 2) with their successors where the
        modality compares frames.
    """
    num = len(timeline.frame)
    if settings.sampling == "segments":
        places = [np.full(spec.num_frames, (k + 0.5) / num_clips) for k in range(num_clips)]
        chosen = np.stack([sampling.segment_indices(num, place) for place in places])
    else:
        starts = sampling.uniform_starts(num, spec.window_frames, num_clips=num_clips)
        indices = np.stack([sampling.clip_indices(int(start), spec) for start in starts])
        chosen = sampling.within(indices, num, past_end=settings.past_end)
    return timeline.frame[with_successors(chosen, spec, timeline=timeline)]
