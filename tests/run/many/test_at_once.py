"""Jobs in processes of their own: results, progress, and how they fail."""

import os
import signal
import time
from functools import partial

import pytest

from semivideo.base.errors import ConfigError, JobError
from semivideo.run.many.at_once import at_once


def told(name, progress):
    progress(f"{name}: count", 1, 2, "so far")
    return name.upper(), os.getpid(), os.environ.get("OMP_NUM_THREADS")


def refused(progress):
    raise ConfigError("no such thing; write another")


def broken(progress):
    raise ZeroDivisionError("by nothing")


def killed(progress):
    os.kill(os.getpid(), signal.SIGKILL)


def endless(place, progress):
    place.write_text(str(os.getpid()))
    time.sleep(600)


def test_at_once__gives_results_in_order_and_tells_how_far_they_are(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    heard = []
    jobs = {name: partial(told, name) for name in ("b", "a", "c")}
    results = at_once(jobs, processes=2, progress=lambda *words: heard.append(words))
    assert [(name, found[0]) for name, found in results.items()] == [
        ("b", "B"),
        ("a", "A"),
        ("c", "C"),
    ]
    assert sorted(heard) == [(f"{name}: count", 1, 2, "so far") for name in "abc"]
    assert os.getpid() not in {found[1] for found in results.values()}
    assert all(found[2] is not None for found in results.values())
    assert "OMP_NUM_THREADS" not in os.environ


def test_at_once__with_one_process_stays_in_this_one():
    results = at_once({"a": partial(told, "a")}, processes=1, progress=lambda *_: None)
    assert results["a"][1] == os.getpid()


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (refused, "bad: no such thing; write another"),
        (broken, "bad: unexpected ZeroDivisionError: by nothing; this is a fault of semivideo"),
        (killed, r"bad: its process ended without a word \(exit code -9\)"),
    ],
)
def test_at_once__ends_the_others_where_one_fails(job, sentence, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    place = tmp_path / "pid"
    with pytest.raises(JobError, match=sentence):
        at_once({"other": partial(endless, place), "bad": job}, processes=2)
    if place.exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int(place.read_text()), 0)
