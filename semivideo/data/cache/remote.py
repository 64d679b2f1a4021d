"""A prepared cache behind an address that fsspec can open: s3://, gs://, https://, file:// ...

What is small comes into a local folder: ``cache.json`` and the manifest whenever the cache is
opened, the index of a shard when it is first needed. Frames are read by byte range. Those of one
clip lie close together in the tar file, so they come in one request, with what lies between::

    tar file    ...|f12|f13|f14|f15|f16|f17| ... 300 kB ... |f90|f91|...
    wanted           x       x       x                        x
    requests       [-------------------]                     [--]
"""

from __future__ import annotations

import hashlib
import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import fsspec

from semivideo.base.errors import ConfigError, DataError, MissingExtraError, SemiVideoError
from semivideo.base.files import write_bytes
from semivideo.base.user_folders import user_cache
from semivideo.data.cache.coding import Bytes
from semivideo.data.cache.form import FORM_FILE, CacheForm, num_missing, shard_files
from semivideo.data.cache.index import ShardIndex

T = TypeVar("T")
log = logging.getLogger("semivideo")

NEAR = 256 << 10
"""Bytes between two wanted ranges that are rather read than left out with one more request."""
_TRIES, _WAIT_SECONDS = 4, 0.5  # doubled each time


def is_url(place: str | Path) -> bool:
    """Whether a place is an address for fsspec and not a local path."""
    return "://" in str(place)


