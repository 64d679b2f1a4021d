import numpy as np
import pytest

from semivideo.analysis.suggest.label_curve import Point, fit
from semivideo.base.errors import ConfigError


def accuracy_at(n, a=0.1, b=2.0, c=0.5):
    return 1 - (a + b * n**-c)


def measured(counts, *, num_videos=400, draws=3, deviation=0.01, seed=0):
    rng = np.random.default_rng(seed)
    return [
        Point(
            n,
            rng.binomial(num_videos, np.clip(rng.normal(accuracy_at(n), deviation), 0, 1))
            / num_videos,
            num_videos,
        )
        for n in counts
        for _ in range(draws)
    ]


def test_fit__finds_the_law_that_many_videos_show():
    points = [Point(n, accuracy_at(n), 10**6) for n in (20, 40, 80, 160, 320)]
    points += points  # two equal draws: no deviation over draws
    curve = fit(points)
    for n in (320, 640, 1280):
        found = curve.at(n)
        assert found.accuracy == pytest.approx(accuracy_at(n), abs=0.01)
        assert found.low <= found.accuracy <= found.high


def test_fit__holds_the_truth_about_as_often_as_it_says():
    """In 20 made-up experiments with a quarter, half and all labels."""
    inside = 0
    for seed in range(20):
        found = fit(measured((27, 54, 108), seed=seed)).at(216)
        inside += found.low <= accuracy_at(216) <= found.high
    assert inside >= 18


def test_at__is_what_drawing_curves_by_their_weight_gives():
    """The weighted percentiles against curves drawn from scratch and weighed one by one."""
    points = measured((27, 54, 108), seed=3)
    curve = fit(points)
    rng = np.random.default_rng(0)
    e0 = rng.uniform(0, 1, 200_000)
    a, c = rng.uniform(0, 1, 200_000) * e0, rng.uniform(0, 1.5, 200_000)
    log_weight = np.zeros(len(a))
    for n, share, videos in points:
        error = np.minimum(a + (e0 - a) * (n / 108) ** -c, 1)
        variance = np.clip(error, 1e-3, 0.999) * (1 - np.clip(error, 1e-3, 0.999)) / videos
        variance = variance + curve.deviation**2
        log_weight += -((1 - share - error) ** 2) / 2 / variance - np.log(variance) / 2
    weight = np.exp(log_weight - log_weight.max())
    chosen = rng.choice(len(a), 20_000, p=weight / weight.sum())
    error = a[chosen] + (e0[chosen] - a[chosen]) * 2.0 ** -c[chosen]
    drawn = 1 - np.clip(error + rng.normal(0, curve.deviation, len(error)), 0, 1)
    found = curve.at(216)
    assert found.accuracy == pytest.approx(1 - error.mean(), abs=0.004)
    assert (found.low, found.high) == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.01)


def test_at__is_surer_of_what_was_measured_than_of_what_is_far():
    curve = fit(measured((27, 54, 108)))
    widths = [curve.at(n).high - curve.at(n).low for n in (108, 216, 432)]
    assert widths == sorted(widths)
    assert curve.at(216).accuracy > curve.at(108).accuracy


def test_fit__refuses_one_label_count():
    with pytest.raises(ConfigError, match="all of these runs have 27 labels; name runs with fewer"):
        fit(measured((27,)))
