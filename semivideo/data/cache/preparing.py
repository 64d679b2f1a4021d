"""Preparing a cache: every video is decoded once, and training reads small pictures from then on.

The job may be killed at any time: the same command goes on with the shards that are not there, and
the result is, byte for byte, that of a job which was never stopped. Source videos are only read,
and nothing is deleted that this module did not make.

Several processes, also of machines that share the folder, take shards in turn and never wait: the
first to come writes ``cache.json``, which says what a shard is, and all go by that.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.files import sweep
from semivideo.base.jobs import ALONE, Part
from semivideo.base.locks import locked_folder
from semivideo.base.machine.threads import num_cores
from semivideo.base.progress import Progress
from semivideo.data.cache.estimate import Estimate, check_room, estimated
from semivideo.data.cache.form import (
    MANIFEST,
    CacheForm,
    digest_of,
    is_cache,
    shard_files,
)
from semivideo.data.cache.index import ShardIndex
from semivideo.data.cache.shards import check_sources, damage, is_there, make_shard
from semivideo.data.catalogue.manifest import Manifest

log = logging.getLogger("semivideo")

MakeShards = Callable[[Path, Sequence[int], Callable[[], None]], None]
"""Makes these shards of a cache's folder and reports each video; else this process makes them."""

_SHARD_BYTES = 512e6
_MOST_VIDEOS = 1024  # in a shard


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """What lies in a cache.

    Attributes:
        folder: The cache.
        form: What is stored.
        num_frames: Stored frames.
        num_bytes: Size of all shards and their indices.
        failed: Id of each video of which nothing is stored, and why.
        cut_short: Id of each video that breaks, and how many of its frames can be read.
        damaged: A sentence on each shard that was found broken and made again.
        missing: Shards that are not there, since they are other processes' share.
    """

    folder: Path
    form: CacheForm
    num_frames: int
    num_bytes: int
    failed: Mapping[str, str]
    cut_short: Mapping[str, int]
    damaged: Sequence[str] = field(default=())
    missing: Sequence[int] = field(default=())

    def __repr__(self) -> str:
        words = [
            f"{self.num_videos} videos, {self.num_frames} frames, {self.num_bytes / 1e6:.0f} MB"
        ]
        words += [f"{len(self.failed)} not stored"] if self.failed else []
        words += [f"{len(self.missing)} shards missing"] if self.missing else []
        return f"<Prepared {self.folder}: {', '.join(words)}>"

    @property
    def num_videos(self) -> int:
        """Videos of which something is stored."""
        missing = sum(len(self.form.rows_of(number)) for number in self.missing)
        return self.form.num_videos - missing - len(self.failed)


@dataclass(frozen=True, slots=True)
class Work:
    """Who makes the shards of a cache.

    Attributes:
        threads: Videos prepared at once, >= 1; None for one per processor.
        part: Number of this process, and how many share the shards.
        make: See ``MakeShards``; None makes them here.
    """

    threads: int | None = None
    part: Part = ALONE
    make: MakeShards | None = None


