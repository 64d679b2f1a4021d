"""Networks on disk: a folder with ``model.safetensors`` and ``card.json``, and initial weights.

Loading a folder runs no code from it: safetensors hold numbers only, the card is JSON checked field
by field, and pickles are refused by their first bytes, whatever their name.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from semivideo.base.checked import UnreadError, parsed, sentence
from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.base.files import read_bytes, replacing, step_after, write_bytes
from semivideo.base.foreign_code import refuse_foreign
from semivideo.models import HEADS, NETWORKS, create
from semivideo.models.contract import Network
from semivideo.settings import ModelCard

WEIGHTS = "model.safetensors"
CARD = "card.json"
SHOWN = 5
# A zip archive (torch.save since 1.6) and a pickle of protocol 2 or later.
PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# Keys under which training programs keep the weights beside their optimiser.
WRAPPERS = ("state_dict", "model_state", "model")


@dataclass(frozen=True, slots=True)
class PretrainedReport:
    """What ``load_pretrained`` did, as names of weights.

    Attributes:
        loaded: Taken from the file.
        missing: Of the network, not in the file; they keep their initial values.
        unexpected: In the file, not of the network; ignored.
        reinitialized: Of the classifier, for another number of classes; they keep their initial
            values.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reinitialized: tuple[str, ...]


def save_network(
    folder: Path, network: Network, card: ModelCard, *, beside: Mapping[str, bytes] | None = None
) -> None:
    """Write a network's weights and its card; both files are replaced, or neither.

    Args:
        folder: Made if it is not there.
        network: Its state dict is copied to the CPU.
        card: ``weights_sha256`` is filled in.
        beside: Name to content of files that it needs as well; they are written first.

    Raises:
        WriteError: The disk is full or the folder cannot be written.
    """
    # A copy in plain layout: safetensors knows no channels_last and no shared storage.
    weights = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
    }
    content = safetensors.torch.save(weights)
    card = card.model_copy(update={"weights_sha256": hashlib.sha256(content).hexdigest()})
    # The weights are renamed first. A kill between the two leaves a pair that loading refuses.
    with (
        replacing(folder / CARD) as card_file,
        replacing(folder / WEIGHTS) as weights_file,
    ):
        for name, content_beside in (beside or {}).items():
            write_bytes(folder / name, content_beside)
        weights_file.write_bytes(content)
        card_file.write_bytes(json.dumps(card.written(), indent=2, ensure_ascii=False).encode())


