"""``semivideo encoders``: pretrained networks that can be used, and what is here of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Column, Table

from semivideo.cli.console import note, progress_bars, show

if TYPE_CHECKING:
    from semivideo.encoders import Encoder
    from semivideo.encoders.listing import Listed

encoders = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_TABLE_WIDTH = 150
"""Characters; on a narrower terminal every encoder is a paragraph, for a table would cut words."""


@encoders.callback()
def list_encoders(
    context: typer.Context,
    measure: Annotated[
        bool | None,
        typer.Option(
            "--measure/--no-measure",
            help="Measure the seconds of those that are here again, or not at all.",
            show_default="once, then kept",
        ),
    ] = None,
) -> None:
    """List pretrained networks, or add one of your own.

    The list says what each is, what it had seen, and whether it is here. Sizes are in million
    weights and megabytes, work is in billions of multiplications a clip, seconds are for a clip on
    this machine, without reading it. Nothing is fetched.
    """
    if context.invoked_subcommand is not None:
        return
    from semivideo.encoders.listing import listed

    with progress_bars() as progress:
        found = listed(measure=measure, progress=progress)
    cells = {each.name: _cells(each) for each in found}
    head = ("name", *next(iter(cells.values())))
    if _is_narrow():
        show(*(_paragraph(name, each) for name, each in cells.items()))
    else:
        table = Table(Column("name", no_wrap=True), *head[1:])
        for name, each in cells.items():
            table.add_row(name, *each.values())
        show(table)
    for listed_one in found:
        if listed_one.fault:
            note(f"{listed_one.name} cannot be used: {listed_one.fault}", style="yellow")
    if any(not each.is_here for each in found):
        note(
            "what is not here: semivideo encoders add NAME --download fetches it, and nothing else "
            "does; semivideo encoders add NAME --from FOLDER takes a copy"
        )
    note("licences are as published; results of different leagues are never ranked together")


@encoders.command()
def add(
    name: Annotated[str, typer.Argument(help="What the encoder is to be called.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Folder with config.json, weights and the processor's file, as the Hugging Face "
            "hub holds them.",
        ),
    ] = None,
    download: Annotated[
        bool,
        typer.Option("--download", help="Fetch the encoder of that name from the hub instead."),
    ] = False,
    pretrained_on: Annotated[
        str | None,
        typer.Option(
            help="The data its weights were trained on.", show_default="what its README names"
        ),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Of its weights.", show_default="what its README names")
    ] = None,
    league: Annotated[
        Literal["image weights", "video weights"] | None,
        typer.Option(help="What its weights have seen.", show_default="that of its family"),
    ] = None,
) -> None:
    """Remember a local folder as an encoder, or fetch a known one.

    The folder stays where it is. No code of it is run.
    """
    from semivideo.base.errors import ConfigError
    from semivideo.encoders import add_encoder

    if download == (folder is not None):
        raise ConfigError(
            "name either a folder that you have with --from FOLDER, or --download to fetch one of "
            "the encoders that `semivideo encoders` lists"
        )
    made = add_encoder(
        name, folder=folder, pretrained_on=pretrained_on, licence=licence, league=league
    )
    _tell(made)
    note(f"next: semivideo features VIDEOS --encoder {name} --out FEATURES")


@encoders.command()
def remove(name: Annotated[str, typer.Argument(help="An encoder that was added.")]) -> None:
    """Forget an encoder that was added; its folder stays."""
    from semivideo.encoders.added import forget

    forget(name)
    note(f"forgot {name}")


@encoders.command()
def convert(
    file: Annotated[
        Path, typer.Argument(help="State dict of torchvision, PyTorchVideo or PySlowFast.")
    ],
    to: Annotated[str, typer.Option(help="Name of our network, such as r3d18.")],
    out: Annotated[Path, typer.Option(help="File to write, such as r3d18.safetensors.")],
    pretrained_on: Annotated[str, typer.Option(help="The data its weights were trained on.")],
    licence: Annotated[str, typer.Option(help="Of its weights, as published.")] = "not told",
    league: Annotated[
        Literal["image weights", "video weights"],
        typer.Option(help="What its weights have seen."),
    ] = "video weights",
    keys: Annotated[
        bool, typer.Option("--keys", help="Show every name, not only those that are not used.")
    ] = False,
) -> None:
    """Rename the weights of another program to those of one of our networks.

    What was written begins a training: --set networks.primary.weights=FILE. It keeps what the
    weights were pretrained on and which pixels they want. No code in a pickle is run.
    """
    from semivideo.base.places import check_output
    from semivideo.encoders.foreign_weights import LAYOUTS
    from semivideo.encoders.foreign_weights import convert as converted
    from semivideo.encoders.initial import described
    from semivideo.settings import WeightsOrigin

    check_output(
        out,
        what="of weights that were converted earlier",
        is_ours=lambda there: described(there) is not None,
        inputs=[file],
    )
    found = converted(file, to=to)
    table = Table("in the file", "here", "what became of it", "remark")
    shown = [row for row in found.rows if keys or row.fate not in ("loaded", "renamed")]
    for row in shown:
        table.add_row(row.theirs, row.ours, row.fate, row.remark)
    if shown:
        show(table)
    told = ", ".join(f"{number} {fate}" for fate, number in found.counts.items())
    show(f"{file} is {found.layout}: {told}")
    origin = WeightsOrigin(pretrained_on=pretrained_on, licence=licence, league=league)
    found.write(out, origin)
    network = LAYOUTS[found.layout].network
    note(
        f"wrote {out}; next: semivideo train VIDEOS --set networks.primary.name={network} "
        f"--set networks.primary.weights={out} --out RUN"
    )


def _tell(made: Encoder) -> None:
    """Say what was added."""
    wants, origin = made.preprocessing, made.origin
    frames = wants.num_frames or "any number of"
    how = f"{wants.short_side} pixels, {wants.interpolation}"
    crop = "" if wants.crop_size == wants.short_side else f", centre {wants.crop_size}"
    show(f"{made.name}: {frames} frames, {how}{crop}, {made.dim} numbers each; {origin.league}")
    show(f"pretrained on: {origin.pretrained_on}; licence: {origin.licence}")
    if "not told" in (origin.pretrained_on, origin.licence):
        note("say what is known with --pretrained-on and --licence: it stands beside every result")


def _cells(each: Listed) -> dict[str, str]:
    """Header to cell, of one encoder."""
    entry, found = each.entry, each.measured
    million = found.million_weights if found else entry.million_weights
    gmac = (found and found.gmac) or entry.gmac
    megabytes = found.megabytes if found else (million * 4 if million else None)
    return {
        "what it is": entry.shows,
        "M": f"{million:.1f}" if million else "-",
        "MB": f"{megabytes:.0f}" if megabytes else "-",
        "input": found.input if found else entry.input or "-",
        "GMAC": f"{gmac:.1f}" if gmac else "-",
        "seconds": f"{found.seconds:.2f}" if found else "-",
        "pretrained on": entry.pretrained_on,
        "league": entry.league,
        "licence": entry.licence,
        "here": "yes" if each.is_here else "no" if entry.repo else entry.how_to_get,
    }


def _is_narrow() -> bool:
    return sys.stdout.isatty() and Console().width < _TABLE_WIDTH


def _paragraph(name: str, cells: dict[str, str]) -> str:
    """An encoder in a few lines, for narrow terminals."""
    lines = (f"  {head}: {cell}" for head, cell in cells.items() if cell != "-")
    return "\n".join((name, *lines))
