"""How busy other programs keep the machine's processors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")


def watch_others() -> Callable[[], float | None]:
    """Begin to look at other programs.

    Returns:
        A function that gives the processors they have used since, on average; None if unknown.
    """
    busy, own, start = _busy_seconds(), _own_seconds(), time.perf_counter()

    def others() -> float | None:
        now = _busy_seconds()
        if busy is None or now is None:
            return None
        spent = now - busy - (_own_seconds() - own)
        return max(0.0, spent / (time.perf_counter() - start))

    return others


def _busy_seconds() -> float | None:
    """Time all processors together have worked since the system started."""
    file = _PROC / "stat"
    if not file.is_file():
        return None
    user, nice, system, _, _, *rest = map(int, file.read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + sum(rest[:3])) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Time processors have worked for this process and those it started that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
