"""How sure a share of right answers is: Wilson's interval (JASA 22, 1927), also of grouped videos.

Videos of one person or scene are right or wrong together, so they tell less than as many
independent ones. By how much is the *design effect*, the variance of the share between groups over
that of independent videos (Kish, Survey Sampling, 1965). Wilson's interval then takes the number of
videos over the design effect, and Student's t in the place of the normal deviation, for a few
groups know little of their own spread (Korn and Graubard, Survey Methodology 24, 1998; Franco,
Little, Louis and Slud, J. Survey Statistics and Methodology 7, 2019).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

_Z = 1.959964  # two-sided 95 %


def wilson(share: float, number: float, *, deviations: float = _Z) -> tuple[float, float]:
    """Return the 95 % interval of a share; it is right for few videos too, and never empty.

    Args:
        share: What was found, in [0, 1].
        number: Independent trials it was found in, > 0.
        deviations: Half of the width of the interval, in standard deviations.

    >>> low, high = wilson(1.0, 10)
    >>> round(low, 3), round(high, 3)
    (0.722, 1.0)
    """
    square = deviations**2 / number
    middle = (share + square / 2) / (1 + square)
    half = deviations / (1 + square) * math.sqrt(share * (1 - share) / number + square / number / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def design_effect(right: Sequence[bool], groups: Sequence[Hashable]) -> float:
    """Return how many grouped videos tell as much as one independent video.

    Args:
        right: Whether each video was named rightly, at least one.
        groups: What each belongs to.

    Returns:
        At least 1; of a single group the number of its videos, for it shows nothing of others.
    """
    _, group_V = np.unique([str(group) for group in groups], return_inverse=True)
    size_G = np.bincount(group_V)
    right_G = np.bincount(group_V, np.asarray(right, dtype=float))
    num_videos, num_groups = len(right), len(size_G)
    if num_groups in (1, num_videos):
        return num_videos / num_groups
    share = right_G.sum() / num_videos
    if share in (0.0, 1.0):
        return 1.0
    squares = ((right_G - share * size_G) ** 2).sum()
    between = num_groups / (num_groups - 1) * squares / num_videos**2
    return max(1.0, float(between / (share * (1 - share) / num_videos)))


def grouped_wilson(
    share: float, number: int, *, effect: float, num_groups: int
) -> tuple[float, float]:
    """Return the 95 % interval of a share of grouped videos.

    Args:
        share: What was found, in [0, 1].
        number: Videos it was found in, > 0.
        effect: Their design effect.
        num_groups: Groups that they are of.

    >>> [round(end, 2) for end in grouped_wilson(0.25, 84, effect=2.0, num_groups=4)]
    [0.1, 0.5]
    """
    from scipy.special import stdtrit  # half a second that only intervals of groups wait for

    if num_groups in (1, number):  # nothing is known of the spread, or there is none
        return wilson(share, number / effect)
    deviations = float(stdtrit(num_groups - 1, 0.975))
    return wilson(share, number / effect, deviations=deviations)
