"""Files that are either the old or the new one, never half of one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semivideo.errors import DataError


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the place of ``target`` when all went well.

    Args:
        target: The file to write; its folder is made if it is missing.

    Raises:
        DataError: The disk is full or the folder cannot be written to (exit code 1); ``target`` is
            what it was before.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise _not_written(target, error) from error
    finally:
        if temporary.exists():
            temporary.unlink()


def _not_written(target: Path, error: OSError) -> DataError:
    """The sentence for a write that failed; the input was good, so the exit code is 1."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        sentence = f"the disk is full while writing {target}; free some space and run it again"
    else:
        sentence = f"cannot write {target}: {error.strerror or error}; choose another place"
    failure = DataError(sentence, path=str(target))
    failure.exit_code = 1
    return failure
