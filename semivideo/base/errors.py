"""The exception tree: every error a user can cause, with the sentence that helps.

A message says what is wrong with which value, what is allowed, and what to do next. The command
line prints the message alone and exits with ``exit_code``; it never prints a traceback for these.

A message that tells people to set an argument names it by ``option``: ``allow_fewer=True`` to those
who call the function, ``--allow-fewer`` to those who typed a command.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any, Self

Spelling = Callable[[str, Any], str]
"""Maps an argument's name and value (None for the name alone) to how a reader would write it."""

# Characters that no name and no message has, so that a user's words are never taken for an option.
_MARK = re.compile("\x02(\\w+)(?:=([^\x03]*))?\x03")


def option(name: str, value: Any = None) -> str:
    """Name an argument in a message of an error.

    Args:
        name: As in the Python function.
        value: To set it to; None names the argument alone.

    >>> str(ConfigError(f"lower it or pass {option('allow_fewer', True)}"))
    'lower it or pass allow_fewer=True'
    """
    return f"\x02{name}\x03" if value is None else f"\x02{name}={value!r}\x03"


def in_python(name: str, value: Any) -> str:
    """Spell an argument as those write it who call a function."""
    return name if value is None else f"{name}={value!r}"


class Sentence(str):
    """A message whose options can be spelled for another reader; by itself it is that for Python.

    Args:
        marked: The message, in which ``option`` names arguments.
    """

    __slots__ = ("_marked",)
    _marked: str

    def __new__(cls, marked: str) -> Self:
        """Make the sentence that a Python programmer reads."""
        made = super().__new__(cls, cls._with_options(marked, in_python))
        made._marked = marked
        return made

    def spelled(self, spelling: Spelling) -> str:
        """Return the sentence in the language of another reader."""
        return self._with_options(self._marked, spelling)

    @staticmethod
    def _with_options(marked: str, spelling: Spelling) -> str:
        def word(found: re.Match[str]) -> str:
            return spelling(found[1], None if found[2] is None else ast.literal_eval(found[2]))

        return _MARK.sub(word, marked)


class SemiVideoError(Exception):
    """Base of all errors this library raises on purpose.

    Args:
        message: The sentence, in which ``option`` names arguments.

    Attributes:
        exit_code: What the command returns: 2 for bad input, 1 for a failure on good input.
        sentence: The message, to be spelled for other readers than programmers.
    """

    exit_code = 2

    def __init__(self, message: str = "") -> None:
        self.sentence = Sentence(message)
        super().__init__(str(self.sentence))


class Stopped(KeyboardInterrupt):
    """A job was asked to stop by a signal; what it had done is saved.

    Args:
        number: Of the signal.
        hint: How to go on, or "".

    Attributes:
        number: As given.
    """

    def __init__(self, number: int, hint: str = "") -> None:
        super().__init__(hint)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What the command returns, as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number


class ConfigError(SemiVideoError, ValueError):
    """A setting, a name or a combination of settings is not allowed."""


class DataError(SemiVideoError, ValueError):
    """A folder, list or video cannot be used.

    Args:
        message: The sentence.
        path: The file it is about, if there is one.
    """

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class SplitError(SemiVideoError, ValueError):
    """A split cannot be drawn, read, or used with these videos."""


class CheckpointError(SemiVideoError):
    """A run folder, checkpoint or model file does not fit what is asked of it."""


class MissingExtraError(SemiVideoError, ImportError):
    """An optional dependency is not installed, or the weights of a network are not here."""

    exit_code = 1


class WriteError(SemiVideoError):
    """A file cannot be written, such as on a full disk; what was there is intact."""

    exit_code = 1


class TrainingError(SemiVideoError, RuntimeError):
    """Training cannot go on; the last good checkpoint is kept."""

    exit_code = 1


class DeviceError(SemiVideoError, RuntimeError):
    """An accelerator fails or has no memory left; the files that were being read are well."""

    exit_code = 1


class JobError(SemiVideoError, RuntimeError):
    """A job on a cluster stopped; what was done is kept."""

    exit_code = 1


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known name, or an empty string.

    >>> nearest("treshold", ["threshold", "weight"])
    "; did you mean 'threshold'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
