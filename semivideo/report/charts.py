"""Charts of a page: inline SVG that follows the page's colours, light and dark, screen and print.

A chart says what it shows in words (for those who hear the page), and its numbers stand in a table
beside it. Lines differ in dashes as well as in colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import cycle
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 16, 48
_DASHES = ("", "7 4", "2 3", "9 3 2 3", "1 5", "12 4")
NUM_COLORS = 6
"""The style sheet has the colours c0, c1, ..."""


class Chart(NamedTuple):
    """A picture with its words and numbers.

    Attributes:
        svg: Markup.
        title: A few words.
        words: What is to be seen, for those who do not see it.
        header: Of the table of numbers.
        rows: Of it.
    """

    svg: str
    title: str
    words: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


class Series(NamedTuple):
    """A line of a chart.

    Attributes:
        name: In the legend.
        points: x and y, in the order of x; NaN leaves a gap.
        has_dots: Whether each point is marked.
    """

    name: str
    points: Sequence[tuple[float, float]]
    has_dots: bool = False


class Band(NamedTuple):
    """An interval around a line: x, low and high of each point."""

    points: Sequence[tuple[float, float, float]]


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x: str,
    y: str,
    in_percent: bool = True,
    band: Band | None = None,
) -> Chart:
    """Draw lines over a common axis.

    Args:
        series: At least one point in all.
        title: A few words.
        x: Name of the axis.
        y: Name of the axis, with its unit.
        in_percent: Whether values are shares, shown from 0 to 100 %.
        band: An interval around the first line.
    """
    xs = [px for each in series for px, py in each.points if not math.isnan(py)]
    ys = [py for each in series for px, py in each.points if not math.isnan(py)]
    if band is not None:
        xs += [px for px, _, _ in band.points]
        ys += [high for _, _, high in band.points]
    x_range = (min(0.0, *xs), max(*xs, 1e-9))
    top = 1.0 if in_percent else max(*ys, 1e-9) * 1.05
    plane = _Plane(x_range, (0.0, top))
    parts = [plane.axes(x, y, in_percent=in_percent)]
    if band is not None:
        upper = [plane.place(px, high) for px, _, high in band.points]
        lower = [plane.place(px, low) for px, low, _ in reversed(band.points)]
        corners = " ".join(f"{a:.1f},{b:.1f}" for a, b in [*upper, *lower])
        parts.append(f'<polygon class="band" points="{corners}"/>')
    for number, (each, dash) in enumerate(zip(series, cycle(_DASHES), strict=False)):
        parts.append(_line(plane, each, number, dash))
    names = [each.name for each in series]
    parts.append(_legend(names))
    words = f"{title}. " + " ".join(_in_words(each, in_percent=in_percent) for each in series)
    rows = [
        (each.name, f"{px:g}", _value(py, in_percent=in_percent))
        for each in series
        for px, py in each.points
        if not math.isnan(py)
    ]
    svg = _svg("".join(parts), title, height=HEIGHT + 20 * math.ceil(len(names) / 2))
    return Chart(svg, title, words, ("line", x, y), rows)


def reliability_chart(
    confidence_M: NDArray[np.float64],
    accuracy_M: NDArray[np.float64],
    num_videos_M: NDArray[np.float64],
    *,
    error: float,
) -> Chart:
    """Draw accuracy over confidence; a dot's area is the number of videos of its bin.

    Args:
        confidence_M: float64 (M,), mean of each bin, NaN for an empty one.
        accuracy_M: float64 (M,), share of right videos.
        num_videos_M: float64 (M,).
        error: Expected calibration error.
    """
    plane = _Plane((0.0, 1.0), (0.0, 1.0))
    parts = [plane.axes("confidence [%]", "right [%]", in_percent=True, x_in_percent=True)]
    (x0, y0), (x1, y1) = plane.place(0, 0), plane.place(1, 1)
    parts.append(f'<line class="guide" x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}"/>')
    most = float(num_videos_M.max(initial=1))
    rows = []
    for sure, right, num in zip(confidence_M, accuracy_M, num_videos_M, strict=True):
        if not num:
            continue
        cx, cy = plane.place(float(sure), float(right))
        radius = 3 + 9 * math.sqrt(num / most)
        parts.append(f'<circle class="dot c0" cx="{cx:.1f}" cy="{cy:.1f}" r="{radius:.1f}"/>')
        rows.append((f"{100 * sure:.1f} %", f"{100 * right:.1f} %", f"{num:.0f}"))
    title = "Is it right as often as it is sure?"
    words = (
        f"{title} Expected calibration error {100 * error:.1f} %. Dots below the diagonal line: "
        "surer than right."
    )
    return Chart(_svg("".join(parts), title), title, words, ("confidence", "right", "videos"), rows)


def confusion_chart(counts_KK: NDArray[np.int64], classes: Sequence[str]) -> Chart:
    """Draw true classes (rows) by predicted classes (columns), darker for a greater share of a row.

    Args:
        counts_KK: int64 (K, K).
        classes: Names.
    """
    num = len(classes)
    side = max(5.0, min(26.0, 520 / num))
    margin = min(210.0, 14 + 7 * max(map(len, classes))) if num <= 60 else 20.0
    size = margin + num * side + 8
    sums = counts_KK.sum(axis=1, keepdims=True)
    shares = np.divide(counts_KK, sums, out=np.zeros(counts_KK.shape), where=sums > 0)
    parts = [
        f'<rect class="paper" x="{margin}" y="{margin}" width="{num * side:.1f}" '
        f'height="{num * side:.1f}"/>'
    ]
    for row, column in np.argwhere(counts_KK > 0).tolist():
        kind = "right" if row == column else "wrong"
        x, y = margin + column * side, margin + row * side
        parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{side:.1f}" '
            f'height="{side:.1f}" fill-opacity="{max(0.12, shares[row, column]):.2f}"/>'
        )
        if side >= 16:
            parts.append(
                f'<text class="count" x="{x + side / 2:.1f}" y="{y + side / 2 + 4:.1f}">'
                f"{counts_KK[row, column]}</text>"
            )
    if num <= 60:
        for n, name in enumerate(classes):
            place = margin + (n + 0.5) * side + 3
            label = escape(name if len(name) <= 28 else name[:27] + "…")
            parts.append(f'<text class="end" x="{margin - 5}" y="{place:.1f}">{label}</text>')
            parts.append(
                f'<text transform="translate({place:.1f} {margin - 5}) rotate(-90)">{label}</text>'
            )
    title = "Which class is taken for which"
    pairs = confused_pairs(counts_KK, classes)
    rows = [(true, named, str(count)) for true, named, count in pairs]
    worst = "; ".join(f"{true} for {named}, {count} times" for true, named, count in pairs[:3])
    words = f"{title}: rows are the true classes. Most often: {worst or 'no video is wrong'}."
    svg = _svg("".join(parts), title, width=size, height=size)
    return Chart(svg, title, words, ("true class", "taken for", "videos"), rows)


def confused_pairs(
    counts_KK: NDArray[np.int64], classes: Sequence[str], *, most: int = 40
) -> list[tuple[str, str, int]]:
    """True class, named class and number of wrong videos, the most frequent first."""
    wrong = counts_KK.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    cells = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [
        (classes[row], classes[column], int(wrong[row, column]))
        for row, column in cells
        if wrong[row, column]
    ]


class _Plane:
    """Maps values to places of a chart."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x, self.y = x, y

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            _LEFT + across * (WIDTH - _LEFT - _RIGHT),
            HEIGHT - _BOTTOM - min(up, 1.02) * (HEIGHT - _TOP - _BOTTOM),
        )

    def axes(self, x: str, y: str, *, in_percent: bool, x_in_percent: bool = False) -> str:
        """Grid, ticks and names."""
        parts = []
        for value in _ticks(*self.y):
            px, py = self.place(self.x[0], value)
            text = f"{100 * value:g}" if in_percent else f"{value:g}"
            parts.append(f'<line class="grid" x1="{px}" y1="{py:.1f}" x2="{WIDTH - _RIGHT}" ')
            parts.append(f'y2="{py:.1f}"/><text class="end" x="{px - 6}" y="{py + 4:.1f}">')
            parts.append(f"{text}</text>")
        for value in _ticks(*self.x):
            px, py = self.place(value, self.y[0])
            text = f"{100 * value:g}" if x_in_percent else f"{value:g}"
            parts.append(f'<text class="middle" x="{px:.1f}" y="{py + 18}">{text}</text>')
        middle = (_LEFT + WIDTH - _RIGHT) / 2
        parts.append(f'<text class="middle" x="{middle}" y="{HEIGHT - 10}">{escape(x)}</text>')
        center = (HEIGHT - _BOTTOM + _TOP) / 2
        parts.append(
            f'<text class="middle" transform="translate(14 {center}) rotate(-90)">{escape(y)}'
            "</text>"
        )
        return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Round values of an axis."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= 6)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def _line(plane: _Plane, series: Series, number: int, dash: str) -> str:
    """One line, with gaps where values are missing."""
    color = f"c{number % NUM_COLORS}"
    pieces: list[list[str]] = [[]]
    dots = []
    for px, py in series.points:
        if math.isnan(py):
            pieces.append([])
            continue
        a, b = plane.place(px, py)
        pieces[-1].append(f"{a:.1f},{b:.1f}")
        if series.has_dots or len(series.points) == 1:
            dots.append(f'<circle class="dot {color}" cx="{a:.1f}" cy="{b:.1f}" r="4"/>')
    lines = [
        f'<polyline class="line {color}" stroke-dasharray="{dash}" points="{" ".join(piece)}"/>'
        for piece in pieces
        if len(piece) > 1
    ]
    return "".join([*lines, *dots])


