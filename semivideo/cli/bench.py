"""``semivideo bench``: where the time of a training goes, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from semivideo.base.errors import ConfigError
from semivideo.cli.console import note, progress_bars, show
from semivideo.cli.train import (
    METHOD_HELP,
    RECIPE_HELP,
    LabelsPerClass,
    Set,
    SplitFile,
    parse_settings,
)

if TYPE_CHECKING:
    from semivideo.profile.tables import Sheet

_FORMATS = (".md", ".json")
_WIDTH = 79


def bench(
    videos: Annotated[
        str,
        typer.Argument(help="Manifest, cache or its address, or what `semivideo scan` takes."),
    ],
    method: Annotated[
        str | None,
        typer.Option(
            help=METHOD_HELP,
            show_default="that of --recipe; without either cmpl, or supervised where all videos "
            "have labels",
        ),
    ] = None,
    split: SplitFile = None,
    labels_per_class: LabelsPerClass = None,
    recipe: Annotated[
        str | None, typer.Option(help=RECIPE_HELP, show_default="one that this machine can do")
    ] = None,
    set_: Set = None,
    steps: Annotated[
        int,
        typer.Option(min=2, max=200, help="Steps and batches measured; fewer if they are slow."),
    ] = 10,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also measure other precisions and memory formats.")
    ] = False,
    largest_batch: Annotated[
        bool, typer.Option("--largest-batch", help="Also find the largest batch that fits.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write everything there: a .md or .json file.")
    ] = None,
) -> None:
    """Measure where the time of a training would go, on these videos and this machine.

    Takes the options of `semivideo train`, trains a few steps and keeps nothing. It compares no
    candidates: where `train` would choose, name the recipe that was chosen.
    """
    if out is not None:
        _check_out(out)
    from semivideo import api
    from semivideo.base.files import write_bytes
    from semivideo.profile import bench as measure
    from semivideo.profile import require_videos
    from semivideo.profile.tables import as_json, as_markdown, headline, sheets
    from semivideo.run.choice.choosing import default_settings
    from semivideo.run.resolve import Wanted
    from semivideo.run.splitting import chosen_split

    wanted = Wanted(recipe=recipe, method=method, settings=parse_settings(set_ or []))
    wanted.check()
    with progress_bars() as progress:
        manifest = api.as_manifest(videos, progress=progress)
        require_videos(manifest)
        seed = 0 if wanted.is_open else wanted.resolved().engine.seed
        parts = chosen_split(manifest, split, labels_per_class, seed)
        report = measure(
            manifest,
            parts,
            default_settings(wanted, manifest, parts) if wanted.is_open else wanted.resolved(),
            steps=steps,
            compare=compare,
            find_largest_batch=largest_batch,
            progress=progress,
        )
    if json:
        show(as_json(report).rstrip())
    else:
        show(*headline(report))
        for sheet in sheets(report):
            show("", _table(sheet))
        show("", *(fill(f"* {line}", _WIDTH, subsequent_indent="  ") for line in report.advice))
    if out is not None:
        text = as_json(report) if out.suffix.lower() == ".json" else as_markdown(report)
        write_bytes(out, text.encode())
        note(f"wrote {out}")


def _check_out(out: Path) -> None:
    """Refuse another kind of file, and to write over what is no benchmark."""
    from semivideo.base.places import begins_with, check_output

    words = "# Benchmark\n" if out.suffix.lower() == ".md" else '{\n "machine": '
    if out.suffix.lower() not in _FORMATS:
        raise ConfigError(f"--out {out} ends in {out.suffix!r}; allowed: {', '.join(_FORMATS)}")
    check_output(out, what="an earlier benchmark", is_ours=begins_with(words))


def _table(sheet: Sheet) -> Table:
    """The table of a sheet; figures are on the right."""
    table = Table(
        title=sheet.title, title_justify="left", show_header=any(sheet.columns), min_width=40
    )
    for number, column in enumerate(sheet.columns):
        table.add_column(column, justify="right" if number and column else "left")
    for row in sheet.rows:
        table.add_row(*row)
    return table
