"""``semivideo pull``: a network from the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from semivideo.cli.console import AllowCode, command, note, show


def pull(
    repo: Annotated[str, typer.Argument(help="OWNER/NAME on the hub.")],
    out: Annotated[Path, typer.Option(help="The folder to make.", show_default=False)],
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit.", show_default="the newest")
    ] = None,
    allow_code: AllowCode = None,
) -> None:
    """Take a network from the Hugging Face hub; it is checked, and nothing of it is run."""
    from semivideo import api

    allowed: dict[str, Any] = {"allow": allow_code} if allow_code else {}
    done = api.pull(repo, out=out, revision=revision, **allowed)
    show(f"pulled {done.repo} into {out}")
    show(f"revision {done.revision}")
    note(f"next: {command('semivideo', 'predict', out, 'VIDEOS')}")
