"""``semivideo report``: a page about runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semivideo.cli.console import note, progress_bars, show


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(help="One run folder, finished or not; or several, records, folders."),
    ],
    out: Annotated[Path, typer.Option(help="The page, such as report.html.", show_default=False)],
) -> None:
    """Write a page about a run, or one that compares several: one HTML file, no server.

    Results of different leagues (from scratch, image weights, video weights) get tables of their
    own. Runs that were tested on different videos are refused.
    """
    from semivideo import api
    from semivideo.cli.prepare import in_words

    with progress_bars() as progress:
        path = api.report(runs, out=out, progress=progress)
    show(f"wrote {path}, {in_words(path.stat().st_size)}")
    note("open it in a browser; printing it gives a PDF")
