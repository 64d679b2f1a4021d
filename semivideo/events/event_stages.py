"""From scores over time to events: small stages, one after the other.

    smoothed -> without_background -> hysteresis -> joined -> long_enough

Each is a function of its own; ``events_of`` runs them in this order with the options of
``Stages``. An event is a stretch of time of one class, in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from semivideo.base.checked import Proportion
from semivideo.base.errors import ConfigError, nearest
from semivideo.events.label_row import LabelRow
from semivideo.events.window_scores import Seconds, WindowScores

Scores = NDArray[np.float32]
_SHORTEST = 1e-6  # seconds, as for the borders of segments
NotNegative = Annotated[float, Field(ge=0)]
BACKGROUND_WORDS = ("background", "nothing", "none", "no action")
"""Classes that are taken as the background where the user names none, in any case."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens.

    Attributes:
        label: Its class.
        start_seconds: Where it begins.
        end_seconds: Where it ends.
        score: Mean probability of the class meanwhile, in [0, 1].
    """

    label: str
    start_seconds: float
    end_seconds: float
    score: float

    def row(self, video: str) -> LabelRow:
        """Return it as a label of a video, for the writers of formats."""
        return LabelRow(
            video,
            self.label,
            start_seconds=round(self.start_seconds, 3),
            end_seconds=round(self.end_seconds, 3),
            score=round(self.score, 4),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What the stages do.

    Args:
        smooth_seconds: Length of the moving average over time; None for half a window.
        high: An event needs this probability at one moment at least.
        low: It goes on as long as the probability is at least this, <= ``high``.
        join_seconds: Two events of a class with a gap of at most this between them are one.
        shortest_seconds: Shorter events are left out; None for a quarter of a window.
        background: Class that means that nothing happens; None for one called background.
        overlap: Whether several classes may happen at once; else the most probable one counts.

    Raises:
        ConfigError: ``low`` above ``high``.
    """

    smooth_seconds: NotNegative | None = None
    high: Proportion = 0.5
    low: Proportion = 0.4
    join_seconds: NotNegative = 0.0
    shortest_seconds: NotNegative | None = None
    background: str | None = None
    overlap: bool = False

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ConfigError(
                f"low must be at most high, got low {self.low:g} and high {self.high:g}"
            )


def events_of(scores: WindowScores, stages: Stages) -> list[Event]:
    """Find the events of a video.

    Args:
        scores: Of its windows.
        stages: How.

    Returns:
        Events in order of their starts.

    Raises:
        ConfigError: No such class as the background.
    """
    window = float(np.median(scores.end_seconds - scores.start_seconds))
    edges = scores.edges_seconds
    smooth = window / 2 if stages.smooth_seconds is None else stages.smooth_seconds
    shortest = window / 4 if stages.shortest_seconds is None else stages.shortest_seconds
    shares_WK = smoothed(scores.probabilities, edges, seconds=smooth)
    hidden = background_class(scores.classes, stages.background)
    shares_WK = without_background(shares_WK, hidden, overlap=stages.overlap)
    events: list[Event] = []
    for number, label in enumerate(scores.classes):
        if number != hidden:
            active = hysteresis(shares_WK[:, number], high=stages.high, low=stages.low)
            events += stretches(active, shares_WK[:, number], edges, label=label)
    events = long_enough(joined(events, seconds=stages.join_seconds), seconds=shortest)
    return sorted(events, key=lambda event: (event.start_seconds, event.label))


def smoothed(scores_WK: Scores, edges_seconds: Seconds, *, seconds: float) -> Scores:
    """Average over time: at each cell the mean over ``seconds`` around its middle.

    Cells weigh by how much of them lies in that stretch; at the ends of the video it is cut.

    Args:
        scores_WK: (W, K).
        edges_seconds: (W + 1,), ascending.
        seconds: Length of the stretch; 0 changes nothing.

    Returns:
        float32 (W, K).

    >>> smoothed(np.array([[0], [3], [0]]), np.array([0.0, 1, 2, 3]), seconds=2.0)[:, 0].tolist()
    [1.0, 1.5, 1.0]
    """
    if seconds < _SHORTEST:
        return scores_WK.astype(np.float32)
    widths = np.diff(edges_seconds)
    total = np.concatenate(
        [np.zeros((1, scores_WK.shape[1])), np.cumsum(scores_WK * widths[:, None], axis=0)]
    )
    middles = (edges_seconds[1:] + edges_seconds[:-1]) / 2
    first = np.maximum(middles - seconds / 2, edges_seconds[0])
    last = np.minimum(middles + seconds / 2, edges_seconds[-1])
    integral = [
        np.stack([np.interp(times, edges_seconds, column) for column in total.T], axis=1)
        for times in (first, last)
    ]
    mean: Scores = ((integral[1] - integral[0]) / (last - first)[:, None]).astype(np.float32)
    return mean


