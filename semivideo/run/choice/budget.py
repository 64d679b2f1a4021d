"""How long a training may take, as people write it, and the clock that says what is left."""

from __future__ import annotations

import math
import re
import time

from semivideo.base.errors import ConfigError, option

USUAL = "10m"
"""The budget of a training that is told none."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NICE = (600, 1200, 1800, 3600, 7200, 10800, 14400, 21600, 28800, 43200, 86400)


def seconds_of(budget: str) -> float:
    """Return a duration in seconds.

    Raises:
        ConfigError: It is none.

    >>> seconds_of("90s"), seconds_of("10m"), seconds_of("1.5h")
    (90.0, 600.0, 5400.0)
    """
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*([smhd])", budget.strip().lower())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if seconds <= 0:
        raise ConfigError(
            f"{option('budget')} takes a duration such as 90s, 10m or 2h, got {budget!r}"
        )
    return seconds


def enough(seconds: float) -> str:
    """Return a budget that holds so many seconds, as one would type it.

    >>> enough(500), enough(3000), enough(1e6)
    ('10m', '1h', '278h')
    """
    nice = next((each for each in _NICE if each >= seconds), None)
    if nice is None:
        return f"{math.ceil(seconds / 3600)}h"
    return f"{nice // 60}m" if nice < 3600 else f"{nice // 3600}h"


class Clock:
    """What is spent of a budget.

    Args:
        budget: Seconds.
        spent: Seconds that were spent before, by a process that was stopped.
    """

    def __init__(self, budget: float, *, spent: float = 0.0) -> None:
        self.budget = budget
        self._start = time.monotonic() - spent

    @property
    def spent(self) -> float:
        """Seconds until now."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds from now, never less than 0."""
        return max(0.0, self.budget - self.spent)
