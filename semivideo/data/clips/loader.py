"""Batches of raw clips, each a pure function of (seed, step).

The labelled and the unlabelled videos are an endless line each: one shuffled pass over their rows
after the other. Step s takes the next ``batch`` places of the line, and process r of w takes the
r-th of w equal parts of them::

    line        0 1 2 3 | 4 5 6 7 | 8 9 ...       batch 4
    step        0       | 1       | 2
    process     0 0 1 1 | 0 0 1 1 | ...           2 processes

A place's clip is drawn with a key made of seed, line and place. So the number of loader workers and
of processes changes nothing, and a run resumes at any step without having saved anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from semivideo.base.errors import ConfigError, DataError, TrainingError
from semivideo.base.machine.threads import num_cores
from semivideo.base.randomness import key
from semivideo.base.records import Batch, Clips, LabeledClips
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.order import BalancedLine, Line
from semivideo.data.clips.packing import Packed, pack
from semivideo.data.clips.worker import Ending
from semivideo.data.splits import Split
from semivideo.data.video.decode import Image

_MOST_FAILURES = 8  # videos in a row; then it is not the videos
_MOST_WORKERS = 8


@dataclass(frozen=True)
class Streams:
    """Which videos a run learns from.

    Attributes:
        labeled: Rows of the manifest.
        labels: Number of the class of each labelled row.
        unlabeled: Rows whose labels the learner may not know; empty for methods that use none.
    """

    labeled: Sequence[int]
    labels: Sequence[int]
    unlabeled: Sequence[int] = field(default=())

    @classmethod
    def of(
        cls, manifest: Manifest, split: Split, *, unlabeled_includes_labeled: bool = True
    ) -> Streams:
        """Turn a split into rows; this is the only place where training looks up a label.

        Args:
            manifest: The videos.
            split: Which of them may be used as what.
            unlabeled_includes_labeled: Whether labelled videos are unlabelled ones as well.
        """
        number = {name: index for index, name in enumerate(manifest.classes)}
        rows = manifest.rows_of([*split.labeled, *split.unlabeled]).tolist()
        labeled, unlabeled = rows[: len(split.labeled)], rows[len(split.labeled) :]
        labels = [number[label] for row in labeled if (label := manifest.labels[row]) is not None]
        return cls(labeled, labels, sorted(rows) if unlabeled_includes_labeled else unlabeled)


class TrainingLoader:
    """The batches of a run from its ``start_step`` on, in order; made by ``training_loader``."""

    def __init__(
        self, loader: DataLoader[Any], *, num_steps: int, ending: Ending | None = None
    ) -> None:
        self._loader = loader
        self._ending = ending
        self._num_steps = num_steps

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch]:
        if self._ending is None:
            yield from self._batches(iter(self._loader))
            return
        self._ending.expect(now=False)
        try:
            yield from self._batches(_one_ahead(iter(self._loader)))
        finally:
            self._ending.expect(now=True)

    def _batches(self, batches: Iterator[Any]) -> Iterator[Batch]:
        """Make batches of what the loader gives; its errors become ours."""
        while True:
            try:
                parts = next(batches)
            except StopIteration:
                return
            except RuntimeError as error:
                if "DataLoader worker" not in str(error):
                    raise
                raise TrainingError(
                    f"a loader process died, probably for lack of memory ({error}); lower "
                    "data.workers or a batch size, and resume the run"
                ) from None
            if isinstance(parts, Packed):
                parts = parts.unpack()
            if "error" in parts:
                raise DataError(parts["error"])
            unlabeled = Clips(**parts["unlabeled"]) if parts["unlabeled"] else None
            step = parts["step"]
            yield Batch(
                labeled=LabeledClips(**parts["labeled"]),
                unlabeled=unlabeled,
                step=step,
                progress=step / self._num_steps,
                skipped=parts["skipped"],
            )


def training_loader(
    reader: ClipReader,
    streams: Streams,
    *,
    seed: int,
    num_steps: int,
    start_step: int = 0,
    rank: int = 0,
    world_size: int = 1,
) -> TrainingLoader:
    """Make the batches of a training run.

    Args:
        reader: Reads the clips; its settings say how large batches are and how they are drawn.
        streams: The videos.
        seed: Of the run.
        num_steps: Steps of the whole run, >= 1.
        start_step: First step wanted, in [0, num_steps].
        rank: Number of this process, in [0, world_size).
        world_size: Processes that share each batch, >= 1.

    Returns:
        An iterable of batches, on the CPU and in pinned memory where there is a GPU.

    Raises:
        ConfigError: A batch cannot be shared evenly by the processes, or frames in memory by the
            loader processes.
        DataError: There is no labelled video; while iterating: 8 videos in a row cannot be read.
    """
    settings = reader.settings
    if not streams.labeled:
        raise DataError(
            "there is no labelled video to learn from; label some or draw another split"
        )
    for name in ("labeled_batch", "unlabeled_batch"):
        size = getattr(settings, name)
        if size % world_size:
            down, up = size // world_size * world_size, -(-size // world_size) * world_size
            raise ConfigError(
                f"data.{name} = {size} cannot be shared evenly by {world_size} processes; "
                f"write {down or up} or {up}"
            )
    workers = num_workers(reader, world_size)
    if workers and reader.hardware is not None and reader.store is not None:
        raise ConfigError(
            f"data.workers = {workers} with data.decoder = 'hardware' would copy the frames in "
            "memory into every process; leave data.workers at auto, or write data.memory_gb = 0"
        )
    collate: Callable[[Any], Any] = pack if workers else _as_it_is
    ending = Ending() if workers else None
    loader: DataLoader[Any] = DataLoader(
        _Steps(reader, streams, seed=seed, rank=rank, world_size=world_size),
        batch_size=None,
        sampler=range(start_step, num_steps),
        num_workers=workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=ending.start_worker if ending else None,
        # CUDA does not survive a fork, and this process has used it.
        multiprocessing_context="spawn" if workers and reader.hardware is not None else None,
        generator=torch.Generator().manual_seed(0),  # or it would advance the global one
    )
    return TrainingLoader(loader, num_steps=num_steps, ending=ending)


class _Steps(Dataset[dict[str, Any]]):
    """Step to the parts of its batch."""

    def __init__(
        self, reader: ClipReader, streams: Streams, *, seed: int, rank: int, world_size: int
    ) -> None:
        self.reader, self.seed, self.rank, self.world_size = reader, seed, rank, world_size
        self.label_of = dict(zip(streams.labeled, streams.labels, strict=True))
        self.rows = {"labeled": streams.labeled, "unlabeled": streams.unlabeled}
        self.lines = lines_of(streams, seed=seed, is_balanced=reader.settings.balanced)
        self.broken: dict[int, str] = {}

    def __getitem__(self, step: int) -> dict[str, Any]:
        """Read one step; an error is returned as its sentence, for it has to cross processes."""
        settings = self.reader.settings
        skipped: dict[int, str] = {}
        try:
            parts = self._part("labeled", step, size=settings.labeled_batch, skipped=skipped)
            rows = parts["video"].tolist()
            parts["label"] = torch.tensor([self.label_of[row] for row in rows])
            others: dict[str, Any] = {}
            if "unlabeled" in self.lines:
                size = settings.unlabeled_batch
                others = self._part("unlabeled", step, size=size, skipped=skipped)
        except DataError as error:
            return {"error": str(error)}
        return {"labeled": parts, "unlabeled": others, "step": step, "skipped": skipped}

    def _part(self, name: str, step: int, *, size: int, skipped: dict[int, str]) -> dict[str, Any]:
        """This process's clips of one stream: the fields of ``Clips``."""
        share = size // self.world_size
        first = step * size + self.rank * share
        places = range(first, first + share)
        draws = [key(self.seed, name, place) for place in places]
        rows, clips = [], []
        for place, draw in zip(places, draws, strict=True):
            row, clip = self._clip(name, place, draw=draw, skipped=skipped)
            rows.append(row)
            clips.append(clip)
        frames, sizes = padded(clips)
        return {
            "frames": frames,
            "size": sizes,
            "video": torch.tensor(rows),
            "draw": torch.tensor(draws),
        }

    def _clip(
        self, name: str, place: int, *, draw: int, skipped: dict[int, str]
    ) -> tuple[int, dict[str, Image]]:
        """The clip at a place, of another video of the stream if the place's is broken."""
        row = self.lines[name][place]
        rows = self.rows[name]
        other = key(draw, "another video") % len(rows)
        for attempt in range(_MOST_FAILURES):
            try:
                if row in self.broken:  # a broken file stays broken: do not open it again
                    raise DataError(self.broken[row])
                return row, self.reader.training(row, draw)
            except DataError as error:
                skipped[row] = self.broken[row] = str(error)
            row = rows[(other + attempt) % len(rows)]
        raise DataError(
            f"{_MOST_FAILURES} {name} videos in a row cannot be read, the last because: "
            f"{skipped[list(skipped)[-1]]}. Check that the videos are where they were scanned, "
            "or scan them again"
        )


