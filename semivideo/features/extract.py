"""The pass that fills a feature cache: each video is decoded once, for all of its views.

A shard is written when all of its videos are done, so a pass that was killed goes on at the shard
it was at. Processes share the shards, threads the videos.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch

from semivideo.base.errors import ConfigError, DataError, option
from semivideo.base.files import replacing, sweep, write_bytes
from semivideo.base.jobs import ALONE, Part
from semivideo.base.locks import locked_folder
from semivideo.base.machine.allocator import keep_freed_memory
from semivideo.base.machine.threads import num_cores
from semivideo.base.progress import Progress
from semivideo.data.cache.form import digest_of
from semivideo.data.catalogue.manifest import Manifest
from semivideo.encoders.encoder import Encoder
from semivideo.encoders.local_motion import LocalMotion
from semivideo.features.feature_cache import FeatureCache, Features
from semivideo.features.feature_form import (
    MANIFEST,
    NUM_TURNED,
    SHARDS,
    FeatureForm,
    check_features_folder,
    is_features,
    shard_files,
    videos_per_shard,
)
from semivideo.features.several.motion_views import MotionViews
from semivideo.features.video_views import VideoViews

log = logging.getLogger("semivideo")

_AHEAD = 4  # videos decoded ahead of the encoder, a thread
_OPTIONS = {"num_views": "views", "num_frames": "frames", "modalities": "modality"}
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of each video; None is as the cache was begun, or the usual.

    Attributes:
        num_views: Views, >= 1; 6.
        num_frames: Frames of a view; the encoder's, or 8.
        flip: Whether views may be mirrored: not where left and right are different classes; yes.
        modalities: What the encoder is shown of frames, keys of ``MODALITIES``, "rgb" first; that
            alone.
        rotations: Whether view 0 is also turned by one, two and three quarter turns; no.
    """

    num_views: int | None = None
    num_frames: int | None = None
    flip: bool | None = None
    modalities: tuple[str, ...] | None = None
    rotations: bool | None = None


USUAL = Wanted()


def extract(
    manifest: Manifest,
    out: Path,
    *,
    encoder: Encoder,
    wanted: Wanted = USUAL,
    part: Part = ALONE,
    verify: bool = False,
    progress: Progress | None = None,
) -> FeatureCache:
    """Fill a feature cache, or go on with one.

    Args:
        manifest: The videos.
        out: The folder; new, empty, or one that was begun alike.
        encoder: On the device that computes.
        wanted: Views and frames.
        part: Number of this process, and how many share the shards.
        verify: Read every byte of what is there and make broken files again.
        progress: Called with ("features", videos done, videos in all, "") after each video.

    Returns:
        The cache; of several processes the last one to end sees it finished.

    Raises:
        ConfigError: The cache was begun otherwise, something else lies at ``out``, or the encoder
            takes another number of frames.
        DataError: The cache is of other videos.
        WriteError: A file cannot be written.
    """
    with locked_folder(out, shared=part != ALONE, doing="make features in it"):
        if part == ALONE and is_features(out):
            for folder in (out, out / SHARDS):
                sweep(folder)
        return _extracted(manifest, out, encoder, wanted, part, verify, progress)


def _extracted(
    manifest: Manifest,
    out: Path,
    encoder: Encoder,
    wanted: Wanted,
    part: Part,
    verify: bool,
    progress: Progress | None,
) -> FeatureCache:
    """As ``extract``, where nobody else is at work but those who share it."""
    form = _begun(manifest, out, encoder, wanted)
    found = FeatureCache(out, form)
    mine = range(form.num_shards)[part[0] :: part[1]]
    broken = set(found.damaged()) if verify else set()
    todo = [shard for shard in mine if shard in broken or not found.is_there(shard)]
    total = sum(len(form.rows_of(shard)) for shard in mine)
    done = total - sum(len(form.rows_of(shard)) for shard in todo)
    if progress is not None:
        progress("features", done, total, "")
    rows = chain.from_iterable(form.rows_of(shard) for shard in todo)
    with closing(_Maker(manifest, form, encoder).videos(rows)) as videos:
        for shard in todo:
            features = np.zeros(form.shape_of(shard), np.float16)
            errors: dict[int, str] = {}
            for number, row in enumerate(form.rows_of(shard)):
                made = next(videos)
                if isinstance(made, str):
                    errors[row] = made
                else:
                    features[number] = made
                done += 1
                if progress is not None:
                    progress("features", done, total, "")
            _write(out, shard, features, errors)
    return found


