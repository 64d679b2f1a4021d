"""The beginning of a loader process, and its end: by the loop that it serves or by a signal."""

from __future__ import annotations

import os
import signal
from multiprocessing.sharedctypes import RawValue
from typing import Any

import torch

_GRACE_SECONDS = 20.0  # schedulers kill after 30


class Ending:
    """Shared by the loop and its loader processes: whether the loop needs no more batches.

    torch ends processes that do not end by themselves within 5 seconds by SIGTERM, the signal that
    a scheduler sends to all processes of a job while the loop still wants its last batches.
    """

    def __init__(self) -> None:
        self._flag: Any = RawValue("b", 0)  # without a lock: it is read by a handler of a signal

    def expect(self, *, now: bool) -> None:
        """Say that the loop is over, or that it begins."""
        self._flag.value = int(now)

    def is_expected(self) -> bool:
        """Whether the loop is over."""
        return bool(self._flag.value)

    def start_worker(self, _: int) -> None:
        """Begin a loader process.

        Decoding and copying gain nothing from threads; the workers are the parallelism. Ctrl-C, and
        SIGTERM where a scheduler ends a job, reach all processes at once; the main one still wants
        the batch of its step, and then ends its workers.
        """
        torch.set_num_threads(1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, self._end)

    def _end(self, *_: object) -> None:
        """End this process: at once after the loop, else after a while, should nobody do it."""
        if not self.is_expected():
            signal.setitimer(signal.ITIMER_REAL, _GRACE_SECONDS)
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
