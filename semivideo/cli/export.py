"""``semivideo export``: a network for those without this package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from semivideo.base.errors import ConfigError
from semivideo.cli.console import AllowCode, note, progress_bars, show, words_of_origins

if TYPE_CHECKING:
    from semivideo.export.exporting import Exported


def export(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished training, or its model.")],
    out: Annotated[Path, typer.Option(help="The folder to make.", show_default=False)],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="onnx: for ONNX Runtime; torch: a program of torch.export; hub-folder: weights "
            "and card, which this package reads.",
        ),
    ] = "onnx",
    half: Annotated[
        bool, typer.Option("--half", help="Keep weights in 16 bits: half of the file.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Keep weights in 8 bits: a quarter of the file.")
    ] = False,
    videos: Annotated[
        list[Path] | None,
        typer.Option(help="Videos to compare on; can be repeated.", show_default="the run's"),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many videos to compare on.")] = 20,
    allow_code: AllowCode = None,
) -> None:
    """Write a network as files that run without this package, and compare it with the run.

    Beside the network lie what a video has to go through, as JSON and as code that needs NumPy and
    OpenCV alone, and a page about the model. A network that says something else than the run is
    not written.
    """
    if half and int8:
        raise ConfigError("--half and --int8 cannot both be; leave one out")
    from semivideo import api

    allowed: dict[str, Any] = {"allow": allow_code} if allow_code else {}
    with progress_bars() as progress:
        made = api.export(
            run,
            out=out,
            format=format_,
            precision="half" if half else "int8" if int8 else "single",
            videos=videos,
            count=count,
            **allowed,
            progress=progress,
        )
    show_exported(made)
    note(words_of_origins(made.card.origins, made.card.league))


def show_exported(made: Exported) -> None:
    """Print what was written, and how far it is from the run.

    Args:
        made: What was exported.
    """
    size, single = made.num_bytes / 1e6, made.num_single_bytes / 1e6
    show(f"wrote {made.file}, {size:.2f} MB (weights in single precision: {single:.2f} MB)")
    parity = made.parity
    table = Table(
        f"beside the run, {parity.num_videos} videos",
        Column("largest difference", justify="right"),
        Column("same class", justify="right"),
    )
    for name, difference, same in (
        ("network alone", parity.network, parity.network_top1),
        ("with preprocess.py", parity.whole, parity.whole_top1),
    ):
        if difference is not None:
            table.add_row(name, f"{difference:.2g}", f"{same} of {parity.num_videos}")
    show(table)
    for video in parity.apart:
        note(f"warning: OpenCV's frames of {video} lead elsewhere", style="yellow")
    for reason in parity.skipped.values():
        note(f"warning: not compared: {reason}", style="yellow")
