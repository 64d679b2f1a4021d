"""How long jobs say how far they are."""

from __future__ import annotations

from collections.abc import Callable

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
