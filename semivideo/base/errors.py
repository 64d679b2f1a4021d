"""The exception tree: every error a user can cause, with the sentence that helps.

A message says what is wrong with which value, what is allowed, and what to do next. The command
line prints the message alone and exits with ``exit_code``; it never prints a traceback for these.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SemiVideoError(Exception):
    """Base of all errors this library raises on purpose.

    Attributes:
        exit_code: What the command returns: 2 for bad input, 1 for a failure on good input.
    """

    exit_code = 2


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
    """An optional dependency is not installed."""

    exit_code = 1


class WriteError(SemiVideoError):
    """A file cannot be written, such as on a full disk; what was there is intact."""

    exit_code = 1


class TrainingError(SemiVideoError, RuntimeError):
    """Training cannot go on; the last good checkpoint is kept."""

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
