"""Methods compared on equal terms: the same test videos, the same seeds, intervals over both.

Runs whose settings differ in the seed alone are one method, run with several seeds.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from semivideo.analysis.groups import by_method
from semivideo.analysis.result import ENDING, Result, is_record
from semivideo.base.errors import ConfigError
from semivideo.evaluation.bootstrap import (
    Groups,
    Interval,
    accuracy_interval,
    group_numbers,
    paired_difference,
)
from semivideo.runfolder import RunFolder
from semivideo.settings import LEAGUES, League, WeightsOrigin

log = logging.getLogger("semivideo")


class Gain(NamedTuple):
    """A paired difference of top-1.

    Attributes:
        interval: The difference, a share, with its interval over seeds and videos.
        num_seeds: Seeds that both methods have.
        is_whole: Whether these are all seeds of both.
    """

    interval: Interval
    num_seeds: int
    is_whole: bool


@dataclass(frozen=True)
class Line:
    """One method of a comparison; means over its seeds.

    Attributes:
        name: The method, and the settings in which it differs from others of that name.
        results: One a seed, in the order of the seeds.
        top1: Top-1 accuracy, a share, with its interval over seeds and videos.
        gains: Paired difference of top-1 to the first line and to the line above, of its league;
            None for itself.
        num_groups: Groups of test videos that the intervals are over, or None: over single videos.
    """

    name: str
    results: tuple[Result, ...]
    top1: Interval
    gains: tuple[Gain | None, Gain | None]
    num_groups: int | None = None

    @property
    def league(self) -> League:
        """What its networks had seen before the first label."""
        return self.results[0].settings.league

    @property
    def by_seed(self) -> list[float]:
        """Top-1 of each run, shares."""
        return [result.evaluation.top1 for result in self.results]

    @property
    def deviation(self) -> float:
        """Standard deviation of top-1 over seeds, NaN with one seed."""
        return stdev(self.by_seed) if len(self.results) > 1 else math.nan

    def mean(self, figure: str) -> float:
        """Mean over the seeds of a figure of ``summary.json``."""
        return fmean(float(result.summary[figure]) for result in self.results)


class LeftOut(NamedTuple):
    """Runs in folders that cannot be compared yet.

    Attributes:
        unfinished: Their training has not ended.
        untested: They have no evaluation.
    """

    unfinished: tuple[Path, ...]
    untested: tuple[Path, ...]


def run_folders(paths: Iterable[str | Path]) -> list[Path]:
    """Replace folders by the runs and records in them, at any depth, in the order of their names.

    Raises:
        ConfigError: A folder holds neither.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        is_run = (path / "settings.yaml").is_file() or not path.is_dir()
        inside = [file.parent for file in path.rglob("settings.yaml")]
        inside += path.rglob(f"*{ENDING}")
        if not is_run and not inside:
            raise ConfigError(f"there is no run in {path}; name run folders or a folder of runs")
        found += [path] if is_run else sorted(inside)
    return found


def evaluated_runs(paths: Iterable[str | Path]) -> tuple[list[Path], LeftOut]:
    """Do as ``run_folders``, without the runs in a folder that are not finished and evaluated.

    Runs that are named themselves are not left out: comparing them says what they lack. One that is
    named twice, alone or in a folder, is told.

    Raises:
        ConfigError: A folder holds no run, or none that is evaluated.
    """
    named = list(map(Path, paths))
    found = run_folders(named)
    for path, number in Counter(each.resolve() for each in found).items():
        if number > 1:
            log.warning("%s is named %d times; it is one run, not several", path, number)
    inside = [RunFolder(path) for path in found if path not in named and not is_record(path)]
    unfinished = tuple(run.path for run in inside if not run.summary_file.is_file())
    untested = tuple(
        run.path
        for run in inside
        if run.path not in unfinished and not run.evaluation_file.is_file()
    )
    left = [path for path in found if path not in {*unfinished, *untested}]
    if found and not left:
        next = "train --resume" if unfinished else "evaluate"
        raise ConfigError(
            f"none of the {len(found)} runs in {named[0]} is finished and evaluated, so there is "
            f"nothing to compare; go on with: semivideo {next} {(*unfinished, *untested)[0]}"
        )
    return left, LeftOut(unfinished, untested)


def tested_alike(runs: Iterable[str | Path]) -> list[Result]:
    """Read runs or records that were tested on the same videos by one protocol.

    Raises:
        ConfigError: Other test videos or protocols.
        CheckpointError: A run has not finished or was not evaluated.
    """
    results = [Result.read(path) for path in runs]
    require_same_test(results)
    return results


