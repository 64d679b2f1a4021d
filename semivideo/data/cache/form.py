"""What a prepared cache is made of: ``cache.json``, and where each part of it lies.

CACHE/cache.json              ``CacheForm``; its presence makes the folder a cache
CACHE/manifest.parquet        the manifest it was made from, with ``cache`` set
CACHE/shards/00000.tar        frames of the first videos
CACHE/shards/00000.index      see ``index``; written after the tar file
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Set
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from semivideo.base.checked import Section, UnreadError, read_json, reading, sentence
from semivideo.base.errors import ConfigError, DataError
from semivideo.base.files import write_bytes, write_first
from semivideo.data.cache.coding import DEFAULT_QUALITY, Kind, Quality
from semivideo.data.catalogue.manifest import Manifest

FORMAT = 1
MANIFEST = "manifest.parquet"
FORM_FILE = "cache.json"
_MOST_VIDEOS = 100_000_000
_LEAST_RATE_FACTOR, _WORST_RATE_FACTOR, _BEST_JPEG = 1, 51, 100


class CacheForm(Section):
    """The content of ``cache.json``."""

    version: int = FORMAT
    """Version of the folder's layout."""
    short_side: int = Field(128, ge=16, le=8192)
    """Short side of the stored frames in pixels; smaller videos are not enlarged."""
    every: int = Field(1, ge=1, le=1_000_000)
    """Every how many frames of a video one is stored."""
    format: Kind = "jpeg"
    """What frames are stored as."""
    quality: Quality = 80
    """JPEG's in [1, 100], x264's rate factor in [1, 51], or lossless; None for the usual one."""
    flow: bool = False
    """Whether the optical flow of each frame to the next is stored as well."""
    videos_per_shard: int = Field(1, ge=1, le=_MOST_VIDEOS)
    """Videos in a tar file."""
    num_videos: int = Field(ge=0, le=_MOST_VIDEOS)
    """Rows of the manifest."""
    videos: str
    """Digest of the manifest, see ``digest_of``."""

    @model_validator(mode="before")
    @classmethod
    def _usual_quality(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Write out the usual quality, so that the file says what was used."""
        if isinstance(given.get("quality"), str) and given["quality"] != "lossless":
            raise ConfigError(f"--quality {given['quality']!r} is neither a number nor lossless")
        if given.get("quality") is None:
            return given | {"quality": DEFAULT_QUALITY.get(given.get("format", "jpeg"), 80)}
        return given

    @model_validator(mode="after")
    def _checked(self) -> Self:
        """Refuse what does not go together."""
        if self.flow and self.every > 1:
            raise ConfigError(
                f"optical flow is that of neighbouring frames, and --every {self.every} leaves "
                "some out; use --every 1 or leave out --flow"
            )
        if self.format == "png" and self.quality != "lossless":
            raise ConfigError(
                f"png frames are always lossless, got quality {self.quality}; leave out --quality "
                "or use --format jpeg"
            )
        worst = _WORST_RATE_FACTOR if self.format == "h264" else _BEST_JPEG
        is_allowed = self.quality == "lossless" and self.format != "jpeg"
        if isinstance(self.quality, int):
            is_allowed = _LEAST_RATE_FACTOR <= self.quality <= worst
        if not is_allowed:
            allowed = (
                f"from 1 to {_WORST_RATE_FACTOR} (x264's rate factor, less is better) or lossless"
                if self.format == "h264"
                else f"from 1 to {_BEST_JPEG}; for lossless frames use --format png"
            )
            raise ConfigError(f"--quality {self.quality} of {self.format}: allowed is {allowed}")
        return self

    @classmethod
    def make(cls, **values: Any) -> CacheForm:
        """Check values.

        Raises:
            ConfigError: One is out of range or does not go with another.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            fault = error.errors()[0]
            whole = None if fault["loc"] else fault["ctx"]["error"]  # of several keys together
            raise ConfigError(str(whole or sentence(error, cls))) from None

    @classmethod
    def read(cls, folder: Path) -> CacheForm:
        """Read ``cache.json``.

        Raises:
            DataError: The folder is not a cache, or one of another version.
        """
        file = folder / FORM_FILE
        try:
            content = read_json(file)
            version = content["version"]
        except FileNotFoundError:
            raise DataError(
                f"{folder} is not a prepared cache (it has no {FORM_FILE}); make it with: "
                f"semivideo prepare VIDEOS --out {shlex.quote(str(folder))}",
                path=str(folder),
            ) from None
        except (UnreadError, KeyError, TypeError) as error:
            raise DataError(
                f"{file} cannot be read ({error}); restore it", path=str(file)
            ) from None
        if version != FORMAT:
            raise DataError(
                f"{folder} is a cache of layout {version}, and this version of semivideo reads "
                f"layout {FORMAT}; make the cache again",
                path=str(folder),
            )
        with reading(file, DataError, "restore it, or make the cache again"):
            return cls.make(**content)

    def write(self, folder: Path, *, is_alone: bool = True) -> None:
        """Write ``cache.json`` at once; raises as ``files.replacing``.

        Args:
            folder: The cache.
            is_alone: Whether no other process begins the same cache; else the first one wins.
        """
        write = write_bytes if is_alone else write_first
        write(folder / FORM_FILE, (self.model_dump_json(indent=2) + "\n").encode())

    @property
    def flow_quality(self) -> Quality:
        """Quality of flow images: the frames', or JPEG's usual one beside lossy video."""
        is_image = self.format != "h264" or self.quality == "lossless"
        return self.quality if is_image else DEFAULT_QUALITY["jpeg"]

    @property
    def num_shards(self) -> int:
        """Number of tar files."""
        return -(-self.num_videos // self.videos_per_shard)

    def rows_of(self, shard: int) -> range:
        """Rows of the manifest whose videos are in a shard."""
        first = shard * self.videos_per_shard
        return range(first, min(first + self.videos_per_shard, self.num_videos))


def is_cache(folder: Path) -> bool:
    """Whether a folder is a prepared cache, finished or not."""
    return (folder / FORM_FILE).is_file()


def shard_files(folder: Path, shard: int) -> tuple[Path, Path]:
    """Tar file and index of a shard."""
    stem = folder / "shards" / f"{shard:05}"
    return stem.with_suffix(".tar"), stem.with_suffix(".index")


def check_finished(folder: Path, form: CacheForm) -> None:
    """Look whether every shard is there, by one listing of the folder.

    Raises:
        DataError: Some are not.
    """
    shards = folder / "shards"
    names = {path.name for path in shards.iterdir()} if shards.is_dir() else set()
    missing = num_missing(form, names)
    if missing or not (folder / MANIFEST).is_file():
        raise DataError(
            f"cache {folder} is not finished: {missing} of its {form.num_shards} shards are "
            f"missing; finish it with: {command(folder)}",
            path=str(folder),
        )


def num_missing(form: CacheForm, names: Set[str]) -> int:
    """Number of shards without a tar file or index among the names of the files there are."""
    there = shard_numbers(names, ".tar") & shard_numbers(names, ".index")
    return form.num_shards - sum(number < form.num_shards for number in there)


def shard_numbers(names: Iterable[str], ending: str) -> set[int]:
    """Return the numbers of the shards that files belong to.

    What is missing is counted so: it takes as long as there are files, whatever a form asks for.

    Args:
        names: Of the files.
        ending: Other files are passed over.

    >>> shard_numbers(["00007.tar", "00007.index", "7.tar"], ".tar")
    {7}
    """
    stems = (name.removesuffix(ending) for name in names if name.endswith(ending))
    return {int(stem) for stem in stems if stem.isdecimal() and stem == f"{int(stem):05}"}


def command(folder: Path, *, verify: bool = False) -> str:
    """The command that finishes a cache, or finds and makes again what is broken in it."""
    words = ["semivideo", "prepare", str(folder / MANIFEST), "--out", str(folder)]
    return shlex.join([*words, "--verify"] if verify else words)


def digest_of(manifest: Manifest) -> str:
    """A digest of what must not change under a cache: ids, sizes and numbers of frames, in order.

    Labels and groups may.
    """
    columns = [manifest.table[name].to_numpy() for name in ("width", "height")]
    digest = hashlib.sha256("\0".join(manifest.ids).encode())
    for column in (*columns, manifest.num_frames):
        digest.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
    return digest.hexdigest()[:16]
