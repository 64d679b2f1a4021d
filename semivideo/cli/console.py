"""What the command line says, and where: results on stdout, everything else on stderr.

Progress bars are drawn on a terminal; elsewhere there is a plain line now and then. What the
library logs appears as one line each, errors as one sentence and an exit code; a traceback only
with ``SEMIVIDEO_DEBUG=1``. Names of files and classes are anybody's, and a terminal obeys some
characters, so what is written here goes through ``visible``.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
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

from semivideo.base.errors import SemiVideoError, Sentence, Spelling, Stopped
from semivideo.base.faults import logged
from semivideo.base.files import step_after
from semivideo.base.machine.interrupts import ended_soon
from semivideo.base.progress import PlainLines, Progress

if TYPE_CHECKING:
    from semivideo.settings import League, WeightsOrigin

MESSAGES = Console(stderr=True, highlight=False)
WIDTH_OFF_TERMINAL = 160
# Control characters but tab and newline, what ends a line or turns the direction of writing, and
# halves of characters, which stand for bytes of names that are no UTF-8.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_OTHER_NAMES = {"settings": "set_", "from_run": "from_", "allow": "allow_code"}
"""Argument of a function to that of the commands, where they differ by more than a last "_"."""


FrameRateOption = Annotated[
    float | None,
    typer.Option(help="Frames a second of folders of frames (000001.jpg, ...).", show_default="25"),
]
AllowCode = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-code",
        metavar="MODULE",
        help="Module of yours that files of the run name and that may be imported; can be "
        "repeated.",
    ),
]


def show(*items: Table | str) -> None:
    """Write results to stdout; tables are not squeezed into 80 columns when piped into a file.

    A cell that is too long goes on in the next line: the words that tell two rows apart are often
    the last ones. A cell that has lines of its own is a ``Text``; a newline in any other one is
    part of a name.
    """
    width = None if sys.stdout.isatty() else WIDTH_OFF_TERMINAL
    console = Console(width=width, highlight=False)
    for item in items:
        if isinstance(item, str):
            console.print(visible(item), markup=False, soft_wrap=True)
            continue
        item.title = item.title and _cell(item.title)
        for column in item.columns:
            column.overflow, column.header = "fold", _cell(column.header)
            column._cells[:] = map(_cell, column.cells)
        console.print(item, markup=False)


def _cell(cell: Any) -> Any:
    """A cell whose control characters are seen."""
    if isinstance(cell, Text):
        cell.plain = visible(cell.plain)
        return cell
    return visible(cell).replace("\n", "\\x0a") if isinstance(cell, str) else cell


def visible(text: str) -> str:
    r"""Return a text whose control characters are seen and not obeyed; newlines stay.

    >>> visible("a\x1b[31m\u202eb")
    'a\\x1b[31m\\u202eb'
    """

    def seen(found: re.Match[str]) -> str:
        code = ord(found[0])
        return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"

    return _OBEYED.sub(seen, text)


def note(sentence: str, *, style: str = "") -> None:
    """Write one line to stderr, as it is: square brackets are no markup."""
    line = visible(" ".join(sentence.split()))
    MESSAGES.print(Text(line, style=style), soft_wrap=True)


def command(*words: object) -> str:
    """Return a command that can be pasted into a shell.

    >>> command("semivideo", "predict", "my runs/a", "videos")
    "semivideo predict 'my runs/a' videos"
    """
    return shlex.join(map(str, words))


class _Rate(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        return Text(f"{rate:.1f}/s" if rate else "", style="progress.data.speed")


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Give a progress function: a bar per description on a terminal, lines now and then elsewhere.

    Of several processes the first one speaks.
    """
    if not MESSAGES.is_terminal:
        is_first = os.environ.get("RANK", "0") == "0"
        yield PlainLines(note if is_first else lambda line: None)
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
            extra = visible(" ".join(extra.split()))
            if description not in tasks:
                tasks[description] = bars.add_task(description, total=total, extra=extra)
            bars.update(tasks[description], completed=done, total=total, extra=extra)

        yield progress


class _ToMessages(logging.Handler):
    """Writes records of the library's logger as lines on stderr, above a progress bar."""

    def __init__(self, spelling: Spelling) -> None:
        super().__init__(logging.INFO)
        self._spelling = spelling

    def emit(self, record: logging.LogRecord) -> None:
        said = record.args[0] if isinstance(record.args, tuple) and record.args else None
        message = record.getMessage()
        if isinstance(said, Sentence) and record.msg == "%s":
            message = said.spelled(self._spelling)
        if record.levelno < logging.WARNING:
            note(message)
        else:
            note(f"{record.levelname.lower()}: {message}", style="yellow")


@contextmanager
def _messages_in_plain_words(spelling: Spelling) -> Iterator[None]:
    """Show warnings and log records as single lines while a command runs."""

    def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
        note(f"warning: {message}", style="yellow")

    logger, handler = logging.getLogger("semivideo"), _ToMessages(spelling)
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    shown, warnings.showwarning = warnings.showwarning, show_warning
    try:
        yield
    finally:
        warnings.showwarning = shown
        logger.removeHandler(handler)
        logger.setLevel(level)


