"""What all code on a device needs: copies that do not wait, and whether its memory ran out.

A plain ``tensor.to(device)`` stops the processor until the accelerator has done everything asked of
it so far. A step draws the parameters of its views on the processor and copies dozens of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SIGNS = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "can't allocate memory")


def on_device(values: NDArray[Any] | Tensor, device: torch.device) -> Tensor:
    """Return an array or a tensor of the CPU on a device, without waiting for the device.

    Args:
        values: Any shape and type; not changed afterwards, since the result may share its memory.
        device: Where to.
    """
    tensor = torch.from_numpy(values) if isinstance(values, np.ndarray) else values
    if device.type == "cuda" and not tensor.is_cuda:
        tensor = tensor.pin_memory()  # only copies from pinned memory run by themselves
    return tensor.to(device, non_blocking=True)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, or a library below it, says in one of their ways that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)
