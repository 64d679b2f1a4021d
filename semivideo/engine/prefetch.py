"""Batches on their way to the device: on a GPU the next one is copied while this one is computed.

::

    compute stream   step 3 ....... | step 4 ....... | step 5
    copy stream      batch 4 ..     | batch 5 ..     |

Order and values are those of the stream; only the time of the copy differs. A batch that is ahead
is a function of its step, so a run that ends before using it resumes as if it had never been read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

import torch
from torch import Tensor

from semivideo.base.records import Batch

Timed = tuple[Batch, float]
"""A batch and the seconds it was waited for."""


def delivered(
    batches: Generator[Timed, None, None], device: torch.device
) -> Generator[Timed, None, None]:
    """Yield the batches on a device.

    Args:
        batches: On the CPU; copies overlap with work where their memory is pinned.
        device: Where to. On a GPU one batch is read and copied ahead; elsewhere none.
    """
    with closing(batches):
        if device.type == "cuda":
            yield from one_ahead(batches, SideStream(device))
        else:
            for batch, waited in batches:
                yield batch.to(device), waited


def one_ahead(batches: Iterator[Timed], side: SideStream) -> Iterator[Timed]:
    """Start the copy of each batch before the one before it is used.

    Args:
        batches: On the CPU.
        side: Copies, and makes the compute stream wait for a copy.
    """
    coming = None
    for batch, waited in batches:
        following = (side.copy(batch), waited)
        if coming is not None:
            yield side.arrived(coming[0]), coming[1]
        coming = following
    if coming is not None:
        yield side.arrived(coming[0]), coming[1]


class SideStream:
    """Copies batches to a GPU beside what it computes.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def copy(self, batch: Batch) -> tuple[Batch, torch.cuda.Event]:
        """Start a copy; return it with the event of its end."""
        with torch.cuda.stream(self._stream):
            return batch.to(self._device), self._stream.record_event()

    def arrived(self, coming: tuple[Batch, torch.cuda.Event]) -> Batch:
        """Make the compute stream wait for a copy; the processor does not wait."""
        batch, end = coming
        compute = torch.cuda.current_stream(self._device)
        compute.wait_event(end)
        for tensor in tensors_of(batch):
            # Its memory belongs to the side stream, which must not give it to the next copy yet.
            tensor.record_stream(compute)
        return batch


def tensors_of(batch: Batch) -> list[Tensor]:
    """Return the tensors of a batch that live on its device."""
    parts = [batch.labeled] if batch.unlabeled is None else [batch.labeled, batch.unlabeled]
    tensors = [batch.labeled.label]
    for clips in parts:
        tensors += [*clips.frames.values(), clips.video]
    return tensors
