"""Frames to bytes and back, for the prepared cache: JPEG, PNG, or H.264.

Every stored frame is one piece of bytes. Of JPEG and PNG a piece is an image. Of H.264 it is the
packet of that frame in an mp4 file whose every eighth frame is a keyframe and whose frames are
never reordered, so that a frame needs the pieces from its group's first one on, and no container::

    frame     0  1  2  3  4  5  6  7 | 8  9 10 11 12 13 14 15
    piece     K  P  P  P  P  P  P  P | K  P  P  P  P  P  P  P
    wanted             x                    x
    decoded   x  x  x  x             | x  x  x

FFmpeg, simplejpeg and OpenCV let go of the interpreter, so threads work side by side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from typing import IO, Any, Literal

import av
import cv2
import numpy as np
import simplejpeg
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from semivideo.base.records import Indices
from semivideo.data.video.decode import Image

Kind = Literal["jpeg", "png", "h264"]
Quality = int | Literal["lossless"]
Size = tuple[int, int]
Bytes = bytes | memoryview

GROUP = 8
DEFAULT_QUALITY: dict[Kind, Quality] = {"jpeg": 80, "png": "lossless", "h264": 23}
_USUAL_RATE = 25  # of a video whose frame rate is unknown


def image_suffix(quality: Quality) -> str:
    """Ending of the file that ``encode_image`` makes."""
    return "png" if quality == "lossless" else "jpg"


def encode_image(image: Image, *, quality: Quality) -> bytes:
    """Encode one image.

    Args:
        image: uint8 (H, W, 3), RGB, or (H, W), grey.
        quality: JPEG's, in [1, 100]; "lossless" gives PNG.
    """
    if quality == "lossless":
        shown = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        return bytes(cv2.imencode(".png", shown, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])
    image = np.ascontiguousarray(image)
    if image.ndim == 2:
        grey = image[..., None]
        return bytes(simplejpeg.encode_jpeg(grey, quality, "GRAY", "Gray"))
    return bytes(simplejpeg.encode_jpeg(image, quality, "RGB", "420"))


def decode_images(pieces: Sequence[Bytes], *, size: Size, stored: Size, channels: int = 3) -> Image:
    """Decode images of one video.

    Args:
        pieces: N pieces of ``encode_image``.
        size: Height and width wanted, at most the stored ones.
        stored: Height and width of the images.
        channels: 3 for RGB, 1 for grey.

    Returns:
        uint8 (N, *size, 3), or (N, *size) of grey images.
    """
    images = np.empty((len(pieces), *size, channels), np.uint8)
    is_scaled = _is_scaled_by_jpeg(size, stored)
    for place, piece in zip(images, pieces, strict=True):
        if bytes(piece[:2]) != b"\xff\xd8":
            place[...] = shrunk(_decode_png(piece, channels), size)
        elif is_scaled:
            _decode_jpeg(piece, size, out=place)
        else:
            full = np.empty((*stored, channels), np.uint8)
            place[...] = shrunk(_decode_jpeg(piece, stored, out=full), size)
    return images if channels == 3 else images[:, :, :, 0]


def encode_video(
    frames: Iterable[Image], file: IO[bytes], *, quality: Quality, frame_rate: float
) -> NDArray[np.int64]:
    """Write frames as an mp4 file.

    Args:
        frames: uint8 (H, W, 3), RGB; of none, nothing is written.
        file: Empty; can be read and sought in.
        quality: x264's constant rate factor, in [1, 51], less is better; "lossless".
        frame_rate: Frames per second for players, 0.0 if unknown.

    Returns:
        int64 (num_frames, 2): offset and size of each frame's piece in the file.
    """
    images = iter(frames)
    first = next(images, None)
    if first is None:
        return np.empty((0, 2), np.int64)
    with av.open(file, "w", format="mp4") as container:
        stream = _new_stream(container, first.shape[:2], quality, frame_rate=frame_rate)
        for number, image in enumerate(chain([first], images)):
            frame = VideoFrame.from_ndarray(_even(image, stream), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    return np.array(packets, dtype=np.int64)


def pieces_of_frames(frames: Indices, kind: Kind) -> Indices:
    """Say which pieces are needed for some frames.

    >>> pieces_of_frames(np.array([1, 3, 10]), "h264").tolist()
    [0, 1, 2, 3, 8, 9, 10]
    """
    if kind != "h264":
        return np.unique(frames)
    starts = frames // GROUP * GROUP
    parts = [np.arange(start, end + 1) for start, end in zip(starts, frames, strict=True)]
    return np.unique(np.concatenate(parts))


def decode_video(
    pieces: Mapping[int, Bytes], frames: Indices, *, size: Size, stored: Size
) -> Image:
    """Decode frames from the pieces that ``pieces_of_frames`` names.

    Args:
        pieces: Number of the frame to its piece.
        frames: int64 (N,), wanted frames, ascending.
        size: Height and width wanted, at most the stored ones.
        stored: Height and width of the frames.

    Returns:
        uint8 (N, *size, 3), RGB.
    """
    images = np.empty((len(frames), *size, 3), np.uint8)
    place = {int(frame): number for number, frame in enumerate(frames)}
    codec = av.CodecContext.create("h264", "r")
    codec.thread_count = 1
    numbers = sorted(pieces)
    shown = iter(numbers)
    # Nothing is reordered: frames come out as the packets went in, the last ones with the flush.
    for packet in [*(av.Packet(_annex_b(pieces[number])) for number in numbers), None]:
        for frame in codec.decode(packet):
            number = next(shown)
            if number in place:
                image = _rgb(frame)[: stored[0], : stored[1]]
                images[place[number]] = shrunk(image, size)
    return images


def shrunk(image: Image, size: Size) -> Image:
    """Resize an image (H, W) or (H, W, C) to a smaller height and width."""
    if image.shape[:2] == size:
        return image
    small = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    shaped: Image = np.asarray(small, np.uint8).reshape(*size, *image.shape[2:])
    return shaped


def _is_scaled_by_jpeg(size: Size, stored: Size) -> bool:
    """Whether a JPEG decoder gives exactly this size by one of its factors 1/8 ... 8/8."""
    return any(
        size == tuple(math.ceil(side * eighths / 8) for side in stored) for eighths in range(1, 9)
    )


def _decode_jpeg(piece: Bytes, size: Size, *, out: Image) -> Image:
    height, width = size
    simplejpeg.decode_jpeg(
        piece,
        "RGB" if out.shape[-1] == 3 else "GRAY",
        fastdct=True,
        fastupsample=True,
        min_height=height,
        min_width=width,
        buffer=out,
    )
    return out


def _decode_png(piece: Bytes, channels: int) -> Image:
    flag = cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE
    image: Any = cv2.imdecode(np.frombuffer(piece, np.uint8), flag)
    shown = cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if channels == 3 else image[..., None]
    return np.asarray(shown)


def _new_stream(container: Any, size: Size, quality: Quality, *, frame_rate: float) -> Any:
    """A stream of groups of eight frames, decodable fast and each group by itself."""
    is_lossless = quality == "lossless"
    rate = Fraction(frame_rate).limit_denominator(1001) or Fraction(_USUAL_RATE)
    stream = container.add_stream("libx264rgb" if is_lossless else "libx264", rate=rate)
    # Colours of half resolution come in pairs of pixels.
    stream.height, stream.width = size if is_lossless else (side + side % 2 for side in size)
    stream.pix_fmt = "rgb24" if is_lossless else "yuv420p"
    stream.codec_context.thread_count = 1
    stream.options = {
        "preset": "veryfast",
        "tune": "fastdecode",
        "x264-params": f"keyint={GROUP}:min-keyint={GROUP}:scenecut=0:bframes=0:repeat-headers=1",
        **({"qp": "0"} if is_lossless else {"crf": str(quality)}),
    }
    return stream


def _even(image: Image, stream: Any) -> Image:
    """The image with its last row and column repeated where the stream has one more."""
    down, right = stream.height - image.shape[0], stream.width - image.shape[1]
    padded = cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(padded)


def _rgb(frame: VideoFrame) -> Image:
    if frame.format.name == "yuv420p":
        return np.asarray(cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2RGB_I420), np.uint8)
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _annex_b(piece: Bytes) -> bytes:
    """Put start codes in the place of the lengths that mp4 writes before each unit."""
    units = bytearray(piece)
    place = 0
    while place < len(units):
        length = int.from_bytes(units[place : place + 4], "big")
        units[place : place + 4] = b"\0\0\0\1"
        place += 4 + length
    return bytes(units)
