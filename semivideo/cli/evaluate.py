"""``semivideo evaluate``: score held-out videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from semivideo.cli.console import note, percent, progress_bars, show

if TYPE_CHECKING:
    from semivideo.evaluation import Evaluation


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished training.")],
    protocol: Annotated[
        str | None,
        typer.Option(help="Clips x crops, such as 10x3; the run's setting if not given."),
    ] = None,
    videos: Annotated[
        str | None,
        typer.Option(help="Other labelled videos than the run's test videos."),
    ] = None,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Show the accuracy of each class.")
    ] = False,
    hardware: Annotated[
        bool, typer.Option("--hardware", help="Decode the videos with a GPU's decoder.")
    ] = False,
) -> None:
    """Score held-out videos and keep the scores in the run folder."""
    from semivideo import api

    with progress_bars() as progress:
        found = api.evaluate(
            run,
            protocol=protocol,
            videos=videos,
            decoder="hardware" if hardware else "software",
            progress=progress,
        )
    table = Table("protocol", *_right("top-1", "top-5", "mean class", "videos", "skipped"))
    shares = (found.top1, found.top5, found.mean_class)
    counts = (found.num_videos, len(found.skipped))
    table.add_row(found.protocol, *map(percent, shares), *map(str, counts))
    show(table)
    if per_class:
        show(_class_table(found))
    if found.skipped:
        note(f"{len(found.skipped)} of the test videos could not be read and are in no figure")


def _class_table(found: Evaluation) -> Table:
    """Accuracy and most frequent confusion of each class."""
    table = Table("class", *_right("videos", "right %"), "most often taken for")
    for name, share, counts in zip(
        found.classes, found.class_accuracy, found.confusion, strict=True
    ):
        wrong = {other: n for other, n in zip(found.classes, counts, strict=True) if other != name}
        other = max(wrong, key=wrong.__getitem__, default="")
        confusion = f"{other} ({wrong[other]})" if other and wrong[other] else ""
        table.add_row(name, str(counts.sum()), percent(float(share)), confusion)
    return table


def _right(*names: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(name, justify="right") for name in names]
