"""Accuracy against the value of one setting, as in figure 4 of the CMPL paper.

The setting is the one in which the runs of a method differ, or the number of labelled videos. A
method of which all runs have one value, such as a baseline, is a level line.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from semivideo.analysis import drawing
from semivideo.analysis.comparison import tested_alike
from semivideo.analysis.groups import flat_settings
from semivideo.analysis.result import Result
from semivideo.base.errors import ConfigError

SEED = "engine.seed"
LOG_FROM = 8
"""Positive values whose greatest is so many times the least are drawn on a logarithmic axis."""


def setting_sweep(runs: Sequence[str | Path], *, out: str | Path) -> list[Path]:
    """Draw top-1 accuracy over the values of a setting: the mean as a line, each seed as a point.

    Args:
        runs: Evaluated runs, such as those of ``semivideo sweep``; of each method they differ in
            one setting and the seed.
        out: See ``drawing.save``.

    Raises:
        ConfigError: They differ in no setting or in several, or were tested on other videos.
        CheckpointError: A run was not evaluated.
    """
    results = tested_alike(runs)
    key = _varied(results)
    rows: list[drawing.Row] = [
        {
            "method": result.settings.method.name,
            "setting": key,
            "value": _plain(flat_settings(result).get(key)),
            "seed": result.settings.engine.seed,
            "top1": result.evaluation.top1,
        }
        for result in results
    ]
    figure = drawing.new_figure(width=7.2, height=4.6)
    axes = figure.subplots()
    entries = _draw(axes, rows)
    drawing.dress(axes, x=key, y="Top-1 accuracy [%]")
    drawing.in_percent(axes.yaxis)
    axes.margins(y=0.15)
    drawing.legend_above(figure, entries)
    remark = f"Dots: runs; diamonds: means; {results[0].evaluation.protocol} views."
    drawing.caption(figure, results, remark)
    return drawing.save(figure, out, rows)


def _varied(results: Sequence[Result]) -> str:
    """The one setting in which runs of a method differ."""
    flat = [flat_settings(result) for result in results]
    keys = set()
    for name in {own["method.name"] for own in flat}:
        own = [each for each in flat if each["method.name"] == name]
        names = {key for each in own for key in each} - {SEED}
        keys |= {key for key in names if len({_plain(each.get(key)) for each in own}) > 1}
    if len(keys) != 1:
        found = f"in {', '.join(sorted(keys))}" if keys else "in nothing but the seed"
        raise ConfigError(
            f"the runs of a sweep differ in one setting and the seed, these differ {found}; "
            "name the runs of one grid of a single setting"
        )
    return keys.pop()


def _plain(value: Any) -> float | int | str:
    """A number as it is; anything else as a word."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else "none" if value is None else str(value)


def _draw(axes: Axes, rows: Sequence[drawing.Row]) -> list[Line2D]:
    """Draw all methods and return the entries of the legend."""
    methods = {
        str(row["method"]): [r for r in rows if r["method"] == row["method"]] for row in rows
    }
    swept = {name: own for name, own in methods.items() if len({r["value"] for r in own}) > 1}
    values = list(dict.fromkeys(row["value"] for own in swept.values() for row in own))
    numbers = [value for value in values if not isinstance(value, str)]
    is_numeric = len(numbers) == len(values)
    place = {
        v: v if is_numeric else i for i, v in enumerate(sorted(numbers) if is_numeric else values)
    }
    if is_numeric and min(numbers) > 0 and max(numbers) >= LOG_FROM * min(numbers):
        axes.set_xscale("log")
    entries = []
    for name, color in drawing.colors_of(methods).items():
        own = methods[name]
        if name not in swept:
            level = fmean(float(row["top1"]) for row in own)
            entries.append(
                axes.axhline(level, color=color, linestyle="--", linewidth=1.6, label=name)
            )
            continue
        at = {v: [float(r["top1"]) for r in own if r["value"] == v] for v in place}
        known = [v for v in place if at[v]]
        points = [(place[v], share) for v in known for share in at[v]]
        axes.plot(*zip(*points, strict=True), "o", color=color, alpha=0.5, markersize=5)
        means = [fmean(at[v]) for v in known]
        line = "-" if is_numeric else ""
        (drawn,) = axes.plot(
            [place[v] for v in known], means, "D", linestyle=line, color=color, label=name
        )
        entries.append(drawn)
    axes.xaxis.set_minor_locator(NullLocator())
    labels = [f"{v:g}" if not isinstance(v, str) else v for v in place]
    axes.set_xticks(list(place.values()), labels, parse_math=False)
    return entries
