"""What a feature cache is made of: ``features.json``, and where each part of it lies.

FEATURES/features.json        ``FeatureForm``; its presence makes the folder a feature cache
FEATURES/manifest.parquet     the manifest it was made from, with ``features`` set
FEATURES/shards/00000.npy     float16 (videos, views, steps, D) of the first videos; the views of
                              the first modality, then those of the next, then the turned ones
FEATURES/shards/00000.json    checksum of that file, and why videos have no features; written after
FEATURES/codebook.safetensors of encoders that are learned from the videos: what was learned
FEATURES/ENCODER/             features of several encoders, joined: a feature cache of each, in the
                              place of shards
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, ValidationError

from semivideo.base.checked import Section, read_json, sentence
from semivideo.base.errors import ConfigError, DataError
from semivideo.base.files import write_first
from semivideo.base.places import check_output, visible_in
from semivideo.base.records import Modality
from semivideo.encoders.encoder import Encoder, Preprocessing
from semivideo.encoders.local_motion.codebook import CODEBOOK_FILE
from semivideo.settings import League

FORM_FILE = "features.json"
MANIFEST = "manifest.parquet"
SHARDS, CODEBOOK_STAMP = "shards", "codebook.json"
VERSION = 1
MODALITIES: dict[str, Modality] = {
    "rgb": "rgb",
    "temporal-gradient": "fast_gradient",
    "flow": "flow",
}
"""What an encoder can be shown of frames, and the name of it in methods."""
NUM_TURNED = 3
"""Turned views: view 0 by one, two and three quarter turns."""
_SHARD_BYTES, _SHARD_VIDEOS = 64e6, 64
# Of the canvas over the short side of a view: strong views look closer. Not where the canvas is
# what Pillow would make, for then the weak view is a cut-out of it, pixel by pixel.
_ROOM = 1.15


class FeatureForm(Section):
    """The content of ``features.json``: features of any other one are not alike."""

    later: ClassVar[frozenset[str]] = frozenset({"is_whole", "parts"})

    version: int = VERSION
    """Version of the folder's layout."""
    encoder: str
    """Name of the encoder."""
    weights_sha256: str
    """Digest of its weights."""
    preprocessing: Preprocessing
    """What frames went through before it."""
    pretrained_on: str
    """The data it had seen, as published."""
    league: League
    """What that makes of results."""
    licence: str
    """Of the weights, as published."""
    num_views: int = Field(6, ge=1, le=64)
    """Views of each video: 0 the weak one, 1 its mirror where flips are allowed, others strong."""
    num_frames: int = Field(8, ge=1, le=512)
    """Frames of a view, spread over the video."""
    flip: bool = True
    """Whether views may be mirrored."""
    modalities: tuple[str, ...] = Field(("rgb",), min_length=1)
    """What the encoder was shown of frames, each once, "rgb" first."""
    rotations: bool = False
    """Whether view 0 of the first modality is there in its three turned forms too."""
    steps: int = Field(ge=1, le=100_000)
    """Steps in time that the encoder gives for so many frames."""
    dim: int = Field(ge=1, le=1_000_000)
    """Numbers a step."""
    videos_per_shard: int = Field(ge=1, le=1_000_000)
    """Videos in a file."""
    num_videos: int = Field(ge=0, le=100_000_000)
    """Rows of the manifest."""
    videos: str
    """Digest of the manifest."""
    is_whole: bool = False
    """Whether the encoder says one vector of a whole video, which has no steps to describe."""
    parts: tuple[str, ...] = ()
    """Encoders whose features are joined, each a folder in this one; empty for one encoder."""

    @property
    def num_shards(self) -> int:
        """Number of files."""
        return -(-self.num_videos // self.videos_per_shard)

    @property
    def num_bytes(self) -> int:
        """Size of all files together."""
        return 2 * self.num_videos * self.num_stored * self.steps * self.dim

    @property
    def num_weak(self) -> int:
        """Weak views: view 0 and its mirror."""
        return 2 if self.flip and self.num_views > 1 else 1

    @property
    def num_strong(self) -> int:
        """Strong views: all but the weak ones."""
        return self.num_views - self.num_weak

    @property
    def num_stored(self) -> int:
        """Views of a video, of all modalities and turned."""
        return len(self.modalities) * self.num_views + NUM_TURNED * self.rotations

    def views_of(self, modality: str) -> slice:
        """Views of a modality among all of a video."""
        first = self.modalities.index(modality) * self.num_views
        return slice(first, first + self.num_views)

    def rows_of(self, shard: int) -> range:
        """Rows of the manifest whose features are in a shard."""
        first = shard * self.videos_per_shard
        return range(first, min(first + self.videos_per_shard, self.num_videos))

    def shape_of(self, shard: int) -> tuple[int, int, int, int]:
        """Videos, views, steps and numbers of a shard."""
        return len(self.rows_of(shard)), self.num_stored, self.steps, self.dim

    @classmethod
    def read(cls, folder: Path) -> FeatureForm:
        """Read ``features.json``.

        Raises:
            DataError: The folder is no feature cache, or one of another version.
        """
        file = folder / FORM_FILE
        again = f"make it again with: semivideo features VIDEOS --out {folder}"
        try:
            content: Any = read_json(file)
            form = cls.model_validate(content)
        except FileNotFoundError:
            raise DataError(
                f"{folder} is no feature cache (it has no {FORM_FILE}); {again}", path=str(folder)
            ) from None
        except ValidationError as error:
            raise DataError(f"{file}: {sentence(error, cls)}; {again}", path=str(file)) from None
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"cannot read {file}: {error}; {again}", path=str(file)) from None
        if form.version != VERSION:
            raise DataError(
                f"{file} is of version {form.version}, this is {VERSION}; {again}", path=str(file)
            )
        return form

    def write(self, folder: Path) -> None:
        """Write ``features.json`` unless it is there."""
        content = json.dumps(self.written(), indent=1, ensure_ascii=False)
        write_first(folder / FORM_FILE, content.encode())

    def check_encoder(self, encoder: Encoder, *, folder: Path) -> None:
        """Refuse an encoder whose features would not be those of the cache.

        Raises:
            ConfigError: Name, weights or preprocessing differ.
        """
        for what, ours, theirs in (
            ("of the encoder", self.encoder, encoder.name),
            ("of weights", self.weights_sha256[:12], encoder.origin.sha256[:12]),
            ("of preprocessing", self.preprocessing, encoder.preprocessing),
        ):
            if ours != theirs:
                raise ConfigError(
                    f"{folder} holds features {what} {ours}, and this is {theirs}; take the same "
                    "one, or choose another folder for the new features"
                )


