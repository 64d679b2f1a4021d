"""The networks; the table is all it takes to add one."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

import torch

from semivideo.base.errors import ConfigError, nearest
from semivideo.base.foreign_code import imported
from semivideo.models.c3d import C3D
from semivideo.models.contract import Network
from semivideo.models.efficientnet_lite import EfficientNetLite0
from semivideo.models.heads import AttentiveHead, LinearHead, MLPHead, TemporalConvHead
from semivideo.models.huggingface import HuggingFace
from semivideo.models.lookup import Neighbours, WithinHead
from semivideo.models.r2plus1d import R2Plus1D, r2plus1d18, r2plus1d34
from semivideo.models.resnet3d import (
    R3D,
    ResNet3D,
    SlowResNet,
    r3d10,
    r3d18,
    r3d34,
    resnet3d10,
    resnet3d18,
    resnet3d34,
    resnet3d50,
    slow_r10,
    slow_r18,
    slow_r34,
    slow_r50,
)
from semivideo.models.s3d import S3D, s3d, s3dg
from semivideo.models.slowfast import SlowFast
from semivideo.models.tsm import TSM, tsm_r18, tsm_r34, tsm_r50
from semivideo.models.wrap import wrap
from semivideo.options import Options

NETWORKS: dict[str, Callable[..., Network]] = {
    "resnet3d10": resnet3d10,
    "resnet3d18": resnet3d18,
    "resnet3d34": resnet3d34,
    "resnet3d50": resnet3d50,
    "slow_r10": slow_r10,
    "slow_r18": slow_r18,
    "slow_r34": slow_r34,
    "slow_r50": slow_r50,
    "r3d10": r3d10,
    "r3d18": r3d18,
    "r3d34": r3d34,
    "r2plus1d18": r2plus1d18,
    "r2plus1d34": r2plus1d34,
    "slowfast_r50": SlowFast,
    "tsm_r18": tsm_r18,
    "tsm_r34": tsm_r34,
    "tsm_r50": tsm_r50,
    "c3d": C3D,
    "s3d": s3d,
    "s3dg": s3dg,
    "efficientnet_lite0": EfficientNetLite0,
}
HEADS: dict[str, Callable[..., Network]] = {
    "linear": LinearHead,
    "mlp": MLPHead,
    "attentive": AttentiveHead,
    "temporal_conv": TemporalConvHead,
}
"""Those that take features of a pretrained network in the place of pixels."""
LOOKUPS: dict[str, Callable[..., Network]] = {"neighbours": Neighbours, "within": WithinHead}
"""Heads that are filled at once and learn nothing by steps."""
# Those that other libraries build, from options that have no default.
FOREIGN: dict[str, Callable[..., Network]] = {"huggingface": HuggingFace}

__all__ = [
    "C3D",
    "FOREIGN",
    "HEADS",
    "LOOKUPS",
    "NETWORKS",
    "R3D",
    "S3D",
    "TSM",
    "EfficientNetLite0",
    "HuggingFace",
    "Network",
    "R2Plus1D",
    "ResNet3D",
    "SlowFast",
    "SlowResNet",
    "create",
    "describe",
    "options_of",
    "wrap",
]


def create(name: str, num_classes: int, /, **options: Any) -> Network:
    """Build a network with fresh weights from torch's global generator.

    Args:
        name: A key of ``NETWORKS``, ``HEADS`` or ``FOREIGN``, ``module:Class`` of a subclass of
            ``Network``, or ``module:function`` of a function annotated to return one.
        num_classes: K >= 1.
        **options: Keyword arguments of the network, such as ``width``.

    Raises:
        ConfigError: No such network, or an option it does not have or cannot take.
    """
    factory = _factory(name)
    owner = f"[networks] {name}"
    checked = _options(factory).checked(options, owner=owner)
    try:
        network = factory(num_classes, **checked)
    except ConfigError as error:
        raise ConfigError(f"{owner}: {error}") from None
    if not isinstance(network, Network) or network.num_classes != num_classes:
        made = getattr(network, "num_classes", None)
        what = type(network).__name__ + (f" of {made} classes" if made is not None else "")
        raise ConfigError(
            f"{owner} made a {what}; it must make a semivideo.models.Network of the "
            f"{num_classes} classes it is given first: return wrap(module, num_classes=...)"
        )
    return network


def options_of(name: str) -> Options:
    """Return what can be set of a network, such as ``width``.

    Raises:
        ConfigError: No such network.
    """
    return _options(_factory(name))


def describe() -> dict[str, str]:
    """Return one line a network: what it is, its parameters for 400 classes, its options."""
    lines = {}
    for name, factory in NETWORKS.items():
        with torch.device("meta"):
            network = factory(400)
        millions = sum(p.numel() for p in network.parameters()) / 1e6
        family = (inspect.getdoc(type(network)) or "").partition("\n")[0].rstrip(".")
        options = ", ".join(_options(factory).settable)
        lines[name] = f"{family}; {millions:.1f} M parameters; options: {options}"
    for name, factory in {**HEADS, **FOREIGN}.items():
        family = (inspect.getdoc(factory) or "").partition("\n")[0].rstrip(".")
        lines[name] = f"{family}; options: {', '.join(_options(factory).settable)}"
    return lines


def _options(factory: Callable[..., Network]) -> Options:
    """What a user can set: all after ``num_classes`` that the table does not fix."""
    return Options.of(factory, positional=1)


def _factory(name: str) -> Callable[..., Network]:
    """What builds the network of that name."""
    return {**NETWORKS, **HEADS, **LOOKUPS, **FOREIGN}.get(name) or _own_factory(name)


def _own_factory(name: str) -> Callable[..., Network]:
    """Import ``module:Class``; anything that makes no Network is refused before it is called."""
    if ":" not in name:
        known = [*NETWORKS, *HEADS, *FOREIGN]
        raise ConfigError(
            f"no network {name!r}{nearest(name, known)} [known: {', '.join(known)}; or "
            "module:Class]"
        )
    try:
        found = imported(name)
    except ImportError as error:
        raise ConfigError(
            f"cannot import network {name!r}: {error}; is it on PYTHONPATH?"
        ) from None
    # Only what says that it makes a network is called.
    made = _returned(found) if inspect.isfunction(found) else found
    is_network = isinstance(made, type) and issubclass(made, Network)
    if not is_network or (made is found and inspect.isabstract(found)):
        raise ConfigError(
            f"{name!r} is not a network; it must be a subclass of semivideo.models.Network that "
            "defines features and classify, or a function annotated -> Network that returns one"
        )
    factory: Callable[..., Network] = found
    return factory


def _returned(function: Callable[..., Any]) -> Any:
    """What a function is annotated to return."""
    try:
        return typing.get_type_hints(function).get("return")
    except (NameError, TypeError):  # an annotation that cannot be evaluated
        return None
