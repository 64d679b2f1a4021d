"""How good found events are, where the true ones are known.

Temporal overlap of two stretches a and b: |a and b| / |a or b|. At a threshold t, found events of a
class are taken in order of their scores; one is right if it overlaps at least t with a true event
of its class and video that no earlier one has taken, the one it overlaps most with. With TP and FP
counted so far, precision is TP / (TP + FP) and recall TP / (number of true events); the average
precision of a class is the area under precision over recall, precision being the highest at this
recall or beyond (ActivityNet's detection task). The mean over classes that have true events is mAP.

Frame F1 of a class is 2 TP / (2 TP + FP + FN) over frames, whatever the events' borders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semivideo.events.event_stages import Event
from semivideo.events.window_scores import Seconds

OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Thresholds that are reported."""
EventsByVideo = Mapping[str, Sequence[Event]]


@dataclass(frozen=True, slots=True)
class EventAccuracy:
    """Accuracy of events.

    Attributes:
        classes: Those that have true events.
        average_precision: Threshold to the average precision of each of the classes, in [0, 1].
        frame_f1: F1 of each of the classes over frames, in [0, 1].
        num_true: True events of each of the classes.
        num_found: Found events of each of the classes.
    """

    classes: tuple[str, ...]
    average_precision: dict[float, tuple[float, ...]]
    frame_f1: tuple[float, ...]
    num_true: tuple[int, ...]
    num_found: tuple[int, ...]

    @property
    def mean_average_precision(self) -> dict[float, float]:
        """Threshold to mAP."""
        return {t: float(np.mean(each)) for t, each in self.average_precision.items()}

    @property
    def mean_frame_f1(self) -> float:
        """Mean over the classes."""
        return float(np.mean(self.frame_f1))


def event_accuracy(
    found: EventsByVideo,
    truth: EventsByVideo,
    *,
    frames: Mapping[str, Seconds],
    overlaps: Sequence[float] = OVERLAPS,
) -> EventAccuracy:
    """Compare found with true events.

    Args:
        found: Video to its found events.
        truth: Video to its true events; at least one of all.
        frames: Video to the times of its frames, for F1.
        overlaps: Thresholds in (0, 1].
    """
    classes = sorted({event.label for events in truth.values() for event in events})

    def of(events: EventsByVideo, label: str) -> dict[str, list[Event]]:
        return {v: [e for e in each if e.label == label] for v, each in events.items()}

    precision = {
        t: tuple(average_precision(of(found, c), of(truth, c), overlap=t) for c in classes)
        for t in overlaps
    }
    return EventAccuracy(
        tuple(classes),
        precision,
        tuple(frame_f1(of(found, c), of(truth, c), frames=frames) for c in classes),
        tuple(sum(map(len, of(truth, c).values())) for c in classes),
        tuple(sum(map(len, of(found, c).values())) for c in classes),
    )


def temporal_overlap(one: Event, other: Event) -> float:
    """Intersection over union of two stretches of time, in [0, 1].

    >>> temporal_overlap(Event("a", 0, 2, 1), Event("a", 1, 4, 1))
    0.25
    """
    both = min(one.end_seconds, other.end_seconds) - max(one.start_seconds, other.start_seconds)
    if both <= 0:
        return 0.0
    lengths = sum(each.end_seconds - each.start_seconds for each in (one, other))
    return both / (lengths - both)


def average_precision(found: EventsByVideo, truth: EventsByVideo, *, overlap: float) -> float:
    """Average precision of one class, see the module; NaN where nothing is true."""
    num_true = sum(map(len, truth.values()))
    if num_true == 0:
        return float("nan")
    ranked = [(event, video) for video, events in found.items() for event in events]
    ranked.sort(key=lambda pair: (-pair[0].score, pair[1], pair[0].start_seconds))
    taken: set[tuple[str, int]] = set()
    right = np.zeros(len(ranked), dtype=bool)
    for rank, (event, video) in enumerate(ranked):
        free = [
            (temporal_overlap(event, true), number)
            for number, true in enumerate(truth.get(video, ()))
            if (video, number) not in taken
        ]
        best, number = max(free, default=(0.0, -1))
        if best >= overlap:
            taken.add((video, number))
            right[rank] = True
    return _area(right, num_true)


def _area(right: NDArray[np.bool_], num_true: int) -> float:
    """Area under precision over recall; each right event adds 1 / num_true to recall."""
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    highest_beyond = np.maximum.accumulate(precision[::-1])[::-1]
    return float(highest_beyond[right].sum() / num_true)


def frame_f1(found: EventsByVideo, truth: EventsByVideo, *, frames: Mapping[str, Seconds]) -> float:
    """F1 of one class over the frames of all videos; 0 where nothing is found or true."""
    right = wrong = 0
    for video, times in frames.items():
        is_found, is_true = (_inside(each.get(video, ()), times) for each in (found, truth))
        right += int(np.sum(is_found & is_true))
        wrong += int(np.sum(is_found ^ is_true))
    return 2 * right / (2 * right + wrong) if right else 0.0


def _inside(events: Sequence[Event], times: Seconds) -> NDArray[np.bool_]:
    """Whether each moment lies in one of some events."""
    inside = np.zeros(len(times), dtype=bool)
    for event in events:
        inside |= (times >= event.start_seconds) & (times < event.end_seconds)
    return inside
