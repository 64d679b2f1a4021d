"""Files written whole, and read only if they are files.

After a crash a file is the old one or the new one, never a part of one. What is opened is a regular
file: a named pipe would wait for ever, and a device such as ``/dev/zero`` never ends.
"""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from semivideo.base.errors import WriteError

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
_STEPS = {
    errno.EACCES: "check its rights",
    errno.EPERM: "check its rights",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path, a part of which is a file",
    errno.ENAMETOOLONG: "shorten the path",
    errno.ENOSPC: "free space",
    errno.EDQUOT: "free space",
    errno.EROFS: "choose a place that can be written to",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the limit of open files (ulimit -n)",
    errno.EIO: "the disk or the network reports a fault: copy it from elsewhere",
    errno.ELOOP: "remove links that lead in a circle",
    errno.EMLINK: "remove it",
    errno.EINVAL: "name a file",
    errno.EISDIR: "name a file",
    errno.ENXIO: "name a file",
    errno.EFBIG: "name another file",
    errno.ENOTEMPTY: "name one that is not there yet",
}
"""Cause to the step that helps; what is not here may be anything."""
_TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp")


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file to read, if it is one; what it is shows before anything is read or waited for.

    Raises:
        OSError: It cannot be opened, or is a pipe, a device, a socket or a folder.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    number = os.open(path, flags)
    try:
        require_regular(path, os.fstat(number))
    except BaseException:
        os.close(number)
        raise
    return os.fdopen(number, "rb")


def require_regular(path: Path, status: os.stat_result | None = None) -> os.stat_result:
    """Refuse what is no regular file, and return what the system says of it.

    Args:
        path: The file; links are followed.
        status: What the system says, if that is known.

    Raises:
        OSError: It is not there, or is something else.
    """
    status = os.stat(path) if status is None else status
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        what = _KINDS.get(kind, "something else")
        number = errno.EISDIR if kind == stat.S_IFDIR else errno.EINVAL
        raise OSError(number, f"it is {what} and no regular file", str(path))
    return status


def read_bytes(path: Path, *, most: int | None = None) -> bytes:
    """Read a regular file.

    Args:
        path: The file.
        most: Bytes that are read at most; None for any number.

    Raises:
        OSError: As ``open_regular``, or it is larger.
    """
    with open_regular(path) as file:
        num_bytes = os.fstat(file.fileno()).st_size
        if most is not None and num_bytes > most:
            why = f"it has {num_bytes} bytes, and at most {most} are read"
            raise OSError(errno.EFBIG, why, str(path))
        return file.read()


def step_after(error: OSError, *, otherwise: str = "check the path and its rights") -> str:
    """Say what helps after a file could not be used.

    >>> step_after(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    'check the path'
    """
    return _STEPS.get(error.errno or 0, otherwise)


def sweep(folder: Path, *, name: str = "*") -> None:
    """Remove what killed processes left half written; for the owner of a place, who is alone.

    Args:
        folder: Where ``replacing`` wrote.
        name: Of the targets, as a pattern for ``glob``.
    """
    for leftover in folder.glob(f".{name}.*.tmp"):
        if _TEMPORARY.fullmatch(leftover.name):
            with suppress(OSError):
                leftover.unlink()


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the place of ``target`` when all went well.

    Args:
        target: The file to write; its folder is made if it is missing.

    Raises:
        WriteError: The disk is full or the folder cannot be written to; ``target`` is intact.
    """
    # Processes of several machines that share a folder may have one and the same number.
    temporary = _temporary_for(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise not_written(target, error) from error
    finally:
        with suppress(OSError):  # its folder may be a file; the error above says so
            temporary.unlink(missing_ok=True)


def _temporary_for(target: Path) -> Path:
    """A name beside a file that no other process takes, and that ``sweep`` knows."""
    return target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder to write into; it takes the name ``target`` when all went well.

    Args:
        target: A folder that must not be there yet; the folder around it is made if missing.

    Raises:
        WriteError: The disk is full, the place cannot be written to, or ``target`` has come to be;
            nothing is left behind.
    """
    temporary = _temporary_for(target)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.rename(temporary, target)
    except OSError as error:
        raise not_written(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file at once; raises as ``replacing``."""
    with replacing(target) as temporary:
        temporary.write_bytes(content)


def write_first(target: Path, content: bytes) -> None:
    """Write a file unless it is there; of several processes that try at once, the first one does.

    Raises:
        WriteError: As ``replacing``, or the file system has no hard links.
    """
    claim = _temporary_for(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with claim.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(claim, target)  # whole at once, and never in the place of another
    except OSError as error:
        raise not_written(target, error) from error
    finally:
        with suppress(OSError):
            claim.unlink(missing_ok=True)


def not_written(path: Path, error: OSError) -> WriteError:
    """Return the sentence for a write that failed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WriteError(
            f"the disk is full while writing {path}; what was there is intact; free space and run "
            "the command again"
        )
    step = step_after(error, otherwise="check the folder's permissions")
    if step == "check its rights":
        step = "check the folder's permissions"
    return WriteError(
        f"cannot write {path}: {error.strerror or error}; {step} or choose another place"
    )
