"""A trained network as one graph for other programs: clips in, logits and probabilities out.

    clips float32 (N, 3, T, side, side), any N  ->  logits (N, K), probabilities (N, K)

What the run's network does is traced once and written down; no Python of ours is needed after.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, floor
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from semivideo.base.errors import CheckpointError, MissingExtraError, option
from semivideo.export.compression import Precision, compressed

CLIPS, LOGITS, PROBABILITIES = "clips", "logits", "probabilities"
"""Names of what goes in and what comes out."""


class Deployed(nn.Module):
    """A network with the probabilities beside its logits.

    Args:
        network: Maps clips to logits.
        several: Whether several classes may be there at once.
    """

    def __init__(self, network: nn.Module, *, several: bool) -> None:
        super().__init__()
        self.network, self.several = network, several

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Map clips (N, 3, T, side, side) to logits and probabilities, (N, K) both."""
        logits_NK = self.network(clips)
        return logits_NK, logits_NK.sigmoid() if self.several else logits_NK.softmax(dim=1)


class PooledByMatrices(nn.Module):
    """``nn.AdaptiveAvgPool3d`` as products, for ONNX has no word for it.

    Args:
        size: Of the output along time, height and width.
    """

    def __init__(self, size: tuple[int, int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x_NCTHW: Tensor) -> Tensor:
        """Map (N, C, T, H, W) to (N, C, *size)."""
        for axis, num_out in zip((2, 3, 4), self.size, strict=True):
            num_in = int(x_NCTHW.shape[axis])
            shares = torch.zeros(num_out, num_in)
            for row in range(num_out):
                first, last = floor(row * num_in / num_out), ceil((row + 1) * num_in / num_out)
                shares[row, first:last] = 1 / (last - first)
            x_NCTHW = (x_NCTHW.movedim(axis, -1) @ shares.T).movedim(-1, axis)
        return x_NCTHW


def program_of(
    network: nn.Module,
    *,
    several: bool,
    clip: tuple[int, int, int, int],
    precision: Precision = "single",
) -> ExportedProgram:
    """Trace a network.

    Args:
        network: Maps clips to logits; a copy of it is traced, on the CPU.
        several: As for ``Deployed``.
        clip: Shape of a clip, (C, T, side, side).
        precision: What weights are kept as.

    Raises:
        CheckpointError: The network does something that depends on the values it sees.
    """
    deployed = Deployed(copy.deepcopy(network).cpu().eval(), several=several)
    for module in list(deployed.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.AdaptiveAvgPool3d):
                setattr(module, name, PooledByMatrices(_three(child.output_size)))
    for tensor in (*deployed.parameters(), *deployed.buffers()):
        # The file knows no channels_last; and what is kept in fewer bits is made of this.
        tensor.data = tensor.data.clone(memory_format=torch.contiguous_format)
    compressed(deployed, precision)
    try:
        with _quietly():
            program = torch.export.export(
                deployed, (torch.zeros(2, *clip),), dynamic_shapes=({0: Dim("views")},)
            )
    except Exception as error:  # tracing runs the network's code, which may be anybody's
        raise CheckpointError(
            f"{type(network).__name__} cannot be written down as a graph ({_first_line(error)}); "
            f"take {option('format', 'hub-folder')}, which keeps weights alone"
        ) from None
    program.example_inputs = None  # would be kept in the file, as a pickle
    return program


def onnx_of(program: ExportedProgram) -> Any:
    """Translate a traced network to ONNX.

    Args:
        program: From ``program_of``.

    Returns:
        ``torch.onnx.ONNXProgram``.

    Raises:
        MissingExtraError: A package is not installed.
        CheckpointError: ONNX has no word for something the network does.
    """
    require_onnx()
    try:
        with _quietly():
            return torch.onnx.export(
                program,
                input_names=[CLIPS],
                output_names=[LOGITS, PROBABILITIES],
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        cause = _first_line(error.__cause__ or error)
        raise CheckpointError(
            f"ONNX cannot say what this network does ({cause}); take {option('format', 'torch')}"
        ) from None


def require_onnx() -> None:
    """Refuse before any work where a package is missing.

    Raises:
        MissingExtraError: It is.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        try:
            __import__(package)
        except ImportError:
            raise MissingExtraError(
                f"ONNX export needs the '{package}' package: pip install 'semivideo[export]'"
            ) from None


def _three(size: Any) -> tuple[int, int, int]:
    """Sizes along three axes, as the pool was given them."""
    return (size, size, size) if isinstance(size, int) else tuple(size)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0].rstrip(".")[:200]


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep from users what the exporters say of themselves, such as that torchvision is missing."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    loggers += [logging.getLogger(name) for name in ("onnx_ir", "torch._export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
