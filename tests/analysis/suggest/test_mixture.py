import itertools
import math

import numpy as np
import pytest

from semivideo.analysis.suggest.mixture import (
    Candidates,
    Weights,
    choose,
    disagreement,
    entropy_doubt,
    margin_doubt,
    ranks,
    typicality,
)


def drawn(num, seed=0, *, classes=4, dim=5):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), num)
    q = rng.dirichlet(np.ones(classes), num)
    return Candidates(p, rng.normal(size=(num, dim)), [f"g{n % 3}" for n in range(num)], q)


def test_doubt__of_written_out_rows():
    p = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [1 / 3] * 3])
    assert margin_doubt(p).tolist() == pytest.approx([0.8, 0.0, 1.0])
    first = -(0.5 * math.log(0.5) + 0.3 * math.log(0.3) + 0.2 * math.log(0.2)) / math.log(3)
    assert entropy_doubt(p).tolist() == pytest.approx([first, 0.0, 1.0], abs=1e-9)
    other = np.array([[0.1, 0.7, 0.2], [0.0, 1.0, 0.0], [1 / 3] * 3])
    assert disagreement(p, other).tolist() == pytest.approx([0.4, 1.0, 0.0])


def test_typicality__is_that_of_pairs_one_by_one():
    points = np.random.default_rng(1).normal(size=(40, 3))
    found = typicality(points, neighbors=5)
    for n, point in enumerate(points):
        apart = sorted(math.dist(point, other) for m, other in enumerate(points) if m != n)
        assert found[n] == pytest.approx(5 / sum(apart[:5]))
    assert typicality(points[:1]).tolist() == [1.0]


def test_ranks__count_who_is_below():
    values = np.random.default_rng(2).integers(0, 5, 30).astype(float)
    for value, rank in zip(values, ranks(values), strict=True):
        below, same = (values < value).sum(), (values == value).sum()
        assert rank == pytest.approx((below + (same - 1) / 2) / 29)


def choose_slowly(c, labeled, count, w):
    """The module's text, one video and one pair at a time."""
    asked, taken = {}, []
    rank = {
        "unsure": ranks(np.array([1 - (sorted(p)[-1] - sorted(p)[-2]) for p in c.probabilities])),
        "typical": ranks(typicality(c.features)),
        "disagree": ranks(np.abs(c.probabilities - c.others).sum(1) / 2),
    }
    for _ in range(count):
        known = [*labeled, *(c.features[n] for n in taken)]
        near = np.array([min(math.dist(f, k) for k in known) for f in c.features])
        rank["new"] = ranks(near)
        left = [n for n in range(len(c.features)) if n not in taken]
        least = min(asked.get(c.groups[n], 0) for n in left)
        free = [n for n in left if asked.get(c.groups[n], 0) == least]
        score = {n: sum(getattr(w, k) * rank[k][n] for k in rank) for n in free}
        taken.append(max(free, key=lambda n: (score[n], -n)))
        asked[c.groups[taken[-1]]] = asked.get(c.groups[taken[-1]], 0) + 1
    return taken


@pytest.mark.parametrize("weights", [Weights(), Weights(unsure=3, typical=0), Weights(new=5)])
def test_choose__is_the_text_done_slowly(weights):
    candidates = drawn(60)
    labeled = np.random.default_rng(3).normal(size=(4, 5))
    found = [each.place for each in choose(candidates, labeled, count=12, weights=weights)]
    assert found == choose_slowly(candidates, labeled, 12, weights)


def test_choose__asks_every_group_once_before_one_twice():
    candidates = drawn(30)
    found = [each.place for each in choose(candidates, np.zeros((0, 5)), count=9)]
    groups = [candidates.groups[place] for place in found]
    assert all(len(set(groups[n : n + 3])) == 3 for n in (0, 3, 6))


def test_choose__takes_one_of_each_heap_where_only_new_counts():
    heaps = np.repeat(np.eye(4) * 10, 10, axis=0) + np.random.default_rng(0).normal(size=(40, 4))
    p = np.full((40, 4), 0.25)
    only = Weights(unsure=0, disagree=0, typical=0, new=1)
    found = choose(Candidates(p, heaps, [None] * 40), heaps[:1], count=3, weights=only)
    assert {each.place // 10 for each in found} == {1, 2, 3}


def test_choose__without_a_second_network_leaves_disagreement_out():
    candidates = drawn(20)._replace(others=None)
    found = choose(candidates, np.zeros((0, 5)), count=50)
    assert len(found) == len({each.place for each in found}) == 20
    assert all(math.isnan(each.disagree) and 0 <= each.mixture <= 1 for each in found)


def test_choose__is_the_same_for_candidates_in_another_order():
    candidates, labeled = drawn(40), np.zeros((1, 5))
    turn = np.random.default_rng(5).permutation(40)
    other = Candidates(
        candidates.probabilities[turn],
        candidates.features[turn],
        [candidates.groups[n] for n in turn],
        candidates.others[turn],
    )
    one = [each.place for each in choose(candidates, labeled, count=8)]
    assert one == [int(turn[each.place]) for each in choose(other, labeled, count=8)]


def test_choose__of_one_candidate_takes_it():
    for count, num_labeled in itertools.product((1, 3), (0, 2)):
        [found] = choose(drawn(1), np.ones((num_labeled, 5)), count=count)
        assert found.place == 0
