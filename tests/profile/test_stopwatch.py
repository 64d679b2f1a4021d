from types import SimpleNamespace

import pytest

from semivideo.profile import stopwatch as module
from semivideo.profile.stopwatch import Stopwatch, paced, typical


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(module.time, "perf_counter", lambda: clock.now)
    return clock


def test_part__does_not_count_what_is_inside_it(clock):
    stopwatch = Stopwatch()
    with stopwatch.part("outer"):
        clock.now += 1
        with stopwatch.part("inner"):
            clock.now += 10
        clock.now += 2
    clock.now += 500  # nothing runs
    assert stopwatch.lap() == {"outer": 3.0, "inner": 10.0}
    assert stopwatch.lap() == {}


def test_part__ends_when_the_block_fails(clock):
    stopwatch = Stopwatch()

    def fail():
        with stopwatch.part("a"):
            clock.now += 1
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert stopwatch.current is None
    assert stopwatch.lap() == {"a": 1.0}


class Worker:
    def __init__(self, clock):
        self.clock = clock

    def work(self, seconds):
        self.clock.now += seconds
        return -seconds


def test_watching__times_calls_and_leaves_no_trace(clock):
    stopwatch, worker = Stopwatch(), Worker(clock)
    with (
        stopwatch.watching(worker, "work", lambda s: f"work {s}" if s < 5 else None),
        stopwatch.part("rest"),
    ):
        assert [worker.work(seconds) for seconds in (1, 2, 7)] == [-1, -2, -7]
    assert stopwatch.lap() == {"rest": 7.0, "work 1": 1.0, "work 2": 2.0}
    assert vars(worker) == {"clock": clock}


def test_watching__a_class_watches_every_object_and_is_restored(clock):
    stopwatch, work = Stopwatch(), Worker.work
    with stopwatch.watching(Worker, "work", "work"):
        Worker(clock).work(3)
    assert stopwatch.lap() == {"work": 3.0}
    assert Worker.__dict__["work"] is work


def test_typical__parts_add_up_to_the_mean_of_the_middle_laps():
    laps = [{"a": 1.0, "b": float(n)} for n in (100, 2, 4, 0)]
    assert typical(laps) == {"a": 1.0, "b": 3.0}


def test_paced__stops_when_the_time_is_up_but_not_before_the_least(clock):
    def count(**limits):
        done = 0
        for _ in paced(10, **limits):
            clock.now += 1
            done += 1
        return done

    assert count(seconds=100) == 10
    assert count(seconds=3.5) == 4
    assert count(seconds=0, least=3) == 3
