"""Reading a feature cache: memory-mapped shards, each compared with its checksum once."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semivideo.base.checked import UnreadError, read_json
from semivideo.base.errors import DataError
from semivideo.base.files import read_bytes, require_regular
from semivideo.data.cache.form import shard_numbers
from semivideo.data.catalogue.manifest import Manifest
from semivideo.features.feature_form import MANIFEST, FeatureForm, shard_files

Features = NDArray[np.float16]


@dataclass(frozen=True)
class FeatureCache:
    """The features of a manifest's videos.

    Attributes:
        folder: Where they are.
        form: What they are.
    """

    folder: Path
    form: FeatureForm

    @classmethod
    def open(cls, folder: Path) -> FeatureCache:
        """Open a finished cache.

        Raises:
            DataError: It is none, or not finished.
        """
        found = cls(folder, FeatureForm.read(folder))
        if found.form.parts:
            found.check_parts()
            return found
        num_shards, shards = found.form.num_shards, folder / "shards"
        names = [path.name for path in shards.iterdir()] if shards.is_dir() else []
        there = [number for number in shard_numbers(names, ".npy") if number < num_shards]
        missing = num_shards - sum(map(found.is_there, there))
        if missing:
            raise DataError(
                f"feature cache {folder} is not finished: {missing} of its {num_shards} files are "
                "missing; finish it with the command that began it",
                path=str(folder),
            )
        return found

    @cached_property
    def parts(self) -> tuple[FeatureCache, ...]:
        """The caches that are joined in this one; itself where it is of one encoder."""
        if not self.form.parts:
            return (self,)
        folders = [self.folder / name for name in self.form.parts]
        return tuple(FeatureCache(folder, FeatureForm.read(folder)) for folder in folders)

    def check_parts(self) -> None:
        """Refuse parts that are not finished, or not those that were joined.

        Raises:
            DataError: One is.
        """
        for part in self.parts:
            if part.form.parts:
                raise DataError(
                    f"{part.folder} is to be features of one encoder, a part of {self.folder}, and "
                    "is joined of several itself; remove the folder and make the features again",
                    path=str(part.folder),
                )
            FeatureCache.open(part.folder)
        ours = self.form.weights_sha256
        theirs = joined_digest([part.form.weights_sha256 for part in self.parts])
        videos = {part.form.videos for part in self.parts}
        if ours != theirs or videos != {self.form.videos}:
            raise DataError(
                f"the parts of {self.folder} are not those that were joined: other weights or "
                "other videos; bring them back, or remove the folder and make the features again",
                path=str(self.folder),
            )

    @property
    def manifest(self) -> Manifest:
        """The videos; their files need not be there."""
        return Manifest.read(self.folder / MANIFEST)

    def is_there(self, shard: int) -> bool:
        """Whether a shard was written to its end, by its description and its size."""
        if self.form.parts:
            return all(part.is_there(n) for part in self.parts for n in range(part.form.num_shards))
        array, _ = shard_files(self.folder, shard)
        try:
            description = self.description(shard)
        except DataError:
            return False
        is_whole = array.is_file() and array.stat().st_size == description["num_bytes"]
        return is_whole and tuple(description["shape"]) == self.form.shape_of(shard)

    def description(self, shard: int) -> dict[str, Any]:
        """What is written beside a shard: shape, size, checksum, errors by row.

        Raises:
            DataError: It is missing or broken.
        """
        _, file = shard_files(self.folder, shard)
        try:
            found = read_json(file)
            if _is_description(found):
                return dict(found)
        except (OSError, UnreadError):
            pass
        raise DataError(f"{file} is missing or broken; make the features again", path=str(file))

    def array(self, shard: int) -> Features:
        """Features of a shard, memory-mapped: float16 (videos, views, steps, D).

        Raises:
            DataError: The file is not what its description says.
        """
        path, _ = shard_files(self.folder, shard)
        try:
            require_regular(path)
            array: Features = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, SyntaxError, TypeError) as error:
            raise DataError(f"cannot read {path}: {error}; {self._again}", path=str(path)) from None
        if array.shape != self.form.shape_of(shard) or array.dtype != np.float16:
            raise DataError(
                f"{path} holds {array.dtype} {array.shape} instead of float16 "
                f"{self.form.shape_of(shard)}; {self._again}",
                path=str(path),
            )
        return array

    def damaged(self) -> list[int]:
        """Shards whose bytes are not those that were written."""
        if self.form.parts:
            return [0] if any(part.damaged() for part in self.parts) else []
        return [
            shard
            for shard in range(self.form.num_shards)
            if not self.is_there(shard)
            or zlib.crc32(read_bytes(shard_files(self.folder, shard)[0]))
            != self.description(shard)["crc32"]
        ]

    def rows(self, wanted: NDArray[np.int64]) -> Features:
        """Features of some rows: float16 (len(wanted), views, steps, D).

        Of joined ones a part with fewer steps says the same in all of them.
        """
        form = self.form
        if form.parts:
            return self._joined_rows(wanted)
        out = np.empty((len(wanted), form.num_stored, form.steps, form.dim), np.float16)
        shards = wanted // form.videos_per_shard
        for shard in np.unique(shards).tolist():
            here = np.flatnonzero(shards == shard)
            out[here] = self.array(shard)[wanted[here] - form.rows_of(shard).start]
        return out

    def _joined_rows(self, wanted: NDArray[np.int64]) -> Features:
        """As ``rows``, of all parts."""
        found = []
        for part in self.parts:
            rows = part.rows(wanted)[:, part.form.views_of("rgb")][:, : self.form.num_views]
            is_short = rows.shape[2] < self.form.steps
            found.append(np.repeat(rows, self.form.steps, axis=2) if is_short else rows)
        return np.concatenate(found, axis=3)

    @cached_property
    def errors(self) -> dict[int, str]:
        """Row to reason, of videos that have no features."""
        found: dict[int, str] = {}
        if self.form.parts:
            for part in self.parts:
                found = part.errors | found
            return found
        for shard in range(self.form.num_shards):
            found |= {int(row): why for row, why in self.description(shard)["errors"].items()}
        return found

    @property
    def _again(self) -> str:
        return "make it again with: semivideo features ... --verify"


def joined_digest(digests: Sequence[str]) -> str:
    """Return the digest of several encoders' weights together, in their order."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _is_description(found: Any) -> bool:
    """Whether a description has all that is read of it, in the right kinds."""
    if not isinstance(found, dict):
        return False
    shape, errors = found.get("shape"), found.get("errors")
    return (
        isinstance(shape, list)
        and all(isinstance(each, int) for each in [*shape, found.get("num_bytes")])
        and isinstance(found.get("crc32"), int)
        and isinstance(errors, dict)
        and all(row.isdecimal() and isinstance(why, str) for row, why in errors.items())
    )
