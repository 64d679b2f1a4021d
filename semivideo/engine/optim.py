"""The optimisers: SGD without Nesterov, as in the papers, or AdamW for pretrained networks.

Rates follow a cosine to 0 after an optional linear warm-up; each part of a network has its own
peak (``Network.rates``), and with layer decay d, part i of a body of n parts has d^(n - 1 - i) of
the body's.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from semivideo.models.contract import HEAD, Network
from semivideo.settings import EngineSettings, Rates

BETA_2 = 0.999
"""AdamW's second beta; the first is ``engine.momentum``."""
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


def make_optimizer(method: nn.Module, settings: EngineSettings) -> torch.optim.Optimizer:
    """Return the optimiser of every trainable parameter of a method.

    Where torch has one, the update of all parameters is one kernel: with 23 million of them half
    the time of torch's loop over the parameters on a CPU, and hundreds of launches less on a GPU.
    In fp16 it also checks for infinities without the processor waiting for a GPU.
    """
    groups = parameter_groups(method, settings)
    is_fused = all(p.device.type in _FUSED for group in groups for p in group["params"])
    common: dict[str, Any] = {
        "lr": settings.learning_rate,
        "fused": is_fused or None,  # None: torch chooses between its loop and foreach
    }
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, betas=(settings.momentum, BETA_2), **common)
    return torch.optim.SGD(groups, momentum=settings.momentum, nesterov=False, **common)


def parameter_groups(method: nn.Module, settings: EngineSettings) -> list[dict[str, Any]]:
    """Divide the trainable parameters by learning rate and by whether they have weight decay.

    The papers decay every parameter; ``decay_exempt`` spares those of normalisation layers
    ("norm": their weight and bias), all biases ("bias") and the heads of networks ("head").

    Args:
        method: All its networks; a parameter that two of them share counts once.
        settings: Gives ``learning_rate``, ``weight_decay`` and ``decay_exempt``.

    Returns:
        Groups for a torch optimiser, those with decay before those without; each whose rate is not
        ``learning_rate`` has a key ``rate_factor``, its rate divided by that.
    """
    exempt, factors = _exempt(method, settings), _rate_factors(method, settings)
    trainable = [parameter for parameter in method.parameters() if parameter.requires_grad]
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for parameter in trainable:
        which = (parameter in exempt, factors.get(parameter, 1.0))
        groups.setdefault(which, []).append(parameter)
    return [
        {
            "params": groups[is_exempt, factor],
            "weight_decay": 0.0 if is_exempt else settings.weight_decay,
            **({"rate_factor": factor} if factor != 1 else {}),
        }
        for is_exempt, factor in sorted(groups, key=lambda which: which[0])
    ]


def _exempt(method: nn.Module, settings: EngineSettings) -> set[nn.Parameter]:
    """Parameters without weight decay."""
    exempt: set[nn.Parameter] = set()
    for module in method.modules():
        for name, parameter in module.named_parameters(recurse=False):
            is_norm = "norm" in settings.decay_exempt and isinstance(module, _NORMS)
            is_bias = name == "bias" or name.endswith("_bias")
            if is_norm or (is_bias and "bias" in settings.decay_exempt):
                exempt.add(parameter)
        if isinstance(module, Network) and "head" in settings.decay_exempt:
            exempt.update(module.get_parameter(name) for name in module.parts()[HEAD])
    return exempt


def _rate_factors(method: nn.Module, settings: EngineSettings) -> dict[nn.Parameter, float]:
    """Rate of each parameter of a network, relative to ``learning_rate``."""
    factors: dict[nn.Parameter, float] = {}
    for network in method.modules():
        if isinstance(network, Network) and network.rates != Rates():
            for part, rate in part_rates(network, settings).items():
                for name in network.parts()[part]:
                    factors[network.get_parameter(name)] = rate / settings.learning_rate
    return factors


def part_rates(network: Network, settings: EngineSettings) -> dict[str, float]:
    """Return the peak learning rate of each part of a network, from the clip to the logits.

    Args:
        network: Gives ``parts`` and ``rates``.
        settings: Gives ``learning_rate``, for parts without a rate of their own.
    """
    rates, parts = network.rates, list(network.parts())
    body = settings.learning_rate if rates.body is None else rates.body
    deepest = len(parts) - 2  # the head is no part of the body
    found = {part: body * rates.layer_decay ** (deepest - i) for i, part in enumerate(parts)}
    return {**found, HEAD: settings.learning_rate if rates.head is None else rates.head}


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the learning rate of a step, or its own multiple of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("rate_factor", 1.0)


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
