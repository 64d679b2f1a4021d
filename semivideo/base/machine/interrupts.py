"""A signal ends a command within seconds, also while the processor is inside foreign code.

Python hears a signal when the interpreter's main thread is back from what it called. A decoder or a
hung file system may not come back for long. So a thread hears the signals as well, by the pipe that
Python writes their numbers into, waits a little for the orderly end, and then ends the process::

    Ctrl-C -> handler of the main thread: an exception, or, in training, a note for a step's end
           -> this thread: the process is still there after 2 seconds? end it, unless it finishes
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

GRACE_SECONDS = 2.0
_ENDING = (signal.SIGINT, signal.SIGTERM)
_finishing = threading.Event()


def finish_orderly() -> None:
    """Say that the signal was heard and that an end is being prepared which must not be cut off."""
    _finishing.set()


def _deaf() -> None:
    """In a child made by fork, which must not speak into its parent's pipe."""
    with suppress(ValueError):
        signal.set_wakeup_fd(-1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_deaf)


@contextmanager
def ended_soon(say: Callable[[str], object]) -> Iterator[None]:
    """End this process if a signal inside the block does not do so in ``GRACE_SECONDS``.

    Half of that goes by before the thread acts. A second signal ends a process that finishes, too.

    Args:
        say: Is told why the process ends.
    """
    is_heard = threading.current_thread() is threading.main_thread() and hasattr(os, "set_blocking")
    if not is_heard or sys.platform == "win32":
        yield
        return
    _finishing.clear()
    receiving, sending = os.pipe()
    os.set_blocking(sending, False)
    before = signal.set_wakeup_fd(sending, warn_on_full_buffer=False)
    done = threading.Event()
    listener = threading.Thread(
        target=_listen, args=(receiving, done, say), name="semivideo-signals", daemon=True
    )
    listener.start()
    try:
        yield
    finally:
        done.set()
        signal.set_wakeup_fd(before)
        os.close(sending)  # so the thread reads the end
        listener.join()
        os.close(receiving)


def _listen(receiving: int, done: threading.Event, say: Callable[[str], object]) -> None:
    """Wait for signals, and end the process some time after one."""
    num_heard = 0
    while numbers := _read(receiving):
        for number in numbers:
            if number not in _ENDING or signal.getsignal(number) is signal.SIG_IGN:
                continue
            num_heard += 1
            threading.Thread(
                target=_end, args=(number, num_heard > 1, done, say), daemon=True
            ).start()


def _read(receiving: int) -> bytes:
    with suppress(OSError):
        return os.read(receiving, 64)
    return b""


def _end(number: int, again: bool, done: threading.Event, say: Callable[[str], object]) -> None:
    """End the process if it does not end by itself."""
    end = time.monotonic() + GRACE_SECONDS * 0.75
    while time.monotonic() < end:
        if done.wait(0.05):
            return
    if _finishing.is_set() and not again:
        return
    say("interrupted; the work at hand did not end by itself")
    sys.stderr.flush()
    os._exit(128 + number)
