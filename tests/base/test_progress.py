import itertools

import pytest

from semivideo.base.progress import PlainLines, prefixed


@pytest.fixture
def said():
    """Lines, and a progress whose clock the test sets."""
    lines, now = [], [0.0]
    progress = PlainLines(lines.append, clock=lambda: now[0])

    def at(seconds, *told):
        now[0] = seconds
        progress(*told)
        return lines

    return at


def test_plain_lines__say_how_much_how_fast_and_how_long(said):
    assert said(0, "train", 0, 1200, "") == []
    assert said(9, "train", 9, 1200, "") == []
    assert said(10, "train", 40, 1200, "loss 1.2") == [
        "train: 40 of 1200, 4.0/s, 5 min left  loss 1.2"
    ]


def test_plain_lines__count_from_where_a_resumed_job_began(said):
    said(0, "train", 100, 200, "")
    [line] = said(20, "train", 110, 200, "")
    assert line == "train: 110 of 200, 2.0 s each, 3 min left"


def test_plain_lines__come_less_often_as_time_goes_on(said):
    times = [second for second in range(0, 40_000, 10) if _grows(said, second)]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert times[:3] == [10, 40, 70]
    assert max(gaps) == 600
    assert len(times) < 150


def _grows(said, second):
    before = len(said(second - 1, "other", 0, 1, ""))
    return len(said(second, "train", second, 100_000, "")) > before


def test_plain_lines__of_a_short_job_are_none_and_of_a_long_one_end(said):
    said(0, "scan", 0, 4, "")
    assert said(5, "scan", 4, 4, "") == []
    said(10, "train", 0, 4, "")
    said(25, "train", 2, 4, "")
    assert said(26, "train", 4, 4, "")[-1] == "train: 4 of 4, 4.0 s each"


def test_prefixed__puts_a_name_before_each_job(said):
    told = []
    prefixed(lambda *given: told.append(given), "a")("train", 1, 2, "x")
    assert told == [("a: train", 1, 2, "x")]
    assert prefixed(None, "a") is None
