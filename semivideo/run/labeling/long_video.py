"""A trained network over long videos: scores of windows, events, their accuracy, and files.

    RUN, a.mp4 -> windows, one pass -> scores (kept beside the result) -> stages -> events -> file

The scores are what costs time. They are saved as they come and taken up again by the next call, so
that a job which was stopped goes on, and other options of the stages cost nothing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semivideo.base.errors import ConfigError, DataError, nearest, option
from semivideo.base.files import read_bytes, write_bytes
from semivideo.base.places import check_output
from semivideo.base.progress import Progress
from semivideo.base.records import Video
from semivideo.data.catalogue.clocks import Clocks
from semivideo.data.catalogue.frame_rates import FrameRates
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.matching import match
from semivideo.data.catalogue.segments import looked_at
from semivideo.data.splits import Split
from semivideo.evaluation import Recognizer
from semivideo.evaluation.event_metrics import EventAccuracy, event_accuracy
from semivideo.evaluation.prediction_file import video_files
from semivideo.evaluation.windows import Windows, plan_windows, window_probabilities
from semivideo.events.event_stages import Event, Stages, events_of
from semivideo.events.formats import FORMATS, format_by_ending, read_labels, write_labels
from semivideo.events.guidance import Reading, Writing
from semivideo.events.label_row import LabelRow
from semivideo.events.window_scores import WindowScores
from semivideo.options import Options
from semivideo.run.finished import Run
from semivideo.run.prediction import load
from semivideo.runfolder import RunFolder

_LOG = logging.getLogger("semivideo")
_SAVE_SECONDS = 20.0  # between saves of scores
STAGES = Options.of(Stages)
"""What can be set of the stages."""


@dataclass(frozen=True, slots=True)
class Sliding:
    """How windows slide.

    Attributes:
        window_seconds: Length of a window; None takes the median of the labelled videos that the
            run learned from, or what the network's clips are.
        stride_seconds: From window to window; None for a quarter of a window.
    """

    window_seconds: float | None = None
    stride_seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FoundEvents:
    """What was found in one video.

    Attributes:
        path: The file.
        scores: Of its windows.
        events: In order of their starts.
        video: What is known of the file.
        seconds_taken: Time that reading and scoring took just now, 0 where it had been done.
    """

    path: Path
    scores: WindowScores
    events: tuple[Event, ...]
    video: Video
    seconds_taken: float = 0.0


def find_events(
    run: str | Path | Run,
    videos: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    sliding: Sliding | None = None,
    stages: Mapping[str, Any] | None = None,
    frame_rate: float | None = None,
    progress: Progress | None = None,
) -> list[FoundEvents]:
    """Find what happens when in long videos.

    Args:
        run: The run, its folder, or a ``model`` folder.
        videos: Files, or folders of them.
        out: File of labels to write, of a format that its ending tells (.csv, .json, .eaf); scores
            are kept beside it in ``<out>.scores``, by which an earlier output is known. None writes
            nothing.
        sliding: Length and stride of the windows; None for the usual ones.
        stages: Options of ``events.event_stages.Stages``.
        frame_rate: Frames a second of folders of frames; None for that of the manifest which names
            them, else 25, which is told.
        progress: See ``semivideo.api``.

    Raises:
        DataError: A file cannot be read.
        ConfigError: Options that are not allowed, no length for windows, or something else lies
            at ``out``.
        CheckpointError: There is no usable network.
    """
    path = Path(run.path if isinstance(run, Run) else run)
    named = dict(stages or {})
    files, rates = video_files(videos), FrameRates.of(videos, said=frame_rate)
    rates.tell(files)
    target = None if out is None else Path(out)
    if target is not None:
        check_events_file(target, files)
    recognizer = load(path)
    if recognizer.card.data.multi_label:
        named.setdefault("overlap", True)
    chosen = Stages(**STAGES.checked(named, owner="the timeline"))
    wanted = sliding or Sliding()
    if wanted.window_seconds is None and recognizer.card.data.sampling == "segments":
        wanted = Sliding(_usual_length(path), wanted.stride_seconds)
    found = []
    for file in files:
        scores, video, seconds = _scores(
            *(recognizer, file, wanted),
            frame_rate=rates(file),
            folder=None if target is None else _scores_folder(target),
            progress=progress,
        )
        events = tuple(events_of(scores, chosen))
        found.append(FoundEvents(file, scores, events, video, seconds))
    if target is not None:
        write_events(found, target)
    return found


def check_events_file(
    out: Path, files: Sequence[Path], *, inputs: Iterable[str | Path] = ()
) -> None:
    """Refuse what cannot be written, and to write over what is no earlier output, before the work.

    Args:
        out: File of labels to write.
        files: The videos.
        inputs: What else is read.

    Raises:
        ConfigError: The format is not known or holds one video, or something else lies there.
        WriteError: Its folder cannot be written to.
    """
    format = FORMATS[format_by_ending(out)]
    if format.is_of_one_video and len(files) > 1:
        raise ConfigError(
            f"{out.name} can hold the events of one video, and there are {len(files)}; write a "
            ".csv and convert that (semivideo labels convert)"
        )
    check_output(
        out,
        what="an earlier timeline (its scores would lie beside it)",
        is_ours=lambda file: file.is_file() and _scores_folder(file).is_dir(),
        inputs=[*files, *inputs],
    )


def _scores_folder(out: Path) -> Path:
    return out.with_name(f"{out.name}.scores")


def _usual_length(run: Path) -> float:
    """Median length of the labelled videos that a run learned from, in seconds."""
    folder = RunFolder(run.parent if (run / "card.json").is_file() else run)
    if not (folder.manifest_file.is_file() and folder.split_file.is_file()):
        raise ConfigError(
            f"{run} is a network without its run, so nobody knows how long the videos were that it "
            f"learned from; give the length of a window in seconds with {option('window')}"
        )
    manifest = Manifest.read(folder.manifest_file, videos_may_be_gone=True)
    rows = manifest.rows_of(Split.read(folder.split_file).labeled)
    lengths = manifest.durations_seconds[rows]
    return float(np.median(lengths[lengths > 0]))


def _scores(
    recognizer: Recognizer,
    file: Path,
    sliding: Sliding,
    *,
    frame_rate: float,
    folder: Path | None,
    progress: Progress | None,
) -> tuple[WindowScores, Video, float]:
    """Scores of a file's windows, those from an earlier call included."""
    real, video = looked_at(file, frame_rate=frame_rate)
    if video.segment is not None:
        raise DataError(f"{file} is a part of a video, and a timeline is of all of it; name {real}")
    card = recognizer.card
    windows = plan_windows(
        video,
        spec=recognizer.clip,
        settings=card.data,
        window_seconds=sliding.window_seconds,
        stride_seconds=sliding.stride_seconds,
    )
    key = _key(recognizer, real, windows)
    saved = None if folder is None else folder / f"{real.stem}-{key[:8]}.npz"
    rows = [] if saved is None else _saved(saved, key)
    num_before, begun = len(rows), time.monotonic()
    next_save = begun + _SAVE_SECONDS

    def so_far() -> WindowScores:
        n = len(rows)
        shares = np.stack(rows) if n else np.zeros((0, len(card.classes)), np.float32)
        return WindowScores(
            real.name,
            tuple(card.classes),
            windows.start_seconds[:n],
            windows.end_seconds[:n],
            shares,
            video.duration_seconds,
        )

    try:
        for shares_K in window_probabilities(recognizer, real, video, windows.after(num_before)):
            rows.append(shares_K)
            if progress is not None:
                seconds = float(windows.end_seconds[len(rows) - 1] - windows.end_seconds[0])
                factor = seconds / max(time.monotonic() - begun, 1e-3)
                extra = f"{factor:.1f} x real time" if num_before == 0 else ""
                progress(f"windows of {real.name}", len(rows), len(windows), extra)
            if saved is not None and time.monotonic() > next_save:
                write_bytes(saved, so_far().to_bytes(key=key))
                next_save = time.monotonic() + _SAVE_SECONDS
    finally:
        if saved is not None and len(rows) > num_before:
            write_bytes(saved, so_far().to_bytes(key=key))
    if not rows:
        raise DataError(f"{file} gives no window; it may break off at once", path=str(file))
    return so_far(), video, time.monotonic() - begun if len(rows) > num_before else 0.0


