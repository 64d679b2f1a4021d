"""A trained network on held-out videos, its scores kept in the run folder."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from semivideo.base.errors import CheckpointError, DataError
from semivideo.base.files import sweep
from semivideo.base.foreign_code import allowing
from semivideo.base.locks import locked
from semivideo.base.progress import Progress
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.data.splits.same_videos import same_videos
from semivideo.evaluation import Evaluation
from semivideo.evaluation import evaluate as evaluate_videos
from semivideo.run.build import method_class
from semivideo.run.finished import Run
from semivideo.run.prediction import load
from semivideo.run.videos import Videos, as_manifest
from semivideo.runfolder import RunFolder
from semivideo.settings import Decoder

_LOG = logging.getLogger("semivideo")


def evaluate(
    run: str | Path | Run,
    *,
    protocol: str | None = None,
    videos: Videos | None = None,
    decoder: Decoder = "software",
    allow: Sequence[str] = (),
    progress: Progress | None = None,
) -> Evaluation:
    """Score held-out videos with the trained network, and keep the scores in the run folder.

    Args:
        run: The run or its folder.
        protocol: Clips x crops, e.g. "10x3"; None takes the run's.
        videos: Other labelled videos to score; None takes the test videos of the run's split.
            Those that the run was trained on are told apart, see ``Evaluation.trained_on``.
        decoder: Who decodes the files, see ``load``.
        allow: As in ``load``.
        progress: See ``semivideo.api``.

    Raises:
        CheckpointError: The run has no trained network yet.
        DataError: There is nothing to score, or nothing that the run was not trained on.
    """
    folder = run.folder if isinstance(run, Run) else RunFolder.open(run)
    with allowing([*allow, *(run.allow if isinstance(run, Run) else ())]):
        return _evaluated(folder, protocol, videos, decoder, progress)


def _evaluated(
    folder: RunFolder,
    protocol: str | None,
    videos: Videos | None,
    decoder: Decoder,
    progress: Progress | None,
) -> Evaluation:
    """As ``evaluate``, with what may be imported settled."""
    recognizer = load(folder.path, decoder=decoder)
    if videos is not None:
        manifest = as_manifest(videos, progress=progress)
        known, name = trained_on(folder, manifest), manifest.root.name
        found = evaluate_videos(recognizer, manifest, protocol=protocol, progress=progress)
        found = found.without(known)
    else:
        manifest, ids = Manifest.read(folder.manifest_file), Split.read(folder.split_file).test
        if not ids:
            raise DataError(
                f"the split of {folder.path} holds out no videos; name some with --videos, or "
                "train with a split that has a test side"
            )
        name = None
        found = evaluate_videos(recognizer, manifest, ids, protocol=protocol, progress=progress)
    with locked(folder.path, doing="write into it", patience_seconds=60):
        if name is None:
            target, of = folder.evaluation_file, None
        else:
            of = _digest(manifest)
            target = _place(folder, name, of)
        sweep(folder.path, name=f"{target.stem}*")
        found.write(target, of=of)
    return found


def _digest(manifest: Manifest) -> str:
    """What tells labelled videos from others: where they lie and what they are called."""
    pairs = zip(manifest.ids, manifest.labels, strict=True)
    ids = (id for id, label in pairs if label is not None)
    return hashlib.sha256("\0".join([str(manifest.root), *ids]).encode()).hexdigest()


def _place(folder: RunFolder, name: str, of: str) -> Path:
    """Where the scores of named videos go: never over those of others of that name."""
    first = folder.evaluation_file.with_stem(f"{folder.evaluation_file.stem}-{name}")
    for number in count(1):
        place = first if number == 1 else first.with_stem(f"{first.stem}-{number}")
        if not place.exists() or _is_of(folder, place, of):
            break
    if place != first:
        _LOG.warning(
            "%s holds the scores of other videos called %s; those of these are in %s",
            *(first, name, place),
        )
    return place


def _is_of(folder: RunFolder, place: Path, of: str) -> bool:
    """Whether scores may be replaced by those of these videos: theirs, or a broken file."""
    try:
        return bool(folder.read_json(place).get("videos") == of)
    except CheckpointError:
        return True


def trained_on(folder: RunFolder, manifest: Manifest) -> dict[str, list[str]]:
    """Say which labelled videos of a manifest a run was trained on, see ``same_videos``.

    Args:
        folder: The run.
        manifest: Videos that are to be scored.

    Returns:
        "labeled" and "unlabeled" to ids of the manifest: videos that the run learned from with
        their class, and without. Methods that use no unlabelled videos have seen none.

    Raises:
        DataError: The run was trained on all of them.
    """
    rows = [row for row, label in enumerate(manifest.labels) if label is not None]
    if not (folder.manifest_file.is_file() and folder.split_file.is_file()):
        _LOG.warning(
            "%s holds no manifest or no split: which of these videos it was trained on cannot be "
            "told",
            folder.path,
        )
        return {}
    own = Manifest.read(folder.manifest_file, videos_may_be_gone=True)
    split = Split.read(folder.split_file)
    uses_unlabeled = method_class(folder.settings().method.name).uses_unlabeled
    of_role = {"labeled": split.labeled, "unlabeled": split.unlabeled if uses_unlabeled else ()}
    role_of = {row: role for role, ids in of_role.items() for row in own.rows_of(ids).tolist()}
    found = same_videos(manifest, rows, own, list(role_of))
    _tell_of_same_files(manifest, [row for row in rows if row not in found], own, list(role_of))
    known: dict[str, list[str]] = {
        role: [manifest.ids[row] for row in rows if role_of.get(found.get(row, -1)) == role]
        for role in of_role
    }
    if rows and len(found) == len(rows):
        raise DataError(
            f"{folder.path} was trained on every one of these videos "
            f"({len(known['labeled'])} with their class, {len(known['unlabeled'])} without), and a "
            "score on them says nothing of new ones; name videos that it was not trained on"
        )
    return known


def _tell_of_same_files(
    manifest: Manifest, rows: list[int], own: Manifest, own_rows: list[int]
) -> None:
    """Warn of segments at other moments of files that a run was trained on."""
    files = {own.absolute(row) for row in own_rows if own.is_segment[row]}
    beside = [manifest.ids[row] for row in rows if manifest.absolute(row) in files]
    if beside:
        _LOG.warning(
            "%d of these videos are from files that the run was trained on at other moments, such "
            "as %s: they show the same scene, and their scores are likely too good",
            len(beside),
            beside[0],
        )
