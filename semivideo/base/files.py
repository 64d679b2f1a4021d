"""Files written whole: after a crash a file is the old one or the new one, never a part of one."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from semivideo.base.errors import WriteError


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the place of ``target`` when all went well.

    Args:
        target: The file to write; its folder is made if it is missing.

    Raises:
        WriteError: The disk is full or the folder cannot be written to; ``target`` is intact.
    """
    # Processes of several machines that share a folder may have one and the same number.
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
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


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file at once; raises as ``replacing``."""
    with replacing(target) as temporary:
        temporary.write_bytes(content)


def write_first(target: Path, content: bytes) -> None:
    """Write a file unless it is there; of several processes that try at once, the first one does.

    Raises:
        WriteError: As ``replacing``, or the file system has no hard links.
    """
    claim = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
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
    return WriteError(
        f"cannot write {path}: {error.strerror or error}; check the folder's permissions or choose "
        "another place"
    )
