"""``semivideo suggest``: what to label next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Column, Table

from semivideo.base.errors import ConfigError
from semivideo.cli.console import command, note, percent, progress_bars, show

if TYPE_CHECKING:
    from semivideo.run.labeling.suggesting import Suggestion

_COLUMNS = ("id", "path", "guess")


def suggest(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished training.")],
    count: Annotated[int, typer.Option(min=1, help="How many videos to name.")] = 20,
    by: Annotated[
        Literal["margin", "entropy"],
        typer.Option("--by", help="What unsure means: two classes nearly as probable, or many."),
    ] = "margin",
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weight",
            metavar="REASON=WEIGHT",
            help="How much unsure, disagree, typical or new counts; 1 each. Can be repeated.",
        ),
    ] = None,
    baseline: Annotated[
        Literal["random"] | None,
        typer.Option(help="Draw videos instead, for comparison.", show_default="the mixture"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the baseline's draw.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Also write them there: .csv or .json.")] = None,
) -> None:
    """Name the videos whose labels would help most, the most helpful first.

    A mixture of four reasons, each a rank: the network is unsure, two networks disagree (CMPL),
    many videos are like it, no labelled video is like it. No group is asked twice before every
    other was asked once.
    """
    from semivideo import api
    from semivideo.run.labeling.row_file import check_row_file, write_rows

    if out is not None:
        check_row_file(out, columns=_COLUMNS, what="an earlier list of suggestions")
    with progress_bars() as progress:
        found = api.suggest(
            run,
            count=count,
            doubt=by,
            weights=_parsed(weights or []),
            baseline=baseline,
            seed=seed,
            progress=progress,
        )
    show(_table(found))
    if out is not None:
        write_rows(out, [each.to_json() for each in found], columns=_COLUMNS)
        note(f"wrote {len(found)} videos into {out}")
    note(f"next: {command('semivideo', 'review', run)} shows them and takes the labels")


def _parsed(assignments: list[str]) -> dict[str, float]:
    """Read ``reason=number`` pairs."""
    weights = {}
    for assignment in assignments:
        name, _, number = assignment.partition("=")
        try:
            weights[name.strip()] = float(number)
        except ValueError:
            raise ConfigError(
                f"--weight {assignment!r} is not reason=number; write for example --weight unsure=2"
            ) from None
    return weights


def _table(found: list[Suggestion]) -> Table:
    """One line a video."""
    table = Table(
        "video", "group", "guess", Column("confidence %", justify="right"), "why this one"
    )
    for each in found:
        table.add_row(each.id, each.group or "", each.guess, percent(each.confidence), each.reason)
    return table
