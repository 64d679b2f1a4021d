"""Any torch module behind the contract of networks.

    a backbone    clip -> [module] -> features (N, D) -> [dropout, new linear layer] -> logits
    a classifier  clip -> [module without its head] -> features (N, D) -> [dropout, head] -> logits

The head must be the last thing the module does, since features are what comes out without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Literal

from torch import Tensor, nn

from semivideo.base.errors import ConfigError, nearest
from semivideo.models.contract import BODY, HEAD, Network

Layout = Literal["NCTHW", "NTCHW"]
"""Order of the axes a module wants: channels first or frames first."""
Features = str | Callable[[nn.Module, Tensor], Tensor]
SHOWN = 5


def wrap(
    module: nn.Module,
    *,
    num_classes: int,
    num_features: int | None = None,
    features: Features | None = None,
    head: str | None = None,
    layout: Layout = "NCTHW",
    dropout: float = 0.0,
    rebuilt_with: Mapping[str, Any] | None = None,
) -> Network:
    """Make a network of a module; the module is taken over and changed, not copied.

    Args:
        module: Maps float clips to pooled features (N, D) if ``num_features`` is given, else to
            logits.
        num_classes: K >= 1.
        num_features: D of a module without classifier; a linear layer is added.
        features: What computes the features instead of calling the module: the name of one of its
            methods or submodules, or a function of the module and the clip.
        head: Name of the linear layer that a classifier ends in; one with another number of
            outputs is replaced by a new one. None takes the only linear layer with K outputs.
        layout: Shape of the clips the module wants.
        dropout: Probability of dropping a feature before the classifier, in [0, 1); dropout that
            the module has itself stays where it is.
        rebuilt_with: Options of your factory to change when a saved network is rebuilt, such as
            ``{"weights": None}``: its weights then come from the run folder.

    Raises:
        ConfigError: The head cannot be told, or what is asked for contradicts itself.

    >>> import torch
    >>> network = wrap(nn.Sequential(nn.Flatten(), nn.Linear(24, 5)), num_classes=5)
    >>> network.features(torch.zeros(2, 3, 2, 2, 2)).shape
    torch.Size([2, 24])
    """
    if num_features is not None and head is not None:
        raise ConfigError(
            f"num_features = {num_features} says that the module has no classifier, head = "
            f"{head!r} that it has one; give one of them"
        )
    if num_features is None:
        classifier = _head_of(module, head, num_classes)
    else:
        classifier = _new_head(num_features, num_classes)
    return Wrapped(
        module,
        nn.Sequential(nn.Dropout(dropout), classifier),
        num_features=classifier.in_features,
        num_classes=num_classes,
        features=features,
        layout=layout,
        rebuilt_with=rebuilt_with or {},
    )


class Wrapped(Network):
    """A module of the user; made by ``wrap``, which says what the arguments mean."""

    def __init__(
        self,
        module: nn.Module,
        classifier: nn.Module,
        *,
        num_features: int,
        num_classes: int,
        features: Features | None,
        layout: Layout,
        rebuilt_with: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.module = module
        self.classifier = classifier
        self.num_features = num_features
        self.num_classes = num_classes
        self._features = features
        self._layout = layout
        self._rebuilt_with = rebuilt_with

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips (N, C, T, H, W) to what the module makes of them, (N, D).

        Raises:
            ConfigError: That has another shape.
        """
        clip = clip_NCTHW.transpose(1, 2) if self._layout == "NTCHW" else clip_NCTHW
        if callable(self._features):
            features_ND = self._features(self.module, clip)
        elif self._features is not None:
            # Looked up at each call, so that a copy of the network uses its own module.
            features_ND = attrgetter(self._features)(self.module)(clip)
        else:
            features_ND = self.module(clip)
        wanted = (len(clip), self.num_features)
        if not isinstance(features_ND, Tensor) or features_ND.shape != wanted:
            is_tensor = isinstance(features_ND, Tensor)
            what = tuple(features_ND.shape) if is_tensor else type(features_ND).__name__
            raise ConfigError(
                f"the features of {type(self.module).__name__} must be a tensor {wanted}, got "
                f"{what}; give wrap(features=...) a function that pools or picks them"
            )
        return features_ND

    def classify(self, features_ND: Tensor) -> Tensor:
        """Map features (N, D) to logits (N, K), after dropout."""
        logits_NK: Tensor = self.classifier(features_ND)
        return logits_NK

    def part_of(self, name: str) -> str:
        """Name the part of a weight: body is the module, head the classifier."""
        return HEAD if name.startswith("classifier.") else BODY

    def card_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the factory's options as they must be once the weights are in the run folder."""
        return {**options, **self._rebuilt_with}


def _new_head(num_features: int, num_classes: int) -> nn.Linear:
    """A classifier that starts as those of the library's own networks."""
    classifier = nn.Linear(num_features, num_classes)
    nn.init.normal_(classifier.weight, std=0.01)
    nn.init.zeros_(classifier.bias)
    return classifier


def _head_of(module: nn.Module, head: str | None, num_classes: int) -> nn.Linear:
    """Take the classifier out of a module and leave an identity in its place."""
    linear = {name: m for name, m in module.named_modules() if name and isinstance(m, nn.Linear)}
    if head is None:
        head = _only_head(type(module).__name__, linear, num_classes)
    elif head not in linear:
        raise ConfigError(
            f"{type(module).__name__} has no linear layer {head!r}{nearest(head, linear)} "
            f"[it has {_listed(linear)}]"
        )
    module.set_submodule(head, nn.Identity())
    found = linear[head]
    is_fitting = found.out_features == num_classes
    return found if is_fitting else _new_head(found.in_features, num_classes)


def _only_head(module: str, linear: dict[str, nn.Linear], num_classes: int) -> str:
    """Name of the only linear layer with one output a class."""
    fitting = {name: m for name, m in linear.items() if m.out_features == num_classes}
    if len(fitting) == 1:
        return next(iter(fitting))
    if fitting:
        raise ConfigError(
            f"{module} has {len(fitting)} linear layers with {num_classes} outputs "
            f"({_listed(fitting)}); name the one it ends in with head="
        )
    raise ConfigError(
        f"{module} has no linear layer with {num_classes} outputs, one a class [it has "
        f"{_listed(linear)}]; name the one it ends in with head= to have it replaced, or give "
        "num_features= if the module ends in pooled features"
    )


def _listed(linear: dict[str, nn.Linear]) -> str:
    """The last few names with their numbers of outputs; a head is rarely among the first."""
    names = [f"{name}: {m.out_features}" for name, m in linear.items()][-SHOWN:]
    return ", ".join([*(["..."] if len(linear) > SHOWN else []), *names]) or "none"
