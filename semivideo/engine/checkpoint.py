"""States of a training on disk: written at once, checked when read, the last few kept.

A checkpoint is one safetensors file, ``checkpoints/step-000500-9f2c41aa07b3d5e8.safetensors``: the
number of steps done and the start of the file's own SHA-256. Tensors are stored under their path
in the state; everything else is in the header as JSON. Nothing in it can run code.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from semivideo.base.checked import UnreadError, parsed, reading, shown
from semivideo.base.errors import CheckpointError
from semivideo.base.files import open_regular, write_bytes
from semivideo.runfolder import RunFolder
from semivideo.settings import Settings

_LOG = logging.getLogger("semivideo")
_NAME = re.compile(r"step-(\d+)-([0-9a-f]{16})\.safetensors")
_TENSOR = "__tensor__"

_WITHOUT_EFFECT: dict[str, Any] = {
    "evaluation": True,
    "data": {"workers", "memory_gb"},
    "engine": {
        "checkpoint_activations",
        "check_memory",
        "checkpoint_every",
        "checkpoint_minutes",
        "estimate",
        "keep_checkpoints",
        "log_every",
        "evaluate_every",
        "tensorboard",
    },
}
"""Settings that may change when a run is resumed: they do not change the weights."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state of a training.

    Attributes:
        step: Number of steps done.
        split_hash: Digest of the split it was trained on.
        settings_hash: Digest of the settings, see ``settings_hash``.
        state: Nested dictionaries and lists of tensors, numbers, strings, booleans and None.
    """

    step: int
    split_hash: str
    settings_hash: str
    state: dict[str, Any]


def settings_hash(settings: Settings) -> str:
    """Return a digest of everything in the settings that changes the trained weights."""
    mapping = json.dumps(with_effect(settings), sort_keys=True)
    return hashlib.sha256(mapping.encode()).hexdigest()


def with_effect(settings: Settings) -> dict[str, Any]:
    """Return the settings that change the trained weights, section by section."""
    mapping = settings.written()
    for section, without_effect in _WITHOUT_EFFECT.items():
        if without_effect is True:
            del mapping[section]
        else:
            mapping[section] = {
                key: value for key, value in mapping[section].items() if key not in without_effect
            }
    return mapping


class Checkpoints:
    """The checkpoints of a run.

    Args:
        run: The folder.
        keep: How many of the last ones stay, >= 1.
    """

    def __init__(self, run: RunFolder, *, keep: int) -> None:
        self._run = run
        self._keep = keep

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint and remove those that are too old.

        Raises:
            WriteError: The disk is full; the earlier checkpoints are intact.
        """
        content = _pack(checkpoint)
        digest = hashlib.sha256(content).hexdigest()[:16]
        target = self._run.checkpoints / f"step-{checkpoint.step:06d}-{digest}.safetensors"
        write_bytes(target, content)
        for _, old in self._files()[self._keep :]:
            old.unlink()
        return target

    def latest(self, *, split_hash: str, settings_hash: str) -> Checkpoint | None:
        """Read the last checkpoint that is whole; damaged ones are passed over with a warning.

        Args:
            split_hash: Of the split this run uses.
            settings_hash: Of the settings this run uses.

        Returns:
            The checkpoint, or None if none was written yet.

        Raises:
            CheckpointError: All are damaged, or it belongs to another split or other settings.
        """
        checkpoint = self.newest()
        if checkpoint is not None:
            _check(checkpoint, split_hash=split_hash, settings_hash=settings_hash)
        return checkpoint

    def newest(self) -> Checkpoint | None:
        """Read the last checkpoint that is whole, to look at it rather than to continue from it.

        Raises:
            CheckpointError: All are damaged.
        """
        files = self._files()
        for _, path in files:
            if _digest(path) == path.stem.rpartition("-")[2]:
                return _unpack(path)
            _LOG.warning("checkpoint %s is damaged; taking the one before it", path)
        if files:
            raise CheckpointError(
                f"all {len(files)} checkpoints in {self._run.checkpoints} are damaged; "
                "restore one of them from a copy or start a new run"
            )
        return None

    def _files(self) -> list[tuple[int, Path]]:
        """Steps and paths, the last step first."""
        found = []
        for path in self._run.checkpoints.glob("step-*.safetensors"):
            if match := _NAME.fullmatch(path.name):
                found.append((int(match[1]), path))
        return sorted(found, reverse=True)


def _check(checkpoint: Checkpoint, *, split_hash: str, settings_hash: str) -> None:
    """Refuse to continue what another experiment began."""
    if checkpoint.split_hash != split_hash:
        raise CheckpointError(
            f"checkpoint was trained on split {checkpoint.split_hash[:4]}..., this run uses "
            f"{split_hash[:4]}...; resume with the run's own split or start a new run"
        )
    if checkpoint.settings_hash != settings_hash:
        raise CheckpointError(
            f"checkpoint was trained with settings {checkpoint.settings_hash[:4]}..., this run "
            f"uses {settings_hash[:4]}...; restore the run's settings.yaml or start a new run"
        )


def _pack(checkpoint: Checkpoint) -> bytes:
    """Bytes of a safetensors file."""
    tensors: dict[str, Tensor] = {}

    def strip(node: Any, path: str) -> Any:
        """Move the tensors below ``node`` to ``tensors`` and return what JSON can hold."""
        if isinstance(node, Tensor):
            # A copy: safetensors refuses tensors that share memory, as tied weights do.
            tensors[path] = node.detach().cpu().clone(memory_format=torch.contiguous_format)
            return {_TENSOR: path}
        if isinstance(node, dict):
            return {str(key): strip(value, f"{path}/{key}") for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [strip(value, f"{path}/{i}") for i, value in enumerate(node)]
        return node

    header = {
        "step": checkpoint.step,
        "split_hash": checkpoint.split_hash,
        "settings_hash": checkpoint.settings_hash,
        "state": {key: strip(value, key) for key, value in checkpoint.state.items()},
    }
    content: bytes = safetensors.torch.save(tensors, metadata={"checkpoint": json.dumps(header)})
    return content


def _unpack(path: Path) -> Checkpoint:
    """Inverse of ``_pack``; keys of dictionaries come back as strings, tuples as lists."""
    advice = "remove it to go on from the one before, or start a new run"
    with reading(path, CheckpointError, advice), safe_open(path, framework="pt") as file:
        header = parsed(file.metadata()["checkpoint"], json.loads, "JSON")
        for key, kind in (("step", int), ("split_hash", str), ("settings_hash", str)):
            if type(header[key]) is not kind:
                raise UnreadError(f"{key} is {shown(header[key])}")
        if header["step"] < 0 or not isinstance(header["state"], dict):
            raise UnreadError("step or state is nothing that a training has")

        def fill(node: Any) -> Any:
            """Put the tensors back."""
            if isinstance(node, dict):
                if _TENSOR in node:
                    return file.get_tensor(node[_TENSOR])
                return {key: fill(value) for key, value in node.items()}
            return [fill(value) for value in node] if isinstance(node, list) else node

        return Checkpoint(**{key: fill(value) for key, value in header.items()})


def _digest(path: Path) -> str:
    """Start of the SHA-256 of a file."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
