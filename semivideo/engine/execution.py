"""How the networks of a method are computed: settings of speed and memory.

All but one leave the mathematics alone: the losses of a step are equal but for rounding. The one is
``weak_graph``, see ``methods.base.jointly``; a method reads it off each batch. None of them becomes
a part of the trained network: states, weight averages and deployed networks are those of a plain
training.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from semivideo.base.errors import ConfigError
from semivideo.methods import METHODS, Method
from semivideo.models.blocks.residual import ConvNorm, Residual
from semivideo.models.contract import Network
from semivideo.settings import EngineSettings
from semivideo.transforms import Views

Part = TypeVar("Part", ConvNorm, Residual)


def set_execution(method: Method, settings: EngineSettings, *, device: torch.device) -> None:
    """Make a method's networks compute as the settings say.

    Args:
        method: Changed in place; on ``device`` already.
        settings: ``factorized``, ``checkpoint_activations``, ``weak_graph``, ``compile`` and
            ``deterministic``.
        device: Where it computes.

    Raises:
        ConfigError: A setting that these networks, this method or this machine cannot follow.
    """
    if device.type == "cuda":
        torch.backends.cudnn.deterministic = settings.deterministic
        torch.backends.cudnn.benchmark = not settings.deterministic
    if settings.factorized:
        for layer in _found(method, ConvNorm, setting="factorized"):
            layer.is_factorized = True
    if settings.checkpoint_activations:
        _refuse_both(settings)
        for block in _found(method, Residual, setting="checkpoint_activations"):
            block.is_recomputed = True
    if not settings.weak_graph:
        _check_weak_views(method)
    if settings.mixup or settings.cutmix:
        _check_mixing(method, "mixup" if settings.mixup else "cutmix")
    if settings.compile is not None:
        _check_compiler(settings.compile, device)
        compile_networks(method, mode=settings.compile)


def begin_step(settings: EngineSettings) -> None:
    """Tell CUDA graphs that the results of the last step are no longer read."""
    if settings.compile == "reduce-overhead":
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]


def compile_networks(method: nn.Module, *, mode: str) -> None:
    """Compile every network, and its parts for methods that call those; names and states stay.

    Args:
        method: Its networks compile when they are first called, which takes a minute or so.
        mode: As ``torch.compile`` has it.
    """
    for network in method.modules():
        if isinstance(network, Network):
            for module in (network, *network.children()):
                module.compile(mode=mode)


def _found(method: Method, kind: type[Part], *, setting: str) -> list[Part]:
    """The parts of one kind, of which the deployed network must have some."""
    if not any(isinstance(module, kind) for module in method.deployed.modules()):
        what = {ConvNorm: "3D convolutions", Residual: "residual blocks"}[kind]
        raise ConfigError(
            f"engine.{setting} works on the {what} of the library's own networks, and "
            f"{type(method.deployed).__name__} has none; leave the setting out or take another "
            "network, such as resnet3d18"
        )
    return [module for module in method.modules() if isinstance(module, kind)]


def _refuse_both(settings: EngineSettings) -> None:
    """A compiler decides by itself what it keeps for the backward pass."""
    if settings.compile is not None:
        raise ConfigError(
            f"engine.checkpoint_activations and engine.compile = {settings.compile!r} do not go "
            "together; leave one of them out"
        )


def _check_weak_views(method: Method) -> None:
    """Refuse a method whose weak views do more than make labels."""
    if not method.weak_only_labels:
        able = ", ".join(name for name, cls in METHODS.items() if cls.weak_only_labels)
        raise ConfigError(
            f"engine.weak_graph = False needs a method whose weak views only make labels ({able});"
            f" {type(method).__name__}, as it is set, learns from every forward: leave the setting "
            "out"
        )


def _check_mixing(method: Method, setting: str) -> None:
    """Refuse a method whose labelled views cannot be mixtures of two clips."""
    if not isinstance(getattr(method, "views", None), Views):
        raise ConfigError(
            f"engine.{setting} mixes the pixels of labelled clips, and {type(method).__name__} "
            "does not make its views of them by semivideo.transforms.Views; leave the setting out"
        )
    if not method.takes_mixed:
        raise ConfigError(
            f"engine.{setting} mixes two labelled clips, and {type(method).__name__} asks its "
            "teacher about each video by itself; leave out the setting or method.teacher"
        )


def _check_compiler(mode: str, device: torch.device) -> None:
    """Compile something trivial, rather than fail in the middle of the first step."""
    try:
        torch.compile(torch.sin)(torch.zeros(2, device=device))
    except (RuntimeError, ImportError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"engine.compile = {mode!r} does not work on this machine ({reason}); torch.compile "
            "needs a C++ compiler on a CPU and triton on a GPU: install that or leave the setting "
            "out"
        ) from None