def load_network(folder: Path) -> tuple[Network, ModelCard]:
    """Rebuild a saved network, ready for testing (``eval``), on the CPU.

    A card that names ``module:Class`` is refused unless the user allows that module, see
    ``base.foreign_code``; then it is imported from the Python path, never from ``folder``, and only
    what declares itself a ``Network``, or to return one, is called.

    Args:
        folder: The folder ``model`` of a run, or a copy of it.

    Raises:
        CheckpointError: A file is missing, is no safetensors file, was changed by hand, or does not
            belong to the other one.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise CheckpointError(f"model folder {folder} {what}; give the folder 'model' of a run")
    card = read_card(folder / CARD)
    refuse_foreign([card.network.name, card.network.options], file=folder / CARD)
    path = folder / WEIGHTS
    content = _read(path)
    _refuse_pickle(path, content)
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.weights_sha256:
        raise CheckpointError(
            f"{path} does not belong to {CARD} (sha256 {digest[:8]}..., the card says "
            f"{card.weights_sha256[:8]}...); copy both files of one training again"
        )
    weights = _tensors(path, content)
    network = _built(card, folder / CARD, num_bytes=len(content))
    missing, unexpected, misshapen = _compare(network.state_dict(), weights)
    if missing or unexpected or misshapen:
        differences = [
            *_listed("missing", missing),
            *_listed("unexpected", unexpected),
            *_listed("other shape", list(misshapen.values())),
        ]
        raise CheckpointError(
            f"{path} does not fit {card.network.name} with {len(card.classes)} classes: "
            f"{'; '.join(differences)}. Restore {CARD}"
        )
    _check_values(path, network.state_dict(), weights)
    network.load_state_dict(weights)
    return network.eval(), card


def load_pretrained(network: Network, file: Path) -> PretrainedReport:
    """Start a network from the weights in a file, as far as names agree.

    Args:
        network: Changed in place. Its linear layers with ``num_classes`` outputs keep their initial
            weights where the file has another number of classes.
        file: safetensors, or a state dict saved by torch; code in it is not run.

    Returns:
        Which weights were taken and which were not; show it to the user.

    Raises:
        CheckpointError: The file cannot be read, holds more than weights, has no weight of the
            network, or has one in another shape. The network is unchanged then.
    """
    found = read_weights(file)
    own = network.state_dict()
    missing, unexpected, misshapen = _compare(own, found)
    head = _classifier_weights(network)
    reinitialized = [
        name for name in misshapen if name in head and own[name].shape[1:] == found[name].shape[1:]
    ]
    unusable = [shapes for name, shapes in misshapen.items() if name not in reinitialized]
    if unusable:
        raise CheckpointError(
            f"{file} is of another network: {_listed('other shape', unusable)[0]}; "
            "set the network's options to those it was trained with"
        )
    loaded = [name for name in own if name in found and name not in misshapen]
    if not loaded:
        names = ", ".join(list(found)[:SHOWN])
        raise CheckpointError(
            f"{file} has no weight of {type(network).__name__} (it has {names or 'none'}); "
            "rename its keys to the network's"
        )
    _check_values(file, {name: own[name] for name in loaded}, found)
    network.load_state_dict({name: found[name] for name in loaded}, strict=False)
    return PretrainedReport(tuple(loaded), tuple(missing), tuple(unexpected), tuple(reinitialized))


def read_weights(file: Path) -> dict[str, Tensor]:
    """Read names and tensors of a file, without running code from it.

    Args:
        file: safetensors, or a state dict saved by torch.

    Raises:
        CheckpointError: The file cannot be read, or holds more than weights.
    """
    content = _read(file)
    return _torch_weights(file, content) if _is_pickle(content) else _tensors(file, content)


def _built(card: ModelCard, file: Path, *, num_bytes: int) -> Network:
    """The network of a card; first without memory, for a card may ask for any size."""
    options = card.network.options
    try:
        if card.network.name in {**NETWORKS, **HEADS}:
            with torch.device("meta"):
                shapes = create(card.network.name, len(card.classes), **options).state_dict()
            wanted = sum(tensor.numel() for tensor in shapes.values())
            if wanted > num_bytes:
                raise CheckpointError(
                    f"{file} asks for a network of {wanted} numbers, and {WEIGHTS} has {num_bytes} "
                    "bytes; restore the card"
                )
        return create(card.network.name, len(card.classes), **options)
    except ConfigError as error:
        raise CheckpointError(f"{file}: {error}; restore the card") from None
    except (RuntimeError, MemoryError, OverflowError, TypeError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"{file} names a network that cannot be built ({why}); restore the card"
        ) from None


def _read(path: Path) -> bytes:
    """Content of a file that must be there."""
    try:
        return read_bytes(path)
    except FileNotFoundError:
        beside = sorted(path.parent.glob("*.pt")) + sorted(path.parent.glob("*.pth"))
        hint = "; the folder was not copied completely"
        if path.name == WEIGHTS and beside:
            hint = f"; {beside[0].name} beside it is a pickle, which can run code and is not opened"
        raise CheckpointError(f"there is no {path}{hint}") from None
    except OSError as error:
        why = f"{error.strerror or error}; {step_after(error, otherwise='check the file')}"
        raise CheckpointError(f"cannot read {path}: {why}") from None
    except MemoryError:
        raise CheckpointError(f"{path} is larger than the memory; name another folder") from None


def _is_pickle(content: bytes) -> bool:
    """Whether torch.save wrote it; safetensors may start alike but have "{" after 8 bytes."""
    return content.startswith(PICKLE_STARTS) and content[8:9] != b"{"


def _refuse_pickle(path: Path, content: bytes) -> None:
    """Refuse what torch.save writes; no reader of pickles is tried."""
    if _is_pickle(content):
        raise CheckpointError(
            f"{path} is a pickle, not safetensors; opening one can run code, so it is refused; "
            "load it with load_pretrained, which reads weights only, and save the network again"
        )


def read_card(path: Path) -> ModelCard:
    """Read and check a card.

    Args:
        path: The file ``card.json``.

    Raises:
        CheckpointError: It is missing or broken.
    """
    content = _read(path)
    try:
        return ModelCard.model_validate(parsed(content, json.loads, "JSON"))
    except UnreadError as error:
        raise CheckpointError(f"{error.about(path)}; restore it") from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        if fault["type"] == "json_invalid":
            raise CheckpointError(f"{path} is not JSON ({fault['msg']}); restore it") from None
        if fault["type"] == "missing":
            key = ".".join(str(part) for part in fault["loc"])
            raise CheckpointError(f"{path} has no key {key!r}; restore the card") from None
        raise CheckpointError(f"{path}: {sentence(error, ModelCard)}; restore the card") from None


def _tensors(path: Path, content: bytes) -> dict[str, Tensor]:
    """Parse the content of a safetensors file."""
    try:
        weights: dict[str, Tensor] = safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise CheckpointError(
            f"{path} is not a safetensors file ({error}); it may be cut short: copy it again"
        ) from None
    return weights


def _torch_weights(path: Path, content: bytes) -> dict[str, Tensor]:
    """Read a state dict written by torch.save, without running code from it."""
    try:
        loaded: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a file can hold anything, and so go wrong anywhere
        is_object = isinstance(error, pickle.UnpicklingError)
        reason = "it holds other objects" if is_object else str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path} cannot be read as weights only ({reason}), and no code in it is run; "
            "save the network's state_dict(), best as safetensors"
        ) from None
    for key in WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not all(isinstance(t, Tensor) for t in loaded.values()):
        raise CheckpointError(
            f"{path} holds no state dict (names with tensors); save the network's state_dict()"
        )
    return dict(loaded)


def _compare(
    own: Mapping[str, Tensor], found: Mapping[str, Tensor]
) -> tuple[list[str], list[str], dict[str, str]]:
    """Names missing in ``found``, names only in it, and both shapes where they differ, by name."""
    missing = [name for name in own if name not in found]
    unexpected = [name for name in found if name not in own]
    misshapen = {
        name: f"{name} {tuple(found[name].shape)} in the file, {tuple(own[name].shape)} here"
        for name in own
        if name in found and found[name].shape != own[name].shape
    }
    return missing, unexpected, misshapen


def _check_values(path: Path, own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Refuse numbers of another kind, and those that are not finite."""
    for name, tensor in own.items():
        given = found.get(name)
        if given is None:
            continue
        if given.is_floating_point() != tensor.is_floating_point() or given.is_complex():
            raise CheckpointError(
                f"{path} holds {name} as {given.dtype}, and {tensor.dtype} is wanted; restore it"
            )
        if given.is_floating_point() and not given.float().isfinite().all():
            raise CheckpointError(
                f"{path} holds numbers in {name} that are not finite; take an earlier checkpoint, "
                "or other weights"
            )


def _classifier_weights(network: Network) -> set[str]:
    """Names of weights and biases of linear layers with one output a class."""
    return {
        f"{name}.{parameter}"
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == network.num_classes
        for parameter in ("weight", "bias")
    }


def _listed(kind: str, names: list[str]) -> list[str]:
    """``["kind a, b and 3 more"]``, or nothing where there are no names."""
    if not names:
        return []
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{kind} {', '.join(names[:SHOWN])}{more}"]
