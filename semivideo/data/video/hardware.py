"""Video files to frames by a GPU's own decoder, through TorchCodec: ``read_frames`` once more.

Frame i stays frame i of a plain sequential decode: TorchCodec gets our table of presentation times,
and the times of the frames that it returns are compared with the table's::

    times of wanted frames -> TorchCodec -> frames and their times -> the same? -> canvas -> CPU
                                                      otherwise: decode.read_frames, with a warning

Who reads follows from the file and the wanted frames alone, never from what this process has read
before: so any number of loader processes gives the same batches.
"""

from __future__ import annotations

import functools
import importlib
import json
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semivideo.base.errors import ConfigError, DeviceError, MissingExtraError, SemiVideoError
from semivideo.base.records import FrameTable, Indices
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.canvas import (
    FrameSize,
    Image,
    Resizing,
    canvas_size,
    resized,
    scaled_size,
)
from semivideo.data.video.container import opened
from semivideo.data.video.decode import read_frames
from semivideo.data.video.depth import is_deep
from semivideo.data.video.probing import probe

log = logging.getLogger("semivideo")

_FRAMES_AT_ONCE = 8  # whole and in floating point on the GPU: 250 MB of a 1080p video
_TEST_FRAMES = [3, 4, 17]  # across a keyframe and B-frames
_LEAST_ALIKE = 6.0  # levels; neighbouring frames of the test differ by 30


class HardwareDecoder:
    """Reads frames on a GPU; what it cannot read exactly is left to ``decode.read_frames``.

    Args:
        device: Such as "cuda:0"; "cpu" runs the same code without a GPU, for tests.

    Attributes:
        device: As given.
        software: Reason to the files that were, at least once, read in software for it.
    """

    at_once: ClassVar[int] = 2
    """Readings that keep a decoder busy: one decodes while the other opens a file or copies."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.software: dict[str, set[Path]] = {}
        self._streams: dict[Path, tuple[int, bool]] = {}  # its number, whether it is deep

    def read_frames(
        self,
        path: Path,
        indices: Sequence[int] | NDArray[np.int64],
        *,
        frames: FrameTable,
        rotation: int = 0,
        short_side: FrameSize = None,
    ) -> Image:
        """Decode the frames with these numbers; arguments, result and errors as ``read_frames``.

        Pixels differ from those of ``read_frames`` by a few levels, since colours are converted and
        frames are shrunk by other code.
        """
        try:
            return self.read_exactly(
                path, indices, frames=frames, rotation=rotation, short_side=short_side
            )
        except UnfitError as unfit:
            if unfit.reason not in self.software:
                log.warning("%s is decoded in software, and so are others like it: %s", path, unfit)
            self.software.setdefault(unfit.reason, set()).add(path)
        return read_frames(path, indices, frames=frames, rotation=rotation, short_side=short_side)

    def read_exactly(
        self,
        path: Path,
        indices: Sequence[int] | NDArray[np.int64],
        *,
        frames: FrameTable,
        rotation: int = 0,
        short_side: FrameSize = None,
    ) -> Image:
        """Decode as ``read_frames``, on this device or not at all.

        Raises:
            UnfitError: The frames cannot be had, or might not be those that are wanted.
            DataError: The file cannot be opened.
            DeviceError: The GPU fails or has no memory left.
        """
        if path.is_dir():
            raise UnfitError("it is a folder of frames")
        wanted = np.unique(np.asarray(indices, dtype=np.int64))
        if not frames.is_exact:
            raise UnfitError("its frames have no times to find them by")
        if wanted[0] < 0 or wanted[-1] >= len(frames):
            raise UnfitError("frames are wanted that its table does not have")
        try:
            decoder = self._decoder(path, frames=frames, rotation=rotation)
            images = np.concatenate(
                [
                    _canvas(
                        _frames_at(decoder, wanted[start : start + _FRAMES_AT_ONCE], frames=frames),
                        rotation=rotation,
                        short_side=short_side,
                    )
                    for start in range(0, len(wanted), _FRAMES_AT_ONCE)
                ]
            )
        except SemiVideoError:
            raise
        except torch.OutOfMemoryError as error:
            raise self._broken(error) from error  # this says nothing about the file
        except (RuntimeError, ValueError, IndexError, OverflowError) as error:
            try:
                torch.zeros(1, device=self.device).cpu()
            except RuntimeError as fault:  # it is the GPU that is broken
                raise self._broken(fault) from fault
            raise UnfitError("TorchCodec cannot read it", detail=str(error)) from None
        if np.array_equal(wanted, indices):
            return images
        return images[np.searchsorted(wanted, indices)]

    def _broken(self, error: Exception) -> DeviceError:
        """The error of the GPU itself."""
        first = str(error).strip().partition("\n")[0]
        return DeviceError(
            f"{self.device} fails while it decodes videos ({first}); free its memory or lower the "
            "batch size, or choose decoder 'software'"
        )

    def _decoder(self, path: Path, *, frames: FrameTable, rotation: int) -> Any:
        """TorchCodec's decoder of the stream that the table is of."""
        if rotation < 0:
            raise UnfitError("TorchCodec does not mirror")
        if path not in self._streams:  # TorchCodec would take the largest one
            with opened(path) as (_, stream):
                format = stream.codec_context.format
                self._streams[path] = stream.index, format is not None and is_deep(format)
        number, is_stretched = self._streams[path]
        if is_stretched:
            raise UnfitError("its values of more than 8 bits are stretched")
        decoder = _torchcodec().VideoDecoder(
            f"file:{path}",  # as in ``opened``
            stream_index=number,
            dimension_order="NHWC",
            device=self.device,
            custom_frame_mappings=_mapping(frames),
        )
        if decoder.cpu_fallback:
            raise UnfitError("this GPU does not decode it", detail=str(decoder.cpu_fallback))
        # TorchCodec stands frames up itself; it counts degrees counter-clockwise.
        if -round(decoder.metadata.rotation or 0) % 360 != rotation:
            raise UnfitError("TorchCodec turns it another way")
        return decoder


