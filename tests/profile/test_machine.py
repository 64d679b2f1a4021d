import os
from types import SimpleNamespace

import pytest

from semivideo.profile import machine


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system whose clocks the test moves."""
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    clock = SimpleNamespace(wall=0.0, own=0.0, ticks=os.sysconf("SC_CLK_TCK"), folder=tmp_path)
    monkeypatch.setattr(machine.time, "perf_counter", lambda: clock.wall)

    def spent():
        return SimpleNamespace(user=clock.own, system=0, children_user=0, children_system=0)

    monkeypatch.setattr(machine.os, "times", spent)
    return clock


def write_stat(system, *, busy, idle):
    user, rest = int(busy * system.ticks), int(idle * system.ticks)
    (system.folder / "stat").write_text(f"cpu  {user} 0 0 {rest} 7 0 0 0 0 0\ncpu0 1 2 3\n")


def test_watch_others__takes_off_what_is_our_own(system):
    write_stat(system, busy=100, idle=900)
    others = machine.watch_others()
    system.wall, system.own = 10.0, 8.0
    write_stat(system, busy=123, idle=905)  # 23 s of work in 10 s, 8 of them ours
    assert others() == pytest.approx(1.5)


def test_machine__tells_nothing_where_the_system_does_not(system):
    assert machine.watch_others()() is None
