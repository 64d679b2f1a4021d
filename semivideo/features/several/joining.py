"""Feature caches of several encoders, joined: nothing is decoded or computed once more.

FEATURES/features.json         names the encoders as ``parts``
FEATURES/ENCODER/              a feature cache each
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from semivideo.base.errors import ConfigError, nearest, option
from semivideo.base.files import not_written
from semivideo.data.catalogue.manifest import Manifest
from semivideo.features.feature_cache import FeatureCache, joined_digest
from semivideo.features.feature_form import FORM_FILE, MANIFEST, FeatureForm, is_features
from semivideo.settings import LEAGUES

JOINT = "+"
"""Between the names of encoders whose features are joined."""


def encoders_in(name: str) -> list[str]:
    """Return the names of the encoders whose features are joined.

    Args:
        name: Such as "efficientnet_lite0+local_motion".

    Raises:
        ConfigError: One is named twice, or not at all.

    >>> encoders_in("a+b"), encoders_in("a")
    (['a', 'b'], ['a'])
    """
    names = [each.strip() for each in name.split(JOINT)]
    if len(set(names)) < len(names) or not all(names):
        raise ConfigError(
            f"encoders are named once each, with {JOINT} between them, got {name!r}; such as "
            "efficientnet_lite0+local_motion"
        )
    return names


def check_folder(out: Path, name: str) -> None:
    """Refuse a folder that holds features of other encoders than those to be joined.

    Args:
        out: The folder.
        name: As in ``encoders_in``.

    Raises:
        ConfigError: It does.
    """
    if is_features(out) and (ours := FeatureForm.read(out).encoder) != name:
        raise ConfigError(
            f"{out} holds features of {ours}, and these are of {name}; take the same ones, or "
            "choose another folder for the new features"
        )


def take(caches: Sequence[Path], out: Path, names: Sequence[str]) -> None:
    """Let finished caches be parts of a folder: their files get a second name there.

    Args:
        caches: Folders of features; copied where the file system has no second names.
        out: The folder.
        names: The encoders that are joined there.

    Raises:
        ConfigError: A cache is of none of these encoders.
        DataError: A folder is no finished feature cache.
        WriteError: The folder cannot be written.
    """
    for folder in caches:
        form = FeatureCache.open(folder).form
        if form.encoder not in names:
            raise ConfigError(
                f"{folder} holds features of {form.encoder}{nearest(form.encoder, names)}, which "
                f"is none of {', '.join(names)}; leave out {option('from', str(folder))}"
            )
        place = out / form.encoder
        if not is_features(place):
            _link(folder, place)


def _link(folder: Path, place: Path) -> None:
    """The files of a cache under another folder; ``features.json`` last, for it says "here"."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    wanted = [file for file in files if file.name != MANIFEST]
    try:
        for file in sorted(wanted, key=lambda file: file.name == FORM_FILE):
            target = place / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            try:
                os.link(file, target)
            except OSError:
                shutil.copyfile(file, target)
    except OSError as error:
        raise not_written(place, error) from None


def joined(manifest: Manifest, out: Path, names: Sequence[str]) -> FeatureCache:
    """Write down that the caches in a folder are joined.

    Args:
        manifest: The videos.
        out: The folder; its parts need not be finished.
        names: The encoders, at least two.

    Raises:
        ConfigError: One allows mirrored views, and another does not.
        DataError: A part is missing.
        WriteError: The folder cannot be written.
    """
    parts = [FeatureForm.read(out / name) for name in names]
    if len({form.flip for form in parts}) > 1:
        raise ConfigError(
            f"some of the features of {', '.join(names)} may be mirrored and others not; make them "
            f"alike, with or without {option('flip', False)}"
        )
    form = _form(parts)
    form.write(out)
    Manifest(manifest.table, root=manifest.root, features=str(out)).write(out / MANIFEST)
    return FeatureCache(out, FeatureForm.read(out))


def _form(parts: Sequence[FeatureForm]) -> FeatureForm:
    """The form of joined features: the clips are those of the first encoder of clips."""
    first = next((form for form in parts if not form.is_whole), parts[0])
    return first.model_copy(
        update={
            "encoder": JOINT.join(form.encoder for form in parts),
            "weights_sha256": joined_digest([form.weights_sha256 for form in parts]),
            "pretrained_on": "; ".join(form.pretrained_on for form in parts),
            "league": max((form.league for form in parts), key=LEAGUES.index),
            "licence": "; ".join(form.licence for form in parts),
            "num_views": min(form.num_views for form in parts),
            "modalities": ("rgb",),
            "rotations": False,
            "steps": max(form.steps for form in parts),
            "dim": sum(form.dim for form in parts),
            "videos_per_shard": max(1, first.num_videos),
            "is_whole": False,
            "parts": tuple(form.encoder for form in parts),
        }
    )
