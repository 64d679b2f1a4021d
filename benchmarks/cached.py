"""What a prepared cache is worth: samples of two loader processes, and all the way to the views.

A sample is one 64-frame window at both rates, of ``NUM_VIDEOS`` Kinetics-like files. The others
read the files, for they have no cache of their own.
"""

from __future__ import annotations

import itertools
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from shutil import copy
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from readers import READERS, is_installed, kinetics_like
from speed_views import SIZES, torchvision_view
from timing import Row, compared, one_thread, take_turns, torchvision_transforms

from semivideo.base.machine.allocator import keep_freed_memory
from semivideo.base.records import Clips, ClipSpec
from semivideo.data.cache.preparing import prepare
from semivideo.data.cache.reader import cached_manifest
from semivideo.data.catalogue.scanning import scan
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.video.decode import canvas_size
from semivideo.settings import DataSettings, ViewSettings
from semivideo.transforms import Views
from semivideo.transforms.views import Kind

SPECS = {"slow": ClipSpec(8, 8), "fast": ClipSpec(16, 4)}
NUM_VIDEOS, NUM_FRAMES, WINDOW = 8, 300, 64
WIDTH, HEIGHT = 340, 256
WORKERS = 2
KINDS: tuple[Kind, ...] = ("weak", "strong")
CROP = SIZES[0].crop
WORKER_TARGETS = {
    128: {"decord": 25.0, "TorchCodec": None},
    256: {"decord": 5.0, "TorchCodec": None},
}
END_TARGETS = {"decord + Pillow": 15.0, "TorchCodec + torchvision v2": 12.0}
_ROUNDS = 5
_OURS_AT_ONCE, _THEIRS_AT_ONCE = 512, 16  # samples of a turn: about a second
_BATCH = 16


class Place(NamedTuple):
    """Where samples come from.

    Attributes:
        videos: Folder of the files.
        side: Short side of the frames, in pixels.
        reader: "SemiVideo", which reads the cache, or a name of ``READERS``.
    """

    videos: Path
    side: int
    reader: str

    @property
    def cache(self) -> Path:
        """Folder of the cache."""
        return self.videos.parent / f"cache-{self.side}"


def rows() -> list[Row]:
    """All comparisons of the cache."""
    with tempfile.TemporaryDirectory() as folder, one_thread():
        videos = Path(folder) / "videos"
        videos.mkdir()
        first = kinetics_like(videos / "0.mp4")
        for number in range(1, NUM_VIDEOS):
            copy(first, videos / f"{number}.mp4")
        manifest = scan(videos)
        for side in WORKER_TARGETS:
            place = Place(videos, side, "SemiVideo")
            prepare(manifest, place.cache, wanted={"short_side": side})
        sides = list(WORKER_TARGETS)
        found = [row for side in sides for row in _of_one_core(videos, side)]
        found += [row for side in sides for row in _by_workers(videos, side)]
        return [*found, *_to_views(videos)]


def _of_one_core(videos: Path, side: int) -> list[Row]:
    """CPU time of a sample."""
    places = _places(videos, side)
    # Several of ours a turn: one alone is hardly longer than the clock is exact.
    sizes = {name: _BATCH if name == "SemiVideo" else 1 for name in places}
    draws = {name: itertools.count() for name in places}

    def taking(name: str) -> Callable[[], object]:
        read = reader(places[name])
        return lambda: [read(next(draws[name])) for _ in range(sizes[name])]

    seconds = take_turns({name: taking(name) for name in places}, rounds=15)
    each = {name: spent / sizes[name] for name, spent in seconds.items()}
    return compared(
        f"cache at short side {side}, a sample of both rates",
        each,
        dict.fromkeys(WORKER_TARGETS[side]),
    )


def _places(videos: Path, side: int) -> dict[str, Place]:
    """The cache, and the files for each library that is there."""
    names = [name for name in WORKER_TARGETS[side] if is_installed(name)]
    return {name: Place(videos, side, name) for name in ("SemiVideo", *names)}


