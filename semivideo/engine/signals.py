"""Ctrl-C and SIGTERM while training: noted at once, obeyed when the step at work is done.

A state is whole only between two steps. SLURM and containers send SIGTERM and kill half a minute
later; a step and a checkpoint take less.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any, Self

from semivideo.base.errors import Stopped
from semivideo.base.machine.interrupts import finish_orderly

_LOG = logging.getLogger("semivideo")
_CAUGHT = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Catches the signals inside a ``with`` block; only the first one, so that a second one ends.

    Python hears signals in its main thread alone: in another one nothing is caught. Nor is a signal
    that is ignored, as Ctrl-C is in a job that a shell runs in the background.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heard = [n for n in _CAUGHT if signal.getsignal(n) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # None is a handler that was not set from Python and cannot be set from there again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}

    @property
    def came(self) -> bool:
        """Whether this process was asked to stop."""
        return self._number is not None

    def stopped(self) -> Stopped:
        """Return what to raise; of several processes some may have had no signal."""
        return Stopped(signal.SIGTERM if self._number is None else self._number)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._number = number
        finish_orderly()
        self.__exit__()
        _LOG.warning("stopping with a checkpoint when this step is done; once more stops at once")
