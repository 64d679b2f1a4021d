"""``semivideo evaluate``: score held-out videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from semivideo.cli.console import (
    AllowCode,
    note,
    percent,
    progress_bars,
    show,
    words_of_origins,
)

if TYPE_CHECKING:
    from semivideo.evaluation import Evaluation


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished training.")],
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Clips x crops of a video, such as 10x3.", show_default="the run's setting"
        ),
    ] = None,
    videos: Annotated[
        str | None,
        typer.Option(
            help="Other labelled videos, as `semivideo scan` takes; those that the run learned "
            "from are told apart.",
            show_default="the test videos of the run's split",
        ),
    ] = None,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Show the accuracy of each class.")
    ] = False,
    hardware: Annotated[
        bool, typer.Option("--hardware", help="Decode the videos with a GPU's decoder.")
    ] = False,
    allow_code: AllowCode = None,
) -> None:
    """Score the videos held out for testing, or others, and keep the scores in the run folder."""
    from semivideo import api
    from semivideo.runfolder import RunFolder

    allowed = {"allow": allow_code} if allow_code else {}
    with progress_bars() as progress:
        found = api.evaluate(
            run,
            protocol=protocol,
            videos=videos,
            decoder="hardware" if hardware else "software",
            **allowed,
            progress=progress,
        )
    show(_table(found))
    folder = RunFolder(run)
    settings = folder.settings(is_built=False) if folder.settings_file.is_file() else None
    if settings is not None and settings.origins:
        show(words_of_origins(settings.origins, settings.league))
    if per_class:
        show(_class_table(found))
    if found.skipped:
        note(f"{len(found.skipped)} of the test videos could not be read and are in no figure")


_ROLES = {
    "labeled": "trained on, with their class",
    "unlabeled": "trained on, without their class",
}


def _table(found: Evaluation) -> Table:
    """The figures, and in rows of their own those of videos that the network was trained on."""
    figures = {"top-1 %": found.top1}
    if found.present is not None:
        figures = {"best class is there %": found.top1, "mAP %": found.mean_average_precision}
        figures["mean F1 %"] = found.mean_presence_f1
    else:
        if found.tells_top5:
            figures["top-5 %"] = found.top5
        figures["mean class %"] = found.mean_class
        figures["mean F1 %"] = found.mean_f1
    counts = (found.num_videos, len(found.skipped))
    row = [found.protocol, *map(percent, figures.values()), *map(str, counts)]
    if not found.trained_on:
        table = Table("protocol", *_right(*figures, "videos", "skipped"))
        table.add_row(*row)
        return table
    table = Table("", "protocol", *_right(*figures, "videos", "skipped"))
    table.add_row("new to the network", *row)
    for role, known in found.trained_on.items():
        blank = [""] * (len(figures) - 1)
        cells = [found.protocol, percent(known.top1), *blank, str(len(known.ids)), ""]
        table.add_row(_ROLES[role], *cells)
    return table


def _class_table(found: Evaluation) -> Table:
    """Accuracy, F1 and most frequent confusion of each class."""
    if found.present is not None:
        return _presence_table(found)
    table = Table("class", *_right("videos", "right %", "F1 %"), "most often taken for")
    for name, share, f1, counts in zip(
        found.classes, found.class_accuracy, found.class_f1, found.confusion, strict=True
    ):
        wrong = {other: n for other, n in zip(found.classes, counts, strict=True) if other != name}
        other = max(wrong, key=wrong.__getitem__, default="")
        confusion = f"{other} ({wrong[other]})" if other and wrong[other] else ""
        table.add_row(name, str(counts.sum()), percent(float(share)), percent(float(f1)), confusion)
    return table


def _presence_table(found: Evaluation) -> Table:
    """Average precision and F1 of each class, where several may be there at once."""
    table = Table("class", *_right("videos", "AP %", "threshold", "F1 %"))
    assert found.present is not None
    thresholds = found.thresholds or (0.5,) * len(found.classes)
    columns = (
        found.present.sum(axis=0).tolist(),
        map(percent, found.average_precision.tolist()),
        (f"{each:.2f}" for each in thresholds),
        map(percent, found.presence_f1.tolist()),
    )
    for name, number, precision, threshold, f1 in zip(found.classes, *columns, strict=True):
        table.add_row(name, str(number), precision, threshold, f1)
    return table


def _right(*names: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(name, justify="right") for name in names]
