"""Encoders that the user has added: names for local folders, kept in the user's settings.

~/.config/semivideo/encoders.json     {"format": 1, "encoders": {"mine": {"folder": ...}}}
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from semivideo.base.checked import Section, UnreadError, read_json, sentence, yaml_of
from semivideo.base.errors import ConfigError, DataError, nearest
from semivideo.base.files import open_regular, write_bytes
from semivideo.base.user_folders import user_config
from semivideo.settings import NOT_TOLD, League

_FORMAT = 1
_MOST_BYTES = 1 << 24  # of the list
_HEADER_BYTES = 1 << 16  # of a README, in which its header must end
_LONGEST = 200  # characters of what is told of weights


def _told(value: object) -> str:
    """What others tell of weights, as one line that a terminal can show."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value))
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


Told = Annotated[str, AfterValidator(_told)]


class Added(Section):
    """One encoder of the user."""

    folder: str
    """Where its configuration, weights and processor's file are."""
    pretrained_on: Told = NOT_TOLD
    """The data it had seen, as published."""
    licence: Told = NOT_TOLD
    """Of the weights, as published."""
    league: League | None = None
    """What it makes of results; None for that of its family."""


def list_file() -> Path:
    """Return the file that keeps the list."""
    return user_config() / "encoders.json"


def added_encoders() -> dict[str, Added]:
    """Read the list.

    Raises:
        DataError: The file was changed by hand and is broken.
    """
    file = list_file()
    again = "correct it, or remove it and add your encoders again"
    try:
        content = read_json(file, most_bytes=_MOST_BYTES)
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError(f"it is not of format {_FORMAT}")
        found = dict(content.get("encoders", {}))
    except FileNotFoundError:
        return {}
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f"cannot read {file}: {error}; {again}", path=str(file)) from None
    return {name: _checked(each, name, file) for name, each in found.items()}


def _checked(content: object, name: str, file: Path) -> Added:
    try:
        return Added.model_validate(content)
    except ValidationError as error:
        fault = sentence(error, Added, section=f"encoders.{name}")
        raise DataError(
            f"{file}: {fault}; or remove the file and add your encoders again", path=str(file)
        ) from None


def remember(name: str, added: Added) -> None:
    """Put an encoder on the list, in the place of one of that name.

    Raises:
        ConfigError: The name has other characters than letters, digits, ``.``, ``_`` and ``-``.
        WriteError: The list cannot be written.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise ConfigError(
            f"an encoder cannot be called {name!r}; take letters, digits, '.', '_' and '-'"
        )
    _write({**added_encoders(), name: added})


def forget(name: str) -> None:
    """Take an encoder off the list; its folder stays.

    Raises:
        ConfigError: It is not on the list.
        WriteError: The list cannot be written.
    """
    left = added_encoders()
    if name not in left:
        known = f" [added: {', '.join(left)}]" if left else ""
        raise ConfigError(
            f"no encoder {name!r} was added{nearest(name, left)}{known}; "
            "`semivideo encoders` lists them"
        )
    del left[name]
    _write(left)


def published_in(folder: Path) -> dict[str, str]:
    """Return licence and data that the ``README.md`` of a folder names, as the hub has them.

    Args:
        folder: The folder; a file that is not there, or has no header that can be read, names
            nothing.

    Returns:
        "licence" and "pretrained_on", as far as they are named: a line each.
    """
    try:
        with open_regular(folder / "README.md") as file:
            text = file.read(_HEADER_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return {}
    header = re.match(r"---[ \t\r]*\n(.*?)\n---", text, flags=re.S)
    if header is None:
        return {}
    told = _header(header[1])
    licence = told.get("license_name") or told.get("license")
    data = told.get("datasets")
    listed = ", ".join(map(str, data)) if isinstance(data, list) else data
    found = {"licence": licence, "pretrained_on": listed}
    return {key: line for key, value in found.items() if value and (line := _told(value))}


def _header(text: str) -> dict[str, Any]:
    """The YAML of a header; nothing where it is none."""
    try:
        told = yaml_of(text)
    except UnreadError:
        return {}
    return told if isinstance(told, dict) else {}


def _write(encoders: dict[str, Added]) -> None:
    listed = {name: each.model_dump(exclude_none=True) for name, each in encoders.items()}
    content = {"format": _FORMAT, "encoders": listed}
    write_bytes(list_file(), json.dumps(content, indent=1).encode())
