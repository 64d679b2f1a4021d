"""Jobs in processes of their own: results, progress, and how they fail."""

import importlib
import os
from functools import partial

import pytest

from semivideo.base.errors import JobError
from semivideo.run.many.at_once import at_once

CHORES = """
import os, signal, time
from semivideo.base.errors import ConfigError

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
"""


@pytest.fixture
def chores(tmp_path, monkeypatch):
    """A module that other processes can import too, as those of tests cannot be."""
    (tmp_path / "chores_of_a_test.py").write_text(CHORES)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("chores_of_a_test")


def test_at_once__gives_results_in_order_and_tells_how_far_they_are(chores, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    heard = []
    jobs = {name: partial(chores.told, name) for name in ("b", "a", "c")}
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


def test_at_once__with_one_process_stays_in_this_one(chores):
    results = at_once({"a": partial(chores.told, "a")}, processes=1, progress=lambda *_: None)
    assert results["a"][1] == os.getpid()


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        ("refused", "bad: no such thing; write another"),
        ("broken", "bad: unexpected ZeroDivisionError: by nothing; this is a fault of semivideo"),
        ("killed", r"bad: its process ended without a word \(exit code -9\)"),
    ],
)
def test_at_once__ends_the_others_where_one_fails(job, sentence, chores, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    place = tmp_path / "pid"
    jobs = {"other": partial(chores.endless, place), "bad": getattr(chores, job)}
    with pytest.raises(JobError, match=sentence):
        at_once(jobs, processes=2)
    if place.exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int(place.read_text()), 0)
