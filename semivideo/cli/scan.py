"""``semivideo scan``: look at every video once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from semivideo.cli.console import FrameRateOption, note, on_interrupt, progress_bars, show
from semivideo.cli.labels import (
    AnnotatorOption,
    ClassFromOption,
    FormatOption,
    PointOption,
    RateOption,
)

if TYPE_CHECKING:
    from semivideo.data.catalogue.scanning import ClassCount, ScanReport

NUM_LISTED = 20


def scan(
    videos: Annotated[
        Path,
        typer.Argument(
            help="Folder per class, folder with labels.csv, or a list or file of labels of any "
            "tool (semivideo labels formats)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where to write the manifest.")] = Path(
        "manifest.parquet"
    ),
    lists: Annotated[
        list[Path] | None,
        typer.Option(
            "--list", help="List, or file of labels, of this folder's videos; can be repeated."
        ),
    ] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option(
            help="Regular expression with one part in brackets, which names the group (scene, "
            "person) in a path; a group's videos stay on one side of a split.",
            show_default="from columns, folders and names that are known",
        ),
    ] = None,
    group_column: Annotated[
        str | None,
        typer.Option(help="Column of a CSV list that names the group.", show_default="group"),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out listed videos that are not there.")
    ] = False,
    layout: Annotated[
        str | None,
        typer.Option(
            help="What the folders above a video mean, from the top on: class, subset/class, "
            "group/class, class/group ...; any for one that means nothing.",
            show_default="found out",
        ),
    ] = None,
    frame_rate: FrameRateOption = None,
    format: FormatOption = None,
    annotator: AnnotatorOption = None,
    class_from: ClassFromOption = None,
    point_seconds: PointOption = 1.0,
    label_rate: RateOption = None,
    multi_label: Annotated[
        bool,
        typer.Option(
            "--multi-label",
            help="Cut labels that overlap into parts with several labels, such as run|eat.",
        ),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Decode every video, by number and in order, to find damage that nothing tells "
            "of; it takes 3 (long videos) to 30 times (short clips) as long as decoding once.",
        ),
    ] = False,
    window_frames: Annotated[
        int, typer.Option(min=1, help="Say how many videos have fewer frames than this.")
    ] = 64,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Files looked at at once.", show_default="two a core"),
    ] = None,
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
            layout=layout,
            frame_rate=frame_rate,
            format=format,
            annotator=annotator,
            class_from=class_from,
            point_seconds=point_seconds,
            label_rate=label_rate,
            multi_label=multi_label,
            verify=verify,
            workers=workers,
            progress=progress,
        )
    found = report(manifest, window_frames=window_frames)
    show(_summary(found), _classes(found))
    if found.unreadable:
        show(_unreadable(found))
    if found.unfit:
        show(_about_unfit(found))
    if found.num_short:
        show(_about_short(found))
    note(f"wrote {out}")


def _summary(found: ScanReport) -> Table:
    """Counts, one a line."""
    table = Table(show_header=False, box=None)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{found.num_videos}", "videos")
    if found.num_segments:
        table.add_row(
            f"{found.num_segments}",
            f"of them segments of {found.num_segmented} files; a file's segments stay on one side "
            "of a split",
        )
    table.add_row(f"{found.num_labeled}", "with a label")
    table.add_row(f"{found.num_videos - found.num_labeled}", "without a label")
    table.add_row(f"{found.num_classes}", "classes")
    table.add_row(f"{found.num_groups}", "groups")
    table.add_row(f"{found.hours:.2f}", "hours")
    table.add_row(f"{len(found.unreadable)}", "unreadable")
    if found.num_verified:
        table.add_row(f"{found.num_verified}", "files decoded whole (--verify)")
    return table


def _classes(found: ScanReport) -> Table:
    """Videos of the first classes by what they are for; the others are summed up."""
    rest, none = found.classes[NUM_LISTED:], found.unlabeled
    more = f"... and {len(rest)} more"
    rows = [
        *((each.name, each.train, 0, each) for each in found.classes[:NUM_LISTED]),
        *([(more, sum(each.train for each in rest), 0, _sum(rest))] if rest else []),
        *([("no label", 0, none.train, none)] if found.num_labeled < found.num_videos else []),
    ]
    columns = {
        "labelled": [train for _, train, _, _ in rows],
        "unlabelled": [train for _, _, train, _ in rows],
        **{side: [getattr(each, side) for *_, each in rows] for side in ("val", "test", "unused")},
    }
    shown = {name: numbers for name, numbers in columns.items() if any(numbers)}
    table = Table("class")
    for name in shown:
        table.add_column(name, justify="right")
    for (name, *_), *numbers in zip(rows, *shown.values(), strict=True):
        table.add_row(name, *(str(number or "-") for number in numbers))
    return table


def _sum(counts: Sequence[ClassCount]) -> ClassCount:
    """All of several classes."""
    from semivideo.data.catalogue.scanning import ClassCount

    sides = ("train", "val", "test", "unused")
    return ClassCount("", **{side: sum(getattr(each, side) for each in counts) for side in sides})


def _about_unfit(found: ScanReport) -> str:
    """The videos that can be read and are never learned from or predicted."""
    named = "; ".join(f"{id}: {reason}" for id, reason in found.unfit[:NUM_LISTED])
    more = f"; and {rest} more" if (rest := len(found.unfit) - NUM_LISTED) > 0 else ""
    return f"{len(found.unfit)} can be read, but no clip can be cut of them ({named}{more})"


def _about_short(found: ScanReport) -> str:
    """What becomes of videos that are shorter than a clip."""
    are, they = ("are", "they") if found.num_short > 1 else ("is", "it")
    return (
        f"{found.num_short} {are} shorter than {found.window_frames} frames, the usual window of a "
        f"clip (8 frames, 8 apart); {they} can be used: a clip goes on from the start again "
        "(data.past_end=loop); data.sampling=segments spreads its frames over the whole video "
        "instead"
    )


def _unreadable(found: ScanReport) -> Table:
    """The first unreadable files with reasons; the rest is counted."""
    table = Table("unreadable", "why")
    for id, reason in found.unreadable[:NUM_LISTED]:
        table.add_row(id, reason)
    if (rest := len(found.unreadable) - NUM_LISTED) > 0:
        table.add_row(f"... and {rest} more", "")
    return table