def _by_workers(videos: Path, side: int) -> list[Row]:
    """Samples a second of ``WORKERS`` processes each, by the clock."""
    targets = WORKER_TARGETS[side]
    with ExitStack() as stack:
        ways, sizes = {}, {}
        for place in _places(videos, side).values():
            sizes[place.reader] = _OURS_AT_ONCE if place.reader == "SemiVideo" else _THEIRS_AT_ONCE
            # Started, not forked: threads of this process have run, and a fork may hang.
            context = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(WORKERS, mp_context=context))
            ways[place.reader] = partial(_shared, pool, place, sizes[place.reader])
        seconds = take_turns(ways, rounds=_ROUNDS, clock=time.perf_counter)
    rates = {name: sizes[name] / spent for name, spent in seconds.items()}
    what = f"cache at short side {side}, {WORKERS} processes, by the clock"
    return compared(what, rates, targets, unit="samples/s", scale=1.0)


def _shared(pool: ProcessPoolExecutor, place: Place, num_samples: int) -> None:
    """Let each process read half of the samples."""
    parts = [range(part, num_samples, WORKERS) for part in range(WORKERS)]
    for done in [pool.submit(_read_all, place, part) for part in parts]:
        done.result()


def _read_all(place: Place, draws: range) -> None:
    """Read samples in a loader process."""
    read = reader(place)
    for draw in draws:
        read(draw)


def _to_views(videos: Path) -> list[Row]:
    """From the source to weak and strong views at 8 and 16 frames, of one core."""
    ours = reader(Place(videos, 128, "SemiVideo"))
    views, draws = Views(ViewSettings(crop_size=CROP)), itertools.count()
    keep_freed_memory()  # as training does; the others have it too

    def batch() -> list[torch.Tensor]:
        numbers = [next(draws) for _ in range(_BATCH)]
        samples = [ours(number) for number in numbers]
        frames = {name: torch.from_numpy(np.stack([s[name] for s in samples])) for name in SPECS}
        size = torch.tensor([frames["slow"].shape[-2:]] * _BATCH)
        clips = Clips(frames, size, torch.arange(_BATCH), torch.tensor(numbers))
        return [getattr(views, kind)(clips, name) for name in SPECS for kind in KINDS]

    ways: dict[str, Callable[[], object]] = {"SemiVideo": batch}
    if torchvision_transforms() is not None:
        for name, library, is_pillow in (
            ("decord + Pillow", "decord", True),
            ("TorchCodec + torchvision v2", "TorchCodec", False),
        ):
            if is_installed(library):
                read = reader(Place(videos, 128, library))
                ways[name] = partial(_other_views, read, itertools.count(), is_pillow=is_pillow)
    seconds = take_turns(ways, rounds=15)
    rates = {
        name: (_BATCH if name == "SemiVideo" else 1) / spent for name, spent in seconds.items()
    }
    what = f"from the cache to four views of a sample, crop {CROP}"
    return compared(what, rates, END_TARGETS, unit="samples/s", scale=1.0)


Sample = dict[str, np.ndarray]


@cache
def reader(place: Place) -> Callable[[int], Sample]:
    """Return what reads a sample by the number of its draw: uint8 (T, 3, H, W) for each stream."""
    torch.set_num_threads(1)
    if place.reader == "SemiVideo":
        clips = ClipReader(
            cached_manifest(place.cache), SPECS, settings=DataSettings(short_side=place.side)
        )
        return lambda draw: clips.training(draw % NUM_VIDEOS, draw)
    size = None if min(WIDTH, HEIGHT) <= place.side else canvas_size(WIDTH, HEIGHT, place.side)
    steps = np.arange(0, WINDOW, SPECS["fast"].stride_frames)

    def sample(draw: int) -> Sample:
        start = np.random.default_rng(draw).integers(NUM_FRAMES - WINDOW)
        path = place.videos / f"{draw % NUM_VIDEOS}.mp4"
        frames = np.moveaxis(READERS[place.reader](path, start + steps, size), -1, 1)
        return {"slow": frames[::2], "fast": frames}

    return sample


def _other_views(
    read: Callable[[int], Sample], draws: Iterator[int], *, is_pillow: bool
) -> list[torch.Tensor]:
    """The four views of one sample by torchvision's transforms, of pictures or of tensors."""
    made = []
    v2 = torchvision_transforms()
    for clip in read(next(draws)).values():
        pictures = [Image.fromarray(f) for f in np.moveaxis(clip, 1, -1)] if is_pillow else []
        for kind in KINDS:
            make = torchvision_view(v2, SIZES[0], kind)
            if is_pillow:
                made.append(torch.stack([make(picture) for picture in pictures]))
            else:
                made.append(make(torch.from_numpy(clip)))
    return made
