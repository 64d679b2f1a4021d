"""How long an encoder takes for a clip on this machine, measured once and kept.

    ~/.cache/semivideo/encoders.json     {"machine": ..., "encoders": {name: {...}}}

A measurement counts for one machine and one file of weights; of another it is made anew.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from semivideo.base.checked import read_json
from semivideo.base.files import write_bytes
from semivideo.base.machine.threads import num_cores
from semivideo.base.user_folders import user_cache
from semivideo.encoders.encoder import Encoder

_LONG_SECONDS = 10.0  # a clip that takes longer is not timed three times more
_MOST_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found out about an encoder.

    Attributes:
        stamp: Sizes and times of its files, by which a change is seen without reading them.
        sha256: Digest of its weights.
        seconds: For one clip, without decoding.
        input: Its clip, such as "16 x 224".
        million_weights: Its size.
        megabytes: The same on disk.
        gmac: Billions of multiplications and additions a clip; None where they cannot be counted.
    """

    stamp: str
    sha256: str
    seconds: float
    input: str
    million_weights: float
    megabytes: float
    gmac: float | None


def times_file() -> Path:
    """Return the file that keeps the measurements."""
    return user_cache() / "encoders.json"


def known_times() -> dict[str, Measured]:
    """Return what was measured on this machine, by name; nothing where the file is broken."""
    try:
        content = read_json(times_file(), most_bytes=_MOST_BYTES)
        if content["machine"] != machine():
            return {}
        return {name: Measured(**each) for name, each in content["encoders"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # it is made again


def measure_once(encoder: Encoder, *, stamp: str) -> Measured:
    """Measure an encoder on one clip, and keep the result.

    Args:
        encoder: On the device that computes.
        stamp: From ``stamp_of``.

    Raises:
        WriteError: The result cannot be kept.
    """
    num_frames, side = encoder.frames_of_clip(None), encoder.preprocessing.crop_size
    parameters = dict(encoder.named_parameters())
    device = next(iter(parameters.values()), torch.empty(0)).device
    clip = torch.zeros(1, 3, num_frames, side, side, device=device)
    seconds = _timed(encoder, clip)  # the first one takes longer
    if seconds < _LONG_SECONDS:
        seconds = min(_timed(encoder, clip) for _ in range(3))
    number = sum(each.numel() for each in parameters.values())
    found = Measured(
        stamp=stamp,
        sha256=encoder.origin.sha256,
        seconds=seconds,
        input=f"{num_frames} x {side}",
        million_weights=number / 1e6,
        megabytes=sum(each.nbytes for each in parameters.values()) / 1e6,
        gmac=_gmac(encoder, clip),
    )
    every = {**known_times(), encoder.name: found}
    content = {"machine": machine(), "encoders": {n: asdict(each) for n, each in every.items()}}
    write_bytes(times_file(), json.dumps(content, indent=1).encode())
    return found


def stamp_of(folder: Path | None) -> str:
    """Return what changes when somebody changes a file of a folder."""
    if folder is None:
        return ""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    told = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def machine() -> str:
    """Return a digest of what decides how fast this machine is."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    name = torch.cuda.get_device_name() if accelerator and accelerator.type == "cuda" else ""
    parts = (_processor(), num_cores(), torch.get_num_threads(), str(accelerator), name)
    told = repr((*parts, torch.__version__))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _processor() -> str:
    """The name of the processor, where the system tells it."""
    file = Path("/proc/cpuinfo")
    if file.is_file():
        for line in file.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _timed(encoder: Encoder, clip: Any) -> float:
    start = time.perf_counter()
    encoder(clip).sum().item()  # waits for a GPU
    return time.perf_counter() - start


def _gmac(encoder: Encoder, clip: torch.Tensor) -> float | None:
    """Counted on shapes alone; None for networks that need numbers to know what to do."""
    state = {**dict(encoder.named_parameters()), **dict(encoder.named_buffers())}
    shapes = {name: tensor.detach().to("meta") for name, tensor in state.items()}
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            torch.func.functional_call(_Encoding(encoder), _prefixed(shapes), (clip.to("meta"),))
    except (RuntimeError, NotImplementedError, ValueError, TypeError):
        return None
    return float(counter.get_total_flops()) / 2e9


class _Encoding(torch.nn.Module):
    """``encode`` as a forward: the encoder's own runs in inference mode, where nothing counts."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.encoder.encode(clip)


def _prefixed(shapes: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"encoder.{name}": tensor for name, tensor in shapes.items()}