def background_class(classes: Sequence[str], name: str | None) -> int | None:
    """Number of the class that means that nothing happens, or None where there is none.

    Raises:
        ConfigError: A class is named that is not there.
    """
    if name is None:
        found = (n for n, each in enumerate(classes) if each.lower() in BACKGROUND_WORDS)
        return next(found, None)
    if name not in classes:
        raise ConfigError(
            f"background is {name!r}, which is none of the classes{nearest(name, classes)} [known: "
            f"{', '.join(classes)}]"
        )
    return classes.index(name)


def without_background(scores_WK: Scores, background: int | None, *, overlap: bool) -> Scores:
    """Set to zero what does not count: the background, and all that is less probable than it.

    Args:
        scores_WK: (W, K).
        background: Number of its class; None for none.
        overlap: Whether several classes may count at once; else the most probable one does.

    Returns:
        float32 (W, K).
    """
    kept = scores_WK.copy()
    if not overlap:
        kept[np.arange(scores_WK.shape[1]) != scores_WK.argmax(axis=1)[:, None]] = 0
    if background is not None:
        kept[scores_WK <= scores_WK[:, [background]]] = 0
    return kept


def hysteresis(scores_W: Scores, *, high: float, low: float) -> NDArray[np.bool_]:
    """Say where one class happens: where it stays above ``low`` around a moment above ``high``.

    >>> hysteresis(np.array([0.4, 0.6, 0.4, 0.1, 0.4]), high=0.5, low=0.3).tolist()
    [True, True, True, False, False]
    """
    may_be = (scores_W >= low) & (scores_W > 0)
    run = np.cumsum(np.diff(may_be, prepend=False) & may_be)
    sure = np.unique(run[may_be & (scores_W >= high)])
    return np.asarray(may_be & np.isin(run, sure))


def stretches(
    active_W: NDArray[np.bool_], scores_W: Scores, edges_seconds: Seconds, *, label: str
) -> list[Event]:
    """Make an event of each run of active cells; its score is the mean over time.

    >>> edges = np.array([0.0, 1, 2, 3])
    >>> stretches(np.array([True, True, False]), np.array([0.5, 1, 0]), edges, label="run")
    [Event(label='run', start_seconds=0.0, end_seconds=2.0, score=0.75)]
    """
    change = np.flatnonzero(np.diff(active_W, prepend=False, append=False))
    widths = np.diff(edges_seconds)
    events = []
    for first, after in change.reshape(-1, 2).tolist():
        score = float(np.average(scores_W[first:after], weights=widths[first:after]))
        start, end = float(edges_seconds[first]), float(edges_seconds[after])
        events.append(Event(label, start, end, score))
    return events


def joined(events: Sequence[Event], *, seconds: float) -> list[Event]:
    """Make one of two events of a class that are at most ``seconds`` apart; 0 joins what touches.

    >>> two = [Event("run", 0, 1, 0.5), Event("run", 2, 3, 1.0)]
    >>> joined(two, seconds=1.0)
    [Event(label='run', start_seconds=0, end_seconds=3, score=0.75)]
    """
    found: list[Event] = []
    last: dict[str, int] = {}
    for event in sorted(events, key=lambda each: each.start_seconds):
        place = last.get(event.label)
        if place is not None and event.start_seconds - found[place].end_seconds <= seconds:
            found[place] = _one(found[place], event)
        else:
            last[event.label] = len(found)
            found.append(event)
    return found


def _one(first: Event, second: Event) -> Event:
    """Both, and what lies between; the score is the mean over the time of the two."""
    lengths = [each.end_seconds - each.start_seconds for each in (first, second)]
    score = float(np.average([first.score, second.score], weights=lengths))
    end = max(first.end_seconds, second.end_seconds)
    return replace(first, end_seconds=end, score=score)


def long_enough(events: Sequence[Event], *, seconds: float) -> list[Event]:
    """Leave out events that are shorter than ``seconds``."""
    return [e for e in events if e.end_seconds - e.start_seconds >= seconds - 1e-9]
