"""Folders of Hugging Face's transformers: their configuration and their weights, and nothing else.

Nothing is downloaded, no code of a folder is run (``trust_remote_code`` is never given), pickles
are read as weights only, and transformers is imported only when a function here is called.

The library lets a configuration name kernels and weights to fetch, quantisers and other files, and
builds whatever sizes it names. Here only keys count that the class of a configuration declares by
itself, and sizes have bounds, a few times beyond those of the largest published networks.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from semivideo.base.checked import UnreadError, in_one_line, read_json, shown
from semivideo.base.errors import CheckpointError, ConfigError, MissingExtraError, SemiVideoError
from semivideo.base.files import require_regular

SHOWN = 5
MOST_PIXELS = 4096
"""A side of a picture."""
_MOST_BYTES = 1 << 20
_MOST_OF_POSITIONS = 1 << 25  # numbers in a table of positions; V-JEPA 2 giant would have 26 M
_LEAST_A_POSITION = 256
_RANGES: dict[str, tuple[float, float]] = {
    "num_auxiliary_layers": (0, 256),
    "num_pooler_layers": (0, 256),
    "num_register_tokens": (0, 1024),
    "mask_tokens": (0, 1024),
    "layers": (1, 256),
    "heads": (1, 1024),
    "hidden_size": (1, 8192),
    "intermediate_size": (1, 65536),
    "mlp_ratio": (0.01, 64),
    "projection_dim": (1, 65536),
    "projection_size": (1, 65536),
    "output_size": (1, 65536),
    "image_size": (1, MOST_PIXELS),
    "crop_size": (1, MOST_PIXELS),
    "patch_size": (1, 512),
    "tubelet_size": (1, 512),
    "num_frames": (1, 4096),
    "frames_per_clip": (1, 4096),
    "num_channels": (1, 16),
    "in_chans": (1, 16),
    "vocab_size": (1, 1 << 21),
    "max_position_embeddings": (1, 1 << 16),
    "token_id": (-1, 1 << 21),
    "": (-65536, 65536),
}
"""End of a key to the least and the largest number; the first end that fits counts."""
_WEIGHTS = ("model.safetensors", "model-*.safetensors", "pytorch_model.bin", "pytorch_model-*.bin")


class Filled(NamedTuple):
    """Names of weights that a folder and a model do not share.

    Attributes:
        missing: Of the model, not in the folder: they hold initial values.
        misshapen: In both, with both shapes.
        unused: Of the folder, not of the model.
    """

    missing: set[str]
    misshapen: dict[str, str]
    unused: set[str]


def transformers_library() -> Any:
    """Import the library.

    Raises:
        MissingExtraError: It is not installed; the sentence says what to type.
    """
    try:
        return importlib.import_module("transformers")
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        raise MissingExtraError(
            "Hugging Face networks need the 'transformers' package: pip install semivideo[hf]"
        ) from None


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Keep the library from writing bars and reports; what matters of them we say ourselves."""
    log = transformers.utils.logging
    verbosity, has_bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if has_bars:
            log.enable_progress_bar()


