"""Time spent in named parts. A part's time is without that of the parts inside it, so times add up.

Functions are watched from outside, as they are called in training, so that what is measured is
what runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

Name = str | Callable[..., str | None]
"""Of a part, or how to make it of a call's arguments; None leaves the time to the part outside."""


class Stopwatch:
    """Seconds by part.

    Args:
        device: Where the work is done; parts end when it has done what it was given.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self._is_asynchronous = device is not None and device.type != "cpu"
        self._seconds: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    @property
    def current(self) -> str | None:
        """The part that is running."""
        return self._running[-1] if self._running else None

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time of the block, without that of parts inside it."""
        self._tick()
        self._running.append(name)
        self._seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self._tick()
            self._running.pop()

    @contextmanager
    def watching(self, owner: Any, attribute: str, name: Name) -> Iterator[None]:
        """Count the calls of a function of an object or module as a part while the block runs.

        Args:
            owner: The object; calls are counted where they look the function up there.
            attribute: Name of the function.
            name: Of the part.
        """
        function = getattr(owner, attribute)

        def watched(*arguments: Any, **options: Any) -> Any:
            found = name if isinstance(name, str) else name(*arguments, **options)
            if found is None:
                return function(*arguments, **options)
            with self.part(found):
                return function(*arguments, **options)

        is_its_own = attribute in vars(owner)  # else it is its class's
        setattr(owner, attribute, watched)
        try:
            yield
        finally:
            if is_its_own:
                setattr(owner, attribute, function)
            else:
                delattr(owner, attribute)

    def lap(self) -> dict[str, float]:
        """Return the seconds of each part since the last lap."""
        lap, self._seconds = self._seconds, {}
        return lap

    def _tick(self) -> None:
        """Give the time since the last event to the part that was running."""
        if self._is_asynchronous:
            torch.accelerator.synchronize()
        now = time.perf_counter()
        if self._running:
            self._seconds[self._running[-1]] += now - self._since
        self._since = now


def typical(laps: list[dict[str, float]]) -> dict[str, float]:
    """Average the middle half of the laps, by their length: whole laps, so that parts add up.

    Args:
        laps: At least one; a part that a lap has not got took no time in it.

    >>> typical([{"a": 9.0}, {"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 1.0}, {"a": 0.5}])
    {'a': 1.5, 'b': 1.0}
    """
    by_length = sorted(laps, key=lambda lap: sum(lap.values()))
    quarter = len(laps) // 4
    middle = by_length[quarter : len(laps) - quarter]
    names = dict.fromkeys(name for lap in laps for name in lap)
    return {name: sum(lap.get(name, 0.0) for lap in middle) / len(middle) for name in names}


def paced(times: int, *, seconds: float, least: int = 2) -> Iterator[int]:
    """Count up to ``times``, but stop when the time is up and ``least`` are done."""
    start = time.perf_counter()
    for number in range(times):
        if number >= least and time.perf_counter() - start > seconds:
            return
        yield number
