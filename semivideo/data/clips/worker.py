"""The beginning of a loader process, and its end by signals."""

from __future__ import annotations

import signal

import torch

_GRACE_SECONDS = 20.0  # schedulers kill after 30


def start_worker(_: int) -> None:
    """Decoding and copying gain nothing from threads; the workers are the parallelism.

    Ctrl-C, and SIGTERM where a scheduler ends a job, reach all processes at once; the main one
    still wants the batch of its step, and then ends its workers.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, _end_soon)


def _end_soon(*_: object) -> None:
    """End this process after a while, should nobody do it before."""
    signal.setitimer(signal.ITIMER_REAL, _GRACE_SECONDS)