def stored_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` of a folder.

    Raises:
        ConfigError: It is not there, cannot be read, names its type of model by no text, or says
            that the weights are quantised.
    """
    file = folder / "config.json"
    try:
        stored = read_json(file, most_bytes=_MOST_BYTES)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no {file}; give a folder of a transformers model, or write save_pretrained"
        ) from None
    except UnreadError as error:
        raise ConfigError(f"cannot read {file}: {error}; copy the folder again") from None
    found = dict(stored) if isinstance(stored, dict) else {}
    type_ = found.get("model_type")
    if not isinstance(type_, str | None):
        raise ConfigError(
            f"{file} is of model_type {shown(type_)}, which is no name; copy the folder again"
        )
    if found.get("quantization_config"):
        raise ConfigError(
            f"{file} says that the weights are quantised (quantization_config), and such are not "
            "read; take the network's weights in full"
        )
    return found


def config_from(config_class: Any, content: dict[str, Any]) -> Any:
    """Make a configuration of its keys, as far as its class declares them; others are left out.

    How attention is computed, and whose code does it, is thereby what the library takes by itself.

    Raises:
        ConfigError: A value is not allowed.
    """
    type_ = config_class.model_type
    try:
        own = _own(config_class, content)
        if fault := next(_out_of_range(own), None):
            raise ConfigError(f"config of {type_} is not allowed: {fault}; change it")
        config = config_class.from_dict(own)
        number = _positions(getattr(config, "vision_config", config))
    except ConfigError:
        raise
    except Exception as error:  # a file can hold anything, and yet another library checks it
        reason = (str(error.__cause__ or error) or type(error).__name__).partition("\n")[0]
        raise ConfigError(f"config of {type_} is not allowed: {reason}; change it") from None
    if number > _MOST_OF_POSITIONS:
        raise ConfigError(
            f"config of {type_} is not allowed: its frames and pixels make {number} numbers of "
            f"positions, and at most {_MOST_OF_POSITIONS} are made; lower the number of frames or "
            "the size of pictures"
        )
    return config


def _own(config_class: Any, content: dict[str, Any]) -> dict[str, Any]:
    """What the class of a configuration declares, and not the base of all of them."""
    bases = config_class.__mro__
    shared = next(each for each in bases if each.__name__ == "PreTrainedConfig").__mro__
    known = {
        name
        for each in bases
        if each not in shared
        for name in vars(each).get("__annotations__", {})
        if name not in ("model_type", "base_config_key")
    }
    found = {name: value for name, value in content.items() if name in known}
    for name, part in config_class.sub_configs.items():
        if isinstance(found.get(name), dict):
            found[name] = _own(part, found[name])
    return found


def _out_of_range(content: dict[str, Any], section: str = "") -> Iterator[str]:
    """Each number that is not allowed, in words."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _out_of_range(value, f"{section}{name}.")
            continue
        least, most = next(r for end, r in _RANGES.items() if name.endswith(end))
        for number in value if isinstance(value, list | tuple) else [value]:
            is_number = isinstance(number, int | float) and not isinstance(number, bool)
            if is_number and not least <= number <= most:
                yield f"{section}{name} = {shown(value)}, which must be from {least} to {most}"


def _positions(config: Any) -> int:
    """How many numbers a table of the positions in a clip has; some networks make one in Python."""
    size = getattr(config, "crop_size", None) or getattr(config, "image_size", None)
    frames = getattr(config, "frames_per_clip", 0) or getattr(config, "num_frames", 1)
    tubelet = getattr(config, "tubelet_size", 1)
    steps, *patch = [tubelet, config.patch_size] if isinstance(tubelet, int) else tubelet
    (height, width), (rows, columns) = _sides(size), _sides(*patch)
    tokens = -(-frames // steps) * -(-height // rows) * -(-width // columns)
    return int(tokens * max(config.hidden_size, _LEAST_A_POSITION))


def _sides(*sizes: Any) -> tuple[int, int]:
    """Height and width of what is given by one side or by both."""
    both = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    first, *rest = both
    return first, rest[-1] if rest else first


def weight_files(folder: Path) -> list[Path]:
    """Return the files that weights are read from, safetensors before pickles.

    Which they are is told by their names alone: what an index lists may lie outside of the folder.

    Raises:
        CheckpointError: There are none, or an adapter would have to be joined with them.
    """
    if adapter := next(folder.glob("adapter_*"), None):
        raise CheckpointError(
            f"{folder} has an adapter ({adapter.name}), which is not joined with its weights here; "
            "merge the two (merge_and_unload of peft) and save the network, or move it elsewhere"
        )
    for pattern in _WEIGHTS:
        if found := sorted(folder.glob(pattern)):
            return found
    raise CheckpointError(
        f"{folder} has no weights (model.safetensors or pytorch_model.bin); copy them too"
    )


def filled_from(architecture: Any, folder: Path, config: Any, **options: Any) -> tuple[Any, Filled]:
    """Build a model with the weights of a folder, as far as names and shapes agree.

    The library is given the weights and not the folder, in which it would look for more.

    Args:
        architecture: The class of the model.
        folder: Whose ``weight_files`` are read, and nothing else.
        config: Of the model.
        options: Of its constructor.

    Raises:
        CheckpointError: There are no weights, they cannot be read, or the model is larger.
    """
    files = weight_files(folder)
    try:
        weights = _weights(files)
        with _no_larger(folder, num_bytes=sum(file.stat().st_size for file in files)):
            model, report = architecture.from_pretrained(
                None,
                config=config,
                state_dict=weights,
                dtype=torch.float32,
                local_files_only=True,
                ignore_mismatched_sizes=True,  # told in the report, all at once
                output_loading_info=True,
                **options,
            )
    except SemiVideoError:
        raise
    except Exception as error:  # a file can hold anything, and so go wrong anywhere
        reason = in_one_line(error).rstrip(".")
        raise CheckpointError(f"cannot load {folder}: {reason}; copy the folder again") from None
    misshapen = {
        name: f"{name} {tuple(found)} in the file, {tuple(own)} here"
        for name, found, own in report["mismatched_keys"]
    }
    return model, Filled(set(report["missing_keys"]), misshapen, set(report["unexpected_keys"]))


def _weights(files: list[Path]) -> dict[str, Tensor]:
    """Names and tensors of all files; pickles are read as weights only."""
    weights: dict[str, Tensor] = {}
    for file in files:
        require_regular(file)
        if file.suffix == ".safetensors":
            with safetensors.safe_open(file, framework="pt") as opened:
                # Copies: what is mapped would change with the file.
                found = {name: opened.get_tensor(name).clone() for name in opened.keys()}
        else:
            found = torch.load(file, map_location="cpu", weights_only=True)
            if not all(isinstance(each, Tensor) for each in dict(found).values()):
                raise ValueError(f"{file.name} holds more than names and tensors")
        if twice := weights.keys() & found.keys():
            raise ValueError(f"{min(twice)} is in two of its files")
        weights |= found
    return weights


@contextmanager
def _no_larger(folder: Path, *, num_bytes: int) -> Iterator[None]:
    """Stop the building of a model before it has more numbers than its weights have bytes.

    The library builds it without memory, and then makes all that no weight fills. Until then it
    is counted: weights of half precision leave room for a head or a pooler that is new.
    """
    total = 0

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal total
        total += parameter.numel() if parameter is not None and parameter.is_meta else 0
        if total > num_bytes:
            raise CheckpointError(
                f"the weights in {folder} have {num_bytes} bytes, and its config.json asks for a "
                "network of more numbers; copy config.json and weights of one network again"
            )

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def listed(weights: Mapping[str, Collection[str]]) -> str:
    """Return names by kind, a few of each; kinds without names are left out.

    >>> listed({"missing": ["b", "a"], "of other shape": []})
    '2 missing (a, b)'
    """
    return "; ".join(
        f"{len(names)} {kind} ({', '.join(sorted(names)[:SHOWN])}"
        f"{', ...' if len(names) > SHOWN else ''})"
        for kind, names in weights.items()
        if names
    )


def side_of(size: Any) -> int:
    """Return a side of a square that may be given by both its sides."""
    return size if isinstance(size, int) else int(size[0])
