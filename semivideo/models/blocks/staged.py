"""What residual video networks share: stem, four stages, average pool, dropout, classifier."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from semivideo.models.blocks.residual import ConvNorm, Residual
from semivideo.models.contract import Network


class StagedNetwork(Network):
    """A stem and four residual stages, pooled over time and space; families build the parts.

    Args:
        num_classes: K, number of logits.
        stem: Maps clips to the input of res2.
        stages: res2 to res5.
        num_features: D, channels of res5.
        dropout: Probability of dropping a feature before the classifier, in [0, 1).
        zero_init: Start each block as its shortcut (scale 0 in the last normalisation).
    """

    def __init__(
        self,
        num_classes: int,
        *,
        stem: nn.Module,
        stages: Sequence[nn.Module],
        num_features: int,
        dropout: float,
        zero_init: bool,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_features = num_features
        self.stem = stem
        self.res2, self.res3, self.res4, self.res5 = stages
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(num_features, num_classes)
        initialize(self, zero_init=zero_init)

    def stages(self, clip_NCTHW: Tensor) -> list[Tensor]:
        """Map clips (N, C, T, H, W) to the outputs (N, C_i, T_i, H_i, W_i) of res2 to res5."""
        outputs = []
        x = self.stem(clip_NCTHW)
        for stage in (self.res2, self.res3, self.res4, self.res5):
            x = stage(x)
            outputs.append(x)
        return outputs

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips (N, C, T, H, W) to res5 averaged over time and space, (N, D)."""
        return self.stages(clip_NCTHW)[-1].mean(dim=(2, 3, 4))

    def classify(self, features_ND: Tensor) -> Tensor:
        """Map features (N, D) to logits (N, K), after dropout."""
        logits_NK: Tensor = self.classifier(self.dropout(features_ND))
        return logits_NK


def initialize(network: nn.Module, *, zero_init: bool) -> None:
    """Draw initial weights: He (fan-out) in convolutions, deviation 0.01 in linear layers.

    Args:
        network: Changed in place; draws from torch's global generator.
        zero_init: Set the scale of each residual branch's last normalisation to 0, so that a
            block starts as its shortcut (Goyal et al. 2017); 1 otherwise.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
    if not zero_init:
        return
    for module in network.modules():
        if isinstance(module, Residual):
            last = module.branch[-1]
            assert isinstance(last, ConvNorm)
            assert isinstance(last.norm, nn.BatchNorm3d | nn.GroupNorm)
            nn.init.zeros_(last.norm.weight)