class UnfitError(Exception):
    """A file or some of its frames cannot be read by the hardware decoder.

    Args:
        reason: In a few words, the same ones for all files with this reason.
        detail: What is particular to this file.
    """

    def __init__(self, reason: str, *, detail: str = "") -> None:
        first = detail.strip().partition("\n")[0]
        super().__init__(f"{reason} ({first})" if first else reason)
        self.reason = reason


def hardware_decoder(device: str | None = None) -> HardwareDecoder:
    """Return the decoder of a device, one for all readers of this process, after a test.

    Args:
        device: As for ``HardwareDecoder``; None for the GPU of this process.

    Raises:
        ConfigError: There is no GPU, or its decoder does not give the frames of a test video.
        MissingExtraError: TorchCodec is not installed, or it finds no FFmpeg.
    """
    return _tested(device or _gpu())


def _gpu() -> str:
    """The GPU of this process; by number, for loader processes start with another one."""
    if not torch.cuda.is_available():
        raise ConfigError(
            "decoder 'hardware' needs an NVIDIA GPU, and PyTorch finds none here; choose decoder "
            "'software', or install a CUDA build of PyTorch on a machine with such a GPU"
        )
    return f"cuda:{torch.cuda.current_device()}"


@functools.cache
def _tested(device: str) -> HardwareDecoder:
    """Read a video of which every decoder knows the frames, before hours of work depend on it."""
    decoder = HardwareDecoder(device)
    with tempfile.TemporaryDirectory() as folder:
        path = barcode_video(Path(folder) / "test.mp4", 20, size=(208, 128))
        table = probe(path).frames
        expected = read_frames(path, _TEST_FRAMES, frames=table)
        try:
            found = decoder.read_exactly(path, _TEST_FRAMES, frames=table)
            error = np.abs(found.astype(np.int16) - expected).mean(axis=(1, 2, 3)).max()
            reason = "" if error < _LEAST_ALIKE else "it gives other frames of a test video"
        except UnfitError as unfit:
            reason = str(unfit)
    if reason:
        raise ConfigError(
            f"decoder 'hardware' does not work on {device}: {reason}; choose decoder 'software', "
            "or see docs/gpu.md for what it needs"
        )
    return decoder


