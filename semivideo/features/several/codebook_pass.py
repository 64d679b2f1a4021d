"""The pass before the pass: the codebook of local motion, learned from some of the videos.

    FEATURES/codebook.safetensors      the codebook
    FEATURES/codebook.json             {"videos": digest of the manifest}; written after it

The videos are drawn, always the same ones of a manifest. One process learns, the others wait for
the file: two machines need not agree on the last bit of a codebook.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from semivideo.base.checked import UnreadError, read_json
from semivideo.base.errors import CheckpointError, ConfigError, DataError
from semivideo.base.files import write_bytes
from semivideo.base.jobs import Part
from semivideo.base.locks import locked_folder
from semivideo.base.progress import Progress
from semivideo.base.randomness import permutation
from semivideo.data.cache.form import digest_of
from semivideo.data.catalogue.manifest import Manifest
from semivideo.encoders.local_motion import (
    CODEBOOK_FILE,
    NAME,
    Codebook,
    LocalDescriptors,
    LocalMotion,
    describe,
    learn_codebook,
)
from semivideo.features.extract import pool, results_in_order, single_threads
from semivideo.features.feature_form import CODEBOOK_STAMP, FeatureForm, is_features
from semivideo.features.several.motion_views import PairReader

_LOG = logging.getLogger("semivideo")
_SAMPLE = 250
"""Videos that a codebook is learned from."""
_PATIENCE_SECONDS = 2.0


def learned_motion(
    manifest: Manifest, out: Path, *, part: Part, progress: Progress | None = None
) -> LocalMotion:
    """Return local motion with the codebook of a feature folder, which is learned if it is not.

    Args:
        manifest: The videos.
        out: The folder of features.
        part: Number of this process, and how many there are; the first one learns.
        progress: Called with ("codebook", videos done, videos, "") after each video.

    Raises:
        CheckpointError: The codebook of a folder that was begun is missing, or is not its own.
        ConfigError: The folder holds features of another encoder.
        DataError: No video can be read, or the folder is of other videos.
        WriteError: The codebook cannot be written.
    """
    if is_features(out):
        return _begun(out)
    if part[0] > 0:
        return _awaited(manifest, out, progress)
    with locked_folder(out, shared=part[1] > 1, doing="make features in it"):
        if _is_of(manifest, out):
            return LocalMotion(Codebook.read(out / CODEBOOK_FILE))
        known = descriptors(manifest, drawn(manifest), progress=progress)
        encoder = LocalMotion(learn_codebook(list(known.values())), known=known)
        out.mkdir(parents=True, exist_ok=True)
        write_bytes(out / CODEBOOK_FILE, encoder.codebook.content)
        stamp = {"videos": digest_of(manifest)}
        write_bytes(out / CODEBOOK_STAMP, json.dumps(stamp).encode())
        return encoder


def _begun(out: Path) -> LocalMotion:
    """The encoder that a cache was begun with."""
    form = FeatureForm.read(out)
    if form.encoder != NAME:
        raise ConfigError(
            f"{out} holds features of the encoder {form.encoder}, and this is {NAME}; take the "
            "same one, or choose another folder for the new features"
        )
    return LocalMotion(codebook_of(out))


def codebook_of(out: Path) -> Codebook:
    """Read the codebook that a feature cache was made with.

    Args:
        out: Its folder.

    Raises:
        CheckpointError: The codebook is missing, or is another one.
    """
    form, codebook = FeatureForm.read(out), Codebook.read(out / CODEBOOK_FILE)
    if codebook.sha256 != form.weights_sha256:
        raise CheckpointError(
            f"{out / CODEBOOK_FILE} is not the codebook that the features in {out} were made with; "
            "bring that one back, or remove the folder and make the features again"
        )
    return codebook


def _is_of(manifest: Manifest, out: Path) -> bool:
    """Whether a codebook was learned from these videos, and written to its end."""
    try:
        told = read_json(out / CODEBOOK_STAMP)
    except (OSError, UnreadError):
        return False
    return isinstance(told, dict) and told.get("videos") == digest_of(manifest)


def _awaited(manifest: Manifest, out: Path, progress: Progress | None) -> LocalMotion:
    """The encoder, once the first process has written its codebook."""
    is_told = False
    while not (_is_of(manifest, out) or is_features(out)):
        if not is_told:
            _LOG.info("waiting for the codebook, which process 0 learns")
            is_told = True
        if progress is not None:
            progress("codebook", 0, 1, "of process 0")
        time.sleep(_PATIENCE_SECONDS)
    return LocalMotion(Codebook.read(out / CODEBOOK_FILE))


def drawn(manifest: Manifest) -> list[int]:
    """Return the rows of the videos that a codebook is learned from."""
    return sorted(permutation(len(manifest), "codebook")[:_SAMPLE].tolist())


def descriptors(
    manifest: Manifest, rows: Sequence[int], *, progress: Progress | None = None
) -> dict[str, LocalDescriptors]:
    """Describe videos; those that cannot be read are left out.

    Args:
        manifest: The videos.
        rows: Which of them.
        progress: As in ``learned_motion``.

    Returns:
        Id to descriptors.

    Raises:
        DataError: None can be read.
    """
    reader = PairReader(manifest)

    def described(row: int) -> LocalDescriptors | str:
        try:
            return describe(reader.read(row))
        except DataError as error:
            return str(error)

    found: dict[str, LocalDescriptors] = {}
    why = "there is none"
    with single_threads() as count, pool(count) as threads:
        made = results_in_order(threads, described, rows, at_once=2 * count)
        with closing(made):
            for done, each in enumerate(made, start=1):
                if isinstance(each, str):
                    why = each  # said again by the pass over all videos
                else:
                    found[manifest.ids[rows[done - 1]]] = each
                if progress is not None:
                    progress("codebook", done, len(rows), "")
    if not found:
        raise DataError(f"a codebook is learned from videos, and none can be read: {why}")
    return found