def compare(runs: Sequence[str | Path]) -> list[Line]:
    """Compare finished and evaluated runs.

    Args:
        runs: Run folders or records; those that differ in the seed alone become one line, but a
            seed that comes again begins a line of its own. The lines keep the order of their first
            runs, league by league: what networks had seen before the first label decides so much
            that lines of different leagues are never compared.

    Raises:
        ConfigError: No runs, other test videos or protocols, or methods with no seed in common.
        CheckpointError: A run has not finished or was not evaluated.
    """
    if not runs:
        raise ConfigError("there is nothing to compare; name run folders")
    return lines_of(tested_alike(runs))


def lines_of(results: Sequence[Result]) -> list[Line]:
    """Compare results that were tested alike, see ``compare``."""
    groups = common_groups(results)
    num_groups = int(group_numbers(list(groups), groups).max()) + 1 if groups else None
    lines: list[Line] = []
    for name, members in sorted(
        by_method(results), key=lambda each: LEAGUES.index(each[1][0].settings.league)
    ):
        league = members[0].settings.league
        above = [line for line in lines if line.league == league]
        others = (above[0], above[-1]) if above else (None, None)
        gains = (_gain(name, members, others[0], groups), _gain(name, members, others[1], groups))
        tests = [result.evaluation for result in members]
        interval = accuracy_interval(tests, groups=groups)
        lines.append(Line(name, tuple(members), interval, gains, num_groups))
    return lines


def by_league(lines: Sequence[Line]) -> dict[League, list[Line]]:
    """Return lines by what their networks had seen before the first label, the least first."""
    found: dict[League, list[Line]] = {}
    for line in lines:
        found.setdefault(line.league, []).append(line)
    return {league: found[league] for league in LEAGUES if league in found}


def origins_of(lines: Iterable[Line]) -> list[WeightsOrigin]:
    """Return where the weights that lines began with come from, each once."""
    found: list[WeightsOrigin] = []
    for line in lines:
        found += [each for each in line.results[0].settings.origins if each not in found]
    return found


def common_groups(results: Sequence[Result]) -> Groups:
    """Return the groups of the test videos; nothing if a result does not know them or all are one.

    An interval over one group would have no width.
    """
    first = results[0].groups
    is_common = all(result.groups == first for result in results)
    return first if is_common and len(set(first.values())) > 1 else {}


def keep_records(lines: Iterable[Line], *, folder: Path) -> list[Path]:
    """Write a record of each run of a comparison, named like its folder.

    Args:
        lines: The comparison.
        folder: Where the records go.

    Raises:
        ConfigError: Two runs have one name.
        WriteError: The folder cannot be written.
    """
    results = [result for line in lines for result in line.results]
    by_name = {result.run.path.name: result for result in results}
    if len(by_name) < len(results):
        [(name, _)] = Counter(result.run.path.name for result in results).most_common(1)
        raise ConfigError(
            f"two runs are named {name}, and a record is named like its run; keep the records of "
            "each folder of runs in a folder of their own"
        )
    files = []
    for name, result in by_name.items():
        files.append(folder / f"{name}{ENDING}")
        result.write(files[-1])
    return files


def _gain(name: str, ours: Sequence[Result], other: Line | None, groups: Groups) -> Gain | None:
    """Paired difference to a line, on the seeds that both have."""
    if other is None:
        return None
    mine, theirs = (
        {result.settings.engine.seed: result.evaluation for result in results}
        for results in (ours, other.results)
    )
    seeds = sorted(mine.keys() & theirs.keys())
    if not seeds:
        raise ConfigError(
            f"{name} was run with the seeds {sorted(mine)} and {other.name} with {sorted(theirs)}; "
            "a difference is paired: run both with the same seeds"
        )
    interval = paired_difference(
        [mine[s] for s in seeds], [theirs[s] for s in seeds], groups=groups
    )
    return Gain(interval, len(seeds), is_whole=mine.keys() == theirs.keys())


def require_same_test(results: Sequence[Result]) -> None:
    """Refuse runs that were tested on different videos or by different protocols.

    Raises:
        ConfigError: With the names of two such runs.
    """
    first = results[0]
    for other in results[1:]:
        a, b = first.evaluation, other.evaluation
        if a.protocol != b.protocol:
            raise ConfigError(
                f"{first.run.path} was tested by {a.protocol} and {other.run.path} by "
                f"{b.protocol}; evaluate all by one --protocol"
            )
        if set(a.ids) != set(b.ids):
            only = sorted(set(a.ids) ^ set(b.ids))
            raise ConfigError(
                f"{first.run.path} and {other.run.path} were tested on different videos: "
                f"{len(only)} are in one only, such as {only[0]}; compare runs of one test set"
            )


def class_accuracies(results: Sequence[Result]) -> dict[str, float]:
    """Return the share of right test videos in each class that has some, mean over runs."""
    shares: dict[str, list[float]] = {}
    for result in results:
        evaluation = result.evaluation
        for name, share in zip(evaluation.classes, evaluation.class_accuracy, strict=True):
            if not math.isnan(share):
                shares.setdefault(name, []).append(float(share))
    return {name: fmean(values) for name, values in shares.items()}
