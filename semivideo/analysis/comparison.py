"""Methods compared on equal terms: the same test videos, the same seeds, intervals over videos.

Runs whose settings differ in the seed alone are one method, run with several seeds.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from semivideo.analysis.groups import by_method
from semivideo.analysis.result import ENDING, Result
from semivideo.base.errors import ConfigError
from semivideo.evaluation.bootstrap import Interval, accuracy_interval, paired_difference


class Gain(NamedTuple):
    """A paired difference of top-1.

    Attributes:
        interval: The difference, a share, with its interval over videos.
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
        top1: Top-1 accuracy, a share, with its interval over videos.
        gains: Paired difference of top-1 to the first line and to the line above; None for itself.
    """

    name: str
    results: tuple[Result, ...]
    top1: Interval
    gains: tuple[Gain | None, Gain | None]

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


COLUMNS = (
    *("method", "seeds", "top-1 %", "95 % over videos", "by seed"),
    *("over the first line", "over the line above", "labels kept %", "of these right %"),
    *("steps", "minutes", "memory GB", "million weights"),
)


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


def compare(runs: Sequence[str | Path]) -> list[Line]:
    """Compare finished and evaluated runs.

    Args:
        runs: Run folders or records; those that differ in the seed alone become one line, but a
            seed that comes again begins a line of its own. The lines keep the order of their first
            runs.

    Raises:
        ConfigError: No runs, other test videos or protocols, or methods with no seed in common.
        CheckpointError: A run has not finished or was not evaluated.
    """
    if not runs:
        raise ConfigError("there is nothing to compare; name run folders")
    results = [Result.read(path) for path in runs]
    require_same_test(results)
    lines: list[Line] = []
    for name, members in by_method(results):
        others = (lines[0] if lines else None, lines[-1] if lines else None)
        gains = (_gain(name, members, others[0]), _gain(name, members, others[1]))
        interval = accuracy_interval([result.evaluation for result in members])
        lines.append(Line(name, tuple(members), interval, gains))
    return lines


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


def table_rows(lines: Sequence[Line]) -> list[list[str]]:
    """Return the cells below ``COLUMNS``: percent, and gains in points with 95 % intervals."""
    rows = []
    for line in lines:
        spread = "" if math.isnan(line.deviation) else f" +- {100 * line.deviation:.1f}"
        kept, right = zip(*(result.labels for result in line.results), strict=True)
        rows.append(
            [
                line.name,
                ", ".join(str(result.settings.engine.seed) for result in line.results),
                f"{100 * line.top1.value:.1f}{spread}",
                f"{100 * line.top1.low:.1f} to {100 * line.top1.high:.1f}",
                " ".join(f"{100 * share:.1f}" for share in line.by_seed),
                *(_points(gain) for gain in line.gains),
                *("-" if math.isnan(fmean(s)) else f"{100 * fmean(s):.1f}" for s in (kept, right)),
                f"{line.mean('steps'):.0f}",
                f"{line.mean('seconds') / 60:.1f}",
                f"{line.mean('peak_memory_mb') / 1000:.1f}",
                f"{line.results[0].num_parameters / 1e6:.2f}",
            ]
        )
    return rows


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return the table as Markdown."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Return the table as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    return text.getvalue()


def _points(gain: Gain | None) -> str:
    """A difference in points; with the number of seeds where not all could be paired."""
    if gain is None:
        return "-"
    value, low, high = (f"{100 * share:+.1f}" for share in gain.interval)
    remark = "" if gain.is_whole else f" (seeds paired: {gain.num_seeds})"
    return f"{value} [{low}, {high}]{remark}"


def _gain(name: str, ours: Sequence[Result], other: Line | None) -> Gain | None:
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
    interval = paired_difference([mine[s] for s in seeds], [theirs[s] for s in seeds])
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
