"""``semivideo prepare``: decode every video once, into a cache."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from semivideo.cli.console import command, note, on_interrupt, progress_bars, show

if TYPE_CHECKING:
    from semivideo.data.cache.estimate import Estimate
    from semivideo.data.cache.preparing import Prepared

NUM_LISTED = 20
_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


class Format(StrEnum):
    """What frames are stored as."""

    JPEG = "jpeg"
    PNG = "png"
    H264 = "h264"


def prepare(
    videos: Annotated[
        Path, typer.Argument(help="Manifest, or what `semivideo scan` takes.", show_default=False)
    ],
    out: Annotated[
        str,
        typer.Option(help="Folder of the cache.", show_default=False),
    ],
    short_side: Annotated[
        int | None,
        typer.Option(min=16, help="Of the stored frames, in pixels.", show_default="128"),
    ] = None,
    every: Annotated[
        int | None, typer.Option(min=1, help="Store one of so many frames.", show_default="1")
    ] = None,
    format_: Annotated[
        Format | None,
        typer.Option("--format", help="jpeg: fast; h264: small; png: exact.", show_default="jpeg"),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(
            help="jpeg: 1 to 100 (best); h264: 51 to 1 (best), or lossless (exact).",
            show_default="80 of jpeg, 23 of h264",
        ),
    ] = None,
    flow: Annotated[
        bool, typer.Option("--flow", help="Store optical flow as well, for methods that use it.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read what is there and repair what is damaged.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Videos prepared at once.", show_default="one a core"),
    ] = None,
    ray: Annotated[bool, typer.Option("--ray", help="Spread the work over a Ray cluster.")] = False,
) -> None:
    """Decode every video once into a cache that training reads many times faster.

    Every command takes the cache in the place of a manifest, also when the videos are gone. What
    was stopped goes on with the same command. Started by torchrun or SLURM several times, each
    process does its share.
    """
    from semivideo import api

    given: dict[str, Any] = {
        "short_side": short_side,
        "every": every,
        "format": format_ and format_.value,
        "quality": int(quality) if quality and quality.lstrip("-").isdigit() else quality,
        "flow": flow or None,  # left out, it is as the cache was begun
    }
    with on_interrupt(lambda: "run the same command again to go on"), progress_bars() as progress:
        made = api.prepare(
            videos,
            out=out,
            **given,
            verify=verify,
            workers=workers,
            ray=ray,
            on_estimate=lambda estimate: note(_expectation(estimate)),
            progress=progress,
        )
    show(_outcome(made))
    for title, reasons in (("not stored", made.failed), ("cut short", _frames(made))):
        if reasons:
            show(_listed(title, reasons))
    note(_what_next(made))


def _what_next(made: Prepared) -> str:
    """What to do with the cache."""
    from semivideo.data.cache.form import command as finish

    if not made.missing:
        run = Path("runs") / Path(made.folder).name
        return (
            f"wrote {made.folder}, which stands in for its videos in every command; next: "
            f"{command('semivideo', 'train', made.folder, '--out', run)}"
        )
    return (
        f"this process is done; {len(made.missing)} of {made.form.num_shards} shards are still "
        f"missing; when no other process is at work any more, this makes what is left: "
        f"{finish(made.folder)}"
    )


def in_words(num_bytes: float) -> str:
    """Size with two digits or more.

    >>> in_words(1_234_567), in_words(98_765_432_100), in_words(12)
    ('1.2 MB', '98.8 GB', '12 bytes')
    """
    for unit, size in _UNITS:
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes:.0f} bytes"


def _expectation(estimate: Estimate) -> str:
    """What the job will take."""
    rate = f"{estimate.frames_per_second:.0f} frames/s"
    return (
        f"to prepare: {estimate.num_videos} videos, {estimate.num_frames} frames; at {rate} about "
        f"{_duration(estimate.seconds)} and {in_words(estimate.num_bytes)}"
    )


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _outcome(made: Prepared) -> Table:
    """Counts, one a line."""
    table = Table(show_header=False, box=None)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{made.num_videos}", "videos")
    table.add_row(f"{made.num_frames}", "frames")
    table.add_row(in_words(made.num_bytes), f"in {made.form.num_shards - len(made.missing)} shards")
    table.add_row(f"{len(made.failed)}", "not stored")
    table.add_row(f"{len(made.cut_short)}", "cut short")
    table.add_row(f"{len(made.damaged)}", "shards repaired")
    return table


def _frames(made: Prepared) -> dict[str, str]:
    return {id: f"its first {number} frames are used" for id, number in made.cut_short.items()}


def _listed(title: str, reasons: dict[str, str] | Any) -> Table:
    """The first videos with reasons; the rest is counted."""
    table = Table(title, "why")
    for id, reason in list(reasons.items())[:NUM_LISTED]:
        table.add_row(id, reason)
    if (rest := len(reasons) - NUM_LISTED) > 0:
        table.add_row(f"... and {rest} more", "")
    return table
