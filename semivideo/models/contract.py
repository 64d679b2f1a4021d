"""The contract every network keeps: a float clip in, class logits out, features in between.

A network also says which parts it has, from the clip to the logits: the last one is the head, which
``classify`` uses, those before it are the body. Learning rates, frozen weights and layer decay go
by these parts (``models.tuning``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from semivideo.settings import Rates

HEAD, BODY = "head", "body"
"""Names of parts: the head, and all before it where a network does not tell more apart."""


class Network(nn.Module, ABC):
    """A video classifier.

    Subclasses take ``num_classes`` first and every hyper-parameter by keyword, and set the first
    two attributes below; the others are set by ``models.tuning``.

    Attributes:
        num_classes: K, number of logits.
        num_features: D, size of the pooled feature.
        attention: Last words of the names of the layers that make queries, keys and values.
        rates: Peak learning rates of the parts.
        kept_statistics: Names of batch norms that use running statistics and never change them.
    """

    num_classes: int
    num_features: int
    attention: tuple[str, ...] = ()
    rates: Rates = Rates()
    kept_statistics: frozenset[str] = frozenset()

    @abstractmethod
    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map float clips (N, C, T, H, W) to pooled features (N, D)."""

    @abstractmethod
    def classify(self, features_ND: Tensor) -> Tensor:
        """Map features (N, D) to logits (N, K); dropout is in here."""

    def forward(self, clip_NCTHW: Tensor) -> Tensor:
        """Map float clips (N, C, T, H, W) to logits (N, K)."""
        return self.classify(self.features(clip_NCTHW))

    def check_clip(self, *, num_frames: int, size: int) -> None:
        """Refuse clips that the network cannot take, before any work; by default it takes all.

        Args:
            num_frames: T.
            size: H and W in pixels.

        Raises:
            ConfigError: The network was made for other clips.
        """

    def card_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options that rebuild the network once its weights are in a run folder.

        Args:
            options: What it was built with; only what names files has to change.
        """
        return options

    def part_of(self, name: str) -> str:
        """Name the part that a weight belongs to; a network with stages says which one.

        Args:
            name: Of a parameter, as ``named_parameters`` gives it.

        Returns:
            ``HEAD`` for what ``classify`` uses, here the linear layer with one output a class, or
            a part of the body, here all of it.
        """
        layer = self.get_submodule(name.rpartition(".")[0])
        is_classifier = isinstance(layer, nn.Linear) and layer.out_features == self.num_classes
        return HEAD if is_classifier else BODY

    def parts(self) -> dict[str, list[str]]:
        """Return the names of the parameters of each part, the parts from the clip to the logits.

        The head comes last; a network may have no body, as a linear head on features.
        """
        found: dict[str, list[str]] = {}
        for name, _ in self.named_parameters():
            found.setdefault(self.part_of(name), []).append(name)
        head = found.pop(HEAD, [])
        return {**found, HEAD: head}

    def train(self, mode: bool = True) -> Network:
        """Begin training or testing; batch norms that keep their statistics always test."""
        super().train(mode)
        for name in self.kept_statistics:
            self.get_submodule(name).eval()
        return self
