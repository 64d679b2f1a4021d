"""Whether one method is ahead of another, where many such claims are made of few runs.

A claim is a table of differences, a row a draw, a column a group of test videos (a person, a film).
Its mean can be off in two ways, by the draws and by the groups, so its variance is that of a
two-way layout without repetition (Searle, Casella, McCulloch, "Variance components", 1992):

    v = (MS_draws + MS_groups - MS_rest) / (D G),  at least MS_rest / (D G)

With five draws and four groups v itself is hardly known. A bootstrap over so few finds a difference
where there is none in 15 to 30 % of lists of claims. So v is at least w, the mean of the v of all
claims at the same place, and the quantile is Student's. The degrees of freedom of w are

    m = max(k, k (M - 1) / 2),  k = min(D, G) - 1,  M methods at the place,

half of what M - 1 independent differences would give. A claim whose v is above w rests on its own k
as far as that, as Satterthwaite (1946) has it of a sum:

    1 / df = r / m + (1 - r) / k,  r = min(1, w / v)

The p-values of the whole list are corrected by Holm (1979), those of claims that were not run
counting as 1. A p-value thus depends on the other methods at its place, and may move when these are
run.

In made-up lists of the project's own claims without any difference 1 to 2 % had a false verdict; 4
to 5 % where one method deviates three to five times as much as the others, also where people make
most of the spread (`tests/benchmarks/test_evidence.py`, `tests/evaluation/test_claims.py`). Groups
are of about one size there; where one of four has seven tenths of the videos it was 5 %.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LEAST_DRAWS = 5
"""With fewer a claim stays open: runs that differ in rounding alone are 3 points apart."""
LEVEL = 0.05
"""Share of lists in which one verdict or more may be wrong where there is no difference."""
Verdict = Literal["appears", "reversed", "open"]


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """That one method is ahead of another.

    Attributes:
        place: Data set and labels; claims of one place share their spread.
        better: Name of the method that is said to be ahead.
        worse: Name of the other one.
        table: float (D, G), the difference, see ``bootstrap.difference_by_group``; None where it
            was not run.
    """

    place: str
    better: str
    worse: str
    table: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What a claim came to.

    Attributes:
        p: Of the two-sided test, before correction; NaN where there are fewer than two draws or
            groups.
        corrected: The same corrected for the whole list; from 0 to 1, or NaN.
        verdict: Of the list's level; "open" with fewer than ``LEAST_DRAWS`` draws.
    """

    p: float
    corrected: float
    verdict: Verdict


def judge(claims: Sequence[Claim]) -> list[Judged]:
    """Judge a list of claims together.

    Args:
        claims: All that are made, also those that were not run: the list is what is corrected for.
    """
    p = p_values(claims)
    corrected = holm(np.where(np.isnan(p), 1.0, p))
    judged = []
    for claim, alone, together in zip(claims, p.tolist(), corrected.tolist(), strict=True):
        verdict: Verdict = "open"
        table = claim.table
        if table is not None and len(table) >= LEAST_DRAWS and together <= LEVEL:
            verdict = "appears" if table.mean() > 0 else "reversed"
        judged.append(Judged(alone, math.nan if math.isnan(alone) else together, verdict))
    return judged


def p_values(claims: Sequence[Claim]) -> NDArray[np.float64]:
    """Return p-values before correction, float (claims,); NaN where a claim has none."""
    from scipy import stats

    spread = np.array([_spread(claim.table) for claim in claims])
    of_place: dict[str, list[int]] = defaultdict(list)
    for number, claim in enumerate(claims):
        if not math.isnan(spread[number]):
            of_place[claim.place].append(number)
    deviation, df = np.full(len(claims), np.nan), np.ones(len(claims))
    for members in of_place.values():
        pooled = spread[members].mean()
        deviation[members] = np.sqrt(np.maximum(spread[members], pooled))
        methods = {n for i in members for n in (claims[i].better, claims[i].worse)}
        for number in members:
            k = min(_shape(claims[number])) - 1
            shared = max(k, k * (len(methods) - 1) / 2)
            ratio = pooled / spread[number] if spread[number] > pooled else 1.0
            df[number] = 1 / (ratio / shared + (1 - ratio) / k)
    means = [np.nan if each.table is None else abs(each.table.mean()) for each in claims]
    # Where nothing deviates at all, as of a run and itself, there is no difference either.
    t = np.divide(means, deviation, out=np.zeros(len(claims)), where=deviation != 0)
    p: NDArray[np.float64] = 2 * stats.t.sf(t, df)
    return p


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values corrected for their number, none smaller than that of a smaller one.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p)
    factors = np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return corrected


def _shape(claim: Claim) -> tuple[int, ...]:
    """Draws and groups."""
    return (1, 1) if claim.table is None else claim.table.shape


def _spread(table_DG: NDArray[np.float64] | None) -> float:
    """Variance of a table's mean over draws and groups; NaN where it cannot be told."""
    if table_DG is None or min(table_DG.shape) < 2:
        return math.nan
    D, G = table_DG.shape
    draws_D, groups_G, mean = table_DG.mean(axis=1), table_DG.mean(axis=0), table_DG.mean()
    rest_DG = table_DG - draws_D[:, None] - groups_G + mean
    ms_rest = (rest_DG**2).sum() / ((D - 1) * (G - 1))
    ms_draws, ms_groups = G * draws_D.var(ddof=1), D * groups_G.var(ddof=1)
    return float(max(ms_draws + ms_groups - ms_rest, ms_rest) / (D * G))
