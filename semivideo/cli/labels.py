"""``semivideo labels``: labels from one tool's file to another's."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from semivideo.base.errors import ConfigError
from semivideo.cli.console import note, show

if TYPE_CHECKING:
    from semivideo.run.labeling.label_conversion import Converted

FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Format of the lists or labels, where it is not to be recognised; see semivideo "
        "labels formats.",
    ),
]
AnnotatorOption = Annotated[
    str | None,
    typer.Option(help="Whose labels to take where several people labelled one video."),
]
ClassFromOption = Annotated[
    str | None,
    typer.Option(help="What names the class: of ELAN tier or value, of CVAT and VIA an attribute."),
]
PointOption = Annotated[
    float, typer.Option(help="Seconds that a point event becomes, with the point in the middle.")
]
RateOption = Annotated[
    float | None,
    typer.Option(
        help="Frames a second by which the labels count.", show_default="those of the videos"
    ),
]


class Action(StrEnum):
    """What to do."""

    CONVERT = "convert"
    FORMATS = "formats"


def labels(
    action: Annotated[
        Action, typer.Argument(help="convert files of labels, or list the formats that are known.")
    ],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files of labels, of any of the formats.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--from", "--format", help="Their format; otherwise it is recognised."),
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Format to write; otherwise the one --out ends like.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; a folder where the format wants a file a video."),
    ] = None,
    videos: Annotated[
        Path | None,
        typer.Option(help="Folder of the videos, for formats that count frames or want ends."),
    ] = None,
    annotator: AnnotatorOption = None,
    class_from: ClassFromOption = None,
    point_seconds: PointOption = 1.0,
    label_rate: RateOption = None,
) -> None:
    """Convert labels between the formats of annotation tools, or list the formats.

    What a format has no place for, and what was not used of a file, is told in one line each.
    """
    if action is Action.FORMATS:
        show(_formats())
        return
    if not files or out is None:
        raise ConfigError(
            "name what to convert and where to: semivideo labels convert LABELS --out FILE"
        )
    from semivideo.events.guidance import Reading
    from semivideo.run.labeling.label_conversion import convert_labels

    reading = Reading(
        format=format,
        annotator=annotator,
        class_from=class_from,
        point_seconds=point_seconds,
        label_rate=label_rate,
    )
    done = convert_labels(files, out=out, to=to, reading=reading, videos=videos)
    show(_classes(done))
    what = done.files[0] if len(done.files) == 1 else f"{len(done.files)} files below {out}"
    note(f"wrote {what} as {done.format}")


def _formats() -> Table:
    """Every format, with what can be done with it."""
    from semivideo.events.formats import FORMATS

    table = Table("name", "what it is", "read", "written")
    for name, each in FORMATS.items():
        table.add_row(name, each.what, "yes", "-" if each.write is None else "yes")
    return table


def _classes(done: Converted) -> Table:
    """Labels of each class, and of none."""
    table = Table("class", "labels")
    table.columns[1].justify = "right"
    for name, number in done.classes.items():
        table.add_row(name, str(number))
    if empty := sum(row.label is None for row in done.rows):
        table.add_row("no label", str(empty))
    return table