def _torchcodec() -> Any:
    """The module with TorchCodec's decoders."""
    try:
        return importlib.import_module("torchcodec.decoders")
    except ImportError:
        raise MissingExtraError(
            "decoder 'hardware' needs the package torchcodec: pip install 'semivideo[nvdec]'"
        ) from None
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise MissingExtraError(
            f"decoder 'hardware' cannot load the package torchcodec ({reason}); it needs FFmpeg's "
            "shared libraries, such as those of the system's package ffmpeg"
        ) from None


def _mapping(frames: FrameTable) -> str:
    """The table in the form that TorchCodec takes, so that it need not make its own."""
    columns = {
        "pts": frames.pts,
        "duration": np.diff(frames.pts, append=frames.pts[-1] + 1),
        "key_frame": frames.is_keyframe.astype(int),
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return json.dumps({"frames": [dict(zip(columns, row, strict=True)) for row in rows]})


def _frames_at(decoder: Any, wanted: Indices, *, frames: FrameTable) -> Tensor:
    """Whole frames, uint8 (N, H, W, 3) on the device, after a look at their times."""
    found = decoder.get_frames_at(wanted.tolist())
    # float64 seconds hold every time exactly enough to give the whole number back.
    times = np.rint(found.pts_seconds.cpu().numpy() / float(frames.time_base))
    if not np.array_equal(times, frames.pts[wanted]):
        raise UnfitError("TorchCodec gives frames of other times")
    whole: Tensor = found.data
    return whole


def _canvas(frames_NHWC: Tensor, *, rotation: int, short_side: FrameSize) -> Image:
    """Shrink and cut frames as ``decode`` does, and copy them to the CPU.

    Args:
        frames_NHWC: uint8 (N, H, W, 3), upright.
        rotation: How they were turned.
        short_side: As in ``canvas_size``.

    Returns:
        uint8 (N, height, width, 3), upright.
    """
    if isinstance(short_side, Resizing):
        size = scaled_size(frames_NHWC.shape[2], frames_NHWC.shape[1], short_side)
        every = frames_NHWC.cpu().numpy()
        return np.stack([resized(image, size=size, resizing=short_side) for image in every])
    # Turned back first: the middle of an odd number of pixels is then the same pixel.
    frames_NHWC = frames_NHWC.rot90(rotation // 90, dims=(1, 2))
    height, width = frames_NHWC.shape[1:3]
    small_width, small_height = scaled_size(width, height, short_side)
    rows, columns = canvas_size(width, height, short_side)
    if (rows, columns) != (height, width):
        device = frames_NHWC.device
        down = _shares(height, small_height, kept=rows).to(device)
        across = _shares(width, small_width, kept=columns).to(device)
        tall = torch.einsum("hH,nHWc->nhWc", down, frames_NHWC.float())
        frames_NHWC = torch.einsum("wW,nhWc->nhwc", across, tall).round().to(torch.uint8)
    images: Image = frames_NHWC.cpu().numpy()
    return np.ascontiguousarray(np.rot90(images, -rotation // 90, axes=(1, 2)))


def _shares(old: int, new: int, *, kept: int) -> Tensor:
    """What each of ``old`` pixels in a row gives to the middle ``kept`` ones of ``new`` pixels.

    Example, 3 to 2: each new pixel is two thirds of one old pixel and one third of the next::

        old  |  a  |  b  |  c  |
        new  |    A   |   B    |      A = 2/3 a + 1/3 b, as swscale's area averaging has it

    Returns:
        float32 (kept, old); rows add up to 1.
    """
    edges = np.linspace(0, old, new + 1)
    start = (new - kept) // 2
    begins, ends = edges[start : start + kept, None], edges[start + 1 : start + kept + 1, None]
    pixels = np.arange(old)
    overlap = np.minimum(ends, pixels + 1) - np.maximum(begins, pixels)
    return torch.from_numpy((overlap.clip(min=0) * new / old).astype(np.float32))
