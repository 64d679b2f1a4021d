"""The formats: how a network becomes files, and how these are run; one entry of the table each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from semivideo.base.errors import ConfigError, nearest, option
from semivideo.base.files import read_bytes
from semivideo.encoders.local_motion import CODEBOOK_FILE
from semivideo.evaluation import Recognizer
from semivideo.evaluation.protocols import crop_side
from semivideo.export.alone import run as alone_run
from semivideo.export.compression import Precision
from semivideo.export.graph import onnx_of, program_of, require_onnx
from semivideo.export.parity import Network
from semivideo.models.weights import WEIGHTS, load_network, save_network


@dataclass(frozen=True)
class Format:
    """One way to hand on a network.

    Attributes:
        file: What holds the weights.
        write: Recogniser, folder of the trained network, new folder, precision: writes the files.
        open: Folder to a function of clips.
        has_program: Whether the file runs without this package, by code that lies beside it.
        precisions: What weights can be kept as.
        require: Refuses where a package is missing.
    """

    file: str
    write: Callable[[Recognizer, Path, Path, Precision], None]
    open: Callable[[Path], Network]
    has_program: bool = True
    precisions: tuple[Precision, ...] = ("single", "half", "int8")
    require: Callable[[], None] = lambda: None


def _program(recognizer: Recognizer, precision: Precision) -> torch.export.ExportedProgram:
    card = recognizer.card
    side = crop_side(card.evaluation, card.views)
    return program_of(
        recognizer.network,
        several=card.data.multi_label,
        clip=(3, card.network.num_frames, side, side),
        precision=precision,
    )


def _write_onnx(recognizer: Recognizer, model: Path, folder: Path, precision: Precision) -> None:
    onnx_of(_program(recognizer, precision)).save(str(folder / FORMATS["onnx"].file))


def _write_program(recognizer: Recognizer, model: Path, folder: Path, precision: Precision) -> None:
    torch.export.save(_program(recognizer, precision), folder / FORMATS["torch"].file)


def _write_weights(recognizer: Recognizer, model: Path, folder: Path, precision: Precision) -> None:
    """Weights and card as in the run folder: of a run on features those of the head."""
    network, card = load_network(model)
    if precision == "half":
        network = copy.deepcopy(network)
        for weight in network.parameters():
            if weight.ndim >= 2:
                weight.data = weight.data.half()  # read back into single precision
    codebook = model / CODEBOOK_FILE
    beside = {CODEBOOK_FILE: read_bytes(codebook)} if codebook.is_file() else None
    save_network(folder, network, card, beside=beside)


def _open_weights(folder: Path) -> Network:
    """The package's own reader, on the CPU."""
    network = Recognizer.load(folder, device="cpu").network

    def by_package(clips: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            logits: NDArray[np.float32] = network(torch.from_numpy(clips)).numpy()
        return logits

    return by_package


FORMATS: dict[str, Format] = {
    "onnx": Format("model.onnx", _write_onnx, alone_run.load, require=require_onnx),
    "torch": Format("model.pt2", _write_program, alone_run.load),
    "hub-folder": Format(
        WEIGHTS, _write_weights, _open_weights, has_program=False, precisions=("single", "half")
    ),
}


def format_named(name: str, *, precision: Precision) -> Format:
    """Return a format, if it can keep weights so.

    Raises:
        ConfigError: There is no such format, or not with this precision.
        MissingExtraError: It needs a package that is not installed.
    """
    if name not in FORMATS:
        raise ConfigError(
            f"no format {name!r}{nearest(name, FORMATS)} [known: {', '.join(FORMATS)}]"
        )
    found = FORMATS[name]
    if precision not in found.precisions:
        able = [other for other, each in FORMATS.items() if precision in each.precisions]
        raise ConfigError(
            f"{name} keeps weights to go on from, and {precision} ones cannot learn; take half "
            f"precision, or {option('format')} {' or '.join(able)}"
        )
    found.require()
    return found
