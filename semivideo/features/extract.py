"""The pass that fills a feature cache: each video is decoded once, for all of its views.

Threads decode ahead while the encoder works; a shard is written when all of its videos are done, so
a pass that was killed goes on at the shard it was at. Processes share the shards.

    frames of view 0: the middle of each of T parts of the video; of the others: random ones
    view 0: centre crop;  1: view 0 mirrored;  2 ...: crop, RandAugment, Cutout, other frames
"""

from __future__ import annotations

import json
import logging
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from semivideo.base.errors import ConfigError, DataError, option
from semivideo.base.files import replacing, sweep, write_bytes
from semivideo.base.jobs import ALONE, Part, num_cores
from semivideo.base.locks import locked_folder
from semivideo.base.progress import Progress
from semivideo.base.randomness import key
from semivideo.base.records import Clips, ClipSpec
from semivideo.data.cache.form import digest_of
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.plan import Timeline, testing_indices, training_indices
from semivideo.data.video.decode import Image
from semivideo.encoders.encoder import Encoder
from semivideo.features.feature_cache import FeatureCache, Features
from semivideo.features.feature_form import (
    MANIFEST,
    FeatureForm,
    is_features,
    reading_settings,
    shard_files,
    videos_per_shard,
    view_settings,
)
from semivideo.settings import DataSettings, ViewSettings
from semivideo.transforms import Views

log = logging.getLogger("semivideo")

_STREAM = "view"
_AHEAD = 4  # videos decoded ahead of the encoder, a thread


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of each video; None is as the cache was begun, or the usual.

    Attributes:
        num_views: Views, >= 1; 6.
        num_frames: Frames of a view; the encoder's, or 8.
        flip: Whether views may be mirrored: not where left and right are different classes; yes.
    """

    num_views: int | None = None
    num_frames: int | None = None
    flip: bool | None = None


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
        ConfigError: The cache was begun otherwise, or the encoder takes another number of frames.
        DataError: The cache is of other videos.
        WriteError: A file cannot be written.
    """
    with locked_folder(out, shared=part != ALONE, doing="make features in it"):
        if part == ALONE and is_features(out):
            for folder in (out, out / "shards"):
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
    maker = _Maker(manifest, form, encoder)
    for shard in todo:
        features = np.zeros(form.shape_of(shard), np.float16)
        errors: dict[int, str] = {}
        for number, made in enumerate(maker.videos(form.rows_of(shard))):
            if isinstance(made, str):
                errors[form.rows_of(shard)[number]] = made
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
        if form.videos != digest_of(manifest):
            raise DataError(
                f"{out} holds features of other videos; choose another folder, or remove it",
                path=str(out),
            )
    else:
        form = _new_form(manifest, encoder, wanted, num_frames=num_frames)
        (out / "shards").mkdir(parents=True, exist_ok=True)
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
            name = field.name.removeprefix("num_")
            raise ConfigError(
                f"{out} was begun with {option(name, ours)}; leave out {option(name, theirs)} to "
                "go on with it, or choose another folder"
            )


def _new_form(
    manifest: Manifest, encoder: Encoder, wanted: Wanted, *, num_frames: int
) -> FeatureForm:
    num_views = 6 if wanted.num_views is None else wanted.num_views
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
        steps=steps,
        dim=encoder.dim,
        videos_per_shard=videos_per_shard(num_views=num_views, steps=steps, dim=encoder.dim),
        num_videos=len(manifest),
        videos=digest_of(manifest),
    )


def _steps(encoder: Encoder, num_frames: int) -> int:
    """Steps in time that the encoder gives, by trying."""
    side = encoder.preprocessing.crop_size
    device = next(encoder.parameters(), torch.empty(0)).device
    return int(encoder(torch.zeros(1, 3, num_frames, side, side, device=device)).shape[1])


class _Maker:
    """Videos to features, in order; the next ones are decoded meanwhile."""

    def __init__(self, manifest: Manifest, form: FeatureForm, encoder: Encoder) -> None:
        self.form, self.encoder = form, encoder
        self.device = next(encoder.parameters(), torch.empty(0)).device
        self.views = Views(ViewSettings(**view_settings(encoder.preprocessing, flip=form.flip)))
        self.settings = DataSettings(**reading_settings(encoder.preprocessing))
        self.reader = ClipReader(
            manifest,
            {str(view): ClipSpec(form.num_frames, 1) for view in range(form.num_views)},
            settings=self.settings,
        )
        self.ids = manifest.ids

    def videos(self, rows: range) -> Iterator[Features | str]:
        """Features float16 (views, steps, D) of each row, or why it has none."""
        waiting: deque[Future[Image | str]] = deque()
        threads = num_cores()
        pool = ThreadPoolExecutor(threads, thread_name_prefix="semivideo-features")
        coming = iter(rows)
        try:
            for row in rows:
                while len(waiting) < _AHEAD * threads and (other := next(coming, None)) is not None:
                    waiting.append(pool.submit(self._read, other))
                frames = waiting.popleft().result()
                yield frames if isinstance(frames, str) else self._encoded(row, frames)
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, row: int) -> Image | str:
        """Frames uint8 (views, T, C, H, W) of a video, of one reading of its file."""
        try:
            found = self.reader.cut(row, partial(self._plan, self.ids[row]))
        except DataError as error:
            return str(error)
        return np.stack([found[str(view)] for view in range(self.form.num_views)])

    def _plan(self, id: str, timeline: Timeline) -> dict[str, np.ndarray]:
        """Frames of each view; view 1 is the mirror of view 0."""
        spec = ClipSpec(self.form.num_frames, 1)
        weak = testing_indices(timeline, spec=spec, settings=self.settings, num_clips=1)[0]
        chosen = {}
        for view in range(self.form.num_views):
            if view == 0 or (view == 1 and self.form.flip):
                chosen[str(view)] = weak
            else:
                draw = key("features", id, view)
                drawn = training_indices(
                    timeline, specs={_STREAM: spec}, settings=self.settings, draw=draw
                )
                chosen[str(view)] = drawn[_STREAM]
        return chosen

    def _encoded(self, row: int, frames: Image) -> Features | str:
        """Features of all views of a video."""
        stacked = [
            self._view(row, view, frames[view : view + 1]) for view in range(self.form.num_views)
        ]
        found = self.encoder(torch.cat(stacked)).float().cpu().numpy()
        if not np.isfinite(found).all() or np.abs(found).max() > np.finfo(np.float16).max:
            return f"{self.encoder.name} gives numbers that are not finite or too large"
        features: Features = found.astype(np.float16)
        return features

    def _view(self, row: int, view: int, frames: Image) -> Tensor:
        """One view (1, 3, T, crop, crop) of a video."""
        draw = key("features", self.ids[row], view)
        clips = Clips(
            frames={_STREAM: torch.from_numpy(frames).to(self.device)},
            size=torch.tensor([frames.shape[-2:]]),
            video=torch.tensor([row]),
            draw=torch.tensor([draw]),
        )
        is_weak = view == 0 or (view == 1 and self.form.flip)
        drawn = self.views.sample("weak" if is_weak else "strong", clips, stream=_STREAM)
        if view == 1 and is_weak:
            drawn = replace(drawn, flip=np.ones(1, dtype=bool))
        return self.views.apply(clips.frames[_STREAM], drawn)


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
