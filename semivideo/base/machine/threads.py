"""Cores, and how the threads of a process wait for each other, which is said before torch loads.

OpenMP lets a thread that has done its share run in circles until the others have done theirs, which
saves microseconds where each thread has a core to itself. Beside other busy processes the circles
take the time in which the others could come to an end. Two threads on two cores, a step of CMPL's
two small networks, ms by the clock (docs/speed.md)::

    circles                   at rest    beside six busy processes
    none (PASSIVE)              890        2,870
    10,000                      653        3,580
    300,000 (as libgomp has it) 754       20,600
"""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping
from pathlib import Path
from statistics import median

_CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
# Of libgomp; and of LLVM and Intel, whose time is in milliseconds.
ASLEEP = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
BRIEFLY_AWAKE = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}
_LOOKS, _BETWEEN = 5, 0.002  # of how many processes are at work, and seconds between them


def num_cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_waiting(
    environment: MutableMapping[str, str] | None = None, *, crowded: bool | None = None
) -> None:
    """Let threads stay awake for a moment where cores are free, and sleep at once where not.

    What the user has chosen stays. To be called before torch is loaded.

    Args:
        environment: Variables; None takes this process's.
        crowded: Whether others need the cores; None looks.

    >>> free, by_user = {}, {"OMP_WAIT_POLICY": "ACTIVE"}
    >>> choose_waiting(free, crowded=False), choose_waiting(by_user, crowded=True)
    (None, None)
    >>> free, by_user
    ({'GOMP_SPINCOUNT': '10000', 'KMP_BLOCKTIME': '1'}, {'OMP_WAIT_POLICY': 'ACTIVE'})
    """
    given = os.environ if environment is None else environment
    if any(name in given for name in _CHOICES):
        return
    given.update(ASLEEP if (is_crowded() if crowded is None else crowded) else BRIEFLY_AWAKE)


def is_crowded(load: Path = Path("/proc/loadavg")) -> bool:
    """Whether fewer cores are free than this process would use; True where nothing can be known.

    Args:
        load: Says in its fourth word how many threads of the machine run or could, this one too.
    """
    try:
        others = median(_at_work(load) - 1 for _ in range(_LOOKS))
    except (OSError, ValueError, IndexError):  # another system than Linux
        return True
    return others + num_cores() > (os.cpu_count() or 1)


def _at_work(load: Path) -> int:
    time.sleep(_BETWEEN)
    return int(load.read_text().split()[3].split("/")[0])