def _key(recognizer: Recognizer, file: Path, windows: Windows) -> str:
    """What scores are a function of."""
    digest = hashlib.sha256()
    status = file.stat()
    said = (recognizer.card.weights_sha256, recognizer.precision, file.name)
    digest.update(repr((*said, status.st_size, status.st_mtime_ns)).encode())
    for each in (windows.frames, windows.places, windows.start_seconds):
        digest.update(np.ascontiguousarray(each).tobytes())
    return digest.hexdigest()


def _saved(file: Path, key: str) -> list[np.ndarray]:
    """Scores of the first windows from an earlier call; none of other windows or networks."""
    if not file.is_file():
        return []
    try:
        found, scores = WindowScores.from_bytes(read_bytes(file), name=str(file))
    except (DataError, OSError) as error:
        _LOG.warning("%s; it is made anew", error)
        return []
    return list(scores.probabilities) if found == key else []


def write_events(found: Sequence[FoundEvents], out: Path) -> None:
    """Write the events of videos as labels, whose paths are relative to the file's folder.

    Raises:
        DataError: The format wants one video a file, or there is no event.
    """
    rows = []
    for each in found:
        name = Path(os.path.relpath(each.path.resolve(), out.resolve().parent)).as_posix()
        rows += [event.row(name) for event in each.events] or [LabelRow(name, is_unlabeled=True)]
    (text,) = write_labels(rows, format_by_ending(out), Writing()).values()
    write_bytes(out, text.encode())


