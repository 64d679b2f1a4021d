"""A network of a local folder as an encoder: its family's feature, its own preprocessing.

The folder is what ``save_pretrained`` of transformers writes and the Hugging Face hub holds:
``config.json``, weights, and the processor's file. Nothing is fetched and no code of it is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.base.files import open_regular
from semivideo.encoders.encoder import Encoder, Origin
from semivideo.encoders.families import FAMILIES, Family
from semivideo.encoders.processor_file import preprocessing_of
from semivideo.encoders.text_tower import ClassTexts, class_texts
from semivideo.models.hf_folder import (
    config_from,
    filled_from,
    listed,
    quiet,
    side_of,
    stored_config,
    transformers_library,
    weight_files,
)
from semivideo.settings import League


class FolderEncoder(Encoder):
    """An encoder whose network is one of transformers, with the weights of a folder.

    Args:
        name: What it is called here.
        folder: With ``config.json``, weights and a processor's file.
        pretrained_on: The data its weights were trained on, as published.
        licence: As published.
        league: What the weights make of a result; None for that of its family.

    Raises:
        ConfigError: The folder has no usable ``config.json``, or is of no known family.
        CheckpointError: Its weights do not fill the network, or it has no processor's file.
        MissingExtraError: transformers is not installed.
    """

    def __init__(
        self, name: str, folder: Path, *, pretrained_on: str, licence: str, league: League | None
    ) -> None:
        super().__init__()
        self.name, self.folder = name, folder
        stored = stored_config(folder)
        self.family = family_of(folder, stored)
        config = _network_config(self.family, stored)
        seen = getattr(config, "vision_config", config)
        frames = getattr(seen, self.family.frames) if self.family.frames else None
        is_free = self.family.usual_frames is not None
        self.preprocessing = preprocessing_of(
            folder, is_video=self.family.is_video, num_frames=None if is_free else frames
        )
        self._check_size(seen)
        self.usual_frames = self.family.usual_frames or 8
        self.whole_frames = seen.tubelet_size if is_free else 1
        self.network = _network(self.family, folder, config)
        self.dim = next(int(getattr(config, key)) for key in self.family.dim)
        self.origin = Origin(
            weights=str(folder),
            sha256=weights_digest(folder),
            pretrained_on=pretrained_on,
            league=league or league_of(self.family),
            licence=licence,
        )
        self.frozen()

    def encode(self, clip_NCTHW: Tensor) -> Tensor:
        """Map normalised clips (N, 3, T, side, side) to (N, T, D), of videos to (N, T', D)."""
        frames_NTCHW = clip_NCTHW.transpose(1, 2)
        if self.family.is_video:
            return self.family.feature(self.network, frames_NTCHW.contiguous())
        N, T = frames_NTCHW.shape[:2]
        return self.family.feature(self.network, frames_NTCHW.flatten(0, 1)).view(N, T, -1)

    def class_texts(self, sentences: Sequence[Sequence[str]]) -> ClassTexts:
        """Return classes as vectors, by the folder's text network."""
        return class_texts(self.folder, sentences)

    def _check_size(self, config: Any) -> None:
        """Refuse a processor's file of another network."""
        crop, patch = self.preprocessing.crop_size, getattr(config, "patch_size", 1)
        wanted = self.family.size and side_of(getattr(config, self.family.size))
        if (wanted and crop != wanted) or crop % side_of(patch):
            needed = f"pictures of {wanted}" if wanted else f"multiples of {side_of(patch)}"
            raise CheckpointError(
                f"the processor's file in {self.folder} makes pictures of {crop} pixels, and its "
                f"network takes {needed}; the two are of different networks: copy the folder again"
            )


def family_of(folder: Path, stored: dict[str, Any]) -> Family:
    """Say which family a folder is of.

    Args:
        folder: The folder.
        stored: What its ``config.json`` says.

    Raises:
        ConfigError: Of none that is known, or one that brings code of its own.
    """
    found = stored.get("model_type")
    if found in FAMILIES:
        return FAMILIES[found]
    if stored.get("auto_map"):
        raise ConfigError(
            f"{folder} needs code of its own (auto_map in config.json), and no code of a folder "
            "is run; import that code yourself and name the network as module:factory"
        )
    more = " (SigLIP 2 of a fixed size is)" if found == "siglip2" else ""
    raise ConfigError(
        f"{folder / 'config.json'} is of model_type {found!r}, which is no encoder here{more}; "
        f"known are {', '.join(FAMILIES)}, and others can be named as module:factory"
    )


def league_of(family: Family) -> League:
    """Return what weights of a family have seen, unless somebody says otherwise."""
    return "video weights" if family.is_video else "image weights"


def weights_digest(folder: Path) -> str:
    """Return the SHA-256 of a folder's weights: of the file, or of the digests of its parts."""
    digests = []
    for path in weight_files(folder):
        with open_regular(path) as file:
            digests.append(hashlib.file_digest(file, "sha256"))
    if len(digests) == 1:
        return digests[0].hexdigest()
    return hashlib.sha256(b"".join(each.digest() for each in digests)).hexdigest()


def _network_config(family: Family, stored: dict[str, Any]) -> Any:
    """The configuration of the network alone."""
    content = stored
    if family.part is not None and isinstance(stored.get(family.part), dict):
        content = dict(stored[family.part])
        if family.dim[0] in stored:  # CLIP keeps the size of the shared embedding outside
            content[family.dim[0]] = stored[family.dim[0]]
    return config_from(getattr(transformers_library(), family.config), content)


def _network(family: Family, folder: Path, config: Any) -> Any:
    """The network with all of its weights, without the parts that are not used."""
    transformers = transformers_library()
    with quiet(transformers):
        architecture = getattr(transformers, family.network)
        network, report = filled_from(architecture, folder, config, **family.options)
    spare = (*family.unneeded, *family.optional)
    missing = {name for name in report.missing if not name.startswith(spare)}
    misshapen = {told for name, told in report.misshapen.items() if not name.startswith(spare)}
    if missing or misshapen:
        raise CheckpointError(
            f"the weights in {folder} do not fill its {config.model_type} network: "
            f"{listed({'missing': missing, 'of other shape': misshapen})}; copy config.json and "
            "weights of one network again"
        )
    is_missing = tuple(name for name in family.optional if any(map(_of(name), report.missing)))
    for name, _ in list(network.named_children()):
        if name.startswith((*family.unneeded, *is_missing)):
            setattr(network, name, None)
    return network


def _of(part: str) -> Any:
    return lambda name: name.startswith(part)
