"""``semivideo push``: a network to the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from semivideo.cli.console import AllowCode, command, note, progress_bars, show


def push(
    run: Annotated[
        Path, typer.Argument(help="Run folder of a finished training, or an exported hub-folder.")
    ],
    repo: Annotated[str, typer.Argument(help="OWNER/NAME on the hub; made if it is not there.")],
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody see it; private otherwise.")
    ] = False,
    videos: Annotated[
        list[Path] | None,
        typer.Option(
            help="Videos to compare on before; can be repeated.", show_default="the run's"
        ),
    ] = None,
    allow_code: AllowCode = None,
) -> None:
    """Give a network to the Hugging Face hub, as `export --format hub-folder` writes it.

    The token is the one of `hf auth login` or HF_TOKEN. The printed revision names this content.
    """
    from semivideo import api

    allowed: dict[str, Any] = {"allow": allow_code} if allow_code else {}
    with progress_bars() as progress:
        done = api.push(run, repo, public=public, videos=videos, **allowed, progress=progress)
    show(f"pushed {done.repo} ({'private' if done.is_private else 'public'})")
    show(f"revision {done.revision}")
    again = command("semivideo", "pull", done.repo, "--revision", done.revision, "--out", "FOLDER")
    note(f"anybody with access gets it by: {again}")
