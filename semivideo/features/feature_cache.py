"""Reading a feature cache: memory-mapped shards, each compared with its checksum once."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semivideo.base.checked import UnreadError, read_json
from semivideo.base.errors import DataError
from semivideo.base.files import read_bytes, require_regular
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
        missing = [n for n in range(found.form.num_shards) if not found.is_there(n)]
        if missing:
            raise DataError(
                f"feature cache {folder} is not finished: {len(missing)} of its "
                f"{found.form.num_shards} files are missing; finish it with the command that began "
                "it",
                path=str(folder),
            )
        return found

    @property
    def manifest(self) -> Manifest:
        """The videos; their files need not be there."""
        return Manifest.read(self.folder / MANIFEST)

    def is_there(self, shard: int) -> bool:
        """Whether a shard was written to its end, by its description and its size."""
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
        return [
            shard
            for shard in range(self.form.num_shards)
            if not self.is_there(shard)
            or zlib.crc32(read_bytes(shard_files(self.folder, shard)[0]))
            != self.description(shard)["crc32"]
        ]

    def rows(self, wanted: NDArray[np.int64]) -> Features:
        """Features of some rows: float16 (len(wanted), views, steps, D)."""
        form = self.form
        out = np.empty((len(wanted), form.num_stored, form.steps, form.dim), np.float16)
        shards = wanted // form.videos_per_shard
        for shard in np.unique(shards).tolist():
            here = np.flatnonzero(shards == shard)
            out[here] = self.array(shard)[wanted[here] - form.rows_of(shard).start]
        return out

    @cached_property
    def errors(self) -> dict[int, str]:
        """Row to reason, of videos that have no features."""
        found: dict[int, str] = {}
        for shard in range(self.form.num_shards):
            found |= {int(row): why for row, why in self.description(shard)["errors"].items()}
        return found

    @property
    def _again(self) -> str:
        return "make it again with: semivideo features ... --verify"


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
