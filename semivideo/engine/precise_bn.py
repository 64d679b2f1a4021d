"""Batch statistics for testing, recomputed at the end over many steps of the training stream.

Running statistics follow the last few steps of a training whose weights still moved; the average
over N steps at the final weights is what testing should use (SlowFast and LTG: N = 200).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from semivideo.base.records import Batch
from semivideo.engine.runtime import Runtime
from semivideo.methods.base import Method


@torch.no_grad()
def recompute_batch_statistics(
    method: Method, batches: Iterable[Batch], *, runtime: Runtime
) -> int:
    """Set the deployed network's batch statistics to their mean over ``batches``.

    What the network is shown of each batch is ``method.calibrate``'s. Weights, and all other
    networks of the method, stay as they are; the method is left in evaluation mode.

    Args:
        method: Its deployed network may have no batch norm, or only such as keep their statistics;
            then nothing happens.
        batches: The steps to average over; means and (unbiased) variances count equally.
        runtime: Where to compute; statistics are averaged over its processes.

    Returns:
        Number of steps used.
    """
    method.eval()
    kept = method.deployed.kept_statistics
    norms = [
        module
        for name, module in method.deployed.named_modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats and name not in kept
    ]
    if not norms:
        return 0
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch then keeps the plain mean over all batches
        norm.train()
    num_steps = 0
    for batch in batches:
        with runtime.autocast():
            method.calibrate(batch.to(runtime.device))
        num_steps += 1
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
        for statistic in (norm.running_mean, norm.running_var):
            if statistic is not None:
                statistic.copy_(runtime.mean(statistic))
    return num_steps