def _begun(manifest: Manifest, out: Path, encoder: Encoder, wanted: Wanted) -> FeatureForm:
    """The form of a cache that is there, if it is what is wanted, or of a new one."""
    num_frames = encoder.frames_of_clip(wanted.num_frames)
    if is_features(out):
        form = FeatureForm.read(out)
        _check_begun(form, out, encoder, wanted)
        if (form.videos, form.num_videos) != (digest_of(manifest), len(manifest)):
            raise DataError(
                f"{out} holds features of other videos; choose another folder, or remove it",
                path=str(out),
            )
    else:
        check_features_folder(out)
        form = _new_form(manifest, encoder, wanted, num_frames=num_frames)
        (out / SHARDS).mkdir(parents=True, exist_ok=True)
        form.write(out)
    features = Manifest(manifest.table, root=manifest.root, features=str(out))
    features.write(out / MANIFEST)
    return form


def _check_begun(form: FeatureForm, out: Path, encoder: Encoder, wanted: Wanted) -> None:
    """Refuse to go on with a cache in another way than it was begun."""
    form.check_encoder(encoder, folder=out)
    for field in fields(wanted):
        ours, theirs = getattr(form, field.name), getattr(wanted, field.name)
        if theirs not in (None, ours):
            name = _OPTIONS.get(field.name, field.name)
            raise ConfigError(
                f"{out} was begun with {option(name, _typed(ours))}; leave out "
                f"{option(name, _typed(theirs))} to go on with it, or choose another folder"
            )


def _typed(value: Any) -> Any:
    """A value as ``extract_features`` takes it."""
    return list(value) if isinstance(value, tuple) else value


def _new_form(
    manifest: Manifest, encoder: Encoder, wanted: Wanted, *, num_frames: int
) -> FeatureForm:
    if encoder.is_whole and ((wanted.modalities or ("rgb",)) != ("rgb",) or wanted.rotations):
        raise ConfigError(
            f"{encoder.name} sees the frames themselves, upright, and nothing else; leave out "
            f"{option('modality')} and {option('rotations')}"
        )
    num_views = 6 if wanted.num_views is None else wanted.num_views
    modalities = wanted.modalities or ("rgb",)
    num_stored = num_views * len(modalities) + NUM_TURNED * bool(wanted.rotations)
    steps = _steps(encoder, num_frames)
    return FeatureForm(
        encoder=encoder.name,
        weights_sha256=encoder.origin.sha256,
        preprocessing=encoder.preprocessing,
        pretrained_on=encoder.origin.pretrained_on,
        league=encoder.origin.league,
        licence=encoder.origin.licence,
        num_views=num_views,
        num_frames=num_frames,
        flip=wanted.flip is not False,
        modalities=modalities,
        rotations=bool(wanted.rotations),
        steps=steps,
        dim=encoder.dim,
        videos_per_shard=videos_per_shard(num_views=num_stored, steps=steps, dim=encoder.dim),
        num_videos=len(manifest),
        videos=digest_of(manifest),
        is_whole=encoder.is_whole,
    )


def _steps(encoder: Encoder, num_frames: int) -> int:
    """Steps in time that the encoder gives, by trying."""
    side = encoder.preprocessing.crop_size
    device = next(encoder.parameters(), torch.empty(0)).device
    return int(encoder(torch.zeros(1, 3, num_frames, side, side, device=device)).shape[1])


