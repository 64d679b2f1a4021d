"""Clips of videos: which frames a draw takes, and one reading of the file for all networks.

A draw is a key; the clip is a pure function of the video, the settings and that key. All streams
of a draw share one window (``sampling`` draws it), so that one pass over the file serves them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.faults import about_file
from semivideo.base.records import ClipSpec, Indices, Video
from semivideo.data.cache.reader import opened_cache
from semivideo.data.catalogue.manifest import Manifest, why_unusable
from semivideo.data.catalogue.segments import video_id
from semivideo.data.clips.plan import Timeline, testing_indices, timeline_of, training_indices
from semivideo.data.video.budgets import budget
from semivideo.data.video.canvas import canvas_size, frame_size
from semivideo.data.video.container import EndOfFramesError, unusable, warn_once
from semivideo.data.video.decode import Image, read_frames
from semivideo.data.video.flow import flow_of_pairs
from semivideo.data.video.probing import Probe
from semivideo.settings import DataSettings

if TYPE_CHECKING:
    from semivideo.data.video.hardware import HardwareDecoder

Plan = Callable[[Timeline], dict[str, Indices]]
Read = Callable[[Indices], Image]
_Clips = TypeVar("_Clips")


class Frames(Protocol):
    """The frames of a video or segment, such as an array (num_frames, H, W, 3)."""

    def __getitem__(self, indices: Indices, /) -> Image:
        """Frames by number; ``EndOfFramesError`` where the file ends before one of them."""


class StoredFrames(Protocol):
    """The part of a frame store that reading needs."""

    def frames(self, row: int) -> Frames | None:
        """Frames of a row's video at the canvas size, or None if they are not stored."""


class ClipReader:
    """Reads the clips of a manifest's videos: from a store, the manifest's cache, or the files.

    Args:
        manifest: The videos.
        specs: Stream name to its clips; the first one is the deployed network's.
        settings: How clips are cut.
        store: Decoded frames to take instead where it has them.

    Raises:
        ConfigError: The cache leaves out frames that the clips need, or as ``hardware_of``.
        DataError: The cache is missing, not finished, or one of other videos.
    """

    def __init__(
        self,
        manifest: Manifest,
        specs: Mapping[str, ClipSpec],
        *,
        settings: DataSettings,
        store: StoredFrames | None = None,
    ) -> None:
        self.manifest = manifest
        self.specs = dict(specs)
        self.settings = settings
        self.store = store
        self.cache = opened_cache(manifest, short_side=frame_size(settings))
        if self.cache is not None:
            self.cache.check(specs, settings)
        self.hardware = hardware_of(settings, is_cached=self.cache is not None)

    def training(self, row: int, draw: int) -> dict[str, Image]:
        """Cut one random clip for each stream.

        Args:
            row: The video's row in the manifest.
            draw: Key of the draw.

        Returns:
            Stream name to uint8 (T, C, H, W); all of one H and W. C as in ``records.Clips``.

        Raises:
            DataError: The video cannot be used or decoded.
        """
        specs, settings = self.specs, self.settings
        clips = self.cut(
            row, lambda t: training_indices(t, specs=specs, settings=settings, draw=draw)
        )
        return {name: as_seen(clip, specs[name]) for name, clip in clips.items()}

    def testing(self, row: int, *, num_clips: int, stream: str) -> Image:
        """Cut the clips of one stream that are spread over the video, in one pass over the file.

        Of a file that ends before its table does the part before that is used, with a warning.

        Args:
            row: The video's row in the manifest.
            num_clips: How many, >= 1.
            stream: Which stream's clips.

        Returns:
            uint8 (num_clips, T, C, H, W).

        Raises:
            DataError: The video cannot be used or decoded.
        """
        spec, settings = self.specs[stream], self.settings
        clips = self.cut(
            row,
            lambda t: {
                stream: testing_indices(t, spec=spec, settings=settings, num_clips=num_clips)
            },
        )[stream]
        return each_as_seen(clips, spec)

    def cut(self, row: int, plan: Plan) -> dict[str, Image]:
        """Cut what a plan asks for, in one reading of the video.

        Args:
            row: The video's row in the manifest.
            plan: Name to the frames wanted, of the frames that can be chosen from.

        Returns:
            Name to uint8 (..., C, H, W) for frames numbered (...).

        Raises:
            DataError: The video cannot be used or decoded.
        """
        path = self.manifest.absolute(row)
        with about_file(path):
            return self._cut_of(row, path, plan)

    def _cut_of(self, row: int, path: Path, plan: Plan) -> dict[str, Image]:
        """As ``cut``."""
        video = self.manifest[row]
        if video.error is not None:
            raise DataError(video.error, path=str(path))
        timeline = _timeline(path, video, self.settings)
        stored = None if self.store is None else self.store.frames(row)
        if stored is None and self.cache is not None:
            stored = self.cache.frames(row)
        read = (
            _reader(path, video, self.settings, hardware=self.hardware)
            if stored is None
            else stored.__getitem__
        )

        def cut(timeline: Timeline) -> dict[str, Image]:
            chosen = _within_budget(plan(timeline), path, video, self.settings)
            return self._cut(chosen, row, read=read)

        return _cut_before_end(cut, path, video, settings=self.settings, timeline=timeline)

    def _cut(self, chosen: dict[str, Indices], row: int, *, read: Read) -> dict[str, Image]:
        """Read the streams; flow comes from the cache where it is stored."""
        streams = {name for name in chosen if self.specs[name].modality == "flow"}
        flow = self.cache.flow(row) if self.cache is not None and streams else None
        ready = {}
        if flow is not None:
            for name in streams:
                first, second = chosen[name][..., 0], chosen[name][..., 1]
                if (second == first + 1).all():  # not where a video is resampled to another rate
                    ready[name] = flow[first]
        rest = {name: indices for name, indices in chosen.items() if name not in ready}
        ready |= _cut(rest, read=read) if rest else {}
        return {name: ready[name] for name in chosen}


