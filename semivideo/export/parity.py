"""Whether an exported network says what the run says, on real videos.

    the run's reader -> the run's network        what it is compared with
    the run's reader -> the exported network     what the network's file costs
    OpenCV alone     -> the exported network     what that and the other reader cost

Of each video the middle clip and crop are compared, as probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from semivideo.base.errors import CheckpointError, ConfigError, DataError, option
from semivideo.base.places import what_is
from semivideo.base.progress import Progress
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.segments import looked_at
from semivideo.data.clips.clip_reader import testing_clips
from semivideo.data.splits import Split
from semivideo.evaluation import Recognizer
from semivideo.evaluation.prediction_file import video_files
from semivideo.export.alone.preprocess import Description, clips_of_file
from semivideo.export.alone.run import probabilities_of
from semivideo.export.compression import Precision
from semivideo.runfolder import RunFolder

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps clips (N, 3, T, side, side) to logits (N, K)."""
TOLERANCES: dict[Precision, float] = {"single": 1e-3, "half": 0.01, "int8": 0.1}
"""Largest difference of a probability, of the network's file alone."""
READER_TOLERANCE = 0.1
"""As much again may come from another reader of videos, whose pixels differ by a level or two."""


@dataclass(frozen=True)
class Parity:
    """How far an exported network is from its run.

    Attributes:
        num_videos: Compared videos.
        tolerance: Of the network's file.
        network: Largest difference of a probability, with the run's own reader.
        network_top1: Videos whose most probable class is the same.
        whole: Largest difference with ``preprocess.py``; None where that cannot feed the network.
        whole_top1: As ``network_top1``, or None.
        apart: Videos where ``preprocess.py`` leads further away than allowed, or to another class.
        skipped: Videos that could not be compared, with the reason.
    """

    num_videos: int
    tolerance: float
    network: float
    network_top1: int
    whole: float | None
    whole_top1: int | None
    apart: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON keeps it."""
        return asdict(self)


def compare(
    recognizer: Recognizer,
    network: Network,
    description: Description,
    videos: Sequence[Path],
    *,
    precision: Precision,
    progress: Progress | None = None,
) -> Parity:
    """Run videos through both.

    Args:
        recognizer: The run's network.
        network: The exported one.
        description: Of what it has to be fed.
        videos: Files, or segments of files; those that cannot be read are told.
        precision: Says what is tolerated.
        progress: See ``semivideo.api``.

    Raises:
        DataError: None of the videos can be read.
        CheckpointError: The network's file differs from the run's by more than is tolerated.
    """
    one_view = {**description, "num_clips": 1, "num_crops": 1}

    def asked(video: Path) -> list[NDArray[np.float32]]:
        views = _views(recognizer, video)
        read = np.concatenate(list(_read_alone(video, one_view)))
        logits = (_logits(recognizer, views), network(views.cpu().numpy()), network(read))
        return [probabilities_of(each, one_view) for each in logits]

    return _judged(*_each(videos, asked, progress), precision=precision)


def compare_readers(
    recognizer: Recognizer,
    copy: Recognizer,
    videos: Sequence[Path],
    *,
    precision: Precision,
    progress: Progress | None = None,
) -> Parity:
    """Compare a network that the package alone can feed with its copy, on whole videos.

    Args:
        recognizer: The run's network.
        copy: The exported one, read by the package.
        videos: As for ``compare``, like the others.
        precision: Says what is tolerated.
        progress: See ``semivideo.api``.

    Raises:
        DataError: None of the videos can be read.
        CheckpointError: As ``compare``.
    """

    def asked(video: Path) -> list[NDArray[np.float32]]:
        return [recognizer.scores(video), copy.scores(video)]

    return _judged(*_each(videos, asked, progress), precision=precision)


def _each(
    videos: Sequence[Path],
    asked: Callable[[Path], list[NDArray[np.float32]]],
    progress: Progress | None,
) -> tuple[list[NDArray[np.float32]], list[str], dict[str, str]]:
    """Probabilities (V, K) of each way, the videos' names, and why others were left out."""
    found, names, skipped = [], [], {}
    for done, video in enumerate(videos, start=1):
        try:
            found.append(asked(video))
            names.append(str(video))
        except (DataError, ValueError) as error:
            skipped[str(video)] = str(error)
        if progress is not None:
            progress("compare", done, len(videos), "")
    if not names:
        raise DataError(
            f"none of {len(videos)} videos can be compared, such as "
            f"{'; '.join(list(skipped.values())[:1])}; name others with {option('videos')}"
        )
    return [np.stack(way) for way in zip(*found, strict=True)], names, skipped


