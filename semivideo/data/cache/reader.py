"""Reading frames of a prepared cache: by memory map, each compared with its checksum.

The cache stands in for the files of a manifest: same videos, same frame numbers, same ends of
files that break, so that a draw gives the same clip from both, up to compression. Shards are
opened when a frame of theirs is asked for, in each process by itself. ``remote`` reads a cache
that lies behind an address.
"""

from __future__ import annotations

import logging
import mmap
import threading
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.files import open_regular
from semivideo.base.records import ClipSpec, Indices
from semivideo.data.cache.coding import Bytes, decode_images, decode_video, pieces_of_frames
from semivideo.data.cache.form import (
    MANIFEST,
    CacheForm,
    check_finished,
    command,
    digest_of,
    shard_files,
)
from semivideo.data.cache.index import ShardIndex
from semivideo.data.cache.remote import RemoteCache, RemoteShard, is_url
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.video.canvas import Image, Resizing, canvas_size, resized, scaled_size
from semivideo.data.video.container import EndOfFramesError
from semivideo.settings import DataSettings

log = logging.getLogger("semivideo")

_MOST_OPEN = 256  # shards; each takes two file handles, and 1024 is a usual limit


def cached_manifest(place: Path | str) -> Manifest:
    """Read the manifest of a cache.

    Args:
        place: Its folder, or the address of that for fsspec.

    Raises:
        DataError: It is not a cache, or not a finished one, or cannot be reached.
    """
    if is_url(place):
        remote = RemoteCache(str(place))
        remote.check_finished()
        copy = Manifest.read(remote.fetch(MANIFEST, again=True))
        return Manifest(copy.table, root=copy.root, cache=remote.url)
    folder = Path(place)
    check_finished(folder, CacheForm.read(folder))
    return Manifest.read(folder / MANIFEST)


def opened_cache(manifest: Manifest, *, short_side: int | Resizing) -> Cache | None:
    """Open the cache of a manifest, or return None if it has none; as ``Cache``."""
    return None if manifest.cache is None else Cache(manifest, short_side=short_side)


