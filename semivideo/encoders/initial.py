"""Networks that begin with others' weights: what follows from these for the rest of the settings.

Options of the network, mean and deviation of pixels, and what has to be said beside the results all
belong to the weights. What the settings leave open is filled in; what they say otherwise is an
error, since nobody would notice the difference but by bad results.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
from pydantic import ValidationError

from semivideo.base.checked import parsed, sentence
from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.base.foreign_code import refuse_foreign
from semivideo.encoders.added import added_encoders, published_in
from semivideo.encoders.families import FAMILIES
from semivideo.encoders.folder_encoder import league_of
from semivideo.encoders.known import ENCODERS
from semivideo.encoders.processor_file import preprocessing_of
from semivideo.models.efficientnet_lite import MEAN, STD
from semivideo.models.hf_folder import stored_config
from semivideo.settings import NOT_TOLD, NetworkSettings, Settings, WeightsOrigin

_ROLES = ("primary", "auxiliary", "temporal")


def with_weights(settings: Settings) -> Settings:
    """Return settings that fit the weights that their networks begin with or are taught by.

    Args:
        settings: Complete; those of networks from scratch are returned as they are.

    Raises:
        ConfigError: A setting contradicts the weights.
        CheckpointError: A file of weights is missing or broken, or says nothing of itself.
    """
    for role in _ROLES:
        network = getattr(settings.networks, role)
        if network is None:
            continue
        told = _told(settings, network, role)
        if told is None:
            continue
        settings = _with_views(settings, told.get("views", {}), role)
        changed = network.model_copy(
            update={
                "options": _with_options(network, told.get("options", {}), role),
                "origin": network.origin or told["origin"],
            }
        )
        networks = settings.networks.model_copy(update={role: changed})
        settings = settings.model_copy(update={"networks": networks})
    return _with_teacher(settings)


def _with_teacher(settings: Settings) -> Settings:
    """Settings that say what the image classifier had seen that teaches; it makes the league too.

    On features the encoder is the teacher, and is told of as such.
    """
    teacher = settings.method.options.get("teacher")
    if teacher in (None, "encoder") or settings.teacher_origin is not None:
        return settings
    if teacher in ENCODERS:
        entry = ENCODERS[teacher]
        origin = WeightsOrigin(
            pretrained_on=entry.pretrained_on, licence=entry.licence, league=entry.league
        )
    else:
        origin = WeightsOrigin(pretrained_on=NOT_TOLD, league="image weights")
    return settings.model_copy(update={"teacher_origin": origin})


def _told(settings: Settings, network: NetworkSettings, role: str) -> dict[str, Any] | None:
    """What is known of the initial weights of a network: options, views, origin; None of fresh."""
    if network.weights is not None:
        return _of_file(network, Path(network.weights), role)
    if network.name == "huggingface":
        folder = Path(str(network.options.get("model", ""))).expanduser()
        return _of_folder(folder, settings) if folder.is_dir() else None
    if network.name == "efficientnet_lite0" and network.options.get("pretrained"):
        entry = ENCODERS["efficientnet_lite0"]
        return {
            "views": {"mean": (MEAN,) * 3, "std": (STD,) * 3},
            "origin": WeightsOrigin(
                pretrained_on=entry.pretrained_on, licence=entry.licence, league=entry.league
            ),
        }
    return None


def _of_file(network: NetworkSettings, file: Path, role: str) -> dict[str, Any]:
    """What ``encoders.foreign_weights`` wrote into a file of weights."""
    told = described(file)
    owner = f"networks.{role}"
    if told is None:
        if network.origin is None:
            raise ConfigError(
                f"{file} does not say what its weights were pretrained on; set "
                f"{owner}.origin.pretrained_on and {owner}.origin.league, or write it with "
                "`semivideo encoders convert`"
            )
        return {"origin": network.origin}
    if told["network"] != network.name:
        raise ConfigError(
            f"{file} holds weights of {told['network']}, and {owner}.name = {network.name}; set "
            "the one or the other"
        )
    return told


def described(file: Path) -> dict[str, Any] | None:
    """Return what a file of weights says of itself: network, options, views, origin.

    Args:
        file: Any file of weights; those of other programs say nothing.

    Raises:
        CheckpointError: The file is missing, or what it says is broken.
    """
    if not file.is_file():
        raise CheckpointError(f"there is no file of weights {file}; name one that is here")
    try:
        with safetensors.safe_open(file, framework="pt") as opened:
            told = (opened.metadata() or {}).get("semivideo")
    except (safetensors.SafetensorError, OSError):
        return None  # a pickle; it is read as weights only when the network is built
    if told is None:
        return None
    try:
        content = parsed(told, json.loads, "JSON")
        refuse_foreign(content, file=file)
        content["origin"] = WeightsOrigin.model_validate(content["origin"])
    except ValidationError as error:
        fault = sentence(error, WeightsOrigin, section="origin")
        raise CheckpointError(f"{file}: {fault}; convert the weights again") from None
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is broken ({error}); convert the weights again") from None
    found: dict[str, Any] = content
    return found


def _of_folder(folder: Path, settings: Settings) -> dict[str, Any]:
    """What a folder of transformers says of its weights; pixels may be set where it does not."""
    family = FAMILIES.get(stored_config(folder).get("model_type", ""))
    known = {Path(each.folder): each for each in added_encoders().values()}
    added = known.get(folder.absolute())
    found = published_in(folder)
    league = added.league if added else None
    origin = WeightsOrigin(
        pretrained_on=added.pretrained_on if added else found.get("pretrained_on", NOT_TOLD),
        licence=added.licence if added else found.get("licence", NOT_TOLD),
        league=league or (league_of(family) if family else "video weights"),
    )
    if family is None:
        return {"origin": origin}  # the network says what is wrong with it
    try:
        wants = preprocessing_of(folder, is_video=family.is_video, num_frames=None)
    except CheckpointError:
        if settings.views.mean == type(settings.views).model_fields["mean"].default:
            raise
        return {"origin": origin}
    return {"views": {"mean": wants.mean, "std": wants.std}, "origin": origin}


def _with_views(settings: Settings, wanted: dict[str, Any], role: str) -> Settings:
    """Views with the mean and deviation of the weights."""
    views, fields = settings.views, type(settings.views).model_fields
    changes = {}
    for name, value in wanted.items():
        theirs = tuple(round(float(each), 6) for each in value)
        ours = tuple(round(each, 6) for each in getattr(views, name))
        if ours == theirs:
            continue
        if getattr(views, name) != fields[name].default:
            raise ConfigError(
                f"views.{name} = {ours} contradicts the weights of networks.{role}, which want "
                f"{theirs}; leave it out"
            )
        changes[name] = theirs
    return settings.model_copy(update={"views": views.model_copy(update=changes)})


def _with_options(network: NetworkSettings, wanted: dict[str, Any], role: str) -> dict[str, Any]:
    """Options of a network that make it the one of the weights."""
    for name, theirs in wanted.items():
        ours = network.options.get(name, theirs)
        if ours != theirs:
            raise ConfigError(
                f"networks.{role}.options.{name} = {ours} contradicts its weights, which want "
                f"{theirs}; leave it out"
            )
    return {**network.options, **wanted}
