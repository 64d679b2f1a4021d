"""One writer a place: a lock that says who holds it, and that the system drops with its process.

A folder (a run, a cache) is locked by a file in it, a file (a manifest, a table of predictions) by
one beside it. A killed process leaves no lock, for the system drops it; the file that may be left
is taken over by the next one. Locks are those of ``fcntl.lockf``: children do not inherit them, so
that a loader process which outlives its parent for a moment holds nothing, and they reach over NFS.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from semivideo.base.errors import ConfigError
from semivideo.base.files import not_written, require_regular

if sys.platform != "win32":
    import fcntl

log = logging.getLogger("semivideo")

LOCK = ".lock"
"""Name of a folder's lock in it."""
_HELD: dict[str, int] = {}
"""Paths of the locks of this process, which the system would give it twice; -1 is exclusive."""
_guard = threading.Lock()
_MOST_BYTES = 4096  # of the word about the holder


class HeldError(ConfigError):
    """Somebody else is writing there."""


@contextmanager
def locked(
    place: Path, *, doing: str = "write to it", shared: bool = False, patience_seconds: float = 0.0
) -> Iterator[None]:
    """Hold the lock of a place inside the block.

    Args:
        place: A folder that exists, or a file that need not.
        doing: What for, in the sentence to those who come second.
        shared: Whether others that say the same may hold it as well: processes that share a job.
        patience_seconds: How long to wait for somebody who holds it.

    Raises:
        HeldError: It is held; the sentence says by whom.
        WriteError: The lock cannot be written.
    """
    path = Path(os.path.abspath(place))
    path = path / LOCK if path.is_dir() else path.with_name(f".{path.name}.lock")
    end = time.monotonic() + patience_seconds
    while True:
        try:
            file = _entered(path, place, shared=shared, doing=doing)
            break
        except HeldError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.2)
    try:
        yield
    finally:
        _leave(path, file, shared=shared)


@contextmanager
def locked_folder(folder: Path, *, doing: str, shared: bool = False) -> Iterator[None]:
    """The same for a folder that may have to be made; it is removed if nothing came into it."""
    if folder.exists() and not folder.is_dir():
        yield  # whoever needs a folder will say so
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error
    try:
        with locked(folder, doing=doing, shared=shared):
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def _entered(path: Path, place: Path, *, shared: bool, doing: str) -> IO[bytes] | None:
    """The locked file, noted among the locks of this process."""
    _enter(str(path), place, shared=shared, doing=doing)
    try:
        return _taken(path, place, shared=shared, doing=doing)
    except BaseException:
        _leave(path, None, shared=shared)
        raise


def _enter(name: str, place: Path, *, shared: bool, doing: str) -> None:
    """Note the lock among those of this process, if nothing of it speaks against that."""
    with _guard:
        held = _HELD.get(name, 0)
        if held and not (shared and held > 0):
            raise _held(place, f"this process ({os.getpid()})", doing)
        _HELD[name] = held + 1 if shared else -1


def _leave(path: Path, file: IO[bytes] | None, *, shared: bool) -> None:
    """Drop the lock; whoever is alone removes its file."""
    name = str(path)
    with _guard:
        _HELD[name] = _HELD[name] - 1 if shared else 0
        if not _HELD[name]:
            del _HELD[name]
        if file is not None:
            if not shared:
                with suppress(OSError):
                    path.unlink()
            file.close()


def _taken(path: Path, place: Path, *, shared: bool, doing: str) -> IO[bytes] | None:
    """Open and lock the file; None where the file system has no locks."""
    if sys.platform == "win32":
        return None
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _opened(path)
        except OSError as error:
            raise not_written(path, error) from error
        try:
            fcntl.lockf(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            who = _holder(file)
            file.close()
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise _held(place, who, doing) from None
            log.warning("%s cannot be locked (%s): see that nobody else writes there", place, error)
            return None
        if _is_at(path, file):  # else the last holder has just removed it
            if not shared:
                _sign(file)
            return file
        file.close()


def _opened(path: Path) -> IO[bytes]:
    """The file of a lock, made if it is not there; only what this package could have made.

    A folder from elsewhere may hold a link in its place, and what it leads to would be overwritten.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        number = os.open(path, flags | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.EMLINK, "a link stands there, and a lock is a file") from error
        raise
    try:
        if require_regular(path, os.fstat(number)).st_nlink > 1:
            raise OSError(errno.EMLINK, "it is a file with other names, and a lock has one")
    except BaseException:
        os.close(number)
        raise
    return os.fdopen(number, "r+b")


def _is_at(path: Path, file: IO[bytes]) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    return False


def _sign(file: IO[bytes]) -> None:
    """Write down who holds it."""
    about = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": " ".join(sys.argv)[:500],
    }
    with suppress(OSError):  # on a full disk it is a lock all the same
        file.truncate(0)
        file.write(json.dumps(about).encode())
        file.flush()


def _holder(file: IO[bytes]) -> str:
    """Who holds a lock, in words."""
    try:
        about: Any = json.loads(file.read(_MOST_BYTES))
        since, command = str(about["since"]), str(about["command"])
        return f"process {about['process']} on {about['host']} since {since} ({command})"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"


def _held(place: Path, who: str, doing: str) -> HeldError:
    return HeldError(
        f"{place} is in use: {who} holds it, and only one may {doing} at a time; wait for it, or "
        "stop it and run the command again"
    )