class Cache:
    """The frames of a manifest's videos, by row.

    Args:
        manifest: The videos; its attribute ``cache`` names the folder, or the address of it.
        short_side: Short side of the canvas in pixels; frames are shrunk to it, never enlarged. Or
            how the stored frames are resized.

    Attributes:
        form: What is stored.

    Raises:
        DataError: The cache is missing, not finished, or one of other videos.
    """

    def __init__(self, manifest: Manifest, *, short_side: int | Resizing) -> None:
        self.place = manifest.cache or ""
        self.manifest = manifest
        self.resizing = short_side if isinstance(short_side, Resizing) else None
        self.short_side = short_side.side if isinstance(short_side, Resizing) else short_side
        self._remote = RemoteCache(self.place) if is_url(self.place) else None
        if self._remote is None:
            self.form = CacheForm.read(Path(self.place))
            check_finished(Path(self.place), self.form)
        else:
            self.form = self._remote.form
            self._remote.check_finished()
        if self.form.videos != digest_of(manifest):
            raise DataError(
                f"the manifest's videos are not those of its cache {self.place}; use the cache "
                "itself in its place, or prepare one of this manifest",
                path=self.place,
            )
        self._shards: OrderedDict[int, _Shard | RemoteShard] = OrderedDict()
        self._checked: set[int] = set()  # shards whose index was compared with its checksum
        self._is_told = False
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Another process opens the shards anew."""
        return self.__dict__ | {"_shards": OrderedDict(), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def check(self, specs: Mapping[str, ClipSpec], settings: DataSettings) -> None:
        """Refuse clips that need frames which are left out.

        Args:
            specs: Stream name to its clips.
            settings: How clips are cut.

        Raises:
            ConfigError: A stream compares neighbouring frames or takes more than are stored.
        """
        every = self.form.every
        if every == 1:
            return
        again = f"and cache {self.place} holds one of {every}; prepare one with --every 1"
        has_strides = settings.sampling == "window" and settings.frame_rate is None
        for name, spec in specs.items():
            if spec.modality in ("fast_gradient", "flow"):
                raise ConfigError(
                    f"the clips of {name!r} compare each frame with the next, {again}"
                )
            if has_strides and spec.num_frames > 1 and spec.stride_frames < every:
                raise ConfigError(
                    f"the clips of {name!r} take one of {spec.stride_frames} frames, {again} or "
                    f"set stride_frames to {every} or a multiple"
                )

    def frames(self, row: int) -> CachedImages:
        """Return the frames of a video, which are read when they are indexed.

        Raises:
            DataError: The video could not be used when the cache was made, or its shard is broken.
        """
        return CachedImages(self, row, is_flow=False)

    def flow(self, row: int) -> CachedImages | None:
        """Return the flow of each frame to the next, (2 * height, width), or None if not stored."""
        if not self.form.flow:
            return None
        images = CachedImages(self, row, is_flow=True)
        return images if len(images.pieces) else None

    def shard_of(self, row: int) -> _Shard | RemoteShard:
        """Open the shard of a video, or find it opened.

        Raises:
            DataError: It is not whole, or cannot be reached.
        """
        number = row // self.form.videos_per_shard
        with self._lock:
            if number not in self._shards:
                self._shards[number] = self._opened(number, is_checked=number in self._checked)
                self._checked.add(number)
            self._shards.move_to_end(number)
            if len(self._shards) > _MOST_OPEN:
                self._shards.popitem(last=False)  # closes once no frame is being read from it
            return self._shards[number]

    def _opened(self, number: int, *, is_checked: bool) -> _Shard | RemoteShard:
        if self._remote is not None:
            return RemoteShard(self._remote, number, is_checked=is_checked)
        return _Shard(Path(self.place), number, is_checked=is_checked)

    def told_once(self) -> None:
        """Say that crops will be of fewer pixels than asked for."""
        if not self._is_told:
            self._is_told = True
            log.warning(
                "frames of cache %s have a short side of %d pixels and data.short_side is %d: "
                "larger crops are enlarged from %d pixels; prepare with --short-side %d for more",
                *(self.place, self.form.short_side, self.short_side, self.form.short_side),
                self.short_side,
            )


class CachedImages:
    """The images of one video, decoded when they are indexed.

    Args:
        cache: The cache.
        row: Row of the video.
        is_flow: Whether its flow is meant instead of its frames.
    """

    def __init__(self, cache: Cache, row: int, *, is_flow: bool) -> None:
        self.cache, self.row, self.is_flow = cache, row, is_flow
        self.shard = cache.shard_of(row)
        header = self.shard.index.header
        if str(row) in header.errors:
            raise DataError(header.errors[str(row)])
        video = self.shard.index.videos[row - header.first_row]
        pieces, num_stored = self.shard.index.pieces_of(video), int(video["num_stored"])
        self.pieces = pieces[num_stored:] if is_flow else pieces[:num_stored]
        self.num_frames = int(video["num_frames"])
        self.shape = shape = int(video["width"]), int(video["height"])
        self.stored = canvas_size(*shape, cache.form.short_side)
        self.size = canvas_size(*shape, min(cache.short_side, cache.form.short_side))
        if cache.resizing is not None:
            self.size = self.stored
        if canvas_size(*shape, max(cache.short_side, cache.form.short_side)) != self.stored:
            cache.told_once()

    def __getitem__(self, indices: Indices) -> Image:
        """Read images.

        Args:
            indices: int64 (N,), frames of the file.

        Returns:
            uint8 (N, H, W, 3), RGB; of flow, (N, 2, H, W).

        Raises:
            EndOfFramesError: The file could not be read up to one of them.
            DataError: The shard is damaged.
        """
        last = int(indices.max()) + self.is_flow
        if last >= self.num_frames:
            id = self.cache.manifest[self.row].id
            raise EndOfFramesError(
                f"there is no frame {last} of {id} in cache {self.cache.place} (the file ended "
                f"at frame {self.num_frames})",
                num_frames=self.num_frames,
            )
        numbers = indices // self.cache.form.every
        wanted, places = np.unique(numbers, return_inverse=True)
        images = self._flow(wanted) if self.is_flow else self._frames(wanted)
        return images if np.array_equal(wanted, numbers) else images[places]

    def _frames(self, wanted: Indices) -> Image:
        images, resizing = self._stored_frames(wanted), self.cache.resizing
        if resizing is None:
            return images
        size = scaled_size(*self.shape, resizing)
        return np.stack([resized(image, size=size, resizing=resizing) for image in images])

    def _stored_frames(self, wanted: Indices) -> Image:
        kind = self.cache.form.format
        needed = pieces_of_frames(wanted, kind)
        pieces = self._read(needed)
        if kind != "h264":
            return decode_images(pieces, size=self.size, stored=self.stored)
        by_number = dict(zip(needed.tolist(), pieces, strict=True))
        return decode_video(by_number, wanted, size=self.size, stored=self.stored)

    def _flow(self, wanted: Indices) -> Image:
        (height, width), (stored_height, stored_width) = self.size, self.stored
        size, stored = (2 * height, width), (2 * stored_height, stored_width)
        images = decode_images(self._read(wanted), size=size, stored=stored, channels=1)
        return images.reshape(-1, 2, height, width)

    def _read(self, numbers: Indices) -> list[Bytes]:
        """Pieces by number, checked."""
        places = self.pieces[numbers]
        pieces = self.shard.read(places["offset"].tolist(), places["size"].tolist())
        for number, piece, crc32 in zip(numbers, pieces, places["crc32"].tolist(), strict=True):
            if zlib.crc32(piece) != crc32:
                id = self.cache.manifest[self.row].id
                raise DataError(
                    f"stored frame {number} of {id} is damaged in {self.shard.tar}; "
                    f"{self.shard.repair}",
                    path=str(self.shard.tar),
                )
        return pieces


class _Shard:
    """An open shard: its index, and its tar file's bytes by offset and size."""

    def __init__(self, folder: Path, number: int, *, is_checked: bool) -> None:
        self.tar, path = shard_files(folder, number)
        self.repair = f"find and repair damage with: {command(folder, verify=True)}"
        try:
            self.index = ShardIndex(path, is_checked=is_checked)
            num_bytes = self.tar.stat().st_size
            if num_bytes != self.index.header.tar_bytes:
                raise DataError(f"it has {num_bytes} bytes, not {self.index.header.tar_bytes}")
            with open_regular(self.tar) as file:
                self._bytes = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (DataError, OSError) as error:
            raise DataError(
                f"{self.tar} is not whole ({error}); {self.repair}", path=str(self.tar)
            ) from None

    def read(self, offsets: list[int], sizes: list[int]) -> list[Bytes]:
        """Bytes at each offset."""
        return [self._bytes[o : o + n] for o, n in zip(offsets, sizes, strict=True)]
