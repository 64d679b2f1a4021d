"""Weights that change with the progress of training, as pure functions of it."""

from __future__ import annotations

import math


def after_warmup(weight: float, progress: float, *, warmup: float) -> float:
    """Return 0 during the supervised warm-up, ``weight`` from its end on.

    Args:
        weight: Weight of the unlabelled terms, >= 0.
        progress: Share of the training done, in [0, 1).
        warmup: Share of the training that is supervised only, in [0, 1].

    >>> [after_warmup(2.0, p, warmup=0.3) for p in (0.0, 0.29, 0.3, 0.9)]
    [0.0, 0.0, 2.0, 2.0]
    """
    return weight if progress >= warmup else 0.0


def ramped(weight: float, progress: float, *, ramp: float, start: float = 0.0) -> float:
    """Return 0 up to ``start``, then ``weight`` rising linearly to its full value at ``ramp``.

    Args:
        weight: Weight after the ramp, >= 0.
        progress: Share of the training done, in [0, 1).
        ramp: Share of the training at which it is full, in [0, 1]; 0 for no ramp.
        start: Share of the training at which it begins to rise, in [0, 1].

    >>> [ramped(50.0, p, ramp=0.4) for p in (0.0, 0.1, 0.4, 0.9)]
    [0.0, 12.5, 50.0, 50.0]
    >>> [ramped(50.0, p, ramp=0.5, start=0.25) for p in (0.1, 0.25, 0.375, 0.5)]
    [0.0, 0.0, 25.0, 50.0]
    """
    if progress < start:
        return 0.0
    if progress >= ramp:
        return weight
    return weight * (progress - start) / (ramp - start)


def sine_ramped(weight: float, progress: float, *, start: float) -> float:
    """Return 0 up to ``start``, then ``weight`` sin(pi/2 (progress - start) / (1 - start)) (SeFAR).

    Args:
        weight: Weight at the end of the training, >= 0.
        progress: Share of the training done, in [0, 1).
        start: Share of the training at which it begins to rise, in [0, 1].

    >>> [round(sine_ramped(2.0, p, start=0.25), 3) for p in (0.1, 0.25, 0.5, 0.999)]
    [0.0, 0.0, 1.0, 2.0]
    """
    if progress < start:
        return 0.0
    return weight * math.sin(math.pi / 2 * (progress - start) / (1 - start))
