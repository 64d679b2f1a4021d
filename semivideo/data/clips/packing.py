"""A batch in one piece of memory, for its way out of a loader process.

Each tensor that a process is sent comes as a file handle of its own, which takes about half a
millisecond to fetch: for ten small tensors longer than some training steps have to wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

_ALIGNMENT = 64  # bytes


class _Place(NamedTuple):
    """Where a tensor lies in the memory."""

    start: int
    dtype: torch.dtype
    shape: torch.Size
    stride: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """Nested dictionaries whose tensors lie in one piece of memory; made by ``pack``.

    Attributes:
        memory: uint8 (bytes,).
        parts: The dictionaries with places for tensors.
    """

    memory: Tensor
    parts: dict[str, Any]

    def pin_memory(self) -> Packed:
        """Return the same in pinned memory, as the data loader of torch asks for."""
        return Packed(self.memory.pin_memory(), self.parts)

    def unpack(self) -> dict[str, Any]:
        """Return the dictionaries; their tensors are views of the memory."""
        unpacked: dict[str, Any] = _replaced(self.parts, _Place, self._tensor)
        return unpacked

    def _tensor(self, place: _Place) -> Tensor:
        end = place.start + place.shape.numel() * place.dtype.itemsize
        memory = self.memory[place.start : end].view(place.dtype)
        return memory.as_strided(place.shape, place.stride)


def pack(parts: dict[str, Any]) -> Packed:
    """Copy the tensors of nested dictionaries into one piece of memory, each in its own order.

    Args:
        parts: Dictionaries of dictionaries, tensors (any shape and type) and anything else.
    """
    tensors: list[Tensor] = []
    places: list[_Place] = []
    num_bytes = 0

    def place(tensor: Tensor) -> _Place:
        nonlocal num_bytes
        start = -(-num_bytes // _ALIGNMENT) * _ALIGNMENT
        num_bytes = start + tensor.nbytes
        tensors.append(tensor)
        stride = torch.empty_like(tensor, device="meta").stride()  # of its order, without gaps
        places.append(_Place(start, tensor.dtype, tensor.shape, stride))
        return places[-1]

    placed = _replaced(parts, Tensor, place)
    packed = Packed(torch.empty(num_bytes, dtype=torch.uint8), placed)
    for tensor, where in zip(tensors, places, strict=True):
        packed._tensor(where).copy_(tensor)
    return packed


def _replaced(value: Any, kind: type, replace: Callable[[Any], Any]) -> Any:
    """Nested dictionaries with everything of one kind replaced."""
    if isinstance(value, dict):
        return {name: _replaced(part, kind, replace) for name, part in value.items()}
    return replace(value) if isinstance(value, kind) else value
