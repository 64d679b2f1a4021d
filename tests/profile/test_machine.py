import os
from types import SimpleNamespace

import pytest

from semivideo.profile import machine


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system with 20 GB of free memory, whose clocks the test moves."""
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    (tmp_path / "meminfo").write_text("MemTotal: 30000000 kB\nMemAvailable:   20000000 kB\n")
    clock = SimpleNamespace(wall=0.0, own=0.0, ticks=os.sysconf("SC_CLK_TCK"), folder=tmp_path)
    monkeypatch.setattr(machine.time, "perf_counter", lambda: clock.wall)

    def spent():
        return SimpleNamespace(user=clock.own, system=0, children_user=0, children_system=0)

    monkeypatch.setattr(machine.os, "times", spent)
    return clock


def write_stat(system, *, busy, idle):
    user, rest = int(busy * system.ticks), int(idle * system.ticks)
    (system.folder / "stat").write_text(f"cpu  {user} 0 0 {rest} 7 0 0 0 0 0\ncpu0 1 2 3\n")


def test_free_memory__is_that_of_the_container_if_it_has_less(system):
    assert machine.free_memory_gb() == 20.0
    (system.folder / "memory.current").write_text("1000000000\n")
    (system.folder / "memory.max").write_text("3000000000\n")
    assert machine.free_memory_gb() == 2.0
    (system.folder / "memory.max").write_text("max\n")
    assert machine.free_memory_gb() == 20.0


def test_watch_others__takes_off_what_is_our_own(system):
    write_stat(system, busy=100, idle=900)
    others = machine.watch_others()
    system.wall, system.own = 10.0, 8.0
    write_stat(system, busy=123, idle=905)  # 23 s of work in 10 s, 8 of them ours
    assert others() == pytest.approx(1.5)


def test_machine__tells_nothing_where_the_system_does_not(system):
    (system.folder / "meminfo").unlink()
    assert machine.free_memory_gb() is None
    assert machine.watch_others()() is None