def _legend(names: Sequence[str]) -> str:
    """Samples and names below the axes, two in a row."""
    parts = []
    for number, (name, dash) in enumerate(zip(names, cycle(_DASHES), strict=False)):
        x, y = _LEFT + (number % 2) * 280, HEIGHT + 12 + 20 * (number // 2)
        parts.append(
            f'<line class="line c{number % NUM_COLORS}" stroke-dasharray="{dash}" x1="{x}" '
            f'y1="{y - 4}" x2="{x + 32}" y2="{y - 4}"/><text x="{x + 40}" y="{y}">'
            f"{escape(name)}</text>"
        )
    return "".join(parts)


def _in_words(series: Series, *, in_percent: bool) -> str:
    """Begin and end of a line."""
    there = [(px, py) for px, py in series.points if not math.isnan(py)]
    if not there:
        return f"{series.name}: no values."
    first, last = (_value(py, in_percent=in_percent) for _, py in (there[0], there[-1]))
    if len(there) == 1:
        return f"{series.name}: {last}."
    return f"{series.name}: from {first} to {last}."


def _value(value: float, *, in_percent: bool) -> str:
    return f"{100 * value:.1f} %" if in_percent else f"{value:.4g}"


def _svg(content: str, title: str, *, width: float = WIDTH, height: float = HEIGHT) -> str:
    """The element; its name is for screen readers, and the words beside it say more."""
    return (
        f'<svg role="img" aria-label="{escape(title, quote=True)}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px">{content}</svg>'
    )
