"""``semivideo doubts``: which labels are probably wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Column, Table

from semivideo.cli.console import command, note, on_interrupt, percent, progress_bars, show

if TYPE_CHECKING:
    from semivideo.run.labeling.doubting import Doubts

_COLUMNS = ("kind", "id", "path", "given", "likely")
_KINDS = {"label": "label", "pseudo": "pseudo-label", "copy": "copy"}


def doubts(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished training.")],
    folds: Annotated[
        int | None,
        typer.Option(
            help="Trainings that check the labels, each without a part of them, 2 to 20; 0 for "
            "none.",
            show_default="5 on features, 3 on videos",
        ),
    ] = None,
    rule: Annotated[
        Literal["chance", "confident"],
        typer.Option(
            help="chance: labels that are rather wrong than right; confident: all that confident "
            "learning doubts, many right ones among them."
        ),
    ] = "chance",
    no_frames: Annotated[
        bool, typer.Option("--no-frames", help="Do not read videos to look for copies.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write them there: .csv or .json.")] = None,
) -> None:
    """Name labels that are probably wrong, and say why.

    Three kinds: labels that networks which did not see them contradict, copies of one video with
    different labels, and pseudo-labels that networks disagree on. What the trainings came to stays
    in the run folder.
    """
    from semivideo import api
    from semivideo.run.labeling.row_file import check_row_file, write_rows

    if out is not None:
        check_row_file(out, columns=_COLUMNS, what="an earlier list of doubts")
    with on_interrupt(lambda: "run the same command again to go on"), progress_bars() as progress:
        found = api.doubts(
            run, folds=folds, rule=rule, look_at_frames=not no_frames, progress=progress
        )
    show(_table(found), _words(found))
    for sentence in found.notes:
        note(sentence, style="yellow")
    if out is not None:
        write_rows(out, [each.to_json() for each in found.found], columns=_COLUMNS)
        note(f"wrote {len(found.found)} doubts into {out}")
    note(f"next: {command('semivideo', 'review', run)} shows them and takes the right labels")


def _table(found: Doubts) -> Table:
    """One line a doubt."""
    numbers = [Column(name, justify="right") for name in ("given %", "likely %")]
    table = Table("kind", "video", "has", "more likely", *numbers, "why")
    for each in found.found:
        shares = (percent(each.belief), percent(each.confidence))
        table.add_row(_KINDS[each.kind], each.id, each.given, each.likely, *shares, each.reason)
    return table


def _words(found: Doubts) -> str:
    """How many, of how many."""
    num = {kind: sum(each.kind == kind for each in found.found) for kind in _KINDS}
    share = (
        f" (of all of them about {percent(found.wrong_share)} % are wrong, by estimate)"
        if found.num_checked
        else ""
    )
    return (
        f"{num['label']} of {found.num_checked} checked labels are doubted{share}; {num['copy']} "
        f"pairs of copies with different labels; {num['pseudo']} pseudo-labels in dispute"
    )
