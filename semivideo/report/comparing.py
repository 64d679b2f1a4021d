"""What the page of several runs says: a table a league, and one sentence where none can be made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from semivideo.analysis.comparison import (
    class_accuracies,
    evaluated_runs,
    lines_of,
    origins_of,
    require_same_test,
)
from semivideo.analysis.comparison_table import for_reading, interval_is_over
from semivideo.analysis.groups import by_method
from semivideo.analysis.result import Result
from semivideo.base.errors import ConfigError
from semivideo.report.charts import Chart, Series, line_chart
from semivideo.settings import LEAGUES, League, WeightsOrigin


@dataclass
class LeagueTable:
    """Runs of one league on equal terms.

    Attributes:
        league: Its name.
        origins: Weights and their licences, one a kind.
        header: Of the table.
        rows: One a method, in the order of their first runs; the first one is the baseline.
        over: What the intervals are over.
        learning: Quick evaluations of all runs, or None.
        results: The runs.
    """

    league: str
    origins: list[WeightsOrigin]
    header: list[str]
    rows: list[list[str]]
    over: str
    learning: Chart | None
    results: list[Result]


@dataclass
class Comparison:
    """All that the page of several runs shows.

    Attributes:
        leagues: Their tables; never one across leagues.
        class_names: Classes with test videos.
        class_header: Methods, with their league where there are several.
        class_rows: Right share of each class by method.
        num_videos: Test videos.
        left_out: Runs of named folders that are not evaluated.
    """

    leagues: list[LeagueTable]
    class_names: list[str]
    class_header: list[str]
    class_rows: list[list[float | None]]
    num_videos: int
    left_out: list[Path]


def comparison_of(paths: Sequence[str | Path]) -> Comparison:
    """Gather what the page of several runs says.

    Args:
        paths: Run folders or records, or folders of them.

    Raises:
        ConfigError: They were tested on different videos.
        CheckpointError: A run that is named was not evaluated.
    """
    runs, left_out = evaluated_runs(paths)
    results = [Result.read(path) for path in runs]
    for one, other in pairwise(results):
        require_same_videos(one, other)
    by_league: dict[League, list[Result]] = defaultdict(list)
    for result in results:
        by_league[result.settings.league].append(result)
    ordered = sorted(by_league.items(), key=lambda each: LEAGUES.index(each[0]))
    leagues = [_table(league, members) for league, members in ordered]
    columns: dict[str, dict[str, float]] = {}
    for table in leagues:
        for name, members in by_method(table.results):
            header = name if len(leagues) == 1 else f"{name} ({table.league})"
            columns[header] = class_accuracies(members)
    names = sorted({name for shares in columns.values() for name in shares})
    return Comparison(
        leagues=leagues,
        class_names=names,
        class_header=list(columns),
        class_rows=[[shares.get(name) for shares in columns.values()] for name in names],
        num_videos=results[0].evaluation.num_videos,
        left_out=[*left_out.unfinished, *left_out.untested],
    )


def require_same_videos(one: Result, other: Result) -> None:
    """Refuse two runs that were tested on different videos.

    Raises:
        ConfigError: With the names of both and of a video that one lacks.
    """
    only = sorted(set(one.evaluation.ids) ^ set(other.evaluation.ids))
    if only:
        raise ConfigError(
            f"{one.run.path} and {other.run.path} were tested on different videos ({len(only)} are "
            f"in one only, such as {only[0]}), so one report cannot set them side by side; write a "
            "report of each"
        )


def _table(league: str, results: list[Result]) -> LeagueTable:
    """The comparison within a league."""
    require_same_test(results)
    lines = lines_of(results)
    rows = for_reading(lines)
    return LeagueTable(
        league=league,
        origins=origins_of(lines),
        header=list(rows[0]),
        rows=[list(row.values()) for row in rows],
        over=interval_is_over(lines),
        learning=_learning(results),
        results=results,
    )


def _is_folder(result: Result) -> bool:
    return result.run.settings_file.is_file()


def _learning(results: list[Result]) -> Chart | None:
    """Quick evaluations over training, a line a run."""
    series = []
    for result in results:
        lines = result.run.metrics() if _is_folder(result) else []
        points = [
            (each["step"], each["evaluation"]["top1"]) for each in lines if "evaluation" in each
        ]
        if points:
            series.append(Series(result.run.path.name, points))
    if not series:
        return None
    title = "Accuracy on test videos over training"
    return line_chart(series, title=title, x="training step", y="right [%]")