class _Maker:
    """Videos to features, in order, several at once."""

    def __init__(self, manifest: Manifest, form: FeatureForm, encoder: Encoder) -> None:
        self.encoder = encoder
        self.device = next(encoder.parameters(), torch.empty(0)).device
        self.views: VideoViews | MotionViews
        if isinstance(encoder, LocalMotion):
            self.views = MotionViews(manifest, form, encoder)
        else:
            self.views = VideoViews(manifest, form, device=self.device)

    def videos(self, rows: Iterable[int]) -> Generator[Features | str, None, None]:
        """Features float16 (views, steps, D) of each row, or why it has none.

        On a CPU each thread does all of a video by itself: a network of small layers shared by
        threads makes each wait for the others at every layer, and for whoever else is at work. A
        GPU is fed by this thread, and the others decode ahead.
        """
        if self.device.type == "cpu":
            with single_threads() as count, pool(count) as threads:
                yield from results_in_order(threads, self._made, rows, at_once=2 * count)
        else:
            ahead = _AHEAD * num_cores()
            with pool(num_cores()) as threads:
                for row, read in results_in_order(threads, self._read, rows, at_once=ahead):
                    yield read if isinstance(read, str) else self._encoded(row, read)

    def _read(self, row: int) -> tuple[int, Any]:
        """Row and what was read of a video, or why there is nothing."""
        try:
            return row, self.views.read(row)
        except DataError as error:
            return row, str(error)

    def _made(self, row: int) -> Features | str:
        """Features of a video."""
        _, read = self._read(row)
        return read if isinstance(read, str) else self._encoded(row, read)

    def _encoded(self, row: int, read: Any) -> Features | str:
        """Features of all views of a video."""
        if isinstance(self.views, MotionViews):
            found = self.views.features(row, read)
        else:
            clips = self.views.clips(row, read)
            if self.device.type != "cpu":
                clips = [torch.cat(clips)]
            found = torch.cat([self.encoder(clip) for clip in clips]).float().cpu().numpy()
        if not np.isfinite(found).all() or np.abs(found).max() > np.finfo(np.float16).max:
            return f"{self.encoder.name} gives numbers that are not finite or too large"
        features: Features = found.astype(np.float16)
        return features


@contextmanager
def single_threads() -> Iterator[int]:
    """Let every thread compute by itself; yield how many threads torch would have taken."""
    keep_freed_memory()
    count, of_opencv = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield count
    finally:
        torch.set_num_threads(count)
        cv2.setNumThreads(of_opencv)


@contextmanager
def pool(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads whose waiting work is given up when the block is left."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="semivideo-features")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def results_in_order(
    threads: ThreadPoolExecutor, work: Callable[[int], _R], rows: Iterable[int], *, at_once: int
) -> Generator[_R, None, None]:
    """Yield what the threads make of the rows, in their order.

    Args:
        threads: Who works.
        work: What is done with a row.
        rows: The rows.
        at_once: How many of them are begun, >= 1.
    """
    waiting: deque[Future[_R]] = deque()
    coming = iter(rows)
    while True:
        for row in islice(coming, at_once - len(waiting)):
            waiting.append(threads.submit(work, row))
        if not waiting:
            return
        yield waiting.popleft().result()


def _write(out: Path, shard: int, features: Features, errors: dict[int, str]) -> None:
    """Write a shard, then its description."""
    array, description = shard_files(out, shard)
    with replacing(array) as temporary, temporary.open("wb") as file:
        np.save(file, features, allow_pickle=False)
    content = array.read_bytes()
    told = {
        "shape": features.shape,
        "num_bytes": len(content),
        "crc32": zlib.crc32(content),
        "errors": {str(row): why for row, why in errors.items()},
    }
    write_bytes(description, json.dumps(told).encode())


def unread(cache: FeatureCache, manifest: Manifest) -> Sequence[tuple[str, str]]:
    """Id and reason of each video that has no features."""
    return [(manifest.ids[row], why) for row, why in sorted(cache.errors.items())]
