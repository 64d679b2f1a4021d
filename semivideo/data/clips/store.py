"""Decoded frames in memory, for small data sets: each video is decoded once a run.

Without a store a video is decoded again each time a clip of it is drawn. The frames are those that
the decoder or the manifest's cache gives at the canvas size, so runs with and without a store see
the same clips. They lie in one block of memory, which loader processes started by fork share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np

from semivideo.base.errors import DataError
from semivideo.base.jobs import num_cores
from semivideo.base.progress import Progress
from semivideo.base.records import Video
from semivideo.data.cache.reader import opened_cache
from semivideo.data.catalogue.manifest import Manifest, why_unusable
from semivideo.data.clips.clip_reader import hardware_of
from semivideo.data.video.decode import Image, canvas_size, iterate_frames
from semivideo.settings import DataSettings

_GB = 1e9
_AT_ONCE = 64  # frames read from a cache


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
        self.short_side = settings.short_side
        self._cache = opened_cache(manifest, short_side=settings.short_side)
        if self._cache is not None:  # it may hold smaller frames
            self.short_side = min(self.short_side, self._cache.form.short_side)
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
                each video.
        """
        self._memory = np.empty(self.num_bytes, np.uint8)
        if progress is not None:
            progress("decode", 0, len(self._shapes), "")
        usual = num_cores() if self._hardware is None else self._hardware.at_once
        with ThreadPoolExecutor(threads or usual) as pool:
            futures = [pool.submit(self._decode, row) for row in self._shapes]
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    future.result()
                    if progress is not None:
                        progress("decode", done, len(futures), "")
            except BaseException:  # such as Ctrl-C: do not decode the rest first
                pool.shutdown(cancel_futures=True)
                raise

    def frames(self, row: int) -> Image | None:
        """Return all frames of a video, or None if they are not held.

        Returns:
            uint8 (num_frames, height, width, 3), a view that must not be written to.
        """
        return self._place(row) if row in self._filled else None

    def _decode(self, row: int) -> None:
        """Decode one video into its place; one that is not as its manifest says stays a file."""
        path, place = self.manifest.absolute(row), self._place(row)
        num_frames = 0
        try:
            for image in self._images(row):
                if num_frames == len(place) or image.shape != place.shape[1:]:
                    raise DataError(f"{path.name} has changed since it was scanned; scan it again")
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
                range(video.num_frames),
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
