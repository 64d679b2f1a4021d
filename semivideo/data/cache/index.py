"""The index of a shard: where each frame lies in the tar file, and how to tell that it is whole.

    8 bytes        "SVSHARD1"
    8 bytes        length of the header
    header         JSON, see ``Header``; padded with spaces to a multiple of 16
    videos         one record of VIDEO per video
    pieces         one record of PIECE per frame, then per flow image, video after video
    4 bytes        CRC-32 of all bytes before

It is read by memory map: opening a shard of a million frames costs no memory.
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semivideo.base.checked import UnreadError, parsed, reading, shown
from semivideo.base.errors import DataError
from semivideo.base.files import open_regular, write_bytes

VIDEO = np.dtype(
    [
        ("first", "<u8"),
        ("num_stored", "<u4"),
        ("num_flows", "<u4"),
        ("num_frames", "<u4"),
        ("width", "<u4"),
        ("height", "<u4"),
        ("unused", "<u4"),
    ]
)
"""First piece; frames and flow images that are stored; frames of the file that can be read; its
displayed size in pixels."""
PIECE = np.dtype([("offset", "<u8"), ("size", "<u4"), ("crc32", "<u4")])
"""Place in the tar file in bytes, and checksum."""

_MAGIC = b"SVSHARD1"
_START = struct.Struct("<8sQ")
_END = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Header:
    """What an index says of the whole shard.

    Attributes:
        first_row: Row of its first video in the manifest.
        num_videos: Videos, one row after the other.
        num_pieces: Records of ``PIECE``.
        tar_bytes: Size of the tar file.
        tar_crc32: Checksum of the tar file.
        errors: Row (as text) to the reason why no frame of that video is here.
    """

    first_row: int
    num_videos: int
    num_pieces: int
    tar_bytes: int
    tar_crc32: int
    errors: dict[str, str] = field(default_factory=dict)


class ShardIndex:
    """An index, read.

    Args:
        path: The file.
        is_checked: Whether to leave out its checksum, as it was compared before.

    Attributes:
        header: About the shard.
        videos: Records of ``VIDEO``.
        pieces: Records of ``PIECE``.

    Raises:
        DataError: It is missing or broken.
    """

    def __init__(self, path: Path, *, is_checked: bool = False) -> None:
        content = _mapped(path)
        with reading(path, DataError, "make the shard again with semivideo prepare --verify"):
            self._read(path, content, is_checked=is_checked)

    def _read(self, path: Path, content: mmap.mmap, *, is_checked: bool) -> None:
        if not is_checked and zlib.crc32(memoryview(content)[: -_END.size]) != _checksum(content):
            raise DataError(f"index {path.name} is damaged", path=str(path))
        _, length = _START.unpack_from(content)
        start = _START.size + length
        self.header = _header(parsed(content[_START.size : start], json.loads, "JSON"))
        num_videos, num_pieces = self.header.num_videos, self.header.num_pieces
        self.videos: NDArray[Any] = np.frombuffer(content, VIDEO, num_videos, start)
        start += self.videos.nbytes
        self.pieces: NDArray[Any] = np.frombuffer(content, PIECE, num_pieces, start)
        stored = self.videos["num_stored"].astype(np.int64) + self.videos["num_flows"]
        ends = self.videos["first"] + stored.astype(np.uint64)
        if num_videos and ends.max() > num_pieces:
            raise UnreadError(f"a video has piece {ends.max()}, and there are {num_pieces}")

    def pieces_of(self, video: Any) -> NDArray[Any]:
        """The pieces of a record of ``videos``: its frames, then its flow images."""
        first = int(video["first"])
        return self.pieces[first : first + int(video["num_stored"]) + int(video["num_flows"])]


def write_index(path: Path, header: Header, *, videos: NDArray[Any], pieces: NDArray[Any]) -> None:
    """Write an index at once; raises as ``files.replacing``."""
    text = json.dumps(asdict(header)).encode()
    text += b" " * (-(_START.size + len(text)) % 16)
    content = _START.pack(_MAGIC, len(text)) + text + videos.tobytes() + pieces.tobytes()
    write_bytes(path, content + _END.pack(zlib.crc32(content)))


def _header(found: Any) -> Header:
    """The header, if it says what one says."""
    header = Header(**found)
    counts = {name: value for name, value in asdict(header).items() if name != "errors"}
    for name, value in counts.items():
        if type(value) is not int or not 0 <= value < 2**62:
            raise UnreadError(f"{name} is {shown(value)}, and allowed are whole numbers from 0 on")
    errors = header.errors
    if not isinstance(errors, dict) or not all(
        row.isdecimal() and isinstance(why, str) for row, why in errors.items()
    ):
        raise UnreadError("errors maps no rows to reasons")
    return header


def _mapped(path: Path) -> mmap.mmap:
    """The file's bytes, if they begin like an index."""
    try:
        with open_regular(path) as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise DataError(f"index {path.name} is missing", path=str(path)) from None
    except (OSError, ValueError) as error:  # a file of no bytes cannot be mapped
        raise DataError(f"index {path.name} cannot be read ({error})", path=str(path)) from None
    if len(content) < _START.size + _END.size or content[: len(_MAGIC)] != _MAGIC:
        raise DataError(f"index {path.name} is damaged", path=str(path))
    return content


def _checksum(content: mmap.mmap) -> int:
    (stored,) = _END.unpack(content[-_END.size :])
    return int(stored)
