"""``semivideo plan``: what more labels would bring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from semivideo.cli.console import note, on_interrupt, percent, progress_bars, show

if TYPE_CHECKING:
    from semivideo.run.labeling.planning import Planned

_COLUMNS = ("what", "num_labels", "accuracy", "low", "high")


def plan(
    runs: Annotated[
        list[Path], typer.Argument(help="Evaluated runs of different label counts, or one run.")
    ],
    seconds_per_label: Annotated[
        float, typer.Option(help="Seconds that a person needs for a label.")
    ] = 10.0,
    draws: Annotated[
        int,
        typer.Option(
            min=1, help="Trainings at each smaller number of labels, where one run is given."
        ),
    ] = 3,
    train: Annotated[
        bool,
        typer.Option(
            "--train",
            help="Let one run on videos be trained again, shortly; without it that is refused.",
        ),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write them there: .csv or .json.")] = None,
) -> None:
    """Say how accurate with two and four times the labels, and what an hour of labelling brings.

    A power law of the error is fitted over label counts. One run on features is trained again on
    parts of its labels, which takes seconds each.
    """
    from semivideo import api
    from semivideo.run.labeling.row_file import check_row_file, write_rows

    if out is not None:
        check_row_file(out, columns=_COLUMNS, what="an earlier plan")
    with on_interrupt(lambda: "run the same command again to go on"), progress_bars() as progress:
        found = api.plan(
            runs, seconds_per_label=seconds_per_label, draws=draws, train=train, progress=progress
        )
    show(_table(found), *_words(found))
    if out is not None:
        content = found.to_json()
        rows = [
            {"what": what, **row}
            for what, row in zip(
                ("now", "2x", "4x", "hour"),
                (content["now"], *content["forecasts"], content["hour"]),
                strict=True,
            )
        ]
        write_rows(out, rows, columns=_COLUMNS)
        note(f"wrote {out}")


def _table(found: Planned) -> Table:
    """One line a number of labels."""
    table = Table("", *(Column(n, justify="right") for n in ("labels", "top-1 %", "95 % interval")))
    rows = {
        "now": found.now,
        "2x": found.forecasts[0],
        "4x": found.forecasts[1],
        f"one more hour ({found.hour_labels} labels)": found.after_hour,
    }
    for what, each in rows.items():
        interval = f"{percent(each.low)} to {percent(each.high)}"
        table.add_row(what, str(each.num_labels), percent(each.accuracy), interval)
    return table


def _words(found: Planned) -> list[str]:
    """What it was fitted to, and what the interval leaves out."""
    counts = sorted({point.num_labels for point in found.curve.points})
    words = [
        f"fitted to {len(found.curve.points)} trainings with {', '.join(map(str, counts))} labels, "
        f"tested on {found.tested_on}; the interval is over curves that explain them and over "
        f"draws of labels (deviation {percent(found.curve.deviation)} points), not over other "
        "test videos"
    ]
    left = found.num_unlabeled
    if left is not None and found.forecasts[-1].num_labels > found.num_labels + left:
        words.append(f"{left} videos are without label: for more labels record more videos")
    return words
