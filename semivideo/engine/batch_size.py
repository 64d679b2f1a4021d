"""The largest batch that fits: found by trying, since no formula knows a library's work space."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch

from semivideo.base.devices import is_out_of_memory
from semivideo.base.errors import ConfigError

MARGIN = 0.1
"""Share of the largest size that worked which is left free: batches differ, memory fragments."""


def largest_batch(try_step: Callable[[int], None], *, start: int, limit: int) -> int:
    """Double a batch until a step runs out of memory, then halve the gap to the last that did not.

    ::

        start 4:  4 ok, 8 ok, 16 ok, 32 not -> 24 ok, 28 not, 26 ok; 26 less the margin is 23

    Args:
        try_step: Does a whole step (forward, backward, update) with so many clips, and raises what
            torch raises where memory runs out; see ``within_memory`` for a CPU.
        start: The first size, >= 1.
        limit: No larger size is tried, >= start.

    Returns:
        ``limit`` if that works; else the largest size that worked, to a sixteenth, less ``MARGIN``.

    Raises:
        ConfigError: Not even ``start`` fits.
    """
    if not _fits(try_step, start):
        raise ConfigError(
            f"a step with {start} clips does not fit into memory; lower it, views.crop_size or "
            "num_frames, or set engine.checkpoint_activations=true"
        )
    works, fails = start, limit + 1
    while works < limit and fails - works > max(1, works // 16):
        size = min(2 * works, limit) if fails > limit else (works + fails) // 2
        if _fits(try_step, size):
            works = size
        else:
            fails = size
    return works if works == limit else max(start, int(works * (1 - MARGIN)))


def within_memory(
    try_step: Callable[[int], None], *, budget_mb: float, peak_mb: Callable[[], float]
) -> Callable[[int], None]:
    """Return ``try_step`` for a CPU, where a step without memory is not refused but kills.

    Memory grows in a line with the batch, so the line through the last two sizes says what the next
    one takes, and a size that would take more than the budget is not tried. Small sizes may hide
    below an earlier peak: leave room, such as half of the machine's memory.

    Args:
        try_step: As for ``largest_batch``.
        budget_mb: What the process may use in MB. The first two sizes are tried in any case.
        peak_mb: The most memory used so far, in MB, such as ``Runtime.peak_memory_mb``.

    Returns:
        A function that raises ``MemoryError`` in place of going over the budget.
    """
    tried: list[tuple[int, float]] = []

    def careful(size: int) -> None:
        if len(tried) >= 2:
            (size_1, peak_1), (size_2, peak_2) = tried[-2:]
            per_clip = (peak_2 - peak_1) / (size_2 - size_1)
            if peak_2 + per_clip * (size - size_2) > budget_mb:
                raise MemoryError
        try_step(size)
        tried.append((size, peak_mb()))
        if tried[-1][1] > budget_mb:
            raise MemoryError

    return careful


def _fits(try_step: Callable[[int], None], size: int) -> bool:
    """Whether a step works; afterwards the memory is as empty as before."""
    try:
        try_step(size)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    finally:
        gc.collect()
        torch.cuda.empty_cache()  # does nothing without a GPU
    return True
