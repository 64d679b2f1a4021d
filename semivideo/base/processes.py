"""What a training step gets from the other processes; with one process nothing is exchanged.

Losses that compare clips with each other, and statistics over a batch, must see the clips of all
processes: then several processes give the same result as one process with all their clips.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of all processes, in the order of their ranks; gradients flow back.

    Args:
        rows: (N, ...), of one shape in all processes.

    Returns:
        (P * N, ...). Every process that computes one and the same loss of it sends each row the sum
        of the gradients, which the averaging of distributed training divides by P again.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return rows
    result: Tensor = _Gathered.apply(rows.contiguous())  # type: ignore[no-untyped-call]
    return result


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.num_rows = len(rows)
        everyone = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(everyone, rows)
        return torch.cat(everyone)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # A copy: autograd may hand one and the same gradient to other parts of the graph.
        summed = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(summed)
        start = dist.get_rank() * ctx.num_rows
        return summed[start : start + ctx.num_rows]
