"""From what a user has to a manifest, and from a manifest to a prepared cache.

``progress`` is a callable ``(description, done, total, extra)`` that draws a bar, or None.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from semivideo.base.errors import ConfigError, DataError, option
from semivideo.base.jobs import ALONE, part_of_job
from semivideo.base.places import NAMES, check_output, what_is
from semivideo.base.progress import Progress
from semivideo.data.cache.estimate import Estimate
from semivideo.data.cache.form import is_cache
from semivideo.data.cache.preparing import Prepared, Work
from semivideo.data.cache.preparing import prepare as prepare_cache
from semivideo.data.cache.reader import cached_manifest
from semivideo.data.cache.remote import is_url
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.scanning import Hints
from semivideo.data.catalogue.scanning import scan as scan_videos
from semivideo.events.formats import format_named
from semivideo.events.guidance import Reading
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.feature_form import is_features
from semivideo.run.many import cluster

Videos = str | Path | Manifest
_LOG = logging.getLogger("semivideo")
_MOST_WARNINGS = 20


def scan(
    videos: str | Path,
    *,
    out: str | Path | None = None,
    lists: Sequence[str | Path] = (),
    group_pattern: str | None = None,
    group_column: str | None = None,
    allow_missing: bool = False,
    layout: str | None = None,
    frame_rate: float | None = None,
    format: str | None = None,
    annotator: str | None = None,
    class_from: str | None = None,
    point_seconds: float = 1.0,
    label_rate: float | None = None,
    multi_label: bool = False,
    verify: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Look at every video once and return the manifest.

    Args:
        videos: A folder, or a list or file of labels of any tool, see ``data.catalogue.sources``
            and ``events.formats``.
        out: Where to keep the manifest, a .parquet file; None keeps it in memory only.
        lists: Published lists that name classes and subsets of the videos.
        group_pattern: Regular expression whose group names what must stay on one side of a split.
        group_column: Column of a CSV list that does so; "group" is found without being named.
        allow_missing: Leave out listed videos that are not there, which is usual for Kinetics.
        layout: What the folders above a video mean, such as "class", "subset/class" or
            "group/class"; None finds it out.
        frame_rate: Frames a second of folders of frames, > 0; None for 25, which is told.
        format: Of the lists or labels, a name of ``events.formats.FORMATS``; None recognises it.
        annotator: Whose labels to take where several people labelled one video.
        class_from: What names the class: of ELAN "tier" or "value", of CVAT and VIA an attribute.
        point_seconds: Length of the window that a point event becomes.
        label_rate: Frames a second by which the labels count; None takes the videos' frames.
        multi_label: Cut labels that overlap into parts with several labels each, such as run|eat.
        verify: Decode every video, which finds damage that nothing tells of; 3 (long videos) to 30
            times (short clips) as long as decoding once.
        workers: Files looked at side by side; None takes two per core.
        progress: See ``semivideo.api``.

    Raises:
        DataError: Nothing to scan, or lists that do not fit the folder.
        ConfigError: No layout, rate, pattern or format, or nothing that ``out`` may be.
    """
    if out is not None:
        _check_manifest_file(Path(out), inputs=[videos, *lists])
    if format is not None:
        format_named(format)
    _refuse_others(Path(videos))
    return scan_videos(
        Path(videos),
        out=None if out is None else Path(out),
        hints=Hints(
            lists=tuple(Path(each) for each in lists),
            layout=layout,
            group_pattern=group_pattern,
            allow_missing=allow_missing,
            frame_rate=frame_rate,
            reading=Reading(
                format=format,
                group_column=group_column,
                annotator=annotator,
                class_from=class_from,
                point_seconds=point_seconds,
                label_rate=label_rate,
                several=multi_label,
            ),
        ),
        verify=verify,
        workers=workers,
        progress=progress,
    )


def _check_manifest_file(out: Path, *, inputs: Sequence[str | Path]) -> None:
    """Refuse names by which no manifest is found again, and the manifests of runs and caches."""
    if out.suffix.lower() != ".parquet":
        raise ConfigError(
            f"a manifest is told by its ending; {option('out')} {str(out)!r} must end in .parquet, "
            "such as manifest.parquet"
        )
    check_output(
        out,
        what="a manifest by itself, outside of runs and caches",
        is_ours=lambda file: what_is(file.parent) in ("folder", "runs"),
        inputs=inputs,
    )


