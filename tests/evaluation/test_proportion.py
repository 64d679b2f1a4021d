"""Intervals of shares: alone, and of videos that are right or wrong together."""

import numpy as np
import pytest

from semivideo.evaluation.proportion import design_effect, grouped_wilson, wilson


def test_design_effect__of_groups_that_are_right_or_wrong_as_one_is_their_size():
    right = [True] * 10 + [False] * 10 + [True] * 10 + [False] * 10
    groups = [number // 10 for number in range(40)]
    assert design_effect(right, groups) == pytest.approx(10 * 4 / 3)  # of 4 groups: n / (n - 1)


def test_design_effect__of_videos_without_company_is_one():
    right = np.random.default_rng(0).random(200) < 0.3
    assert design_effect(right.tolist(), list(range(200))) == 1.0
    assert design_effect([True] * 6, ["a", "a", "b", "b", "c", "c"]) == 1.0
    assert design_effect([True, False], ["a", "a"]) == 2.0


def test_grouped_wilson__of_videos_without_company_is_wilsons():
    assert grouped_wilson(0.4, 7, effect=1.0, num_groups=7) == wilson(0.4, 7)
    pairs = grouped_wilson(0.4, 5000, effect=1.0, num_groups=2500)
    assert pairs == pytest.approx(wilson(0.4, 5000), abs=1e-4)


@pytest.mark.parametrize(("correlation", "least"), [(0.05, 0.95), (0.2, 0.94)])
def test_grouped_wilson__of_few_people_holds_the_truth(correlation, least):
    """Beta-binomial groups: 4 people with 21 videos each, the case of UTD-MHAD's training side."""
    rng, truth, tries = np.random.default_rng(0), 0.3, 400
    spread = 1 / correlation - 1
    held = 0
    groups = np.repeat(np.arange(4), 21)
    for _ in range(tries):
        skill = rng.beta(truth * spread, (1 - truth) * spread, size=4)
        right = rng.random(84) < skill[groups]
        effect = design_effect(right.tolist(), groups.tolist())
        low, high = grouped_wilson(float(right.mean()), 84, effect=effect, num_groups=4)
        held += low <= truth <= high
    assert held / tries > least
