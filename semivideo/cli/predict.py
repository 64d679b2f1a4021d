"""``semivideo predict``: name what happens in videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from semivideo.cli.console import note, percent, progress_bars, show
from semivideo.errors import DataError

if TYPE_CHECKING:
    from semivideo.evaluation import Prediction


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder or its model folder.")],
    videos: Annotated[list[Path], typer.Argument(help="Video files, of any container and size.")],
    top: Annotated[int, typer.Option(min=1, help="How many classes to name.")] = 5,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a JSON array and nothing else on stdout.")
    ] = False,
) -> None:
    """Name the most probable classes of video files.

    A file that cannot be read is reported and the others are still done; the exit code is then 2.
    """
    from semivideo import api

    recognizer = api.load(run)
    found: list[Prediction | DataError] = []
    with progress_bars() as progress:
        for number, path in enumerate(videos, start=1):
            try:
                found.append(recognizer.predict(path, top))
            except DataError as error:
                note(f"error: {error}", style="red")
                error.path = str(path)
                found.append(error)
            if progress:
                progress("predict", number, len(videos), "")
    if json_:
        typer.echo(json.dumps([_as_json(each) for each in found], indent=2))
    else:
        predictions = [each for each in found if not isinstance(each, DataError)]
        if predictions:
            show(_table(predictions))
    if any(isinstance(each, DataError) for each in found):
        raise typer.Exit(DataError.exit_code)


def _as_json(found: Prediction | DataError) -> dict[str, Any]:
    """One object of the array: a path with predictions, or with an error."""
    if isinstance(found, DataError):
        return {"path": found.path, "error": str(found)}
    pairs = zip(found.classes, found.probabilities, strict=True)
    predictions = [{"class": name, "probability": share} for name, share in pairs]
    return {"path": found.path, "predictions": predictions}


def _table(found: list[Prediction]) -> Table:
    """The classes of each video, the most probable first."""
    table = Table(
        Column("video", overflow="fold"), "class", Column("probability %", justify="right")
    )
    for each in found:
        path = each.path
        for name, share in zip(each.classes, each.probabilities, strict=True):
            table.add_row(path, name, percent(share))
            path = ""
        table.add_section()
    return table