def testing_clips(
    path: Path, video: Video | Probe, *, spec: ClipSpec, settings: DataSettings, num_clips: int
) -> Image:
    """Cut clips as ``ClipReader.testing`` does, of a file that need not be in a manifest.

    Args:
        path: The file.
        video: What ``probe`` says of it, or a segment of it.
        spec: The clips of the network.
        settings: How clips are cut.
        num_clips: How many, >= 1.

    Returns:
        uint8 (num_clips, T, C, H, W).

    Raises:
        DataError: The file cannot be used or decoded.
        ConfigError: As ``hardware_of``.
    """

    def plan(timeline: Timeline) -> dict[str, Indices]:
        chosen = testing_indices(timeline, spec=spec, settings=settings, num_clips=num_clips)
        return {"clips": chosen}

    return each_as_seen(planned_frames(path, video, plan, settings=settings)["clips"], spec)


def planned_frames(
    path: Path, video: Video | Probe, plan: Plan, *, settings: DataSettings
) -> dict[str, Image]:
    """Cut what a plan asks for, as ``ClipReader.cut`` does, of a file that is in no manifest.

    Args:
        path: The file.
        video: What ``probe`` says of it, or a segment of it.
        plan: Name to the frames wanted, of the frames that can be chosen from.
        settings: How frames are read.

    Returns:
        Name to uint8 (..., C, H, W) for frames numbered (...).

    Raises:
        DataError: The file cannot be used or decoded.
        ConfigError: As ``hardware_of``.
    """
    read = _reader(path, video, settings, hardware=hardware_of(settings))

    def cut(timeline: Timeline) -> dict[str, Image]:
        return _cut(_within_budget(plan(timeline), path, video, settings), read=read)

    with about_file(path):
        timeline = _timeline(path, video, settings)
        return _cut_before_end(cut, path, video, settings=settings, timeline=timeline)


def _within_budget(
    chosen: dict[str, Indices], path: Path, video: Video | Probe, settings: DataSettings
) -> dict[str, Indices]:
    """The frames that were chosen, if memory may hold them: settings of a file are anybody's."""
    height, width = canvas_size(video.width, video.height, frame_size(settings))
    num_frames = sum(indices.size for indices in chosen.values())
    budget().check(path, num_bytes=3 * height * width * num_frames)
    return chosen


