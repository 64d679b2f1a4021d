import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.engine.batch_size import largest_batch, within_memory


def stepper(largest, error=torch.OutOfMemoryError):
    """A step that works up to a size; notes what was tried."""
    tried = []

    def try_step(size):
        tried.append(size)
        if size > largest:
            raise error("out of memory")

    return try_step, tried


def test_largest_batch__doubles_then_halves_the_gap_and_leaves_a_margin():
    try_step, tried = stepper(27)
    assert largest_batch(try_step, start=4, limit=1000) == int(27 * 0.9)
    assert tried == [4, 8, 16, 32, 24, 28, 26, 27]


@pytest.mark.parametrize("largest", [1, 2, 5, 37, 100, 999, 4096])
def test_largest_batch__is_at_most_a_sixth_below_what_fits(largest):
    found = largest_batch(stepper(largest)[0], start=1, limit=10**6)
    assert largest * 5 / 6 - 1 <= found <= largest


def test_largest_batch__stops_at_the_limit():
    try_step, tried = stepper(10**9)
    assert largest_batch(try_step, start=3, limit=40) == 40
    assert tried == [3, 6, 12, 24, 40]
    assert largest_batch(try_step, start=5, limit=5) == 5


def test_largest_batch__says_what_to_lower_if_nothing_fits():
    with pytest.raises(ConfigError, match="a step with 8 clips does not fit into memory; lower"):
        largest_batch(stepper(7)[0], start=8, limit=64)


@pytest.mark.parametrize(
    "error", [MemoryError("x"), RuntimeError("[enforce fail] can't allocate memory: 9 bytes")]
)
def test_largest_batch__knows_other_ways_to_say_that_memory_is_out(error):
    assert largest_batch(stepper(16, error=lambda _: error)[0], start=8, limit=64) == 14


def test_largest_batch__does_not_hide_other_errors():
    with pytest.raises(RuntimeError, match="shapes differ"):
        largest_batch(stepper(8, lambda _: RuntimeError("shapes differ"))[0], start=8, limit=64)


def test_within_memory__tries_no_size_that_the_line_through_the_last_two_forbids():
    tried = []
    peak = lambda: 100.0 + 10 * tried[-1]  # noqa: E731
    careful = within_memory(tried.append, budget_mb=450.0, peak_mb=peak)
    assert largest_batch(careful, start=4, limit=1000) == int(34 * 0.9)
    assert tried == [4, 8, 16, 32, 34]


def test_within_memory__counts_a_size_that_went_over_as_failed():
    tried = []
    careful = within_memory(tried.append, budget_mb=100.0, peak_mb=lambda: 30.0 * tried[-1])
    assert largest_batch(careful, start=2, limit=1000) == 2
    assert tried[:2] == [2, 4]
