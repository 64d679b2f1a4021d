"""Verdicts on lists of claims: right in made-up experiments whose truth is known."""

import math

import numpy as np
import pytest
from scipy import stats

from semivideo.evaluation.bootstrap import difference_by_group, paired_difference
from semivideo.evaluation.claims import LEAST_DRAWS, Claim, holm, judge, p_values
from semivideo.evaluation.metrics import Evaluation

PLACES = (("persons", 8, 4), ("films", 5, 40), ("few", 3, 4))  # name, methods, groups


def made_up(rng, *, ahead=0.0, noisy=1.0, of="draws", sizes=(1, 1, 1, 1), draws=(LEAST_DRAWS,) * 3):
    """A list of claims: each method beside the first one and beside the one before it.

    Draws, groups and both together move a method by 2 points each; the draws or ``of`` what else
    move the first and the last ``noisy`` times as much. Videos add their own chance. Where there
    are four groups they are of these relative ``sizes``; ``draws`` is a number for each place.
    """
    claims = []
    for (name, num, groups), D in zip(PLACES, draws, strict=True):
        by = {part: np.full((num, 1, 1), 0.02) for part in ("draws", "groups", "both")}
        for part in by if of == "all" else (of,):
            by[part][[0, -1]] *= noisy
        accuracy = rng.normal(size=(num, D, 1)) * by["draws"]
        accuracy = accuracy + rng.normal(size=(num, 1, groups)) * by["groups"]
        rest = np.sqrt(by["both"] ** 2 + 0.15 / (400 // groups))
        accuracy = accuracy + rng.normal(size=(num, D, groups)) * rest
        accuracy[1] += ahead
        pairs = {(i, 0) for i in range(1, num)} | {(i, i - 1) for i in range(1, num)}
        for i, j in sorted(pairs):
            claims.append(Claim(name, str(i), str(j), weighed(accuracy[i] - accuracy[j], sizes)))
    return claims


def weighed(table, sizes):
    """A table whose groups count by their sizes, as ``difference_by_group`` has it."""
    if table.shape[1] != len(sizes):
        return table
    share = np.array(sizes) / sum(sizes)
    mean = (table * share).sum(axis=1).mean()
    return mean + (table - mean) * share * len(sizes)


@pytest.mark.parametrize(
    "world",
    [
        {},
        {"noisy": 3.0},
        {"noisy": 3.0, "of": "groups"},
        {"noisy": 3.0, "of": "all"},
        {"sizes": (1, 2, 3, 4)},
        {"draws": (LEAST_DRAWS, 3, LEAST_DRAWS)},
    ],
    ids=str,
)
def test_judge__is_wrong_in_at_most_five_percent_of_lists_without_a_difference(world):
    rng = np.random.default_rng(0)
    lists = [judge(made_up(rng, **world)) for _ in range(240)]
    wrong = sum(any(claim.verdict != "open" for claim in each) for each in lists)
    assert wrong / len(lists) <= 0.05


def test_judge__finds_what_is_clearly_ahead():
    rng = np.random.default_rng(1)
    lists = [judge(made_up(rng, ahead=0.25)) for _ in range(20)]
    found = sum(each[0].verdict == "appears" for each in lists)  # method 1 over method 0, 4 people
    assert found >= 16
    behind = [judge(made_up(rng, ahead=-0.25))[0].verdict for _ in range(20)]
    assert behind.count("reversed") >= 16
    assert "appears" not in behind


def test_judge__leaves_a_claim_of_few_draws_open_whatever_it_shows():
    rng = np.random.default_rng(2)
    judged = judge(made_up(rng, ahead=0.6, draws=(LEAST_DRAWS - 1,) * 3))
    assert judged[0].corrected < 0.01
    assert {each.verdict for each in judged} == {"open"}


def test_judge__corrects_for_claims_that_were_not_run():
    [claim, *_] = made_up(np.random.default_rng(3), ahead=0.3)
    [alone] = judge([claim])
    with_others = judge([claim, *(Claim("persons", "a", "b") for _ in range(9))])
    assert with_others[0].corrected == pytest.approx(min(1.0, 10 * alone.p))
    assert math.isnan(with_others[1].p)
    assert with_others[1].verdict == "open"


def test_p_values__of_one_claim_are_those_of_a_two_way_layout():
    """By hand: with df of the smaller side, and a variance of draws plus groups."""
    table = np.array([[0.1, 0.3], [0.2, 0.2], [0.6, 0.4]])
    draws, groups = table.mean(axis=1), table.mean(axis=0)
    rest = table - draws[:, None] - groups + table.mean()
    ms = 2 * draws.var(ddof=1), 3 * groups.var(ddof=1), (rest**2).sum() / 2
    v = max(ms[0] + ms[1] - ms[2], ms[2]) / 6
    expected = 2 * stats.t.sf(table.mean() / math.sqrt(v), 1)
    assert p_values([Claim("here", "a", "b", table)])[0] == pytest.approx(expected)


def spread(table):
    """Variance of a mean over draws and groups, of a two-way layout."""
    D, G = table.shape
    draws, groups = table.mean(axis=1), table.mean(axis=0)
    rest = table - draws[:, None] - groups + table.mean()
    ms_rest = (rest**2).sum() / ((D - 1) * (G - 1))
    ms = G * draws.var(ddof=1) + D * groups.var(ddof=1) - ms_rest
    return max(ms, ms_rest) / (D * G)


def test_p_values__share_the_spread_of_a_place_and_take_their_own_where_it_is_larger():
    """By hand: three claims of three methods here, one elsewhere that must not count."""
    rng = np.random.default_rng(4)
    small, large = rng.normal(0.1, 0.01, (5, 4)), rng.normal(0.1, 0.2, (5, 4))
    own, pooled = [spread(small), spread(large)], (2 * spread(small) + spread(large)) / 3
    assert own[0] < pooled < own[1]
    claims = [
        *(Claim("here", "a", "b", small), Claim("here", "c", "b", large)),
        *(Claim("here", "c", "a", small), Claim("there", "a", "b", 9 * large)),
    ]
    found = p_values(claims)
    shared = 3 * (3 - 1) / 2  # the smaller side less one, three methods
    assert found[0] == pytest.approx(2 * stats.t.sf(small.mean() / math.sqrt(pooled), shared))
    ratio = pooled / own[1]
    df = 1 / (ratio / shared + (1 - ratio) / 3)
    assert found[1] == pytest.approx(2 * stats.t.sf(large.mean() / math.sqrt(own[1]), df))
    assert found[3] == pytest.approx(2 * stats.t.sf(large.mean() / math.sqrt(own[1]), 3))


def test_p_values__never_take_less_than_what_is_left_of_draws_and_groups():
    """Draws and groups that say the same by chance would leave a variance below zero."""
    table = np.array([[0.3, 0.1, 0.1], [0.1, 0.3, 0.1], [0.1, 0.1, 0.3]])
    left = (table - table.mean()) ** 2
    v = left.sum() / 4 / 9
    expected = 2 * stats.t.sf(table.mean() / math.sqrt(v), 2)
    assert p_values([Claim("here", "a", "b", table)])[0] == pytest.approx(expected)


def test_p_values__of_a_run_and_itself_find_nothing():
    assert p_values([Claim("here", "a", "a", np.zeros((5, 4)))]).tolist() == [1.0]


def test_holm__is_that_of_a_textbook():
    assert holm(np.array([0.01, 0.02, 0.03, 0.04])) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm(np.array([0.9, 0.01])) == pytest.approx([0.9, 0.02])
    assert holm(np.array([0.6, 0.6])).tolist() == [1.0, 1.0]


def test_difference_by_group__has_the_difference_as_its_mean():
    rng = np.random.default_rng(0)
    ids = tuple(f"v{i}" for i in range(30))
    groups = {id: f"g{min(i // 5, 3)}" for i, id in enumerate(ids)}  # of 5, 5, 5 and 15 videos

    def run():
        scores = rng.random((30, 2)).astype(np.float32)
        return Evaluation("1x1", ("a", "b"), ids, scores, np.zeros(30, dtype=np.int64))

    ours, theirs = [run() for _ in range(3)], [run() for _ in range(3)]
    table = difference_by_group(ours, theirs, groups=groups)
    assert table.shape == (3, 4)
    assert table.mean() == pytest.approx(paired_difference(ours, theirs, groups=groups).value)
    gains = [a.top1 - b.top1 for a, b in zip(ours, theirs, strict=True)]
    assert table.mean(axis=1) == pytest.approx(gains)
