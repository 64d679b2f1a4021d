"""Records of finished runs, found by what was run: our own numbers beside the papers'."""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from semivideo.analysis.comparison import common_groups
from semivideo.analysis.result import ENDING, Result
from semivideo.engine.checkpoint import settings_hash
from semivideo.evaluation.bootstrap import Interval, accuracy_interval
from semivideo.recipes.grids import GRIDS
from semivideo.recipes.paper_tables import Cell, base_of
from semivideo.run import build
from semivideo.run.resolve import resolve_settings
from semivideo.settings import MethodSettings, Settings

Records = Mapping[str, Mapping[str, list[Result]]]
"""Identity of a run to folder to its records."""
_VIDEOS, _SPLIT = "manifest.parquet", "split.json"


@dataclass(frozen=True, slots=True)
class Ours:
    """What our runs of one cell gave at one place.

    Attributes:
        place: Name of the folder of the records, such as ``utd-mhad-4-labels``.
        top1: Mean over the draws, with its interval over draws and groups of test videos.
        top5: Mean over the draws; None where there are too few classes.
        num_draws: How many runs.
    """

    place: str
    top1: Interval
    top5: float | None
    num_draws: int


def identity(settings: Settings) -> str:
    """Equal for settings that train and test alike, whether or not defaults are written."""
    name = settings.method.name
    options = build.method_options(build.method_class(name), settings.method.options)
    bare = settings.model_copy(update={"method": MethodSettings(name=name)})
    return f"{settings_hash(bare)} {settings.evaluation} {options}"


def records_below(folder: Path) -> Records:
    """Read all records of a folder of folders.

    Raises:
        CheckpointError: One is broken.
    """
    found: dict[str, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for file in sorted(folder.glob(f"*/*{ENDING}")):
        result = Result.read(file)
        labels = result.split.name.rpartition("-")[2]
        found[_key(result.settings, labels)][file.parent.name].append(result)
    return found


def ours(cell: Cell, records: Records) -> list[Ours]:
    """Return what was recorded of the small run of a cell, place by place; nothing if not run."""
    if cell.add_small:
        return []
    recipe, changes = base_of(cell.small)
    settings = resolve_settings(
        recipe=recipe, method=None, steps=None, seed=None, settings=dict(changes)
    )
    grid, _, variant = cell.small.partition("/")
    labels = GRIDS[grid].labels(variant) if variant else None
    places = records.get(_key(settings, labels or ""), {})
    return [
        _joined(place, results) for place, results in places.items() if cell.place in (None, place)
    ]


def command(run: str, *, add: str = "") -> str:
    """Return the command that does a run of the papers' tables.

    Args:
        run: A recipe, or grid/variant.
        add: What is to be typed besides.
    """
    name, _, variant = run.partition("/")
    if variant:
        words = ["semivideo", "sweep", name, _VIDEOS, "--split", _SPLIT, "--variant", variant]
    else:
        words = ["semivideo", "train", _VIDEOS, "--split", _SPLIT, "--recipe", name]
    if add and variant:  # a sweep takes no settings, a training does
        recipe, changes = base_of(run)
        words = ["semivideo", "train", _VIDEOS, "--split", _SPLIT, "--recipe", recipe]
        for key, value in changes.items():
            words += ["--set", f"{key}={json.dumps(value)}"]
    more = f" {add}" if add else ""
    return f"{shlex.join(words)}{more} --out runs/{name}"


def _key(settings: Settings, labels: str) -> str:
    """Identity apart from the seed and from what depends on the data: whether flips are allowed."""
    drawn = labels if labels in ("balanced", "by_frequency", "one_a_group") else ""
    alike = settings.updated({"engine.seed": 0, "views.flip": False})
    return f"{identity(alike)} {drawn}"


def _joined(place: str, results: list[Result]) -> Ours:
    tests = [result.evaluation for result in results]
    interval = accuracy_interval(tests, groups=common_groups(results))
    top5 = [test.top5 for test in tests if test.tells_top5]
    return Ours(place, interval, sum(top5) / len(top5) if top5 else None, len(tests))
