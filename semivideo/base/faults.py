"""One bad file is one row: whatever fails while a file is looked at becomes that file's reason.

What a file can cause has a sentence. A fault of this package does too, and its traceback goes into
a log file, so that a run of a night goes on and the fault can still be found::

    ~/.local/state/semivideo/faults.log        or below $XDG_STATE_HOME
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from semivideo.base.errors import DataError, SemiVideoError
from semivideo.base.files import require_regular, step_after

log = logging.getLogger("semivideo")

_LONGEST_LOG = 4 << 20  # bytes; a log that is longer begins anew
_told: set[str] = set()


@contextlib.contextmanager
def about_file(path: Path, *, keep: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn what fails in the block into the error of one file.

    Args:
        path: The file.
        keep: What is not of the file and goes on as it is, such as a full disk while writing.

    Raises:
        DataError: Anything but an error that this package raises on purpose, which stays.
    """
    try:
        yield
    except SemiVideoError:
        raise
    except keep:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        raise DataError(f"cannot open {path}: {why}; {step_after(error)}", path=str(path)) from None
    except MemoryError:
        raise DataError(
            f"cannot use {path.name}: it needs more memory than there is; leave it out, or "
            "re-encode it smaller",
            path=str(path),
        ) from None
    except Exception as error:
        raise DataError(
            f"cannot use {path.name}: unexpected {type(error).__name__} ({_first_line(error)}); "
            f"{logged(error, about=str(path))}",
            path=str(path),
        ) from error


def logged(error: Exception, *, about: str) -> str:
    """Write a traceback into the log of faults, once a place of the code, and say where it is.

    Args:
        error: What was not expected.
        about: What was being done with what.
    """
    file = _file()
    steps = traceback.extract_tb(error.__traceback__)
    place = f"{type(error).__name__} {steps[-1].filename}:{steps[-1].lineno}" if steps else ""
    if place in _told:
        return f"the traceback of such a fault is in {file}; please report it"
    _told.add(place)
    lines = traceback.format_exception(error)
    text = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {about}\n{''.join(lines)}\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        is_long = file.exists() and require_regular(file).st_size > _LONGEST_LOG
        with file.open("w" if is_long else "a", encoding="utf-8", errors="replace") as opened:
            opened.write(text)
    except OSError as fault:
        log.warning("%s cannot be written (%s); the fault was:\n%s", file, fault.strerror, text)
        return "please report it"
    return f"this is a fault of semivideo: report it with the traceback in {file}"


def _file() -> Path:
    """Where tracebacks go."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(home, "semivideo", "faults.log")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]
