"""How sure a share of right answers is: Wilson's interval (JASA 22, 1927)."""

from __future__ import annotations

import math

_Z = 1.959964  # two-sided 95 %


def wilson(share: float, number: float) -> tuple[float, float]:
    """Return the 95 % interval of a share; it is right for few videos too, and never empty.

    Args:
        share: What was found, in [0, 1].
        number: Independent trials it was found in, > 0.

    >>> low, high = wilson(1.0, 10)
    >>> round(low, 3), round(high, 3)
    (0.722, 1.0)
    """
    square = _Z**2 / number
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / number + square / number / 4)
    return max(0.0, middle - half), min(1.0, middle + half)
