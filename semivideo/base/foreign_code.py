"""Names of code in files: ours are taken, the user's own need the user's word, at the call.

A run folder or the card of a network may name ``module:Class``. Such a folder may come from
anybody, and importing a module runs it. So what is not ours is imported only if the user named the
module (``--allow-code my_module``, ``load(..., allow=["my_module"])``), and nothing is imported to
find out. What the user types as a setting is his own word.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from semivideo.base.errors import CheckpointError, ConfigError, option

_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_allowed: ContextVar[frozenset[str]] = ContextVar("allowed", default=frozenset())


@contextmanager
def allowing(modules: Iterable[str]) -> Iterator[None]:
    """Let files name code of these modules inside the block.

    Args:
        modules: Such as ``my_module``, which stands for its sub-modules too.

    Raises:
        ConfigError: One is no name of a module.
    """
    given = frozenset([modules] if isinstance(modules, str) else modules)
    for name in given:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{option('allow')} {name!r} is no name of a module; write one such as my_module"
            )
    token = _allowed.set(_allowed.get() | given)
    try:
        yield
    finally:
        _allowed.reset(token)


def modules_of(values: Any) -> set[str]:
    """Modules of every ``module:attribute`` that is anywhere in nested settings.

    >>> sorted(modules_of({"method": {"name": "a.b:C"}, "networks.primary.name": "d:e"}))
    ['a.b', 'd']
    """
    if isinstance(values, str):
        module, colon, attribute = values.partition(":")
        is_code = colon and _NAME.fullmatch(module) and _NAME.fullmatch(attribute)
        return {module} if is_code else set()
    if isinstance(values, dict):
        return set().union(*map(modules_of, values.values()))
    if isinstance(values, list | tuple):
        return set().union(*map(modules_of, values))
    return set()


def refuse_foreign(values: Any, *, file: Path) -> None:
    """Refuse names in a file that ask for code which the user has not allowed.

    Args:
        values: Nested settings, or a name.
        file: Where they stand.

    Raises:
        CheckpointError: A value is ``module:attribute`` of a module that is not allowed.
    """
    for module in sorted(modules_of(values)):
        if not any(module == each or module.startswith(f"{each}.") for each in _allowed.get()):
            raise CheckpointError(
                f"{file} names code of the module {module!r}, which is not part of this package "
                f"and is not imported; if you trust it, allow it with {option('allow', [module])}"
            )


def imported(name: str) -> Any:
    """Import what the user names as ``module:attribute``.

    Raises:
        ImportError: There is none, or importing it fails in any way.
    """
    module, _, attribute = name.partition(":")
    if not (_NAME.fullmatch(module) and _NAME.fullmatch(attribute)):
        raise ImportError(f"{name!r} is not of the form module:Class")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ImportError(str(error)) from None
    except SystemExit as error:  # some modules are scripts
        raise ImportError(f"importing {module} ends the program ({error})") from None
    return found
