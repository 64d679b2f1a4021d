"""Folders of Hugging Face's transformers: their configuration and their weights, and nothing else.

Nothing is downloaded, no code of a folder is run (``trust_remote_code`` is never given), pickles
are read as weights only, and transformers is imported only when a function here is called.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import torch

from semivideo.base.checked import UnreadError, read_json
from semivideo.base.errors import CheckpointError, ConfigError, MissingExtraError

SHOWN = 5
_UNREADABLE = (
    *(EOFError, KeyError, OSError, RuntimeError, ValueError),
    *(pickle.UnpicklingError, safetensors.SafetensorError),
)


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
        ConfigError: It is not there, cannot be read, or is no JSON object.
    """
    file = folder / "config.json"
    try:
        stored = read_json(file)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no {file}; give a folder of a transformers model, or write save_pretrained"
        ) from None
    except UnreadError as error:
        raise ConfigError(f"cannot read {file}: {error}; copy the folder again") from None
    return dict(stored) if isinstance(stored, dict) else {}


def config_from(config_class: Any, content: dict[str, Any]) -> Any:
    """Make a configuration of its keys; values are checked by yet another library.

    Raises:
        ConfigError: A value is not allowed.
    """
    fault = importlib.import_module("huggingface_hub.errors").StrictDataclassError
    try:
        return config_class.from_dict(content)
    except (fault, TypeError, ValueError) as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        type_ = config_class.model_type
        raise ConfigError(f"config of {type_} is not allowed: {reason}; change it") from None


def filled_from(architecture: Any, folder: Path, config: Any, **options: Any) -> tuple[Any, Filled]:
    """Build a model with the weights of a folder, as far as names and shapes agree.

    Args:
        architecture: The class of the model.
        folder: With ``model.safetensors``, or ``pytorch_model.bin``, or shards of them.
        config: Of the model.
        options: Of its constructor.

    Raises:
        CheckpointError: There are no weights, or they cannot be read.
    """
    try:
        model, report = architecture.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            weights_only=True,
            ignore_mismatched_sizes=True,  # told in the report, all at once
            output_loading_info=True,
            **options,
        )
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise CheckpointError(f"cannot load {folder}: {reason}; copy the folder again") from None
    misshapen = {
        name: f"{name} {tuple(found)} in the file, {tuple(own)} here"
        for name, found, own in report["mismatched_keys"]
    }
    return model, Filled(set(report["missing_keys"]), misshapen, set(report["unexpected_keys"]))


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
