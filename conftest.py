"""For all tests: one arithmetic thread, and no wait without end."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)  # tests run in two processes and tensors are small


@pytest.fixture
def limited() -> Iterator[Callable[..., subprocess.Popen]]:
    """Give a process that a test waits for so many seconds; it is killed then, and the wait ends.

    What it has printed is among the failed test's captured output, or in its pipes.
    """
    timers = []

    def limit(process: subprocess.Popen, seconds: float = 120) -> subprocess.Popen:
        timers.append(threading.Timer(seconds, process.kill))
        timers[-1].daemon = True
        timers[-1].start()
        return process

    yield limit
    for timer in timers:
        timer.cancel()
