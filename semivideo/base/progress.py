"""How long jobs say how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[str, int, int, str], None]
"""Called with what is going on, how much of it is done, out of how much, and a remark.

The same everywhere; None tells nobody."""


def prefixed(progress: Progress | None, name: str) -> Progress | None:
    """Return a progress whose descriptions begin with a name, such as that of one run of many."""
    if progress is None:
        return None
    told: Progress = progress

    def named(description: str, done: int, total: int, extra: str) -> None:
        told(f"{name}: {description}", done, total, extra)

    return named


class PlainLines:
    """A progress in lines of text, for logs of SLURM and CI, and for notebooks.

    The first line of a job comes after ten seconds, the next ones every half a minute, later every
    twentieth of the time so far, at least every ten minutes; one at the end if there was any::

        train: 240 of 1200, 3.1/s, 5 min left  loss 1.32  kept 12%

    Args:
        write: Takes each line, such as ``print``.
        clock: Seconds from any start.
    """

    def __init__(
        self, write: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._jobs: dict[str, _Job] = {}

    def __call__(self, description: str, done: int, total: int, extra: str = "") -> None:
        """Take in how far a job is, and write a line if it is time for one."""
        now = self._clock()
        job = self._jobs.get(description)
        if job is None or done < job.done:
            job = self._jobs[description] = _Job(now, done, next_line=now + _FIRST)
        job.done = done
        is_end = done == total and job.has_spoken
        if now < job.next_line and not is_end:
            return
        self._write(_line(description, job, now, total, extra))
        job.has_spoken = not is_end
        job.next_line = now + min(_MOST, max(_LEAST, (now - job.start) / 20))


_FIRST, _LEAST, _MOST = 10.0, 30.0, 600.0  # seconds


@dataclass
class _Job:
    """When something began, and with how much done."""

    start: float
    at_start: int
    next_line: float
    done: int = 0
    has_spoken: bool = False


def _line(description: str, job: _Job, now: float, total: int, extra: str) -> str:
    """How much is done, how fast, and how long the rest takes."""
    words = [f"{description}: {job.done} of {total}"]
    seconds, items = now - job.start, job.done - job.at_start
    if items > 0 and seconds > 0:
        rate = items / seconds
        words.append(f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each")
        if job.done < total:
            words.append(f"{duration((total - job.done) / rate)} left")
    return "  ".join(filter(None, [", ".join(words), extra]))


def duration(seconds: float) -> str:
    """Return a time in the unit that people would take.

    >>> duration(42.3), duration(300), duration(9000)
    ('42 s', '5 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