def _as_option(name: str, value: Any) -> str:
    """How an option is typed where no command is known that has it."""
    flag = f"--{name.strip('_').replace('_', '-')}"
    return flag if value in (None, True) else f"{flag} {shlex.quote(str(value))}"


def run_plainly(command: Callable[[], Any], *, spelling: Spelling = _as_option) -> int:
    """Run a command and return its exit code; what a user can cause ends in one sentence.

    Args:
        command: Takes nothing; usage errors and exits of typer pass through.
        spelling: How the command calls its options; by their own names if not given.
    """
    try:
        with _messages_in_plain_words(spelling), ended_soon(_ended):
            command()
    except KeyboardInterrupt as interrupt:
        note("; ".join(filter(None, ["interrupted", str(interrupt)])), style="yellow")
        return interrupt.exit_code if isinstance(interrupt, Stopped) else 130
    except Exception as error:
        is_typers = type(error).__module__.startswith(("typer", "click"))
        if is_typers or isinstance(error, BrokenPipeError) or os.environ.get("SEMIVIDEO_DEBUG"):
            raise
        return _failed(error, spelling)
    return 0


def _ended(why: str) -> None:
    """Write the last line of a process that is ended from beside."""
    sys.stderr.write(f"{visible(why)}\n")


def _failed(error: Exception, spelling: Spelling) -> int:
    """Print the sentence of an error and return the exit code."""
    if isinstance(error, SemiVideoError):
        note(f"error: {error.sentence.spelled(spelling)}", style="red")
        return error.exit_code
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        step = step_after(error, otherwise="check the path, its rights and the disk")
        sentence = f"{error.strerror or error}{where}; {step}, then run the command again"
        note(f"error: {sentence}", style="red")
        return 1
    if _is_out_of_memory(error):
        why = (str(error).splitlines() or ["no more is given"])[0]
        note(
            f"error: there is not enough memory ({why}); close other programs, or ask for less at "
            "once, such as fewer videos or a smaller batch",
            style="red",
        )
        return 1
    note(
        f"error: unexpected {type(error).__name__}: {error}; "
        f"{logged(error, about='a command')}, or run again with SEMIVIDEO_DEBUG=1 to see it",
        style="red",
    )
    return 1


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    from semivideo.base.devices import is_out_of_memory  # imports PyTorch

    return is_out_of_memory(error)


@contextmanager
def on_interrupt(hint: Callable[[], str]) -> Iterator[None]:
    """Add a word on how to go on to a Ctrl-C or a SIGTERM inside the block."""

    def stop(number: int, _: Any) -> None:
        raise Stopped(number)

    # Python hears signals in its main thread alone.
    is_heard = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, stop) if is_heard else None
    try:
        yield
    except KeyboardInterrupt as interrupt:
        number = interrupt.number if isinstance(interrupt, Stopped) else signal.SIGINT
        raise Stopped(number, hint()) from None
    finally:
        if is_heard:
            signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def words_of_origins(origins: Sequence[WeightsOrigin], league: League) -> str:
    """Return what belongs beside every number of a network that began with others' weights.

    Args:
        origins: Of the weights; none for training from scratch.
        league: What they make of the result.
    """
    told = (
        f"pretrained on {each.pretrained_on} (licence of the weights: {each.licence})"
        for each in origins
    )
    return "; ".join([f"league: {league}", *told])


def percent(share: float) -> str:
    """Return a share in [0, 1] as percent with one digit; "-" for NaN.

    >>> percent(0.5), percent(float("nan"))
    ('50.0', '-')
    """
    return "-" if share != share else f"{100 * share:.1f}"


def spelling_of(commands: Mapping[str, Any], name: str | None) -> Spelling:
    """Return how a command spells the options of which the library gives the Python names.

    Where the command lacks one, the command that has it is named too.

    Args:
        commands: All commands, as click has them.
        name: Of the one that was typed; None for none.
    """

    def spelled(option: str, value: Any) -> str:
        places = [*([] if name is None else [name]), *commands]
        for place in places:
            found = _parameter(commands[place], option)
            if found is not None:
                word = _with_value(found, value)
                return word if place == name else f"{word} of semivideo {place}"
        return option if value is None else f"{option}={value!r}"

    return spelled


def _parameter(command: Any, option: str) -> Any:
    """The parameter of a command that stands for a function's argument, or None."""
    wanted = (option, f"{option}_", _OTHER_NAMES.get(option))
    return next((each for each in command.params if each.name in wanted), None)


def _with_value(parameter: Any, value: Any) -> str:
    """A parameter as it is typed."""
    if parameter.param_type_name == "argument":
        return str(
            (parameter.metavar or parameter.name.upper())
            if value is None
            else shlex.quote(str(value))
        )
    flag = max(parameter.opts, key=len)
    if value is None or value is True:
        return str(flag)
    if value is False and parameter.secondary_opts:
        return str(max(parameter.secondary_opts, key=len))
    if isinstance(value, list):
        return " ".join(f"{flag} {shlex.quote(str(each))}" for each in value)
    if isinstance(value, dict):
        return " ".join(
            f"{flag} {shlex.quote(f'{key}={_yaml(each)}')}" for key, each in value.items()
        )
    if isinstance(value, list):
        return " ".join(f"{flag} {shlex.quote(str(each))}" for each in value)
    return f"{flag} {shlex.quote(str(value))}"


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
