"""Names of videos in files of other tools: addresses, and paths of other machines."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://?")  # a single letter is a drive of Windows
_UPLOADED = re.compile(r"(?:.*/)?data/upload/(?:\d+/)?(?:[0-9a-f]{8}-)?(?P<name>[^/]+)")


def media_name(address: str) -> str:
    r"""Return the path that an address of a video names; a plain path stays as it is.

    >>> media_name("file:///C:/films/a%20b.mp4"), media_name("./a.mp4"), media_name("s3://x/y/a.mp4")
    ('C:/films/a b.mp4', 'a.mp4', 'y/a.mp4')
    >>> media_name("/data/local-files/?d=films/a.mp4"), media_name("/data/upload/3/0a1b2c3d-a.mp4")
    ('films/a.mp4', 'a.mp4')
    """
    if "local-files/?" in address:
        named = parse_qs(urlsplit(address).query).get("d")
        if named:
            return named[0]
    if _SCHEME.match(address):
        scheme, _, rest = address.partition(":")
        path = unquote(rest if scheme == "file" else urlsplit(address).path)
        path = path if scheme == "file" else path.lstrip("/")
        if scheme == "file":
            path = "/" + path.lstrip("/")
            path = path[1:] if re.match(r"/[a-zA-Z]:", path) else path
        address = path
    if uploaded := _UPLOADED.fullmatch(address):
        return uploaded["name"]
    while address.startswith("./"):
        address = address[2:]
    return address
