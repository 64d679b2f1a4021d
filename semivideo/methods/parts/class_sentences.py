"""Sentences about classes, for a network that knows text: templates around names, or the user's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from semivideo.base.checked import read_json, reading
from semivideo.base.errors import ConfigError, DataError

TEMPLATES = ("a photo of a person doing {}.", "a video of {}.", "an example of {}.")


def sentences_about(
    classes: Sequence[str], *, templates: Sequence[str] = TEMPLATES, file: Path | None = None
) -> list[list[str]]:
    """Return one or more sentences about each class.

    Args:
        classes: Names, as in the manifest.
        templates: Sentences with {} where the class stands, in words.
        file: JSON, ``{"class": ["sentence", ...], ...}``; in place of the templates.

    Raises:
        ConfigError: A template without {}.
        DataError: The file is none, or has no sentence about a class.
    """
    if file is not None:
        return _of_file(file, classes)
    for template in templates:
        if "{}" not in template:
            raise ConfigError(
                f"method.templates has {template!r} without a place for the class; write {{}} "
                "where it stands"
            )
    return [[each.replace("{}", in_words(name)) for each in templates] for name in classes]


def in_words(name: str) -> str:
    """Return the name of a class as one would say it.

    >>> [in_words(name) for name in ("BrushingTeeth", "jumping_jack", "tai chi", "TaiChi2")]
    ['brushing teeth', 'jumping jack', 'tai chi', 'tai chi 2']
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z0-9])|[_\-]+", " ", name)
    return " ".join(spaced.lower().split())


def _of_file(path: Path, classes: Sequence[str]) -> list[list[str]]:
    advice = 'write {"class": ["a sentence about it"], ...}'
    with reading(path, DataError, advice):
        content = read_json(path)
        if not isinstance(content, dict):
            raise DataError(f"{path} has no classes; {advice}", path=str(path))
        found = []
        for name in classes:
            said = content.get(name)
            said = [said] if isinstance(said, str) else said
            if not (isinstance(said, list) and said and all(isinstance(s, str) for s in said)):
                raise DataError(
                    f"{path} has no sentence about class {name!r}; {advice}", path=str(path)
                )
            found.append(said)
    return found
