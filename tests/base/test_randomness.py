import numpy as np
import pytest

from semivideo.base.randomness import key, keys, mixed, permutation, uniform


def splitmix64(state: int, num: int) -> list[int]:
    """The reference generator (Vigna's splitmix64.c), in plain integers."""
    numbers = []
    for _ in range(num):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        numbers.append(z ^ (z >> 31))
    return numbers


def test_mixed__is_splitmix64():
    assert splitmix64(1234567, 2) == [6457827717110365317, 3203168211198807973]  # published
    assert key() == 0  # so that without salt nothing is changed
    assert mixed([1234567, -1]).tolist() == splitmix64(1234567, 1) + splitmix64(2**64 - 1, 1)


def test_uniform__is_the_generator_seeded_by_the_key():
    (seed,) = splitmix64(42, 1)
    expected = [n / 2**64 for n in splitmix64(seed, 6)[1:]]
    assert uniform([42], size=5)[0] == pytest.approx(expected, abs=1e-15)


def test_key__tells_parts_kinds_and_order_apart():
    keys = [key(), key(0), key(1), key("1"), key(1, 2), key(2, 1), key(12), key("a", 1), key(-1)]
    assert len(set(keys)) == len(keys)
    assert all(0 <= k < 2**63 for k in keys)


def test_key__stays_the_same_on_every_platform():
    assert key(0, "labeled", 7) == 7164308602439500979
    assert key(2**40, "offset") == key(2**40, "offset")


def test_uniform__rows_and_salts_are_unrelated():
    draws = np.concatenate(
        [uniform(np.arange(20_000), "a", size=2), uniform(np.arange(20_000), "b", size=2)], axis=1
    )
    draws = np.concatenate([draws, np.roll(draws, 1, axis=0)], axis=1)
    correlation = np.corrcoef(draws.T) - np.eye(8)
    assert np.abs(correlation).max() < 0.03
    assert np.abs(draws.mean(axis=0) - 0.5).max() < 0.01
    assert draws.min() >= 0
    assert draws.max() < 1


def test_uniform__of_nothing_is_empty():
    assert uniform([], "a", size=3).shape == (0, 3)
    assert uniform([1], "a", size=0).shape == (1, 0)


def test_permutation__is_one_and_depends_on_its_name():
    first, second = permutation(1000, 0, "x"), permutation(1000, 1, "x")
    assert sorted(first) == sorted(second) == list(range(1000))
    assert (first == second).sum() < 10
    assert np.array_equal(first, permutation(1000, 0, "x"))


def test_permutation__keeps_its_values():
    words = mixed(np.arange(50_000), "permutation", 3, "unlabeled")
    expected = np.argsort(words, kind="stable")  # as it always was, on every platform
    assert np.array_equal(permutation(50_000, 3, "unlabeled"), expected)
    assert permutation(8, 0, "a").tolist() == [5, 1, 7, 3, 4, 0, 2, 6]


def test_keys__are_those_of_each_name():
    names = ["", "a", "b/y \xfc.mp4", "a"]
    expected = [key(7, "labeled", -1, name) for name in names]
    assert keys(names, 7, "labeled", -1).tolist() == expected
    assert keys(names).tolist() == [key(name) for name in names]
    assert keys([], 1).tolist() == []
