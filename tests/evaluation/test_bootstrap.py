"""Intervals against samples built one by one, and against experiments whose truth is known."""

import numpy as np
import pytest

from semivideo.base.errors import ConfigError
from semivideo.evaluation.bootstrap import (
    accuracy_interval,
    group_numbers,
    mean_interval,
    one_run_accuracy,
    paired_difference,
)
from semivideo.evaluation.metrics import Evaluation


def evaluation(is_right, ids=None):
    """Two classes; every video is of class 0 and scored best there where ``is_right``."""
    right = np.asarray(is_right, dtype=np.float32)
    names = tuple(ids or (f"v{i}" for i in range(len(right))))
    scores = np.stack([right, 1 - right], axis=1)
    return Evaluation("1x1", ("a", "b"), names, scores, np.zeros(len(right), dtype=np.int64))


def test_paired_difference__of_a_run_and_itself_is_nothing():
    one = evaluation([1, 0, 1, 1])
    assert paired_difference([one], [one]) == (0.0, 0.0, 0.0)


def test_paired_difference__is_the_mean_over_seeds_of_the_gain():
    better, worse = evaluation([1, 1, 1, 0]), evaluation([1, 0, 0, 0])
    found = paired_difference([better, worse], [worse, worse])
    assert found.value == pytest.approx(0.25)


def test_paired_difference__interval_narrows_as_the_binomial_says():
    rng = np.random.default_rng(1)
    gain = rng.random(400) < 0.3
    found = paired_difference([evaluation(gain)], [evaluation(np.zeros(400))])
    half = 1.96 * np.sqrt(gain.mean() * (1 - gain.mean()) / 400)
    assert found.high - found.value == pytest.approx(half, rel=0.15)
    assert found.value - found.low == pytest.approx(half, rel=0.15)


def test_paired_difference__refuses_other_videos_and_names_one():
    with pytest.raises(ConfigError, match=r"different test videos, 2 are in one only, such as w"):
        paired_difference([evaluation([1], ["w"])], [evaluation([1], ["x"])])


def test_paired_difference__refuses_unequal_seeds():
    with pytest.raises(ConfigError, match="got 1 and 0; evaluate both on the same seeds"):
        paired_difference([evaluation([1])], [])


def test_paired_difference__of_draws_with_tests_of_their_own_is_the_mean_over_draws():
    first = [evaluation([1, 1, 0], ["a", "b", "c"]), evaluation([0, 0, 0], ["a", "b", "c"])]
    second = [evaluation([0], ["d"]), evaluation([1], ["d"])]
    ours, theirs = zip(first, second, strict=True)
    found = paired_difference(ours, theirs, own_tests=True)
    assert found.value == pytest.approx((2 / 3 - 1) / 2)
    assert found.low == pytest.approx(-1)
    assert found.high == pytest.approx(1, abs=0.34)
    with pytest.raises(ConfigError, match="different test videos"):
        paired_difference(ours, theirs)


def test_mean_interval__of_empty_cells_agrees_with_tables_drawn_one_by_one():
    rng = np.random.default_rng(0)
    value = rng.random((3, 60)) + np.array([[0.0], [0.3], [0.1]])
    value[rng.random(value.shape) < 0.4] = np.nan
    group = np.arange(60) // 3
    members = [np.flatnonzero(group == each) for each in range(20)]
    means = []
    for _ in range(2000):
        columns = np.concatenate([members[each] for each in rng.choice(20, 20)])
        means.append(np.nanmean(value[rng.choice(3, 3)][:, columns], axis=1).mean())
    found = mean_interval(value, group_V=group)
    assert found.value == pytest.approx(np.nanmean(value, axis=1).mean())
    np.testing.assert_allclose(found[1:], np.percentile(means, [2.5, 97.5]), atol=0.02)