def prepare(
    videos: Videos,
    *,
    out: str | Path,
    short_side: int | None = None,
    every: int | None = None,
    format: Literal["jpeg", "png", "h264"] | None = None,
    quality: int | Literal["lossless"] | None = None,
    flow: bool | None = None,
    verify: bool = False,
    workers: int | None = None,
    ray: bool = False,
    on_estimate: Callable[[Estimate], None] | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Decode every video once into a cache, a folder that stands in for the manifest from then on.

    A job that was stopped goes on when it is called again. Each of several processes makes its
    part of the shards, see ``semivideo.base.jobs``. None takes what the cache was begun with, or
    the usual value.

    Args:
        videos: A manifest, its file, or anything ``scan`` takes.
        out: The cache's folder.
        short_side: Of the stored frames in pixels; 128.
        every: Store one of so many frames; 1.
        format: What frames are stored as; jpeg.
        quality: See ``data.cache.form.CacheForm``; 80 of jpeg, 23 of h264.
        flow: Whether optical flow is stored as well; no.
        verify: Read every byte of what is there and make broken shards again.
        workers: Videos prepared at once; None takes one per core, and one per task on a cluster.
        ray: Spread the shards over a Ray cluster.
        on_estimate: Called with what the job will take, before it starts.
        progress: See ``semivideo.api``.

    Raises:
        ConfigError: Settings that are not allowed, or not those of the cache; an address as out.
        DataError: The cache is of other videos, or the source videos are gone.
        WriteError: There is too little room on the disk.
    """
    if is_url(out):
        raise ConfigError(
            f"a cache cannot be made at {out}: prepare it in a local folder and copy that there "
            "(aws s3 sync, gcloud storage rsync, rclone), or mount the bucket"
        )
    given = {"short_side": short_side, "every": every, "format": format, "quality": quality}
    return prepare_cache(
        as_manifest(videos, progress=progress),
        Path(out),
        wanted=given | {"flow": flow},
        verify=verify,
        work=Work(
            threads=workers,
            part=ALONE if ray else part_of_job(),
            make=partial(cluster.make_shards, threads=workers or 1) if ray else None,
        ),
        on_estimate=on_estimate,
        progress=progress,
    )


def as_manifest(
    videos: Videos, *, frame_rate: float | None = None, progress: Progress | None = None
) -> Manifest:
    """Return a manifest: as given, read from its file or cache, or scanned.

    Args:
        videos: What there is.
        frame_rate: Frames a second of folders of frames, for a scan.
        progress: See ``semivideo.api``.

    Raises:
        ConfigError: A rate beside a manifest, which has its rates.
        DataError: As ``scan``.
    """
    if frame_rate is not None and not _is_scanned(videos):
        raise ConfigError(
            f"{option('frame_rate')} is for folders of frames that are looked at now, and a "
            f"manifest says how many frames a second they have; leave it out, or scan again with it"
        )
    if isinstance(videos, Manifest):
        return videos
    if is_url(videos):
        return cached_manifest(str(videos))
    path = Path(videos)
    if is_cache(path):
        return cached_manifest(path)
    if is_features(path):
        return FeatureCache.open(path).manifest
    _refuse_others(path)
    return (
        Manifest.read(path)
        if path.suffix.lower() == ".parquet"
        else (scan(path, frame_rate=frame_rate, progress=progress))
    )


def _is_scanned(videos: Videos) -> bool:
    """Whether videos have to be looked at, for no manifest lists them."""
    if isinstance(videos, Manifest) or is_url(videos):
        return False
    path = Path(videos)
    return not (is_cache(path) or is_features(path) or path.suffix.lower() == ".parquet")


def _refuse_others(path: Path) -> None:
    """Refuse what this package made of videos where videos are wanted."""
    kind = what_is(path)
    advice = {
        "run": f"the videos it was trained on are listed in {path / 'manifest.parquet'}",
        "runs": "name the folder of the videos",
        "model": "name the folder of the videos",
        "split": f"name the videos, and the split with {option('split', str(path))}",
        "record": "name the folder of the videos",
    }.get(kind)
    if advice is not None:
        raise DataError(f"{path} is {NAMES[kind]}, and videos are wanted; {advice}")


def warn_of_unreadable(manifest: Manifest) -> dict[str, str]:
    """Warn of each video that a scan sorted out, or that has no clips, the first ones by name.

    Returns:
        Id to reason of all of them.
    """
    rows = np.flatnonzero(~manifest.usable).tolist()
    found = {manifest.ids[row]: str(manifest.table["error"][row]) for row in rows}
    found |= {manifest.ids[row]: reason for row, reason in manifest.unfit.items()}
    for id, reason in list(found.items())[:_MOST_WARNINGS]:
        _LOG.warning("left out: %s: %s", id, reason)
    if (more := len(found) - _MOST_WARNINGS) > 0:
        _LOG.warning("left out: %d more videos that cannot be read", more)
    return found
