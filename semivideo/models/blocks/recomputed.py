"""Activation checkpointing: keep the input of a block, make the rest again for its gradient.

The second forward must leave no trace. Batch statistics of the batch are the same ones again, but
the running averages have taken them in already, so they stand still meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recomputed(block: nn.Module, forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ``forward(x)``, of which only ``x`` stays in memory until the backward pass.

    Args:
        block: The module whose running averages ``forward`` moves; it draws no random numbers.
        forward: Maps (N, C, T, H, W) to another such tensor.
        x: (N, C, T, H, W).
    """
    result: Tensor = checkpoint(
        forward,
        x,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), still_averages(block)),
    )
    return result


@contextmanager
def still_averages(block: nn.Module) -> Iterator[None]:
    """Let batch norms normalise as they do, without moving their running averages and counters."""
    norms = [m for m in block.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    saved = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        assert norm.num_batches_tracked is not None
        norm.momentum, norm.num_batches_tracked = 0.0, norm.num_batches_tracked.clone()
    try:
        yield
    finally:
        for norm, (momentum, num_batches) in zip(norms, saved, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, num_batches
