"""``semivideo scan``: look at every video once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from semivideo.cli.console import note, on_interrupt, progress_bars, show

if TYPE_CHECKING:
    from semivideo.data.catalogue.scanning import ScanReport

NUM_LISTED = 20


def scan(
    videos: Annotated[
        Path,
        typer.Argument(help="Folder per class, folder with labels.csv, or a CSV file."),
    ],
    out: Annotated[Path, typer.Option(help="Where to write the manifest.")] = Path(
        "manifest.parquet"
    ),
    lists: Annotated[
        list[Path] | None,
        typer.Option("--list", help="Published list of this folder's videos; can be repeated."),
    ] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option(help="Regular expression that finds the group (scene, person) in a path."),
    ] = None,
    group_column: Annotated[
        str | None, typer.Option(help="Column of a CSV list that names the group.")
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out listed videos that are not there.")
    ] = False,
    window_frames: Annotated[
        int, typer.Option(min=1, help="Count the videos with fewer frames than this.")
    ] = 64,
    workers: Annotated[int | None, typer.Option(min=1, help="Files looked at at once.")] = None,
) -> None:
    """Look at every video once, write the manifest and report what is there.

    A scan that was stopped goes on where it stopped; unchanged files are not read again.
    """
    from semivideo import api
    from semivideo.data.catalogue.scanning import report

    with on_interrupt(lambda: "run the same command again to go on"), progress_bars() as progress:
        manifest = api.scan(
            videos,
            out=out,
            lists=lists or (),
            group_pattern=group_pattern,
            group_column=group_column,
            allow_missing=allow_missing,
            workers=workers,
            progress=progress,
        )
    found = report(manifest, window_frames=window_frames)
    show(_summary(found))
    if found.unreadable:
        show(_unreadable(found))
    note(f"wrote {out}")


def _summary(found: ScanReport) -> Table:
    """Counts, one a line."""
    table = Table(show_header=False, box=None)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{found.num_videos}", "videos")
    table.add_row(f"{found.num_labeled}", "with a label")
    table.add_row(f"{found.num_classes}", "classes")
    table.add_row(f"{found.num_groups}", "groups")
    table.add_row(f"{found.hours:.2f}", "hours")
    table.add_row(f"{len(found.unreadable)}", "unreadable")
    table.add_row(f"{found.num_short}", f"shorter than {found.window_frames} frames")
    return table


def _unreadable(found: ScanReport) -> Table:
    """The first unreadable files with reasons; the rest is counted."""
    table = Table("unreadable", "why")
    for id, reason in found.unreadable[:NUM_LISTED]:
        table.add_row(id, reason)
    if (rest := len(found.unreadable) - NUM_LISTED) > 0:
        table.add_row(f"... and {rest} more", "")
    return table
