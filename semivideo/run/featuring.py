"""From videos to a feature cache, which stands wherever a manifest stands."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from semivideo.base.errors import ConfigError, nearest, option
from semivideo.base.jobs import part_of_job
from semivideo.base.progress import Progress
from semivideo.data.catalogue.manifest import Manifest
from semivideo.encoders import Encoder, all_encoders, load_encoder
from semivideo.features.extract import Wanted, extract, unread
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.feature_form import MODALITIES, check_features_folder
from semivideo.features.several.codebook_pass import learned_motion
from semivideo.features.several.joining import JOINT, check_folder, encoders_in, joined, take
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
    parts: Sequence[str | Path] | None = None,
    frame_rate: float | None = None,
    verify: bool = False,
    progress: Progress | None = None,
) -> FeatureCache:
    """Compute what a pretrained network says of every video, once, for training in seconds.

    A pass that was stopped goes on when it is called again; each of several processes does its part
    of the videos, see ``semivideo.base.jobs``.

    Args:
        videos: A manifest, its file, or anything ``scan`` takes.
        out: Folder of the features; it stands for the videos in ``split`` and ``train``.
        encoder: A name of ``encoders.ENCODERS``; several are joined by "+".
        views: Views of each video: the first one plain, the second its mirror, the others cropped,
            coloured and of other frames; None for 6.
        frames: Frames of a view, spread over the video; None for the encoder's, or 8.
        flip: Whether views may be mirrored: not where left and right are different classes; None
            for yes.
        modality: What the network is shown of frames, each once and "rgb" first: rgb,
            temporal-gradient, flow; None for rgb alone.
        rotations: Whether view 0 is also turned by one, two and three quarter turns; None for no.
        parts: Folders of finished features of some of several encoders, which are taken as they
            are.
        frame_rate: Frames a second of folders of frames that are looked at now; None for 25, which
            is told.
        verify: Read every byte of what is there and make broken files again.
        progress: See ``semivideo.api``.

    Raises:
        ConfigError: No such encoder or modality, something else lies at ``out``, or settings that
            are not those that the folder was begun with.
        MissingExtraError: The weights are not here; the sentence says what to type.
        DataError: The folder holds features of other videos.
        WriteError: A file cannot be written.
    """
    if views is not None and not 1 <= views <= 64:
        raise ConfigError(f"views must lie in [1, 64], got {views}; 6 is usual")
    modalities = None if modality is None else _checked(modality)
    names, folder, wanted = encoders_in(encoder), Path(out), Wanted(views, frames, flip)
    check_features_folder(folder, parts=names if len(names) > 1 else ())
    if len(names) > 1:
        check_folder(folder, JOINT.join(names))
        if modalities not in (None, ("rgb",)) or rotations:
            raise ConfigError(
                f"features of several encoders are joined of frames, upright; leave out "
                f"{option('modality')} and {option('rotations')}"
            )
    elif parts:
        raise ConfigError(
            f"{option('parts')} names features to be joined, and {encoder} is one encoder; name "
            "several, such as efficientnet_lite0+local_motion"
        )
    else:
        wanted = Wanted(views, frames, flip, modalities, rotations)
    networks = {name: network for name in names if (network := _published(name)) is not None}
    manifest = as_manifest(videos, frame_rate=frame_rate, progress=progress)
    encoding = Encoding(manifest, wanted, networks, verify=verify, progress=progress)
    if len(names) == 1:
        found = encoding.by(encoder, folder)
    else:
        take([Path(each) for each in parts or ()], folder, names)
        for name in names:
            encoding.of_part(name).by(name, folder / name)
        found = joined(manifest, folder, names)
    for id, why in unread(found, manifest) if not missing(found) else ():
        log.warning("no features of %s: %s", id, why)
    return found


@dataclass(frozen=True)
class Encoding:
    """What encoders are asked, one after the other.

    Attributes:
        manifest: The videos.
        wanted: Views and frames.
        networks: Encoders that are not learned from the videos, by name.
        verify: Whether what is there is read, and made again where it is broken.
        progress: See ``semivideo.api``.
    """

    manifest: Manifest
    wanted: Wanted
    networks: Mapping[str, Encoder]
    verify: bool = False
    progress: Progress | None = None

    def of_part(self, name: str) -> Encoding:
        """Return what one of several encoders is asked: one of whole videos chooses its frames."""
        if name in self.networks:
            return self
        return replace(self, wanted=replace(self.wanted, num_frames=None))

    def by(self, name: str, folder: Path) -> FeatureCache:
        """Fill a feature cache, or go on with one; raises as ``extract_features``.

        Args:
            name: Of the encoder.
            folder: Of the cache.
        """
        part, network = part_of_job(), self.networks.get(name)
        if network is None:
            network = learned_motion(self.manifest, folder, part=part, progress=self.progress)
        return extract(
            self.manifest,
            folder,
            encoder=network,
            wanted=self.wanted,
            part=part,
            verify=self.verify,
            progress=self.progress,
        )


def _published(name: str) -> Encoder | None:
    """An encoder on the device that computes; None for one that is learned from videos."""
    known = all_encoders().get(name)
    if known is not None and known.is_learned:
        return None
    device = torch.accelerator.current_accelerator(check_available=True) or "cpu"
    return load_encoder(name).to(device)


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
    caches = [(part, shard) for part in cache.parts for shard in range(part.form.num_shards)]
    return sum(not part.is_there(shard) for part, shard in caches)