def is_features(folder: Path) -> bool:
    """Whether a folder is a feature cache, finished or not."""
    return (folder / FORM_FILE).is_file()


def check_features_folder(out: Path, *, parts: Iterable[str] = ()) -> None:
    """Refuse to make features among other files, such as a run's or the videos themselves.

    Args:
        out: The folder.
        parts: Encoders whose features are joined there.

    Raises:
        ConfigError: It is neither empty nor a feature cache, begun or finished.
        WriteError: It cannot be made.
    """
    before_its_form = {SHARDS, CODEBOOK_FILE, CODEBOOK_STAMP, *parts}
    check_output(
        out,
        what="a folder of features",
        is_ours=lambda folder: is_features(folder) or visible_in(folder) <= before_its_form,
    )


def videos_per_shard(*, num_views: int, steps: int, dim: int) -> int:
    """Videos in a file: at most 64 and about 64 MB, so that a kill costs a minute or so."""
    fitting = int(_SHARD_BYTES / (2 * num_views * steps * dim))
    return max(1, min(_SHARD_VIDEOS, fitting))


def shard_files(folder: Path, number: int) -> tuple[Path, Path]:
    """Array and description of a shard."""
    stem = folder / SHARDS / f"{number:05}"
    return stem.with_suffix(".npy"), stem.with_suffix(".json")


def reading_settings(preprocessing: Preprocessing) -> dict[str, Any]:
    """Settings of our reader for frames that views of an encoder are made of.

    Args:
        preprocessing: Of the encoder.
    """
    short_side = preprocessing.short_side
    if preprocessing.interpolation == "area":
        short_side = round(short_side * _ROOM / 2) * 2
    return {
        "short_side": short_side,
        "resize": preprocessing.interpolation,
        "keep_ratio": preprocessing.keeps_ratio,
        "sampling": "segments",
    }


def view_settings(preprocessing: Preprocessing, *, flip: bool) -> dict[str, Any]:
    """Settings of our views that make what the encoder's weights were trained on.

    Args:
        preprocessing: Of the encoder.
        flip: Whether views may be mirrored.
    """
    return {
        "crop_size": preprocessing.crop_size,
        "weak_scale": preprocessing.short_side / preprocessing.crop_size,
        "jitter_scale": (1.0, 1.35),
        "mean": preprocessing.mean,
        "std": preprocessing.std,
        "flip": flip,
    }