def hardware_of(settings: DataSettings, *, is_cached: bool = False) -> HardwareDecoder | None:
    """Return the decoder that is to read files instead of ``read_frames``, if there is one.

    Args:
        settings: ``decoder`` says so.
        is_cached: Whether the frames come from a prepared cache.

    Raises:
        ConfigError: It cannot be had, or there is nothing for it to do.
        MissingExtraError: Its package is missing.
    """
    if settings.decoder == "software":
        return None
    if is_cached:
        raise ConfigError(
            "decoder 'hardware' reads video files, and these frames come from a prepared cache; "
            "choose decoder 'software', or name the videos instead of the cache"
        )
    from semivideo.data.video.hardware import hardware_decoder  # imports PyTorch

    return hardware_decoder()


def _cut_before_end(
    cut: Callable[[Timeline], _Clips],
    path: Path,
    video: Video | Probe,
    *,
    settings: DataSettings,
    timeline: Timeline,
) -> _Clips:
    """Cut clips of all frames of the table or, if the file ends before, of those it has."""
    try:
        return cut(timeline)
    except EndOfFramesError as end:
        # Always first the full plan, then the shorter one: whether this process has met the end
        # before must not change what it draws.
        shorter = _timeline(path, video, settings, num_frames=end.num_frames)
        warn_once(path, "%s; its first %d frames are used", end, end.num_frames)
        return cut(shorter)


def _timeline(
    path: Path, video: Video | Probe, settings: DataSettings, *, num_frames: int | None = None
) -> Timeline:
    """The frames that can be chosen from, after a check that there is something to learn from."""
    available = video.num_frames if num_frames is None else num_frames
    reason = why_unusable(width=video.width, height=video.height, num_frames=available)
    if reason is not None:
        segment = video.segment if isinstance(video, Video) else None
        times = (None, None) if segment is None else (segment.start_seconds, segment.end_seconds)
        raise unusable(Path(video_id(str(path), *times)), reason)
    return timeline_of(video, frame_rate=settings.frame_rate, num_frames=available)


def _reader(
    path: Path, video: Video | Probe, settings: DataSettings, *, hardware: HardwareDecoder | None
) -> Read:
    """Reading frames of a video from its file, at the canvas size."""
    read = read_frames if hardware is None else hardware.read_frames
    first = video.first_frame

    def read_video(indices: Indices) -> Image:
        try:
            return read(
                path,
                first + indices,
                frames=video.frames,
                rotation=video.rotation,
                short_side=frame_size(settings),
            )
        except EndOfFramesError as end:
            num_frames = max(0, end.num_frames - first)
            raise EndOfFramesError(str(end), path=str(path), num_frames=num_frames) from None

    return read_video


def as_seen(clip: Image, spec: ClipSpec) -> Image:
    """Turn what was cut for a stream into its clip.

    Args:
        clip: (T, C, H, W), RGB and flow that were stored: as they are; or pairs (T, 2, 3, H, W).
        spec: Says whether pairs become six channels or flow.

    Returns:
        uint8 (T, C, H, W), C as in ``records.Clips``.

    Raises:
        DataError: Frames are too small for flow.
    """
    if clip.ndim == 4:
        return clip
    if spec.modality == "flow":
        return flow_of_pairs(clip)
    return clip.reshape(len(clip), -1, *clip.shape[-2:])


def each_as_seen(clips: Image, spec: ClipSpec) -> Image:
    """Do as ``as_seen`` for several clips: uint8 (N, T, C, H, W) of (N, T, ..., C, H, W)."""
    return clips if clips.ndim == 5 else np.stack([as_seen(clip, spec) for clip in clips])


def _cut(chosen: dict[str, Indices], *, read: Read) -> dict[str, Image]:
    """Read every frame that some stream needs, once, and deal them out."""
    needed = np.unique(np.concatenate([indices.ravel() for indices in chosen.values()]))
    frames = read(needed)
    dealt = {
        # The stream that needs them all, usually the finest one, takes them without a copy.
        name: frames
        if np.array_equal(indices, needed)
        else frames[np.searchsorted(needed, indices)]
        for name, indices in chosen.items()
    }
    return {name: np.moveaxis(clip, -1, -3) for name, clip in dealt.items()}
