"""Threads that sleep while they wait where cores are needed, unless the user wants otherwise."""

import os
import subprocess
import sys

import pytest

from semivideo.base.machine import threads
from semivideo.base.machine.threads import choose_waiting, is_crowded


@pytest.mark.parametrize(
    ("crowded", "expected"), [(True, threads.ASLEEP), (False, threads.BRIEFLY_AWAKE)]
)
def test_choose_waiting__follows_who_else_is_at_work(crowded, expected):
    environment = {"PATH": "/bin"}
    choose_waiting(environment, crowded=crowded)
    assert environment == {"PATH": "/bin", **expected}


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_choose_waiting__leaves_what_the_user_chose(name):
    environment = {name: "1"}
    choose_waiting(environment)
    assert environment == {name: "1"}


@pytest.mark.parametrize(
    ("at_work", "expected"),
    [(1, False), (2, True), (30, True)],  # this process alone; another one; many
)
def test_is_crowded__where_our_threads_would_share_cores(at_work, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    load = tmp_path / "loadavg"
    load.write_text(f"0.20 0.18 0.12 {at_work}/80 11206\n")
    assert is_crowded(load) is expected


def test_is_crowded__not_on_a_large_machine_of_which_we_have_a_part(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    load = tmp_path / "loadavg"
    load.write_text("20.20 20.18 20.12 21/80 11206\n")
    assert not is_crowded(load)


@pytest.mark.parametrize("content", [None, "", "0.2 0.2 0.1 many"])
def test_is_crowded__where_nothing_can_be_known(content, tmp_path):
    load = tmp_path / "loadavg"
    if content is not None:
        load.write_text(content)
    assert is_crowded(load)


def test_choose_waiting__comes_before_torch():
    """The command imports nothing that loads torch before it says how threads wait."""
    code = "import sys, semivideo.cli; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
