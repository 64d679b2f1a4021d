"""What is in a file of labels, read once: JSON, XML or text, told by its first letters.

Documents that declare entities are refused before they are built: an entity can name a file of
this machine, or stand for gigabytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from semivideo.base.errors import DataError
from semivideo.events.sheets import decoded, read_bytes


@dataclass(frozen=True, slots=True)
class Content:
    """A file of labels.

    Attributes:
        path: The file.
        text: What is in it, unless it is XML.
        json: The parsed JSON, or None.
        xml: The root element, or None.
    """

    path: Path
    text: str = ""
    json: Any = None
    xml: ElementTree.Element | None = None


def read_content(path: Path) -> Content:
    """Read a file.

    Raises:
        DataError: It cannot be read, or is not whole.
    """
    data = read_bytes(path)
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        return Content(path, xml=_parsed_xml(path, data))
    text = decoded(path, data)
    is_json = text.lstrip()[:1] in ("{", "[")
    if is_json or path.suffix.lower() == ".json":
        try:
            return Content(path, text, json=json.loads(text))
        except (ValueError, RecursionError) as error:
            if path.suffix.lower() == ".json":
                where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
                raise DataError(
                    f"{path.name} is no whole JSON file{where}; it may be cut off: export it again",
                    path=str(path),
                ) from None
    return Content(path, text)


def _parsed_xml(path: Path, data: bytes) -> ElementTree.Element:
    """Root of a document without a document type."""
    guard = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise DataError(
            f"{path.name} declares a document type, which files of labels do not have and which "
            "can name other files; export it again",
            path=str(path),
        )

    guard.StartDoctypeDeclHandler = refuse
    try:
        guard.Parse(data, True)
        return ElementTree.fromstring(data)
    except DataError:
        raise
    except (expat.ExpatError, ElementTree.ParseError) as error:
        raise DataError(
            f"{path.name} is no whole XML file ({error}); it may be cut off: export it again",
            path=str(path),
        ) from None
    except (LookupError, ValueError) as error:  # of encodings that do not exist, or not for XML
        raise DataError(f"{path.name}: {error}; save it as UTF-8", path=str(path)) from None
