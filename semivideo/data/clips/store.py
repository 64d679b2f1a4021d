"""Decoded frames in memory, for small data sets: each video is decoded once a run.

Without a store a video is decoded again each time a clip of it is drawn. The frames are those that
the decoder or the manifest's cache gives at the canvas size, so runs with and without a store see
the same clips. They lie in one block of memory, which loader processes started by fork share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np

from semivideo.base.errors import DataError
from semivideo.base.machine.threads import num_cores
from semivideo.base.progress import Progress
from semivideo.base.records import Video
from semivideo.data.cache.reader import opened_cache
from semivideo.data.catalogue.manifest import Manifest, why_unusable
from semivideo.data.clips.clip_reader import hardware_of
from semivideo.data.video.canvas import Resizing, canvas_size, frame_size
from semivideo.data.video.decode import Image, iterate_frames
from semivideo.data.video.in_turn import frames_in_turn
from semivideo.settings import DataSettings

_GB = 1e9
_AT_ONCE = 64  # frames read from a cache
_CHANGED = "{} has changed since it was scanned; scan it again"


def filled_store(
    manifest: Manifest,
    rows: Sequence[int],
    *,
    settings: DataSettings,
    progress: Progress | None = None,
) -> FrameStore | None:
    """Make a store and fill it, or return None if it does not fit in ``settings.memory_gb``.

    Args:
        manifest: The videos.
        rows: Rows to hold.
        settings: Gives the canvas and the memory.
        progress: As in ``FrameStore.fill``.
    """
    store = FrameStore(manifest, rows, settings=settings)
    if not store.fits:
        return None
    store.fill(progress=progress)
    return store


class FrameStore:
    """All frames of some rows of a manifest; empty until ``fill``.

    Args:
        manifest: The videos.
        rows: Rows to hold; those that cannot be used are left out.
        settings: Gives the canvas, the memory and the decoder.

    Raises:
        ConfigError: As ``hardware_of``.

    Attributes:
        fits: Whether the frames fit in ``settings.memory_gb``.
        num_bytes: Memory the frames take when all are there, if they fit.
        failed: Row to reason, of videos that ``fill`` could not decode to the end.
    """

    def __init__(self, manifest: Manifest, rows: Sequence[int], *, settings: DataSettings) -> None:
        self.manifest = manifest
        self.short_side = frame_size(settings)
        self._cache = opened_cache(manifest, short_side=self.short_side)
        if self._cache is not None and not isinstance(self.short_side, Resizing):
            self.short_side = min(self.short_side, self._cache.form.short_side)  # maybe smaller
        self._hardware = hardware_of(settings, is_cached=self._cache is not None)
        self.fits = True
        self.num_bytes = 0
        self.failed: dict[int, str] = {}
        self._shapes: dict[int, tuple[int, int, int, int]] = {}
        self._offsets: dict[int, int] = {}
        self._filled: set[int] = set()
        self._memory: Image = np.empty(0, np.uint8)
        for row in dict.fromkeys(rows):
            video = manifest[row]
            if not _is_usable(video):
                continue
            height, width = canvas_size(video.width, video.height, self.short_side)
            self._shapes[row] = (video.num_frames, height, width, 3)
            self._offsets[row] = self.num_bytes
            self.num_bytes += video.num_frames * height * width * 3
            if self.num_bytes > settings.memory_gb * _GB:
                self.fits = False  # and do not look at the other million rows
                return

    def fill(self, *, threads: int | None = None, progress: Progress | None = None) -> None:
        """Decode all videos.

        Args:
            threads: Videos decoded at once, >= 1; None for one per processor, or for what keeps a
                hardware decoder busy.
            progress: Called with ("decode", videos done, videos in all, ""), at the start and after
                each video, or each file with segments.
        """
        self._memory = np.empty(self.num_bytes, np.uint8)
        if progress is not None:
            progress("decode", 0, len(self._shapes), "")
        usual = num_cores() if self._hardware is None else self._hardware.at_once
        with ThreadPoolExecutor(threads or usual) as pool:
            futures = {pool.submit(self._decode_all, rows): len(rows) for rows in self._jobs()}
            done = 0
            try:
                for future in as_completed(futures):
                    future.result()
                    done += futures[future]
                    if progress is not None:
                        progress("decode", done, len(self._shapes), "")
            except BaseException:  # such as Ctrl-C: do not decode the rest first
                pool.shutdown(cancel_futures=True)
                raise

    def frames(self, row: int) -> Image | None:
        """Return all frames of a video, or None if they are not held.

        Returns:
            uint8 (num_frames, height, width, 3), a view that must not be written to.
        """
        return self._place(row) if row in self._filled else None

    def _jobs(self) -> list[list[int]]:
        """Rows that are decoded together: the segments of one file, for which it is read once."""
        paths = self.manifest.table["path"]
        jobs: dict[str | int, list[int]] = {}
        for row in self._shapes:
            key = paths[row].as_py() if self._is_in_pass(row) else row
            jobs.setdefault(key, []).append(row)
        return list(jobs.values())

    def _is_in_pass(self, row: int) -> bool:
        """Whether it is a segment, and they are not read by what jumps to any frame."""
        can_jump = self._cache is not None or self._hardware is not None
        return not can_jump and bool(self.manifest.is_segment[row])

    def _decode_all(self, rows: list[int]) -> None:
        """Decode the videos of a job."""
        if self._is_in_pass(rows[0]):
            self._decode_segments(rows)
        else:
            self._decode(rows[0])

    def _decode_segments(self, rows: list[int]) -> None:
        """Decode segments of one file in one pass, in which a frame may be part of several."""
        path, video = self.manifest.absolute(rows[0]), self.manifest[rows[0]]
        starts = {row: self.manifest[row].first_frame for row in rows}
        spans = [start + np.arange(self._shapes[row][0]) for row, start in starts.items()]
        waiting = deque(sorted(rows, key=lambda row: starts[row]))
        begun: list[int] = []
        try:
            for index, image in frames_in_turn(
                path,
                np.unique(np.concatenate(spans)),
                frames=video.frames,
                rotation=video.rotation,
                short_side=self.short_side,
            ):
                while waiting and starts[waiting[0]] <= index:
                    begun.append(waiting.popleft())
                for row in tuple(begun):
                    place = self._place(row)
                    if image.shape != place.shape[1:]:
                        raise DataError(_CHANGED.format(path.name))
                    place[index - starts[row]] = image
                    if index - starts[row] == len(place) - 1:
                        begun.remove(row)
                        self._filled.add(row)
        except DataError as error:
            self.failed |= dict.fromkeys([*begun, *waiting], str(error))

    def _decode(self, row: int) -> None:
        """Decode one video into its place; one that is not as its manifest says stays a file."""
        path, place = self.manifest.absolute(row), self._place(row)
        num_frames = 0
        try:
            for image in self._images(row):
                if num_frames == len(place) or image.shape != place.shape[1:]:
                    raise DataError(_CHANGED.format(path.name))
                place[num_frames] = image
                num_frames += 1
        except DataError as error:
            self.failed[row] = str(error)
            return
        if num_frames == len(place):
            self._filled.add(row)
        else:
            self.failed[row] = f"{path.name} ends at frame {num_frames} of {len(place)}"

    def _images(self, row: int) -> Iterator[Image]:
        """The frames of a video, in order."""
        path, video = self.manifest.absolute(row), self.manifest[row]
        if self._hardware is not None:
            # A file is one reading: if one frame cannot be had, software reads them all.
            yield from self._hardware.read_frames(
                path,
                video.first_frame + np.arange(video.num_frames),
                frames=video.frames,
                rotation=video.rotation,
                short_side=self.short_side,
            )
            return
        if self._cache is None:
            yield from iterate_frames(
                path,
                frames=video.frames,
                rotation=video.rotation,
                short_side=self.short_side,
            )
            return
        frames = self._cache.frames(row)
        for start in range(0, frames.num_frames, _AT_ONCE):
            yield from frames[np.arange(start, min(start + _AT_ONCE, frames.num_frames))]

    def _place(self, row: int) -> Image:
        shape, offset = self._shapes[row], self._offsets[row]
        return self._memory[offset : offset + int(np.prod(shape))].reshape(shape)


def _is_usable(video: Video) -> bool:
    size = {"width": video.width, "height": video.height, "num_frames": video.num_frames}
    return video.error is None and why_unusable(**size) is None
