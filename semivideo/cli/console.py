"""What the command line says, and where: results on stdout, everything else on stderr.

Progress bars are drawn on a terminal only. Warnings of the library appear as one line each, errors
as one sentence and an exit code; a traceback only with ``SEMIVIDEO_DEBUG=1``.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from semivideo.base.errors import SemiVideoError
from semivideo.base.progress import Progress

MESSAGES = Console(stderr=True, highlight=False)
WIDTH_OFF_TERMINAL = 160


def show(*items: Table | str) -> None:
    """Write results to stdout; tables are not squeezed into 80 columns when piped into a file."""
    width = None if sys.stdout.isatty() else WIDTH_OFF_TERMINAL
    console = Console(width=width, highlight=False)
    for item in items:
        console.print(item, markup=False, soft_wrap=isinstance(item, str))


def note(sentence: str, *, style: str = "") -> None:
    """Write one line to stderr, as it is: square brackets are no markup."""
    line = " ".join(sentence.split())
    MESSAGES.print(Text(line, style=style), soft_wrap=True)


class _Rate(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        return Text(f"{rate:.1f}/s" if rate else "", style="progress.data.speed")


@contextmanager
def progress_bars() -> Iterator[Progress | None]:
    """Give a progress function that draws one bar per description, or None off a terminal."""
    if not MESSAGES.is_terminal:
        yield None
        return
    tasks: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[extra]}"),
    )
    with Bars(*columns, console=MESSAGES) as bars:

        def progress(description: str, done: int, total: int, extra: str = "") -> None:
            if description not in tasks:
                tasks[description] = bars.add_task(description, total=total, extra=extra)
            bars.update(tasks[description], completed=done, total=total, extra=extra)

        yield progress


class _ToMessages(logging.Handler):
    """Writes records of the library's logger as lines on stderr, above a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        note(f"{record.levelname.lower()}: {record.getMessage()}", style="yellow")


@contextmanager
def _messages_in_plain_words() -> Iterator[None]:
    """Show warnings and log records as single lines while a command runs."""

    def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
        note(f"warning: {message}", style="yellow")

    logger, handler = logging.getLogger("semivideo"), _ToMessages(logging.WARNING)
    logger.addHandler(handler)
    shown, warnings.showwarning = warnings.showwarning, show_warning
    try:
        yield
    finally:
        warnings.showwarning = shown
        logger.removeHandler(handler)


def run_plainly(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code; what a user can cause ends in one sentence.

    Args:
        command: Takes nothing; usage errors and exits of typer pass through.
    """
    try:
        with _messages_in_plain_words():
            command()
    except KeyboardInterrupt as interrupt:
        note("; ".join(filter(None, ["interrupted", str(interrupt)])), style="yellow")
        return 130
    except Exception as error:
        is_typers = type(error).__module__.startswith(("typer", "click"))
        if is_typers or isinstance(error, BrokenPipeError) or os.environ.get("SEMIVIDEO_DEBUG"):
            raise
        return _failed(error)
    return 0


def _failed(error: Exception) -> int:
    """Print the sentence of an error and return the exit code."""
    if isinstance(error, SemiVideoError):
        note(f"error: {error}", style="red")
        return error.exit_code
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        sentence = f"{error.strerror or error}{where}; free space or check the permissions"
        note(f"error: {sentence}, then run the command again", style="red")
        return 1
    note(
        f"error: unexpected {type(error).__name__}: {error}; this is a fault of semivideo: "
        "run again with SEMIVIDEO_DEBUG=1 and report what it prints",
        style="red",
    )
    return 1


@contextmanager
def on_interrupt(hint: Callable[[], str]) -> Iterator[None]:
    """Add a word on how to go on to a Ctrl-C inside the block."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(hint()) from None


def percent(share: float) -> str:
    """Return a share in [0, 1] as percent with one digit; "-" for NaN.

    >>> percent(0.5), percent(float("nan"))
    ('50.0', '-')
    """
    return "-" if share != share else f"{100 * share:.1f}"
