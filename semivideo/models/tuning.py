"""Tuning of a pretrained network: what of it learns, how fast, and what stays as it came.

``tune`` follows the settings of a network once, right after it was built; what copies the network
later (teachers, averages) copies that as well. The parts are those that the network names itself
(``Network.part_of``). Low-rank updates are those of the library peft, put beside the layers of the
network in place and merged into them at deployment (``merge``), so that the deployed network is a
plain one.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from semivideo.base.errors import ConfigError, MissingExtraError, nearest
from semivideo.models.blocks.drop_path import DropPath, set_drop_path
from semivideo.models.contract import BODY, HEAD, Network
from semivideo.settings import LoraSettings, NetworkSettings, Rates

SHOWN = 8
PLAIN: dict[str, Any] = {
    "rates": Rates(),
    "freeze": [],
    "frozen_statistics": False,
    "drop_path": 0.0,
    "lora": None,
}
"""Settings of a network that is not tuned, as the deployed one."""


def tune(network: Network, settings: NetworkSettings, *, owner: str = "networks.primary") -> None:
    """Make a network learn as its settings say; with those of ``PLAIN`` nothing is touched.

    Args:
        network: Changed in place.
        settings: ``rates``, ``freeze``, ``frozen_statistics``, ``drop_path`` and ``lora``.
        owner: Where they stand, for sentences.

    Raises:
        ConfigError: The network has no such part, batch norm, residual block or layer.
        MissingExtraError: ``lora``, and peft is not installed.
    """
    network.rates = settings.rates
    if settings.lora is not None:
        add_lora(network, settings.lora, owner=owner)
    freeze(network, settings.freeze, owner=owner)
    network.kept_statistics = frozenset(_kept_statistics(network, settings, owner=owner))
    if settings.drop_path:
        blocks = [module for module in network.modules() if isinstance(module, DropPath)]
        if not blocks:
            raise ConfigError(
                f"{owner}.drop_path = {settings.drop_path:g} leaves out residual blocks, and "
                f"{type(network).__name__} has none; leave the setting out"
            )
        set_drop_path(blocks, settings.drop_path)


def freeze(network: Network, names: Collection[str], *, owner: str = "networks.primary") -> None:
    """Keep some weights as they are: they get no gradient and no update.

    Args:
        network: Changed in place.
        names: Parts, "body" for all parts but the head, or beginnings of names of parameters up to
            a dot.
        owner: Where they stand in the settings.

    Raises:
        ConfigError: There is nothing of that name, or nothing is left to learn.
    """
    parts, parameters = network.parts(), dict(network.named_parameters())
    for name in names:
        found = parts.get(name) or [p for p in parameters if f"{p}.".startswith(f"{name}.")]
        if name == BODY:
            found = [p for part, members in parts.items() if part != HEAD for p in members]
        if not found:
            known = [*parts, *([BODY] if len(parts) > 1 else [])]
            raise ConfigError(
                f"{owner}.freeze names {name!r}, which {type(network).__name__} does not have"
                f"{nearest(name, known)} [parts: {', '.join(dict.fromkeys(known))}; or the "
                f"beginning of a weight's name, such as {next(iter(parameters))}]"
            )
        for parameter in found:
            parameters[parameter].requires_grad_(False)
    if names and not any(parameter.requires_grad for parameter in parameters.values()):
        raise ConfigError(
            f"{owner}.freeze = {list(names)} leaves nothing of {type(network).__name__} to learn; "
            f"leave out {HEAD!r}"
        )


def add_lora(network: Network, lora: LoraSettings, *, owner: str = "networks.primary") -> None:
    """Put low-rank updates beside layers and freeze all up to the last part that has some.

    At first the updates are zero, so that the network computes what it did. What stands after them
    learns as before: the head, and the normalisation or pooler after a transformer's layers.

    Args:
        network: Changed in place; what copies it copies the updates.
        lora: Rank, scale, dropout and which layers.
        owner: Where they stand in the settings.

    Raises:
        ConfigError: The network has no such layers.
        MissingExtraError: peft is not installed.
    """
    peft = _peft()
    targets = list(lora.targets or network.attention)
    if not targets:
        raise ConfigError(
            f"{owner}.lora is put beside queries, keys and values, and {type(network).__name__} "
            f"says of none of its layers that they make these; name layers in {owner}.lora.targets"
        )
    _check_targets(network, targets, owner=owner)
    learning = {name for name, p in network.named_parameters() if p.requires_grad}
    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=2 * lora.rank if lora.alpha is None else lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
    )
    # In a box: to what has a configuration peft does more than put layers beside layers.
    peft.inject_adapter_in_model(config, nn.ModuleDict({"network": network}))
    # Now nothing but the updates learns; what stands after the last of them is to learn as well.
    parameters = dict(network.named_parameters())
    for members in reversed(network.parts().values()):
        if any(parameters[name].requires_grad for name in members):
            break
        for name in members:
            parameters[name].requires_grad_(name in learning)
    network.train(network.training)  # new parts begin in training mode


def merge(network: Network) -> None:
    """Add low-rank updates to the weights they stand beside; the network is then a plain one.

    Args:
        network: Changed in place; without updates nothing happens.
    """
    if not any(hasattr(module, "lora_A") for module in network.modules()):
        return
    layer_class = importlib.import_module("peft.tuners.tuners_utils").BaseTunerLayer
    for name, module in list(network.named_modules()):
        if isinstance(module, layer_class):
            module.merge()
            network.set_submodule(name, module.get_base_layer())


def is_plain(settings: NetworkSettings) -> bool:
    """Whether all weights of a network learn, all at one rate."""
    return all(getattr(settings, name) == value for name, value in PLAIN.items())


def _kept_statistics(network: Network, settings: NetworkSettings, *, owner: str) -> list[str]:
    """Names of the batch norms that are frozen: all, or those whose weights are."""
    norms = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    }
    if settings.frozen_statistics:
        if not norms:
            raise ConfigError(
                f"{owner}.frozen_statistics keeps batch statistics, and {type(network).__name__} "
                "has none; leave the setting out"
            )
        return list(norms)
    if not settings.freeze and settings.lora is None:
        return []
    weights = {name: list(norm.parameters(recurse=False)) for name, norm in norms.items()}
    return [
        name
        for name, own in weights.items()
        if own and not any(parameter.requires_grad for parameter in own)
    ]


def _check_targets(network: Network, targets: Collection[str], *, owner: str) -> None:
    """Refuse what is no linear layer; peft cannot merge every other kind."""
    layers = dict(network.named_modules())
    for target in targets:
        found = [m for name, m in layers.items() if f".{name}".endswith(f".{target}")]
        if found and all(isinstance(module, nn.Linear) for module in found):
            continue
        linear = {n.rpartition(".")[2] for n, m in layers.items() if isinstance(m, nn.Linear)}
        raise ConfigError(
            f"{owner}.lora.targets names {target!r}, and no linear layers of "
            f"{type(network).__name__} are called so [it has {', '.join(sorted(linear)[:SHOWN])}]"
        )


def _peft() -> Any:
    """Import the library, or say how to get it."""
    try:
        return importlib.import_module("peft")
    except ModuleNotFoundError as error:
        if error.name != "peft":
            raise
        raise MissingExtraError(
            "low-rank updates (lora) need the 'peft' package: pip install semivideo[hf]"
        ) from None
