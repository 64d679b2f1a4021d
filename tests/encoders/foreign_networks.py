"""Networks as torchvision, PyTorchVideo and PySlowFast lay them out, written anew.

Small re-implementations: module names give the names of the weights. ``base`` is the number of
channels of the stem, 64 in the published ones.
"""

import torch
from torch import nn


def conv_norm(channels, out, kernel, stride=1, padding=0, *, eps=1e-5):
    conv = nn.Conv3d(channels, out, kernel, stride, padding, bias=False)
    return [conv, nn.BatchNorm3d(out, eps=eps)]


class BasicBlock(nn.Module):
    """A block of torchvision's VideoResNet; ``cube`` makes a 3x3x3 convolution."""

    def __init__(self, channels, out, stride, cube):
        super().__init__()
        middle = (channels * out * 27) // (channels * 9 + 3 * out)
        self.conv1 = nn.Sequential(
            cube(channels, out, middle, stride), nn.BatchNorm3d(out), nn.ReLU()
        )
        self.conv2 = nn.Sequential(cube(out, out, middle, 1), nn.BatchNorm3d(out))
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(*conv_norm(channels, out, 1, stride))

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.conv2(self.conv1(x)) + residual)


def plain(channels, out, middle, stride):
    return nn.Conv3d(channels, out, 3, stride, 1, bias=False)


def factorized(channels, out, middle, stride):
    space = conv_norm(channels, middle, (1, 3, 3), (1, stride, stride), (0, 1, 1))
    time = nn.Conv3d(middle, out, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False)
    return nn.Sequential(*space, nn.ReLU(), time)


class VideoResNet(nn.Module):
    """torchvision's r3d_18 and r2plus1d_18."""

    def __init__(self, num_classes, *, base, is_factorized):
        super().__init__()
        if is_factorized:
            middle = round(45 * base / 64)
            self.stem = nn.Sequential(
                *conv_norm(3, middle, (1, 7, 7), (1, 2, 2), (0, 3, 3)),
                nn.ReLU(),
                *conv_norm(middle, base, (3, 1, 1), 1, (1, 0, 0)),
                nn.ReLU(),
            )
        else:
            self.stem = nn.Sequential(
                *conv_norm(3, base, (3, 7, 7), (1, 2, 2), (1, 3, 3)), nn.ReLU()
            )
        cube = factorized if is_factorized else plain
        channels = base
        for number, out in enumerate((base, 2 * base, 4 * base, 8 * base), start=1):
            first = BasicBlock(channels, out, 1 if number == 1 else 2, cube)
            setattr(self, f"layer{number}", nn.Sequential(first, BasicBlock(out, out, 1, cube)))
            channels = out
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        x = self.stem(x)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return self.fc(x.mean(dim=(2, 3, 4)))


def activated(channels, out, kernel, stride=1, padding=0):
    return nn.Sequential(*conv_norm(channels, out, kernel, stride, padding, eps=1e-3), nn.ReLU())


def separable(channels, out, side, stride, padding):
    return nn.Sequential(
        activated(channels, out, (1, side, side), (1, stride, stride), (0, padding, padding)),
        activated(out, out, (side, 1, 1), (stride, 1, 1), (padding, 0, 0)),
    )


class SepInception(nn.Module):
    """An Inception block of torchvision's S3D."""

    def __init__(self, channels, b0, b1, c1, b2, c2, b3):
        super().__init__()
        self.branch0 = activated(channels, b0, 1)
        self.branch1 = nn.Sequential(activated(channels, b1, 1), separable(b1, c1, 3, 1, 1))
        self.branch2 = nn.Sequential(activated(channels, b2, 1), separable(b2, c2, 3, 1, 1))
        self.branch3 = nn.Sequential(nn.MaxPool3d(3, 1, 1), activated(channels, b3, 1))

    def forward(self, x):
        branches = (self.branch0, self.branch1, self.branch2, self.branch3)
        return torch.cat([branch(x) for branch in branches], dim=1)


