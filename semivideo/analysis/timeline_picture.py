"""A video's timeline: probability of each class as shade, found and true events as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from semivideo.analysis import drawing
from semivideo.events.event_stages import Event
from semivideo.events.window_scores import WindowScores

MOST_CLASSES = 16
"""Shown: those with events first, then those with the highest probabilities."""
_COLUMNS = 1200  # of the shade, over the whole video
_BAR, _TRUE_BAR = 0.26, 0.12  # heights, of the row of a class
COLUMNS = ("kind", "class", "start_seconds", "end_seconds", "score")
"""Of the numbers."""


def draw_timeline(
    scores: WindowScores,
    events: Sequence[Event],
    *,
    out: Path,
    truth: Sequence[Event] = (),
) -> list[Path]:
    """Draw what a network says of a video over time.

    Args:
        scores: Of its windows.
        events: What was found.
        out: See ``drawing.save``; the numbers are the events.
        truth: True events, where they are known.

    Returns:
        The files: PNG, SVG and CSV.
    """
    classes = _shown(scores, [*events, *truth])
    row_of = {label: row for row, label in enumerate(classes)}
    figure = drawing.new_figure(width=10.0, height=1.2 + 0.42 * len(classes))
    axes = figure.subplots()
    columns = [scores.classes.index(label) for label in classes]
    edges = np.linspace(
        0, scores.duration_seconds, min(_COLUMNS, 8 * len(scores.probabilities)) + 1
    )
    shade = scores.at((edges[1:] + edges[:-1]) / 2)[:, columns].T
    borders = np.arange(len(classes) + 1) - 0.5
    mesh = axes.pcolormesh(edges, borders, shade, cmap="Greys", vmin=0, vmax=1, rasterized=True)
    for event in events:
        _bar(axes, event, row_of[event.label] - 0.02, _BAR, drawing.COLORS[0])
    for event in truth:
        if event.label in row_of:
            _bar(axes, event, row_of[event.label] + 0.32, _TRUE_BAR, drawing.COLORS[1])
    drawing.dress(axes, x="Time in the video [min:s]", y="")
    axes.grid(visible=False)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.set_xlim(0, scores.duration_seconds)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 3, 6, 10], integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{int(s) // 60}:{int(s) % 60:02d}"))
    figure.colorbar(mesh, ax=axes, label="Probability", pad=0.01, fraction=0.03)
    entries = [drawing.line_entry("found event", drawing.COLORS[0])]
    if truth:
        entries.append(drawing.line_entry("true event", drawing.COLORS[1]))
    drawing.legend_above(figure, entries)
    rows: list[drawing.Row] = [
        dict(zip(COLUMNS, (kind, event.label, *_rounded(event)), strict=True))
        for kind, given in (("found", events), ("true", truth))
        for event in given
    ]
    return drawing.save(figure, out, rows)


def _rounded(event: Event) -> tuple[float, float, float]:
    """Start, end and score, as they are written down."""
    return round(event.start_seconds, 3), round(event.end_seconds, 3), round(event.score, 4)


def _shown(scores: WindowScores, events: Sequence[Event]) -> list[str]:
    """Classes that are shown, in the order of the network."""
    highest = dict(zip(scores.classes, scores.probabilities.max(axis=0).tolist(), strict=True))
    named = {event.label for event in events}
    ranked = sorted(scores.classes, key=lambda label: (label not in named, -highest[label]))
    kept = set(ranked[:MOST_CLASSES])
    return [label for label in scores.classes if label in kept]


def _bar(axes: Axes, event: Event, row: float, height: float, color: str) -> None:
    width = event.end_seconds - event.start_seconds
    axes.barh(row, width, left=event.start_seconds, height=height, color=color, alpha=0.85)
