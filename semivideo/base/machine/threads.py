"""How the threads of one process wait for each other, which OpenMP is told before torch is loaded.

OpenMP lets a thread that has done its share run in circles until the others have done theirs, which
saves microseconds where each thread has a core to itself. Beside other busy processes the circles
take the time in which the others could come to an end: with two threads, a step of CMPL took eight
times as long in wall-clock time and in processor time as with threads that sleep.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

_CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def wait_asleep(environment: MutableMapping[str, str] | None = None) -> None:
    """Let threads sleep while they wait, unless the user has chosen how they do; before torch.

    Args:
        environment: Variables; None takes this process's.

    >>> chosen, by_user = {}, {"GOMP_SPINCOUNT": "10000"}
    >>> wait_asleep(chosen), wait_asleep(by_user)
    (None, None)
    >>> chosen, by_user
    ({'OMP_WAIT_POLICY': 'PASSIVE', 'KMP_BLOCKTIME': '0'}, {'GOMP_SPINCOUNT': '10000'})
    """
    given = os.environ if environment is None else environment
    if not any(name in given for name in _CHOICES):
        given.update(OMP_WAIT_POLICY="PASSIVE", KMP_BLOCKTIME="0")  # libgomp; LLVM and Intel
