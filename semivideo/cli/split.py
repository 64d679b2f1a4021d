"""``semivideo split``: draw what the learner may know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semivideo.cli.console import command, note, show


def split(
    manifest: Annotated[str, typer.Argument(help="Manifest, cache, or address of a cache.")],
    out: Annotated[Path, typer.Option(help="Where to write the split (JSON).")],
    labels_per_class: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Labelled videos of each class.",
            show_default="by --labeled-fraction or --protocol",
        ),
    ] = None,
    labeled_fraction: Annotated[
        float | None,
        typer.Option(
            help="Share of the training videos with a label, in (0, 1].",
            show_default="by --labels-per-class or --protocol",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other videos.")] = 0,
    test_groups: Annotated[
        list[str] | None,
        typer.Option(help="Groups held out for testing: a,b,c; can be repeated."),
    ] = None,
    test_fraction: Annotated[
        float | None,
        typer.Option(
            help="Share of videos held out for testing, whole groups, in (0, 1).",
            show_default="the test videos of lists or folders, if they name some",
        ),
    ] = None,
    allow_fewer: Annotated[
        bool,
        typer.Option(
            "--allow-fewer",
            help="Label all videos of a class that has too few; else the draw is refused.",
        ),
    ] = False,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Published protocol to read off lists, such as ucf101-balanced-10; it says which "
            "videos are for testing too."
        ),
    ] = None,
    lists: Annotated[
        Path | None, typer.Option(help="Folder that holds the protocol's lists.")
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out listed videos that are not there.")
    ] = False,
) -> None:
    """Draw the labelled videos, and hold out videos for testing.

    Give --labels-per-class, --labeled-fraction, or --protocol with --lists. A split file is never
    overwritten.
    """
    from semivideo import api

    drawn = api.split(
        manifest,
        labels_per_class=labels_per_class,
        labeled_fraction=labeled_fraction,
        seed=seed,
        test_groups=[name for names in test_groups or () for name in names.split(",") if name],
        test_fraction=test_fraction,
        allow_fewer=allow_fewer,
        protocol=protocol,
        lists=lists,
        allow_missing=allow_missing,
        out=out,
    )
    show(
        f"{drawn.name}: {len(drawn.labeled)} labelled, {len(drawn.unlabeled)} unlabelled, "
        f"{len(drawn.test)} test videos, hash {drawn.short_hash}, written to {out}"
    )
    run = Path("runs") / out.stem
    note(f"next: {command('semivideo', 'train', manifest, '--split', out, '--out', run)}")
