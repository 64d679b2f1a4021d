"""``export``: a run's network as a folder for those without this package.

    RUN -> network file, preprocessing.json, preprocess.py, run.py, README.md, parity.json

The folder appears whole, after the comparison with the run, or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semivideo.base.errors import ConfigError, option
from semivideo.base.files import new_folder, read_bytes
from semivideo.base.foreign_code import allowing
from semivideo.base.progress import Progress
from semivideo.evaluation import Recognizer
from semivideo.export.compression import Precision
from semivideo.export.description import FILE, described, why_not_alone
from semivideo.export.model_page import PAGE, model_page
from semivideo.export.network_files import format_named
from semivideo.export.parity import Parity, compare, compare_readers, videos_to_compare
from semivideo.run.finished import Run
from semivideo.run.prediction import load, model_folder
from semivideo.settings import ModelCard

PARITY = "parity.json"
_ALONE = Path(__file__).parent / "alone"
_CODE = ("preprocess.py", "run.py")


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
        path: The folder.
        file: The network in it.
        num_bytes: Of that file.
        num_single_bytes: Of the same weights in single precision.
        parity: How far it is from the run.
        card: Of the network.
    """

    path: Path
    file: Path
    num_bytes: int
    num_single_bytes: int
    parity: Parity
    card: ModelCard


def export(
    run: str | Path | Run,
    *,
    out: str | Path,
    format: str = "onnx",
    precision: Precision = "single",
    videos: Sequence[str | Path] | None = None,
    count: int = 20,
    allow: Sequence[str] = (),
    progress: Progress | None = None,
) -> Exported:
    """Write a run's network as files that run without this package, and compare it with the run.

    Args:
        run: A finished run, its folder, or the folder of a network.
        out: The folder to make.
        format: "onnx"; "torch", a program of ``torch.export``; or "hub-folder", weights and card
            for this package.
        precision: What weights are kept as: "single", "half" or "int8".
        videos: To compare on; None takes the run's, test videos first.
        count: How many of them, >= 1.
        allow: Modules of your own that the folder may name, see ``load``.
        progress: See ``semivideo.api``.

    Raises:
        ConfigError: An unknown format, a folder that is there, or no videos to compare on.
        MissingExtraError: A package is not installed.
        CheckpointError: There is no trained network, it cannot be written so, or it would differ
            from the run by more than ``parity.TOLERANCES``.
        WriteError: The folder cannot be written.
    """
    out, path = Path(out), Path(run.path if isinstance(run, Run) else run)
    kind = format_named(format, precision=precision)
    if out.exists():
        raise ConfigError(f"{out} is there already; name a new folder with {option('out')}")
    allow = (*allow, *(run.allow if isinstance(run, Run) else ()))
    recognizer = load(path, allow=allow)
    recognizer.network.cpu()
    card = recognizer.card
    why_not = why_not_alone(card)
    if why_not is not None and kind.has_program:
        raise ConfigError(
            f"{why_not}, so that {format} cannot run without this package; take "
            f"{option('format', 'hub-folder')}"
        )
    chosen = videos_to_compare(path, videos, count=count)
    with new_folder(out) as folder:
        with allowing(allow):
            kind.write(recognizer, model_folder(path), folder, precision)
        how: dict[str, Any] = {"precision": precision, "progress": progress}
        if why_not is not None:
            with allowing(allow):
                copy = Recognizer.load(folder, device="cpu")
            parity = compare_readers(recognizer, copy, chosen, **how)
        else:
            with allowing(allow):
                network = kind.open(folder)
            parity = compare(recognizer, network, described(card), chosen, **how)
            _write_json(folder / FILE, described(card))
            for name in _CODE[: 2 if kind.has_program else 1]:
                (folder / name).write_text(_standing_alone(name), encoding="utf-8")
        _write_json(folder / PARITY, {"format": format, "precision": precision, **parity.to_json()})
        page = model_page(path, card, format=format, precision=precision, parity=parity)
        (folder / PAGE).write_text(page, encoding="utf-8")
    file = out / kind.file
    return Exported(
        path=out,
        file=file,
        num_bytes=sum(each.stat().st_size for each in out.glob(f"{kind.file}*")),
        num_single_bytes=_single_bytes(recognizer, is_alone=kind.has_program),
        parity=parity,
        card=card,
    )


def _single_bytes(recognizer: Recognizer, *, is_alone: bool) -> int:
    """Weights in single precision; without the encoder where the file has none."""
    network = recognizer.network if is_alone else getattr(recognizer.network, "head", None)
    network = network or recognizer.network
    return sum(4 * weight.numel() for weight in network.state_dict().values())


def _standing_alone(name: str) -> str:
    """The code of a file, which finds its neighbour beside it and not in this package."""
    text = read_bytes(_ALONE / name).decode()
    return text.replace("from semivideo.export.alone.preprocess import", "from preprocess import")


def _write_json(target: Path, content: object) -> None:
    target.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