@dataclass(frozen=True, slots=True)
class Truth:
    """True labels of some videos, which are read before anything is written.

    Attributes:
        file: They are from.
        rows: File name of each video to its labels.
    """

    file: Path
    rows: dict[str, list[LabelRow]]


def read_truth(
    file: Path, videos: Sequence[str | Path], *, frame_rate: float | None = None
) -> Truth:
    """Read the true labels of videos.

    Args:
        file: Labels, of any format.
        videos: As in ``find_events``, like the rate.
        frame_rate: Frames a second of folders of frames.

    Raises:
        DataError: The file cannot be read, or says nothing of these videos.
    """
    files, rates = video_files(videos), FrameRates.of(videos, said=frame_rate)
    known = {rates(each) for each in files if each.is_dir()}
    clocks = Clocks(
        min(each.resolve().parent for each in files),
        frame_rate=known.pop() if len(known) == 1 else None,
    )
    rows = [row for row in read_labels(file, Reading(clock=clocks)) if row.label is not None]
    names = [each.name for each in files]
    found: dict[str, list[LabelRow]] = {name: [] for name in names}
    others: set[str] = set()
    for row, name in zip(rows, match([_by_name(row) for row in rows], names), strict=True):
        if name is None:
            others.add(row.video)
        else:
            found[name].append(row)
    if not any(found.values()):
        raise DataError(
            f"{file.name} has no event of {', '.join(names[:3])}; it is about "
            f"{', '.join(sorted(others)[:3]) or 'nothing'}",
            path=str(file),
        )
    return Truth(file, found)


@dataclass(frozen=True, slots=True)
class Compared:
    """Found events beside the true ones.

    Attributes:
        truth: File name of each video to its true events, of classes that the network knows.
        accuracy: How good the found ones are.
    """

    truth: dict[str, list[Event]]
    accuracy: EventAccuracy


def compared(found: Sequence[FoundEvents], truth: str | Path | Truth) -> Compared:
    """Compare the events that were found with the true ones.

    Classes that the network does not know are left out and named.

    Args:
        found: What was found.
        truth: Of the same videos, or a file of labels, of any format.

    Raises:
        DataError: It says nothing of these videos, or of none of the classes.
    """
    if not isinstance(truth, Truth):
        rates = {each.video.frame_rate for each in found if each.path.is_dir()}
        rate = rates.pop() if len(rates) == 1 else None
        truth = read_truth(Path(truth), [each.path for each in found], frame_rate=rate)
    events: dict[str, list[Event]] = {}
    late: dict[str, float] = {}
    for each in found:
        duration = each.video.duration_seconds
        events[each.path.name] = own = []
        for row in truth.rows[each.path.name]:
            start = row.start_seconds or 0.0
            end = duration if row.end_seconds is None else min(row.end_seconds, duration)
            if start < end:
                own.append(Event(row.label or "", start, end, 1.0))
            else:
                late[each.path.name] = start
    if not any(events.values()):
        path, start = min(late.items())
        duration = next(e.video.duration_seconds for e in found if e.path.name == path)
        raise DataError(
            f"every label of {truth.file.name} lies outside its video: one of {path} starts at "
            f"{start:g} s, and the video ends at {duration:.3f} s; write seconds from its start",
            path=str(truth.file),
        )
    known = _known(events, found[0].scores.classes, truth.file)
    accuracy = event_accuracy(
        {each.path.name: each.events for each in found},
        known,
        frames={each.path.name: each.video.seconds for each in found},
    )
    return Compared(known, accuracy)


def _by_name(row: LabelRow) -> LabelRow:
    """A row that is found by the bare name of its video."""
    return LabelRow(row.video.replace("\\", "/").rpartition("/")[2], alias=f"v_{row.video}")


def _known(
    truth: dict[str, list[Event]], classes: Sequence[str], file: Path
) -> dict[str, list[Event]]:
    """True events of the classes that a network can find."""
    unknown = sorted({e.label for events in truth.values() for e in events} - set(classes))
    kept = {path: [e for e in events if e.label in classes] for path, events in truth.items()}
    if not any(kept.values()):
        raise DataError(
            f"the classes of {file.name} ({', '.join(unknown[:5])}) are none of the run's"
            f"{nearest(unknown[0], classes)} [known: {', '.join(classes)}]",
            path=str(file),
        )
    if unknown:
        _LOG.warning(
            "%s: classes that the run does not know are left out: %s", file.name, ", ".join(unknown)
        )
    return kept
