"""``semivideo demo``: three methods learn from the same few labels, from video files to a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from semivideo.base.errors import ConfigError
from semivideo.base.progress import Progress, prefixed
from semivideo.cli.console import (
    note,
    on_interrupt,
    percent,
    progress_bars,
    show,
)

# What the demo costs and shows: under 4 minutes on 2 cores that rest (docs/log.md).
VIDEOS_PER_CLASS = 48
NUM_GROUPS = 12
TEST_GROUPS = ("g08", "g09", "g10", "g11")
LABELS_PER_CLASS = 5
STEPS = 500
NUM_EVALUATIONS = 5
PROTOCOL = "3x1"
METHODS = {"supervised": "small-supervised", "fixmatch": "small-fixmatch", "cmpl": "small-cmpl"}
SETTINGS: dict[str, Any] = {
    "data.short_side": 37,
    "data.labeled_batch": 8,
    "data.unlabeled_batch": 24,
    # Windows of 1.3 seconds, about one cycle of an action, at one rate for all videos.
    "data.sampling": "window",
    "data.frame_rate": 12.0,
    "networks.primary.num_frames": 4,
    "networks.primary.stride_frames": 4,
    "networks.primary.options.temporal_stem": 3,
    "networks.auxiliary.num_frames": 8,
    "networks.auxiliary.stride_frames": 2,
    "networks.auxiliary.options.temporal_stem": 3,
    "views.crop_size": 32,
    "views.flip": True,
    "evaluation.crop_size": 32,
}
"""Changes to the recipes of ``METHODS``, the same for all three."""


@dataclass(frozen=True)
class Row:
    """What came out of one method; shares lie in [0, 1], NaN where there is none."""

    method: str
    top1: float
    kept: float
    right: float
    minutes: float


def demo(
    out: Annotated[Path, typer.Option(help="Folder for videos, runs and the figure.")] = Path(
        "demo"
    ),
    steps: Annotated[int, typer.Option(min=1, help="Iterations of each method.")] = STEPS,
    seed: Annotated[int, typer.Option(min=0, help="Of videos, split and training.")] = 0,
) -> None:
    """Train three methods on rendered videos with few labels, and compare them on held-out ones."""
    from semivideo import analysis
    from semivideo.run.many.at_once import at_once

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists and is not empty; remove it or choose another --out")
    with on_interrupt(lambda: f"remove {out} to start again"), progress_bars() as progress:
        num_test = _data(out, seed=seed, progress=progress)
        # The longest first: what is left over is then short.
        jobs = {
            method: partial(_learned, method, out=out, steps=steps, seed=seed)
            for method in reversed(METHODS)
        }
        found = at_once(jobs, progress=progress)
    rows = [found[method] for method in METHODS]
    show(_table(rows, num_test=num_test))
    note(_verdict(rows))
    analysis.learning_curves([out / method for method in METHODS], out=out / "learning.png")
    _label_new_clip(out / "cmpl", folder=out / "new", seed=seed)
    show(f"Figure: {out / 'learning.png'}. Networks: {out}/<method>/model.")


def _learned(method: str, progress: Progress | None, *, out: Path, steps: int, seed: int) -> Row:
    """Train and test one method on what ``_data`` has left in the folder."""
    from semivideo import api
    from semivideo.analysis.pseudo_labels import late_labels
    from semivideo.data.catalogue.manifest import Manifest
    from semivideo.data.splits import Split

    manifest, split = Manifest.read(out / "manifest.parquet"), Split.read(out / "split.json")
    progress = prefixed(progress, method)
    run = api.train(
        manifest,
        recipe=METHODS[method],
        split=split,
        steps=steps,
        seed=seed,
        settings=SETTINGS | {"engine.evaluate_every": max(1, steps // NUM_EVALUATIONS)},
        out=out / method,
        progress=progress,
    )
    found = api.evaluate(run, protocol=PROTOCOL, progress=progress)
    labels = late_labels(run.folder, manifest, split)
    return Row(method, found.top1, labels.kept, labels.right, run.summary["seconds"] / 60)


def _data(out: Path, *, seed: int, progress: Progress | None) -> int:
    """Render the videos, look at them, and draw the split; whole groups are held out.

    Returns:
        How many videos are held out.
    """
    from semivideo import api
    from semivideo.data.synthetic.rendering import GROUP_PATTERN, render

    videos = out / "videos"
    render(
        videos,
        videos_per_class=VIDEOS_PER_CLASS,
        seed=seed,
        num_groups=NUM_GROUPS,
        progress=progress,
    )
    manifest = api.scan(
        videos, out=out / "manifest.parquet", group_pattern=GROUP_PATTERN, progress=progress
    )
    split = api.split(
        manifest,
        labels_per_class=LABELS_PER_CLASS,
        seed=seed,
        test_groups=TEST_GROUPS,
        out=out / "split.json",
    )
    show(
        f"{len(manifest)} videos of {len(manifest.classes)} actions: "
        f"{len(split.labeled)} labelled, {len(split.unlabeled)} unlabelled, "
        f"{len(split.test)} held out (other scenes and actors)"
    )
    return len(split.test)


def _table(rows: list[Row], *, num_test: int) -> Table:
    """One line a method."""
    names = ("top-1 %", "labels of unlabelled clips kept %", "of these right %", "minutes")
    columns = [Column(name, justify="right") for name in names]
    title = f"{LABELS_PER_CLASS} labels per class, {num_test} held-out videos"
    table = Table("method", *columns, title=title)
    for row in rows:
        shares = (row.top1, row.kept, row.right)
        table.add_row(row.method, *map(percent, shares), f"{row.minutes:.1f}")
    return table


def _verdict(rows: list[Row]) -> str:
    """Say what the table says, whatever it says."""
    top1 = {row.method: row.top1 for row in rows}
    gain = 100 * (max(top1["fixmatch"], top1["cmpl"]) - top1["supervised"])
    ahead = 100 * (top1["cmpl"] - top1["fixmatch"])
    order = "ahead of" if ahead > 0 else "not ahead of"
    return (
        f"Unlabelled video changes top-1 by {gain:+.1f} points; CMPL is {order} FixMatch here "
        f"({ahead:+.1f} points, one seed)."
    )


def _label_new_clip(run: Path, *, folder: Path, seed: int) -> None:
    """Render a clip of a scene that no method has seen, and name what happens in it."""
    from semivideo import api
    from semivideo.data.synthetic.rendering import render

    [clip] = render(
        folder, videos_per_class=1, seed=seed + 1, classes=["jumping_jack"], num_groups=1
    )
    [found] = api.predict(run, [clip], top=3)
    words = [
        f"{name} {percent(share)} %"
        for name, share in zip(found.classes, found.probabilities, strict=True)
    ]
    show(f"New clip {clip}: {', '.join(words)}")