class TorchvisionS3D(nn.Module):
    """torchvision's s3d; its average pool is over the whole map here."""

    def __init__(self, num_classes):
        super().__init__()
        self.features = nn.Sequential(
            separable(3, 64, 7, 2, 3),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            activated(64, 64, 1),
            separable(64, 192, 3, 1, 1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            SepInception(192, 64, 96, 128, 16, 32, 32),
            SepInception(256, 128, 128, 192, 32, 96, 64),
            nn.MaxPool3d(3, 2, 1),
            SepInception(480, 192, 96, 208, 16, 48, 64),
            SepInception(512, 160, 112, 224, 24, 64, 64),
            SepInception(512, 128, 128, 256, 24, 64, 64),
            SepInception(512, 112, 144, 288, 32, 64, 64),
            SepInception(528, 256, 160, 320, 32, 128, 128),
            nn.MaxPool3d(2, 2, 0),
            SepInception(832, 256, 160, 320, 32, 128, 128),
            SepInception(832, 384, 192, 384, 48, 128, 128),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Conv3d(1024, num_classes, 1))

    def forward(self, x):
        pooled = self.features(x).mean(dim=(2, 3, 4), keepdim=True)
        return self.classifier(pooled).flatten(1)


DEPTHS = (3, 4, 6, 3)
SLOW_FRAMES = (1, 1, 3, 3)


class Bottleneck(nn.Module):
    """A block of PyTorchVideo: branch1 is the shortcut, branch2 three convolutions."""

    def __init__(self, channels, inner, frames, stride):
        super().__init__()
        out = 4 * inner
        self.branch1_conv = None
        if channels != out or stride != 1:
            conv, norm = conv_norm(channels, out, 1, (1, stride, stride))
            self.branch1_conv, self.branch1_norm = conv, norm
        parts = {
            "a": conv_norm(channels, inner, (frames, 1, 1), 1, (frames // 2, 0, 0)),
            "b": conv_norm(inner, inner, (1, 3, 3), (1, stride, stride), (0, 1, 1)),
            "c": conv_norm(inner, out, 1),
        }
        self.branch2 = nn.Module()
        for letter, (conv, norm) in parts.items():
            setattr(self.branch2, f"conv_{letter}", conv)
            setattr(self.branch2, f"norm_{letter}", norm)

    def forward(self, x):
        shortcut = x if self.branch1_conv is None else self.branch1_norm(self.branch1_conv(x))
        b = self.branch2
        y = torch.relu(b.norm_a(b.conv_a(x)))
        y = torch.relu(b.norm_b(b.conv_b(y)))
        return torch.relu(shortcut + b.norm_c(b.conv_c(y)))


class Stem(nn.Module):
    def __init__(self, out, frames):
        super().__init__()
        padding = (frames // 2, 3, 3)
        self.conv, self.norm = conv_norm(3, out, (frames, 7, 7), (1, 2, 2), padding)
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))

    def forward(self, x):
        return self.pool(torch.relu(self.norm(self.conv(x))))


class Stage(nn.Module):
    def __init__(self, channels, inner, depth, frames, stride):
        super().__init__()
        self.res_blocks = nn.ModuleList(
            Bottleneck(channels if j == 0 else 4 * inner, inner, frames, stride if j == 0 else 1)
            for j in range(depth)
        )

    def forward(self, x):
        for block in self.res_blocks:
            x = block(x)
        return x


class Head(nn.Module):
    def __init__(self, channels, num_classes):
        super().__init__()
        self.proj = nn.Linear(channels, num_classes)


class PyTorchVideoSlow(nn.Module):
    """PyTorchVideo's slow_r50."""

    def __init__(self, num_classes, *, base):
        super().__init__()
        self.blocks = nn.ModuleList([Stem(base, 1)])
        channels = base
        for i, depth in enumerate(DEPTHS):
            inner = base * 2**i
            self.blocks.append(Stage(channels, inner, depth, SLOW_FRAMES[i], 1 if i == 0 else 2))
            channels = 4 * inner
        self.blocks.append(Head(channels, num_classes))

    def forward(self, x):
        for block in self.blocks[:-1]:
            x = block(x)
        return self.blocks[-1].proj(x.mean(dim=(2, 3, 4)))


class Fusion(nn.Module):
    def __init__(self, channels, alpha):
        super().__init__()
        self.conv_fast_to_slow, self.norm = conv_norm(
            channels, 2 * channels, (7, 1, 1), (alpha, 1, 1), (3, 0, 0)
        )

    def forward(self, slow, fast):
        fused = torch.relu(self.norm(self.conv_fast_to_slow(fast)))
        return torch.cat([slow, fused], dim=1), fast


class TwoWays(nn.Module):
    def __init__(self, slow, fast, fusion=None):
        super().__init__()
        self.multipathway_blocks = nn.ModuleList([slow, fast])
        if fusion is not None:
            self.multipathway_fusion = fusion

    def forward(self, slow, fast):
        slow, fast = self.multipathway_blocks[0](slow), self.multipathway_blocks[1](fast)
        fusion = getattr(self, "multipathway_fusion", None)
        return (slow, fast) if fusion is None else fusion(slow, fast)


class PyTorchVideoSlowFast(nn.Module):
    """PyTorchVideo's slowfast_r50, alpha 4; its pool is block 5, without weights."""

    def __init__(self, num_classes, *, base, alpha=4):
        super().__init__()
        self.alpha, fast = alpha, base // 8
        self.blocks = nn.ModuleList([TwoWays(Stem(base, 1), Stem(fast, 5), Fusion(fast, alpha))])
        slow_in, fast_in = base + 2 * fast, fast
        for i, depth in enumerate(DEPTHS):
            stride, inner, thin = 1 if i == 0 else 2, base * 2**i, fast * 2**i
            fusion = Fusion(4 * thin, alpha) if i < 3 else None
            self.blocks.append(
                TwoWays(
                    Stage(slow_in, inner, depth, SLOW_FRAMES[i], stride),
                    Stage(fast_in, thin, depth, 3, stride),
                    fusion,
                )
            )
            slow_in, fast_in = 4 * inner + 8 * thin, 4 * thin
        self.blocks += [nn.Identity(), Head(32 * (base + fast), num_classes)]

    def forward(self, x):
        slow, fast = x[:, :, :: self.alpha], x
        for block in self.blocks[:5]:
            slow, fast = block(slow, fast)
        pooled = torch.cat([each.mean(dim=(2, 3, 4)) for each in (slow, fast)], dim=1)
        return self.blocks[-1].proj(pooled)


def as_pyslowfast(weights):
    """Weights of PyTorchVideo under the names of PySlowFast, place by place."""
    found = {}
    for name, value in weights.items():
        parts = name.split(".")
        number, rest = int(parts[1]), parts[2:]
        pathway = 0
        if rest[0] == "multipathway_fusion":
            kind = "conv_f2s" if rest[1] == "conv_fast_to_slow" else "bn"
            found[".".join([f"s{number + 1}_fuse", kind, *rest[2:]])] = value
            continue
        if rest[0] == "multipathway_blocks":
            pathway, rest = int(rest[1]), rest[2:]
        if rest[0] == "proj":
            new = ["head", "projection", *rest[1:]]
        elif number == 0:
            new = ["s1", f"pathway{pathway}_stem", "conv" if rest[0] == "conv" else "bn", *rest[1:]]
        else:
            new = [f"s{number + 1}", f"pathway{pathway}_res{rest[1]}"]
            if rest[2].startswith("branch1"):
                new += ["branch1" if rest[2].endswith("conv") else "branch1_bn", *rest[3:]]
            else:
                kind, letter = rest[3].split("_")
                new += ["branch2", letter if kind == "conv" else f"{letter}_bn", *rest[4:]]
        found[".".join(new)] = value
    return found
