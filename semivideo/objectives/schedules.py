"""Weights that change with the progress of training, as pure functions of it."""

from __future__ import annotations


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


def ramped(weight: float, progress: float, *, ramp: float) -> float:
    """Return ``weight`` rising linearly from 0 over the first ``ramp`` of the training.

    Args:
        weight: Weight after the ramp, >= 0.
        progress: Share of the training done, in [0, 1).
        ramp: Share of the training over which it rises, in [0, 1]; 0 for no ramp.

    >>> [ramped(50.0, p, ramp=0.4) for p in (0.0, 0.1, 0.4, 0.9)]
    [0.0, 12.5, 50.0, 50.0]
    """
    return weight if progress >= ramp else weight * progress / ramp
