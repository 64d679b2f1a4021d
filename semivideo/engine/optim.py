"""The optimiser of the papers: SGD without Nesterov, cosine to 0, optional linear warm-up."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from semivideo.settings import EngineSettings

_FUSED = {"cpu", "cuda"}
_NORMS = (_BatchNorm, _InstanceNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def learning_rate(step: int, num_steps: int, settings: EngineSettings) -> float:
    """Return the learning rate of a step, a pure function of its number.

    With W = round(warmup * num_steps) it rises linearly from a tenth of the peak at step 0 to the
    peak at step W and falls from there along half a cosine to 0 at ``num_steps``::

        step  0 ........ W ............................ num_steps
        rate  peak / 10  peak     peak/2 half way        0

    Args:
        step: In [0, num_steps].
        num_steps: Length of the training.
        settings: Gives ``learning_rate`` (the peak) and ``warmup``.

    >>> [learning_rate(s, 100, EngineSettings(learning_rate=1.0, warmup=0.2)) for s in (0, 10, 60)]
    [0.1, 0.55, 0.5]
    """
    warmup_steps = round(settings.warmup * num_steps)
    if step < warmup_steps:
        return settings.learning_rate * (0.1 + 0.9 * step / warmup_steps)
    angle = math.pi * (step - warmup_steps) / max(1, num_steps - warmup_steps)
    return settings.learning_rate * 0.5 * (1.0 + math.cos(angle))


def sgd(method: nn.Module, settings: EngineSettings) -> torch.optim.SGD:
    """Return the optimiser of every trainable parameter of a method.

    Where torch has one, the update of all parameters is one kernel: with 23 million of them half
    the time of torch's loop over the parameters on a CPU, and hundreds of launches less on a GPU.
    In fp16 it also checks for infinities without the processor waiting for a GPU.
    """
    groups = parameter_groups(method, settings)
    is_fused = all(p.device.type in _FUSED for group in groups for p in group["params"])
    return torch.optim.SGD(
        groups,
        lr=settings.learning_rate,
        momentum=settings.momentum,
        nesterov=False,
        fused=is_fused or None,  # None: torch chooses between its loop and foreach
    )


def parameter_groups(method: nn.Module, settings: EngineSettings) -> list[dict[str, Any]]:
    """Split the trainable parameters into those with and those without weight decay.

    The papers decay every parameter; ``decay_exempt`` spares those of normalisation layers
    ("norm": their weight and bias) and all biases ("bias").

    Args:
        method: All its networks; a parameter that two of them share counts once.
        settings: Gives ``weight_decay`` and ``decay_exempt``.

    Returns:
        Groups for a torch optimiser; empty ones are left out.
    """
    exempt: set[nn.Parameter] = set()
    for module in method.modules():
        for name, parameter in module.named_parameters(recurse=False):
            is_norm = "norm" in settings.decay_exempt and isinstance(module, _NORMS)
            if is_norm or ("bias" in settings.decay_exempt and name == "bias"):
                exempt.add(parameter)
    trainable = [parameter for parameter in method.parameters() if parameter.requires_grad]
    groups = [
        {
            "params": [parameter for parameter in trainable if parameter not in exempt],
            "weight_decay": settings.weight_decay,
        },
        {
            "params": [parameter for parameter in trainable if parameter in exempt],
            "weight_decay": 0.0,
        },
    ]
    return [group for group in groups if group["params"]]


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take over an optimiser's ``state_dict`` as it comes back from a checkpoint.

    Args:
        optimizer: Over the same parameters.
        state: Its ``state`` may be keyed by strings; memory formats are restored to those of the
            parameters.

    Raises:
        ValueError: It belongs to other parameters.
    """
    by_number = {int(number): values for number, values in state["state"].items()}
    optimizer.load_state_dict({**state, "state": by_number})
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