def _judged(
    ways: Sequence[NDArray[np.float32]],
    names: Sequence[str],
    skipped: dict[str, str],
    *,
    precision: Precision,
) -> Parity:
    """What probabilities (V, K) of the run, the exported network and that on its own come to.

    The last of them is left out where there is no such way.
    """
    ours, theirs = ways[:2]
    alone = ways[2] if len(ways) > 2 else theirs
    tolerance = TOLERANCES[precision]
    best = ours.argmax(axis=1)
    by_network, by_whole = (np.abs(each - ours).max(axis=1) for each in (theirs, alone))
    is_same = alone.argmax(axis=1) == best
    is_apart = (by_whole > tolerance + READER_TOLERANCE) | ~is_same
    found = Parity(
        num_videos=len(names),
        tolerance=tolerance,
        network=float(by_network.max()),
        network_top1=int((theirs.argmax(axis=1) == best).sum()),
        whole=float(by_whole.max()) if len(ways) > 2 else None,
        whole_top1=int(is_same.sum()) if len(ways) > 2 else None,
        apart=[names[place] for place in np.flatnonzero(is_apart).tolist()],
        skipped=skipped,
    )
    if not found.network <= tolerance:
        worst = names[int(np.nan_to_num(by_network, nan=np.inf).argmax())]
        step = "keep more bits of the weights"
        if precision == "single":
            step = "take another format"
        raise CheckpointError(
            f"the exported network differs from the run by {found.network:.2g} in a probability of "
            f"{worst}, and {tolerance:g} is allowed; nothing was written: {step}"
        )
    return found


def _views(recognizer: Recognizer, video: Path) -> torch.Tensor:
    """The middle view of a video, float32 (1, 3, T, side, side)."""
    file, found = looked_at(video)
    settings = recognizer.card.data
    clips = testing_clips(file, found, spec=recognizer.clip, settings=settings, num_clips=1)
    return next(recognizer.windows_crops([clips]))


def _logits(recognizer: Recognizer, views: torch.Tensor) -> NDArray[np.float32]:
    with torch.no_grad():
        logits: NDArray[np.float32] = recognizer.network(views).float().cpu().numpy()
    return logits


def _read_alone(video: Path, description: Description) -> Any:
    """The same view, by the code beside the exported network."""
    file, found = looked_at(video)
    if found.segment is None:
        return clips_of_file(file, description)
    start, end = found.segment.start_seconds, found.segment.end_seconds
    return clips_of_file(file, description, start_seconds=start, end_seconds=end)


def videos_to_compare(run: Path, given: Sequence[str | Path] | None, *, count: int) -> list[Path]:
    """Choose videos: those given, else of the run's own, test videos first, from all classes.

    Args:
        run: A run folder, or the folder of a network.
        given: Files and folders; None takes the run's.
        count: How many at most, >= 1.

    Raises:
        ConfigError: There are none.
    """
    if count < 1:
        raise ConfigError(f"{option('count', count)} must be at least 1; 20 is usual")
    if given:
        return _spread(video_files(given), count)
    folder = RunFolder(run)
    if what_is(run) == "model" or not folder.manifest_file.is_file():
        raise ConfigError(
            f"{run} has no videos of its own to compare on; name some with {option('videos')}"
        )
    manifest, split = (
        Manifest.read(folder.manifest_file, videos_may_be_gone=True),
        Split.read(folder.split_file),
    )
    chosen: list[Path] = []
    for side in (split.test, split.unlabeled, split.labeled):
        rows = [row for row in manifest.rows_of(side).tolist() if manifest.absolute(row).is_file()]
        found = [manifest.root / manifest.ids[row] for row in rows]
        chosen += _spread(found, count - len(chosen))
    if not chosen:
        raise ConfigError(
            f"the videos of {run} are not in {manifest.root} any more, and nothing is exported "
            f"without a comparison; bring them back or name others with {option('videos')}"
        )
    return chosen


def _spread(videos: Sequence[Path], count: int) -> list[Path]:
    """At most ``count`` of them, evenly over their order, in which classes lie together."""
    if len(videos) <= count:
        return list(videos)
    return [videos[place * len(videos) // count] for place in range(count)]
