"""From videos to a feature cache, which stands wherever a manifest stands."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch

from semivideo.base.errors import ConfigError, nearest
from semivideo.base.jobs import part_of_job
from semivideo.base.progress import Progress
from semivideo.encoders import load_encoder
from semivideo.features.extract import Wanted, extract, unread
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.feature_form import MODALITIES
from semivideo.run.videos import Videos, as_manifest

log = logging.getLogger("semivideo")


def extract_features(
    videos: Videos,
    *,
    out: str | Path,
    encoder: str = "efficientnet_lite0",
    views: int | None = None,
    frames: int | None = None,
    flip: bool | None = None,
    modality: Sequence[str] | None = None,
    rotations: bool | None = None,
    verify: bool = False,
    progress: Progress | None = None,
) -> FeatureCache:
    """Compute what a pretrained network says of every video, once, for training in seconds.

    A pass that was stopped goes on when it is called again; each of several processes does its part
    of the videos, see ``semivideo.base.jobs``.

    Args:
        videos: A manifest, its file, or anything ``scan`` takes.
        out: Folder of the features; it stands for the videos in ``split`` and ``train``.
        encoder: A name of ``encoders.ENCODERS``.
        views: Views of each video: the first one plain, the second its mirror, the others cropped,
            coloured and of other frames; None for 6.
        frames: Frames of a view, spread over the video; None for the encoder's, or 8.
        flip: Whether views may be mirrored: not where left and right are different classes; None
            for yes.
        modality: What the network is shown of frames, each once and "rgb" first: rgb,
            temporal-gradient, flow; None for rgb alone.
        rotations: Whether view 0 is also turned by one, two and three quarter turns; None for no.
        verify: Read every byte of what is there and make broken files again.
        progress: See ``semivideo.api``.

    Raises:
        ConfigError: No such encoder or modality, or settings that are not those that the folder was
            begun with.
        MissingExtraError: The weights are not here; the sentence says what to type.
        DataError: The folder holds features of other videos.
        WriteError: A file cannot be written.
    """
    if views is not None and not 1 <= views <= 64:
        raise ConfigError(f"views must lie in [1, 64], got {views}; 6 is usual")
    modalities = None if modality is None else _checked(modality)
    network = load_encoder(encoder)
    device = torch.accelerator.current_accelerator(check_available=True) or "cpu"
    manifest = as_manifest(videos, progress=progress)
    found = extract(
        manifest,
        Path(out),
        encoder=network.to(device),
        wanted=Wanted(views, frames, flip, modalities, rotations),
        part=part_of_job(),
        verify=verify,
        progress=progress,
    )
    for id, why in unread(found, manifest) if not missing(found) else ():
        log.warning("no features of %s: %s", id, why)
    return found


def _checked(modality: Sequence[str]) -> tuple[str, ...]:
    """Modalities in the order in which they are kept."""
    for name in modality:
        if name not in MODALITIES:
            raise ConfigError(
                f"no modality {name!r}{nearest(name, MODALITIES)} [known: {', '.join(MODALITIES)}]"
            )
    if "rgb" not in modality or len(set(modality)) < len(modality):
        raise ConfigError(
            f"modalities are named once each, and rgb is one of them, which the trained network "
            f"sees; got {', '.join(modality)}"
        )
    return tuple(sorted(modality, key=list(MODALITIES).index))


def missing(cache: FeatureCache) -> int:
    """Files of a cache that other processes have yet to write."""
    return sum(not cache.is_there(shard) for shard in range(cache.form.num_shards))