def lines_of(streams: Streams, *, seed: int, is_balanced: bool) -> dict[str, Line | BalancedLine]:
    """Return in which order the videos of each stream that has some are drawn.

    Args:
        streams: The videos.
        seed: Of the run.
        is_balanced: Whether labelled videos are drawn class by class.
    """
    rows = {"labeled": streams.labeled, "unlabeled": streams.unlabeled}
    lines: dict[str, Line | BalancedLine] = {
        name: Line(rows[name], name=name, seed=seed) for name in rows if len(rows[name])
    }
    if is_balanced:
        lines["labeled"] = BalancedLine(streams.labeled, streams.labels, name="labeled", seed=seed)
    return lines


def padded(clips: Sequence[dict[str, Image]]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Put clips of different sizes on one canvas, each at the top left, the rest black.

    Args:
        clips: For each of N videos, stream name to uint8 (T, C, H, W); T may differ between
            streams, H and W between videos.

    Returns:
        Stream name to uint8 (N, T, C, H, W) with the largest H and W, in memory as the clips are,
        and int64 (N, 2): height and width of each clip.
    """
    sizes = torch.tensor([next(iter(clip.values())).shape[-2:] for clip in clips])
    height, width = sizes.amax(dim=0).tolist()
    frames = {}
    for stream, clip in clips[0].items():
        T, C = clip.shape[:2]
        if clip.strides[1] < clip.strides[3]:  # images as decoders make them; another order costs
            canvas = torch.zeros(len(clips), T, height, width, C, dtype=torch.uint8).movedim(-1, 2)
        else:
            canvas = torch.zeros(len(clips), T, C, height, width, dtype=torch.uint8)
        for place, other in zip(canvas.numpy(), clips, strict=True):
            image = other[stream]
            place[..., : image.shape[-2], : image.shape[-1]] = image
        frames[stream] = canvas
    return frames, sizes


def _one_ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """Fetch each batch from the loader processes while the one before is used.

    It is ready there, but fetching it takes milliseconds, the longer the busier the cores are.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, batches, None)
        while (parts := coming.result()) is not None:
            coming = thread.submit(next, batches, None)
            yield parts


def num_workers(reader: ClipReader, world_size: int) -> int:
    """Loader processes as the setting says.

    Args:
        reader: Its setting "auto" means none with a store, what keeps a hardware decoder busy, or
            one per core, at most 8.
        world_size: Processes that share the cores, >= 1.
    """
    workers = reader.settings.workers
    if workers != "auto":
        return workers
    if reader.store is not None:
        return 0
    if reader.hardware is not None:
        return reader.hardware.at_once
    return max(1, min(_MOST_WORKERS, num_cores() // world_size))


def _as_it_is(parts: Any) -> Any:
    return parts