def prepare(
    manifest: Manifest,
    out: Path,
    *,
    wanted: Mapping[str, Any] | None = None,
    verify: bool = False,
    work: Work | None = None,
    on_estimate: Callable[[Estimate], None] | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Make a cache of a manifest's videos, or go on with one.

    Args:
        manifest: The videos.
        out: The cache's folder; new, empty, or one that was begun with the same settings.
        wanted: Fields of ``CacheForm``; the others are as in the cache, or the usual ones.
        verify: Read every byte of what is there and make broken shards again.
        work: Who does how much of it; None does all here.
        on_estimate: Called before the work starts, unless there is none.
        progress: Called with ("verify" or "prepare", videos done, videos in all, "").

    Raises:
        ConfigError: The settings are not allowed, or not those of the cache.
        DataError: The cache is of other videos, or the source videos are gone.
        WriteError: There is too little room, or a file cannot be written.
    """
    work = work or Work()
    given = {name: value for name, value in (wanted or {}).items() if value is not None}
    is_alone = work.part == ALONE
    with locked_folder(out, shared=not is_alone, doing="prepare it"):
        if is_alone and is_cache(out):
            for folder in (out, out / "shards"):
                sweep(folder)
        return _prepared(
            manifest, out, given, verify=verify, work=work, told=(on_estimate, progress)
        )


def _prepared(
    manifest: Manifest,
    out: Path,
    given: dict[str, Any],
    *,
    verify: bool,
    work: Work,
    told: tuple[Callable[[Estimate], None] | None, Progress | None],
) -> Prepared:
    """As ``prepare``, where nobody else is at work but those who share it."""
    on_estimate, progress = told
    threads = work.threads or num_cores()
    form, estimate = _begun(manifest, out, given, threads=threads, is_alone=work.part == ALONE)
    Manifest(manifest.table, root=manifest.root, cache=str(out)).write(out / MANIFEST)
    (out / "shards").mkdir(exist_ok=True)
    mine = range(form.num_shards)[work.part[0] :: work.part[1]]
    damaged = _verified(manifest, out, form, shards=mine, progress=progress) if verify else {}
    todo = [n for n in mine if n in damaged or not is_there(out, n, form)]
    for number in todo:
        check_sources(manifest, form.rows_of(number), what=f"shard {number:05}")
    if todo:
        rows = np.concatenate([np.array(form.rows_of(number)) for number in todo])
        if estimate is None:
            estimate = estimated(manifest, rows, form, folder=out, threads=threads)
            check_room(estimate, out)
        num_frames = int(manifest.num_frames[rows].sum())
        if on_estimate is not None:
            on_estimate(estimate.part(num_videos=len(rows), num_frames=num_frames))
        num_videos = sum(len(form.rows_of(number)) for number in mine)
        counted = _counted("prepare", num_videos, progress, done=num_videos - len(rows))
        (work.make or partial(_make, manifest, threads=threads))(out, todo, counted)
    return summary(manifest, out, damaged=list(damaged.values()))


def summary(manifest: Manifest, folder: Path, *, damaged: Sequence[str] = ()) -> Prepared:
    """Read what a cache holds.

    Args:
        manifest: Its videos.
        folder: The cache.
        damaged: What was found broken and made again.
    """
    form = CacheForm.read(folder)
    failed: dict[str, str] = {}
    cut_short: dict[str, int] = {}
    missing: list[int] = []
    num_frames = num_bytes = 0
    for number in range(form.num_shards):
        if not is_there(folder, number, form):
            missing.append(number)
            continue
        path = shard_files(folder, number)[1]
        index = ShardIndex(path, is_checked=True)
        num_frames += int(index.videos["num_stored"].sum())
        num_bytes += index.header.tar_bytes + path.stat().st_size
        rows = np.array(form.rows_of(number))
        errors = index.header.errors
        failed |= {manifest.ids[int(row)]: reason for row, reason in errors.items()}
        for row in rows[index.videos["num_frames"] < manifest.num_frames[rows]].tolist():
            if str(row) not in errors:
                read = index.videos[row - index.header.first_row]["num_frames"]
                cut_short[manifest.ids[row]] = int(read)
    return Prepared(folder, form, num_frames, num_bytes, failed, cut_short, damaged, missing)


def _begun(
    manifest: Manifest, out: Path, given: dict[str, Any], *, threads: int, is_alone: bool
) -> tuple[CacheForm, Estimate | None]:
    """The form of the cache, which is begun if it is new, and then what all of it will take."""
    if is_cache(out):
        return _form_there(manifest, out, given), None
    form, estimate = _new_form(manifest, out, given, threads=threads)
    check_room(estimate, _existing(out))
    form.write(out, is_alone=is_alone)
    return (form if is_alone else _form_there(manifest, out, given)), estimate


def _new_form(
    manifest: Manifest, out: Path, given: dict[str, Any], *, threads: int
) -> tuple[CacheForm, Estimate]:
    """The form of a new cache, with shards of a handy size, and what it will take."""
    if _is_taken(out) and not is_cache(out):  # another process may have begun it by now
        raise ConfigError(
            f"{out} exists and is neither a prepared cache nor an empty folder; choose another "
            "name for the cache"
        )
    usual = {"num_videos": len(manifest), "videos": digest_of(manifest)}
    form = CacheForm.make(**(usual | given))
    if not manifest.usable.any():
        raise DataError(f"no video of {manifest.root} can be read; there is nothing to prepare")
    rows = np.arange(len(manifest))
    check_sources(manifest, range(len(rows)), what="the cache")
    estimate = estimated(manifest, rows, form, folder=_existing(out), threads=threads)
    if "videos_per_shard" not in given:
        fitting = _SHARD_BYTES * len(rows) / max(1, estimate.num_bytes)
        number = 2 ** round(math.log2(min(max(fitting, 1), _MOST_VIDEOS)))
        form = form.model_copy(update={"videos_per_shard": number})
    return form, estimate


def _is_taken(out: Path) -> bool:
    """Whether something else is there; files that processes are just writing are hidden."""
    if not out.is_dir():
        return out.exists()
    return any(not path.name.startswith(".") for path in out.iterdir())


def _existing(out: Path) -> Path:
    """The folder, or the nearest one above that exists."""
    return next(folder for folder in (out, *out.resolve().parents) if folder.is_dir())


def _form_there(manifest: Manifest, out: Path, given: dict[str, Any]) -> CacheForm:
    """The form of a cache that was begun, if it is what is wanted."""
    form = CacheForm.read(out)
    if (form.videos, form.num_videos) != (digest_of(manifest), len(manifest)):
        raise DataError(
            f"cache {out} was made of other videos than those of {manifest.root}; choose another "
            "name for the new cache",
            path=str(out),
        )
    there = form.model_dump()
    if "format" in given:
        del there["quality"]  # it may mean nothing there
    wanted = CacheForm.make(**(there | given))
    for name in given:
        if getattr(wanted, name) != getattr(form, name):
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"cache {out} was made with {option} {getattr(form, name)}, and {option} "
                f"{given[name]} is asked for; leave it out to go on with this cache, or choose "
                "another name for a new one"
            )
    return form


def _verified(
    manifest: Manifest,
    out: Path,
    form: CacheForm,
    *,
    shards: Sequence[int],
    progress: Progress | None,
) -> dict[int, str]:
    """Number of each broken shard, of those that are there, with a sentence."""
    found: dict[int, str] = {}
    told = _counted("verify", sum(len(form.rows_of(number)) for number in shards), progress)
    for number in shards:
        if not all(path.exists() for path in shard_files(out, number)):
            continue  # it was never finished
        broken = damage(out, number, progress=told)
        if broken is not None:
            reason, rows = broken
            names = ", ".join(manifest.ids[row] for row in rows)
            found[number] = f"{reason}; its videos: {names}" if rows else reason
            log.warning("%s; the shard is made again", found[number])
    return found


def _make(
    manifest: Manifest,
    out: Path,
    numbers: Sequence[int],
    told: Callable[[], None],
    *,
    threads: int,
) -> None:
    """Make shards here, one after the other."""
    for number in numbers:
        make_shard(out, number, manifest=manifest, threads=threads, progress=told)


def _counted(
    what: str, total: int, progress: Progress | None, *, done: int = 0
) -> Callable[[], None]:
    """A function that counts videos and reports them."""
    count = iter(range(done, total + 1))

    def told() -> None:
        if progress is not None:
            progress(what, next(count), total, "")

    told()
    return told