class RemoteCache:
    """A cache at an address, as far as it was fetched.

    Nothing is kept open, so that it can be pickled and survives a fork.

    Args:
        url: The address of the cache's folder.

    Attributes:
        url: The address.
        folder: The local folder of what was fetched.
        form: What is stored.

    Raises:
        DataError: There is no cache, or it cannot be reached.
        ConfigError: No file system has this kind of address.
        MissingExtraError: The package for this kind of address is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        content = self._whole(FORM_FILE)
        # A cache that was made anew with other settings or videos gets another folder.
        digest = hashlib.sha256(self.url.encode() + content).hexdigest()[:16]
        self.folder = user_cache() / digest
        write_bytes(self.folder / FORM_FILE, content)
        try:
            self.form = CacheForm.read(self.folder)
        except DataError as error:
            raise DataError(f"{self.url}: {error}", path=self.url) from None

    def check_finished(self) -> None:
        """Look whether every shard is there, where folders can be listed.

        Raises:
            DataError: Some are not.
        """
        if self.url.startswith("http"):
            return  # web servers list folders for people, if at all; a shard may turn out missing
        listed = self._tried("shards", lambda fs, path: fs.ls(path, detail=False))
        missing = num_missing(self.form, {PurePosixPath(path).name for path in listed})
        if missing:
            raise DataError(
                f"cache {self.url} is not whole: {missing} of its {self.form.num_shards} shards "
                "are missing; finish the local cache with semivideo prepare and copy it again",
                path=self.url,
            )

    def fetch(self, name: str, *, again: bool = False) -> Path:
        """Return the local copy of a small file.

        Args:
            name: Relative to the cache.
            again: Fetch it even if there is a copy.
        """
        target = self.folder / name
        if again or not target.is_file():
            write_bytes(target, self._whole(name))
        return target

    def read(self, name: str, starts: list[int], ends: list[int]) -> list[bytes]:
        """Read byte ranges of a file, side by side where the file system can."""

        def ranges(fs: Any, path: str) -> list[bytes]:
            found = fs.cat_ranges([path] * len(starts), starts, ends, on_error="return")
            for each in found:
                if isinstance(each, Exception):
                    raise each
            return list(found)

        blocks = self._tried(name, ranges)
        for start, end, block in zip(starts, ends, blocks, strict=True):
            if len(block) != end - start:
                raise DataError(
                    f"{self.url}/{name} gave {len(block)} bytes where {end - start} were asked "
                    "for: it is cut off, or the server cannot send parts of files; copy it again, "
                    "or use a server that knows byte ranges",
                    path=f"{self.url}/{name}",
                )
        return blocks

    def _whole(self, name: str) -> bytes:
        return bytes(self._tried(name, lambda fs, path: fs.cat_file(path)))

    def _tried(self, name: str, action: Callable[[Any, str], T]) -> T:
        """The result of an action on a file, which is tried again where that may help."""
        for wait in (*(_WAIT_SECONDS * 2**number for number in range(_TRIES - 1)), None):
            try:
                fs, root = _file_system(self.url)
                return action(fs, f"{root}/{name}")
            except SemiVideoError:
                raise
            except FileNotFoundError:
                raise self._unreachable(name, "there is no such file or bucket") from None
            except PermissionError as error:
                raise self._unreachable(name, f"access is denied: {error}") from None
            except Exception as error:  # each file system has its own, for a network that is gone
                reason = f"{type(error).__name__}: {error}"
                if wait is None:
                    raise self._unreachable(name, f"{_TRIES} tries, {reason}") from None
                log.info("%s/%s: %s; trying again in %s s", self.url, name, reason, wait)
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _unreachable(self, name: str, reason: str) -> DataError:
        path = f"{self.url}/{name}"
        return DataError(
            f"cannot read {path} ({reason}); check the address, your credentials and the network; "
            "a cache is made by semivideo prepare in a local folder and copied there",
            path=path,
        )


class RemoteShard:
    """A shard behind an address: its index, and its tar file's bytes by offset and size.

    Args:
        cache: The cache.
        number: Which shard.
        is_checked: Whether to leave out the checksum of the index.

    Attributes:
        tar: Address of the tar file.
        repair: What to do about damage.
        index: The index.

    Raises:
        DataError: The index cannot be fetched, or is broken.
    """

    def __init__(self, cache: RemoteCache, number: int, *, is_checked: bool) -> None:
        self._cache = cache
        tar, index = (path.as_posix() for path in shard_files(Path(), number))
        self._name = tar
        self.tar = f"{cache.url}/{tar}"
        self.repair = f"delete {cache.folder} and, if that does not help, copy the cache again"
        copy = cache.fetch(index)
        try:
            self.index = ShardIndex(copy, is_checked=is_checked)
        except DataError:  # perhaps only the copy is broken
            self.index = ShardIndex(cache.fetch(index, again=True))

    def read(self, offsets: list[int], sizes: list[int]) -> list[Bytes]:
        """Bytes at each offset."""
        ends = [offset + size for offset, size in zip(offsets, sizes, strict=True)]
        runs = merged(list(zip(offsets, ends, strict=True)))
        starts = [start for start, _ in runs]
        blocks = self._cache.read(self._name, starts, [end for _, end in runs])
        found: list[Bytes] = []
        for offset, size in zip(offsets, sizes, strict=True):
            run = bisect_right(starts, offset) - 1
            place = offset - starts[run]
            found.append(memoryview(blocks[run])[place : place + size])
        return found


def merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges of bytes that lie near each other.

    >>> merged([(0, 10), (500_000, 500_010), (900, 1000)])
    [(0, 1000), (500000, 500010)]
    """
    runs: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if runs and start - runs[-1][1] < NEAR:
            runs[-1] = runs[-1][0], max(end, runs[-1][1])
        else:
            runs.append((start, end))
    return runs


def _file_system(url: str) -> tuple[Any, str]:
    """The file system of an address, of this process and thread, and the path in it."""
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise MissingExtraError(
            f"addresses such as {url} need one more package: {error} (with pip install)"
        ) from None
    except ValueError as error:
        raise ConfigError(
            f"{url} is no address that can be read ({error}); allowed are those that fsspec knows, "
            "such as s3://, gs://, az://, https:// and file://"
        ) from None
    return fs, str(path).rstrip("/")
