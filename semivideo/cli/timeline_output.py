"""What ``semivideo predict --timeline`` prints and draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Column, Table

from semivideo.base.errors import ConfigError
from semivideo.cli.console import note, on_interrupt, percent, progress_bars, show

if TYPE_CHECKING:
    from semivideo.evaluation.event_metrics import EventAccuracy
    from semivideo.run.labeling.long_video import FoundEvents

_MOST_SHOWN = 100


def show_timeline(
    run: Path,
    videos: Sequence[Path],
    *,
    out: Path | None,
    sliding: tuple[float | None, float | None],
    stages: Sequence[str],
    truth: Path | None,
    pictures: tuple[Path | None, Path | None],
    frame_rate: float | None = None,
) -> None:
    """Find the events, print them, and write what was asked for.

    Args:
        run: As in ``predict``, like the others.
        videos: The files.
        out: File of labels.
        sliding: Window and stride in seconds.
        stages: Options of the stages, as name=value.
        truth: True labels.
        pictures: Files of the picture and of the annotated copy.
        frame_rate: Frames a second of folders of frames.
    """
    from semivideo.cli.train import parse_settings
    from semivideo.run.labeling import long_video

    picture, annotated = pictures
    # All that can be refused is, before windows are computed and before anything is written.
    labels = None if truth is None else long_video.read_truth(truth, videos, frame_rate=frame_rate)
    _check_outputs(videos, truth, out, pictures)
    hint = "run the same command again to go on" if out else ""
    with on_interrupt(lambda: hint), progress_bars() as progress:
        found = long_video.find_events(
            run,
            videos,
            out=out,
            sliding=long_video.Sliding(*sliding),
            stages=parse_settings(list(stages)),
            frame_rate=frame_rate,
            progress=progress,
        )
    show(_events(found))
    for each in found:
        if each.seconds_taken:
            factor = each.scores.duration_seconds / each.seconds_taken
            note(f"{each.path.name}: {each.seconds_taken:.1f} s, {factor:.1f} x real time")
    compared = None if labels is None else long_video.compared(found, labels)
    if compared is not None:
        show(*_accuracy(compared.accuracy))
    if out is not None:
        note(f"wrote {out}; the scores are kept in {out.name}.scores for other stages")
    if picture is not None:
        from semivideo.analysis.timeline_picture import draw_timeline

        true = () if compared is None else compared.truth[found[0].path.name]
        files = draw_timeline(found[0].scores, found[0].events, out=picture, truth=true)
        note(f"wrote {', '.join(map(str, files))}")
    if annotated is not None:
        from semivideo.run.labeling.annotated import write_annotated

        write_annotated(found[0].path, found[0].video, found[0].events, annotated)
        note(f"wrote {annotated}")


def _check_outputs(
    videos: Sequence[Path],
    truth: Path | None,
    out: Path | None,
    pictures: tuple[Path | None, Path | None],
) -> None:
    """Refuse what could not be written, or would be written over something else."""
    from semivideo.evaluation.prediction_file import video_files
    from semivideo.run.labeling.long_video import check_events_file

    picture, annotated = pictures
    files = video_files(videos)
    inputs = [*videos, *files, *([] if truth is None else [truth])]
    if out is not None:
        check_events_file(out, files, inputs=inputs)
    if (len(videos) > 1 or videos[0].is_dir()) and (picture or annotated):
        raise ConfigError("--picture and --annotated show one video; name one file")
    if picture is not None:
        from semivideo.analysis.drawing import checked_out
        from semivideo.analysis.timeline_picture import COLUMNS

        checked_out(picture, columns=COLUMNS, inputs=inputs, named="picture")
        if out is not None and picture.with_suffix(".csv").resolve() == out.resolve():
            raise ConfigError(
                f"{picture} comes with its numbers in {out.name}, which is --out; give it another "
                "name"
            )
    if annotated is not None:
        from semivideo.run.labeling.annotated import check_annotated

        check_annotated(annotated, inputs=inputs)


def _events(found: Sequence[FoundEvents]) -> Table:
    """A row an event, the first ones."""
    table = Table(
        "video",
        "class",
        Column("start s", justify="right"),
        Column("end s", justify="right"),
        Column("score %", justify="right"),
    )
    rows = [(each.path.name, event) for each in found for event in each.events]
    for name, event in rows[:_MOST_SHOWN]:
        table.add_row(
            name,
            event.label,
            f"{event.start_seconds:.2f}",
            f"{event.end_seconds:.2f}",
            percent(event.score),
        )
    if (more := len(rows) - _MOST_SHOWN) > 0:
        table.add_row(f"... and {more} more", "", "", "", "")
    if not rows:
        table.add_row("no event", "", "", "", "")
    return table


def _accuracy(found: EventAccuracy) -> tuple[Table, Table]:
    """MAP at each overlap, and numbers by class."""
    overall = Table("overlap", Column("mAP %", justify="right"))
    for overlap, mean in found.mean_average_precision.items():
        overall.add_row(f"{overlap:g}", percent(mean))
    overall.add_row("frame F1 %", percent(found.mean_frame_f1))
    by_class = Table(
        "class",
        Column("true events", justify="right"),
        Column("found", justify="right"),
        Column("AP at 0.5 %", justify="right"),
        Column("frame F1 %", justify="right"),
    )
    for number, label in enumerate(found.classes):
        by_class.add_row(
            label,
            str(found.num_true[number]),
            str(found.num_found[number]),
            percent(found.average_precision[0.5][number]),
            percent(found.frame_f1[number]),
        )
    return overall, by_class
