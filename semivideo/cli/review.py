"""``semivideo review``: a page that plays clips and takes labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semivideo.cli.console import note, on_interrupt, progress_bars, show


def review(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished training.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="On this machine; 0 takes a free one.")
    ] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many videos to suggest.")] = 20,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Play suggested and doubted clips on a page, and take their labels by key.

    The page is for this machine alone and needs the token in the printed address. Every answer is
    written into the run folder at once; the run itself and the videos are never changed. Ctrl-C
    ends it, and the same command goes on with it.
    """
    from semivideo import api

    def ready(address: str) -> None:
        show(f"open {address}")
        note("Ctrl-C ends it; every answer is written as it is given")
        if open_:
            import webbrowser

            webbrowser.open(address)

    hint = "every answer is saved; the same command goes on"
    with on_interrupt(lambda: hint), progress_bars() as progress:
        labels = api.review(run, port=port, count=count, on_ready=ready, progress=progress)
    if labels.is_file():
        from semivideo.review.web import next_command

        show(f"labels are in {labels}; next: {next_command(run)}")