def sample_by_sample(value_DV, group_V, *, num_samples, seed):
    """The same interval, each sample built as a table of its own; other random numbers."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(group_V == group) for group in np.unique(group_V)]
    means = []
    for _ in range(num_samples):
        draws = rng.choice(len(value_DV), len(value_DV))
        videos = np.concatenate([members[g] for g in rng.choice(len(members), len(members))])
        means.append(np.mean([value_DV[d][videos].mean() for d in draws]))
    return np.quantile(means, [0.025, 0.975])


@pytest.mark.parametrize("num_draws", [1, 3])
@pytest.mark.parametrize("num_groups", [6, 40])
def test_mean_interval__agrees_with_tables_drawn_one_by_one(num_draws, num_groups):
    rng = np.random.default_rng(5)
    group_V = np.concatenate([np.arange(num_groups), rng.integers(num_groups, size=40)])
    harder = rng.normal(0.5, 0.2, num_groups)[group_V] + rng.normal(0, 0.1, (num_draws, 1))
    value_DV = (rng.random((num_draws, len(group_V))) < harder).astype(float)
    found = mean_interval(value_DV, group_V=group_V, num_samples=4000)
    low, high = sample_by_sample(value_DV, group_V, num_samples=4000, seed=1)
    assert found.value == value_DV.mean()
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.012)


def test_mean_interval__is_the_same_each_time():
    value_DV = np.random.default_rng(0).random((3, 20))
    assert mean_interval(value_DV) == mean_interval(value_DV)


def test_mean_interval__knows_that_draws_differ():
    agree = np.repeat(np.arange(100) < 50, 3).reshape(100, 3).T.astype(float)
    differ = np.array([[0.0], [0.5], [1.0]]).repeat(100, axis=1)
    assert mean_interval(agree).high - mean_interval(agree).low < 0.25
    assert mean_interval(differ)[1:] == (0.0, 1.0)  # three times the worst draw, or the best


def test_mean_interval__of_groups_that_are_alike_inside_is_that_of_the_groups():
    value_G = (np.random.default_rng(3).random(30) < 0.6).astype(float)
    one = mean_interval(value_G[None])
    five = mean_interval(value_G.repeat(5)[None], group_V=np.arange(30).repeat(5))
    alone = mean_interval(value_G.repeat(5)[None])
    assert five == pytest.approx(one)
    assert alone.high - alone.low < 0.6 * (five.high - five.low)


@pytest.mark.parametrize(
    ("num_draws", "deviation", "least", "most"),
    [(1, 0.0, 0.91, 0.99), (3, 0.03, 0.91, 1.0), (10, 0.05, 0.90, 1.0)],
)
def test_mean_interval__holds_the_truth_as_often_as_it_says(num_draws, deviation, least, most):
    rng = np.random.default_rng(7)
    num_experiments, num_held = 250, 0
    for _ in range(num_experiments):
        hard_V = rng.beta(3, 2, 120)  # mean 0.6
        chance_DV = hard_V + rng.normal(0, deviation, (num_draws, 1))
        value_DV = (rng.random((num_draws, 120)) < chance_DV).astype(float)
        found = mean_interval(value_DV, num_samples=400)
        num_held += found.low <= 0.6 <= found.high
    assert least <= num_held / num_experiments <= most


def test_an_interval_over_videos_alone__misses_the_truth_where_draws_differ():
    """What was printed before: the mean over draws, and other videos only."""
    rng = np.random.default_rng(7)
    held = {"videos": 0, "both": 0}
    for _ in range(150):
        chance_DV = rng.beta(3, 2, 300) + rng.normal(0, 0.05, (3, 1))
        value_DV = (rng.random((3, 300)) < chance_DV).astype(float)
        tables = {"videos": value_DV.mean(axis=0, keepdims=True), "both": value_DV}
        for name, table in tables.items():
            found = mean_interval(table, num_samples=400)
            held[name] += found.low <= 0.6 <= found.high
    assert held["videos"] / 150 < 0.8
    assert held["both"] / 150 > held["videos"] / 150 + 0.1


def test_intervals__do_not_depend_on_the_order_of_the_videos():
    one = evaluation([1, 0, 1, 1], ["a", "b", "c", "d"])
    same = evaluation([1, 1, 0, 1], ["d", "c", "b", "a"])
    assert paired_difference([one], [same]) == (0.0, 0.0, 0.0)
    assert accuracy_interval([one, same]) == accuracy_interval([same, one])


def test_accuracy_interval__refuses_other_videos():
    with pytest.raises(ConfigError, match=r"different test videos, 2 are in one only, such as w"):
        accuracy_interval([evaluation([1], ["w"]), evaluation([1], ["x"])])


def test_group_numbers__count_from_0_and_leave_others_alone():
    ids = ["a", "b", "c", "d", "e"]
    groups = {"a": "x", "b": None, "c": "y", "d": "x"}
    assert group_numbers(ids, groups).tolist() == [0, 1, 2, 0, 3]
    assert group_numbers(ids, None).tolist() == [0, 1, 2, 3, 4]
    assert group_numbers(["a", "b"], {"a": "b"}).tolist() == [0, 1]  # a group named like a video


def test_one_run_accuracy__is_never_without_width_and_says_over_how_many_groups():
    test = evaluation([1, 1, 1, 1, 1, 1])
    found, num_groups = one_run_accuracy(test, groups={f"v{i}": f"g{i % 2}" for i in range(6)})
    assert (found.value, found.high, num_groups) == (1.0, 1.0, 2)
    assert found.low < 0.7
    assert one_run_accuracy(test, groups={})[1] is None
