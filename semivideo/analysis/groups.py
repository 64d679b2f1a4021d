"""Runs that belong together: those whose settings differ in the seed alone are one method.

Settings that change no result, such as how often a checkpoint is written, do not count.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from semivideo.analysis.pseudo_labels import read_pseudo_labels, true_classes, without_labeled
from semivideo.analysis.result import is_record
from semivideo.base.errors import CheckpointError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.engine.checkpoint import with_effect
from semivideo.runfolder import RunFolder
from semivideo.settings import Settings


class Described(Protocol):
    """A run with its settings and its split."""

    @property
    def run(self) -> RunFolder:
        """Its folder."""

    @property
    def settings(self) -> Settings:
        """Of the run."""

    @property
    def split(self) -> Split:
        """What it was allowed to know."""


D = TypeVar("D", bound=Described)


@dataclass(frozen=True)
class Trained:
    """A run, finished or not, evaluated or not.

    Attributes:
        run: Its folder.
        settings: Of the run.
        split: What it was allowed to know.
        manifest: Its videos.
    """

    run: RunFolder
    settings: Settings
    split: Split
    manifest: Manifest

    @classmethod
    def read(cls, path: str | Path) -> Trained:
        """Read a run folder.

        Raises:
            CheckpointError: It is missing or broken, or a record.
        """
        if is_record(Path(path)):
            raise CheckpointError(
                f"{path} is a record, which holds test scores and no more; name the run folder"
            )
        run = RunFolder.open(path)
        manifest, split = Manifest.read(run.manifest_file), Split.read(run.split_file)
        return cls(run, run.settings(is_built=False), split, manifest)

    @cached_property
    def truth(self) -> NDArray[np.int64]:
        """The true class by row of the manifest, as from ``true_classes``."""
        return true_classes(self.manifest.labels, self.manifest.classes)

    def pseudo_labels(self) -> pa.Table:
        """Return the rows of ``pseudo_labels.parquet`` that are not of labelled videos.

        Raises:
            CheckpointError: There is no such file.
        """
        if not self.run.pseudo_labels_file.is_file():
            raise CheckpointError(
                f"{self.run.path} holds no pseudo-labels; {self.settings.method.name} gives none, "
                "or its training has not finished: name finished runs of a method that gives some"
            )
        table = read_pseudo_labels(self.run)
        return without_labeled(table, self.manifest, self.split)


def by_method(results: Sequence[D]) -> list[tuple[str, list[D]]]:
    """Put runs that differ in the seed alone together, in the order of their seeds.

    Args:
        results: In any order; a seed that comes again begins a group of its own.

    Returns:
        Name and runs of each, in the order of their first runs. The name is the method's and,
        where it comes twice, the settings in which its groups differ.
    """
    groups: dict[tuple[str, int, int], list[D]] = defaultdict(list)
    met: Counter[tuple[str, int, int]] = Counter()
    for result in results:
        told = json.dumps(_of_results(result.settings.updated({"engine.seed": 0})), sort_keys=True)
        method = (told, len(result.split.labeled))
        same = (*method, result.settings.engine.seed)
        groups[*method, met[same]].append(result)
        met[same] += 1
    for members in groups.values():
        members.sort(key=lambda result: result.settings.engine.seed)
    names = _names([members[0] for members in groups.values()])
    return list(zip(names, groups.values(), strict=True))


def flat_settings(result: Described) -> dict[str, Any]:
    """Return dotted keys to values, and the number of labelled videos."""
    return _described(result, result.settings.model_dump(mode="json"))


def _names(results: Sequence[Described]) -> list[str]:
    """Name each method; where one name occurs twice, add what differs: labels, then settings."""
    flat = [_described(result, _of_results(result.settings)) for result in results]
    names = []
    for own in flat:
        namesakes = [other for other in flat if other["method.name"] == own["method.name"]]
        keys = {
            key for f in namesakes for key in f.keys() | own.keys() if f.get(key) != own.get(key)
        }
        differing = ", ".join(f"{key} {own.get(key)}" for key in sorted(keys - {"engine.seed"}))
        names.append(own["method.name"] + (f" ({differing})" if differing else ""))
    again = Counter(names)
    return [
        f"{name} ({result.run.path})" if again[name] > 1 else name
        for name, result in zip(names, results, strict=True)
    ]


def _described(result: Described, settings: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys of some settings to values, and the number of labelled videos."""
    return {"labelled videos": len(result.split.labeled), **_flat(settings)}


def _of_results(settings: Settings) -> dict[str, Any]:
    """The settings that change trained weights or test scores."""
    return {**with_effect(settings), "evaluation": settings.evaluation.model_dump(mode="json")}


def _flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys to values."""
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat
