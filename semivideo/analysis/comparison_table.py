"""The table of a comparison: for the eye, and with one number a cell for Markdown, CSV, programs.

Headers say what a figure is over: an interval over draws of labels and over groups of videos is
another thing than one over videos, and so are pseudo-labels with and without those of labelled
videos, which older records count.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from semivideo.analysis.comparison import Gain, Line, by_league, origins_of
from semivideo.analysis.pseudo_labels import LateLabels

Cells = dict[str, str]
"""Header to cell, of one line."""
NONE = "-"
WHY_APART = (
    "These networks had seen different data before their first label, which decides more than any "
    "method does, so each league is ranked by itself"
)
GAINS = ("over the first line", "over the line above")
_CLIPS = {
    False: ("unlabelled clips", "unlabelled clips"),
    True: (
        "all clips of the unlabelled stream, labelled ones included",
        "labelled ones included",
    ),
}
"""Whether clips of labelled videos are counted to what the two headers say."""


def interval_is_over(lines: Sequence[Line]) -> str:
    """Say what the intervals of a comparison are over, such as "draws and 12 groups of videos"."""
    num_draws = {len(line.results) for line in lines}
    groups = {line.num_groups for line in lines}
    videos = "videos" if None in groups else f"{max(filter(None, groups))} groups of videos"
    if num_draws == {1}:
        return videos
    return f"draws and {videos}" if 1 not in num_draws else f"draws, where several, and {videos}"


def for_reading(lines: Sequence[Line]) -> list[Cells]:
    """Return the cells of each line, figures beside their intervals; all lines have one header.

    Top-1 is in percent with the standard deviation over seeds, gains in points with intervals.
    """
    top1_over = f"95 % over {interval_is_over(lines)}"
    return [
        {
            "method": line.name,
            "seeds": ", ".join(map(str, _seeds(line))),
            "top-1 %": _percent(line.top1.value) + _plus_minus(line.deviation),
            top1_over: f"{_percent(line.top1.low)} to {_percent(line.top1.high)}",
            "by seed": " ".join(map(_percent, line.by_seed)),
            **{name: _points(gain) for name, gain in zip(GAINS, line.gains, strict=True)},
            **_late_labels(line, lines),
            **_cost(line),
        }
        for line in lines
    ]


def in_numbers(lines: Sequence[Line]) -> list[Cells]:
    """Return the cells of each line, no more than one number in each; all have one header.

    Cells without a number hold nothing. Units are those of ``for_reading``.
    """
    seeds = sorted({seed for line in lines for seed in _seeds(line)})
    over = interval_is_over(lines)
    is_paired_throughout = all(gain is None or gain.is_whole for ln in lines for gain in ln.gains)
    return [
        {
            "method": line.name,
            "runs": str(len(line.results)),
            "top-1 %": _percent(line.top1.value),
            "deviation": "" if math.isnan(line.deviation) else _percent(line.deviation),
            f"95 % low, over {over}": _percent(line.top1.low),
            f"95 % high, over {over}": _percent(line.top1.high),
            **_by_seed(line, seeds),
            **{
                header: cell
                for name, gain in zip(GAINS, line.gains, strict=True)
                for header, cell in _gain_cells(name, gain, tells_seeds=not is_paired_throughout)
            },
            **{name: cell.replace(NONE, "") for name, cell in _late_labels(line, lines).items()},
            **_cost(line),
            **(_origin(line) if any(each.league != "scratch" for each in lines) else {}),
        }
        for line in lines
    ]


def as_markdown(rows: Sequence[Cells]) -> str:
    """Return rows of one header as a Markdown table."""
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *(list(row.values()) for row in rows)]
    return "".join(f"| {' | '.join(cell or NONE for cell in line)} |\n" for line in lines)


def as_sections(lines: Sequence[Line]) -> str:
    """Return a Markdown table, or of several leagues one each under a heading."""
    leagues = by_league(lines)
    if len(leagues) == 1:
        return as_markdown(in_numbers(lines))
    parts = [
        f"## League: {league}\n\n{as_markdown(in_numbers(part))}"
        for league, part in leagues.items()
    ]
    return "\n".join([f"{WHY_APART}.\n", *parts])


def as_csv(rows: Sequence[Cells]) -> str:
    """Return rows of one header as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(rows[0]), *(r.values() for r in rows)])
    return text.getvalue()


def _seeds(line: Line) -> list[int]:
    return [result.settings.engine.seed for result in line.results]


def _by_seed(line: Line, seeds: Iterable[int]) -> Cells:
    """A column a seed of any line."""
    found = dict(zip(_seeds(line), line.by_seed, strict=True))
    return {f"seed {s} %": _percent(found[s]) if s in found else "" for s in seeds}


def _gain_cells(name: str, gain: Gain | None, *, tells_seeds: bool) -> Iterator[tuple[str, str]]:
    """The difference, its ends and, where wanted, on how many seeds it is."""
    shares = ("", "", "") if gain is None else (f"{100 * share:+.1f}" for share in gain.interval)
    for head, cell in zip(("points", "95 % low", "95 % high"), shares, strict=True):
        yield f"{head} {name}", cell
    if tells_seeds:
        yield f"seeds paired {name}", "" if gain is None else str(gain.num_seeds)


def _late_labels(line: Line, lines: Sequence[Line]) -> Cells:
    """Pseudo-labels kept and right, in columns of their own for each way of counting there is."""
    ways = {labels.with_labeled for each in lines for labels in _labels(each)}
    cells: Cells = {}
    for with_labeled in sorted(ways):
        counted = [each for each in _labels(line) if each.with_labeled == with_labeled]
        kept, right = _CLIPS[with_labeled]
        cells[f"labels kept % ({kept})"] = _mean([each.kept for each in counted])
        cells[f"right % of those ({right})"] = _mean([each.right for each in counted])
    return cells


def _labels(line: Line) -> list[LateLabels]:
    """Of the runs that gave pseudo-labels; of the others there is nothing to count."""
    found = [result.labels for result in line.results]
    return [labels for labels in found if not math.isnan(labels.kept)]


def _mean(shares: Sequence[float]) -> str:
    """Percent; none where a run used no label."""
    return _percent(fmean(shares)) if shares and not math.isnan(fmean(shares)) else NONE


def _origin(line: Line) -> Cells:
    """What the weights that a line began with had seen."""
    origins = origins_of([line])
    return {
        "league": line.league,
        "pretrained on": "; ".join(each.pretrained_on for each in origins),
        "licence of the weights": "; ".join(each.licence for each in origins),
    }


def _cost(line: Line) -> Cells:
    """What a line took."""
    return {
        "steps": f"{line.mean('steps'):.0f}",
        "minutes": f"{line.mean('seconds') / 60:.1f}",
        "memory GB": f"{line.mean('peak_memory_mb') / 1000:.1f}",
        "million weights": f"{line.results[0].num_parameters / 1e6:.2f}",
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _plus_minus(deviation: float) -> str:
    return "" if math.isnan(deviation) else f" +- {_percent(deviation)}"


def _points(gain: Gain | None) -> str:
    """A difference in points; with the number of seeds where not all could be paired."""
    if gain is None:
        return NONE
    value, low, high = (f"{100 * share:+.1f}" for share in gain.interval)
    remark = "" if gain.is_whole else f" (seeds paired: {gain.num_seeds})"
    return f"{value} [{low}, {high}]{remark}"
