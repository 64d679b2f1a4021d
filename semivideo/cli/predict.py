"""``semivideo predict``: name what happens in videos."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.foreign_code import allowing
from semivideo.base.jobs import part_file, part_of_job
from semivideo.cli.console import (
    AllowCode,
    FrameRateOption,
    note,
    on_interrupt,
    percent,
    progress_bars,
    show,
    words_of_origins,
)

if TYPE_CHECKING:
    from semivideo.evaluation import Failure, Prediction


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder or its model folder.")],
    videos: Annotated[
        list[Path],
        typer.Argument(
            help="Video files, of any container and size; segments of them, such as "
            "a.mp4#12.5-15.9 (seconds); folders; and lists or manifests."
        ),
    ],
    top: Annotated[
        int | None, typer.Option(min=1, help="How many classes to name.", show_default="5")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a JSON array and nothing else on stdout.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Write a .csv, .json or .jsonl file instead; goes on with one it began."),
    ] = None,
    ray: Annotated[bool, typer.Option("--ray", help="Spread the work over a Ray cluster.")] = False,
    hardware: Annotated[
        bool, typer.Option("--hardware", help="Decode the videos with a GPU's decoder.")
    ] = False,
    frame_rate: FrameRateOption = None,
    allow_code: AllowCode = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Find what happens when, in long videos.")
    ] = False,
    window: Annotated[
        float | None,
        typer.Option(
            help="Timeline: length of a window in seconds.", show_default="as the labelled videos"
        ),
    ] = None,
    stride: Annotated[
        float | None,
        typer.Option(
            help="Timeline: seconds from window to window.", show_default="a quarter of a window"
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Timeline: an option of how scores become events; can be repeated.",
            show_default="smooth_seconds half a window, high 0.5, low 0.4, join_seconds 0, "
            "shortest_seconds a quarter of a window, background the class called so, overlap "
            "false",
        ),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Timeline: labels to compare the events with.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Timeline: .png or .svg of the classes over time.")
    ] = None,
    annotated: Annotated[
        Path | None, typer.Option(help="Timeline: .mp4 or .gif of the video with its events.")
    ] = None,
) -> None:
    """Name the most probable classes of video files, or with --timeline what happens when.

    A file that cannot be read is reported and the others are still done; the exit code is then 2.
    With --out, started by torchrun or SLURM several times, each process does its part.
    With --timeline, --out is a file of labels (.csv, .json, .eaf, .tsv); a call that was stopped
    goes on, and other stages on the same windows cost nothing.
    """
    _refuse_without_meaning(
        {"--top": top, "--json": json_, "--ray": ray, "--hardware": hardware} if timeline else {},
        "is not for a timeline; leave it out, or leave out --timeline",
    )
    for_timeline = {"--window": window, "--stride": stride, "--set": set_, "--truth": truth}
    for_timeline |= {"--picture": picture, "--annotated": annotated}
    _refuse_without_meaning(
        {} if timeline else for_timeline, "is about a timeline; add --timeline, or leave it out"
    )
    if timeline:
        from semivideo.cli.timeline_output import show_timeline

        with allowing(allow_code or ()):
            show_timeline(
                run,
                videos,
                out=out,
                sliding=(window, stride),
                stages=set_ or [],
                truth=truth,
                pictures=(picture, annotated),
                frame_rate=frame_rate,
            )
        return
    from semivideo import api
    from semivideo.evaluation.prediction_file import Failure
    from semivideo.run.prediction import card_of

    found: list[Prediction | Failure] = []
    num_videos = num_failed = 0
    hint = "run the same command again to go on" if out else ""
    allowed: dict[str, Any] = {"allow": allow_code} if allow_code else {}
    with on_interrupt(lambda: hint), progress_bars() as progress:
        every = api.predictions(
            run,
            videos,
            top=5 if top is None else top,
            out=out,
            ray=ray,
            decoder="hardware" if hardware else "software",
            frame_rate=frame_rate,
            **allowed,
            progress=progress,
        )
        for each in every:
            num_videos += 1
            if isinstance(each, Failure):
                num_failed += 1
                note(f"error: {each.error}", style="red")
            if json_ or out is None:
                found.append(each)
    _print(sorted(found, key=lambda each: each.path) if ray else found, as_array=json_)
    if out is not None:
        path = out if ray else part_file(out, part_of_job())
        note(f"wrote {path}: {num_videos} videos now, {num_failed} of them could not be read")
    card = card_of(run) if run.is_dir() else None
    if card is not None and card.origins:
        note(words_of_origins(card.origins, card.league))
    if num_failed:
        raise typer.Exit(DataError.exit_code)


def _refuse_without_meaning(options: Mapping[str, Any], why: str) -> None:
    """Refuse the first option that was given; 0 is a number that was."""
    for name, value in options.items():
        if value is not None and value is not False and value != []:
            raise ConfigError(f"{name} {why}")


def _print(found: list[Prediction | Failure], *, as_array: bool) -> None:
    """Print what was found: all of it as a JSON array, or the predictions as a table."""
    from semivideo.evaluation.prediction_file import Failure, as_json

    if as_array:
        typer.echo(json.dumps([as_json(each) for each in found], indent=2))
    elif predictions := [each for each in found if not isinstance(each, Failure)]:
        show(_table(predictions))


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
