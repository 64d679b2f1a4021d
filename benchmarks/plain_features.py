"""What ``speed_features.py`` compares with: features and a step on them, as first written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy

from semivideo.models.efficientnet_lite import MEAN, STD, EfficientNetLite0


def features(paths: list[Path], *, num_frames: int, side: int) -> list[Tensor]:
    """Video by video: decode it, take frames, shrink them by Pillow, ask the network.

    Returns:
        (num_frames, 1280) of each video.
    """
    network = EfficientNetLite0(2, pretrained=True).eval()
    found = []
    for path in paths:
        with av.open(str(path)) as container:
            decoded = container.decode(video=0)
            frames = [frame.to_image() for frame in decoded]  # type: ignore[no-untyped-call]
        chosen = [frames[int((k + 0.5) * len(frames) / num_frames)] for k in range(num_frames)]
        images = torch.stack([_image(frame, side) for frame in chosen])
        with torch.no_grad():
            found.append(network.frame_features(images.transpose(0, 1)[None])[0])
    return found


def _image(frame: Image.Image, side: int) -> Tensor:
    """Normalised float (3, side, side) of the middle of a frame."""
    scale = side / min(frame.size)
    width, height = (round(length * scale) for length in frame.size)
    small = frame.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - side) // 2, (height - side) // 2
    pixels = np.asarray(small.crop((left, top, left + side, top + side)))
    return (torch.from_numpy(pixels).permute(2, 0, 1).float() / 255 - MEAN) / STD


def fixmatch_step(
    table_RVD: Tensor, labels_R: Tensor, *, num_classes: int, batches: tuple[int, int]
) -> Callable[[], None]:
    """Return FixMatch's step with a linear head on features, weak and strong views in one forward.

    Args:
        table_RVD: Features of R videos, V views each.
        labels_R: Their classes; all may be drawn as labelled.
        num_classes: K.
        batches: Labelled and unlabelled clips of a step.
    """
    R, V, D = table_RVD.shape
    head = torch.nn.Linear(D, num_classes)
    optimizer = torch.optim.SGD(head.parameters(), lr=20.0, momentum=0.9, weight_decay=1e-6)
    B, U = batches

    def step() -> None:
        x, u = torch.randint(R, (B,)), torch.randint(R, (U,))
        x_v, s_v = torch.randint(2, (B,)), torch.randint(2, V, (U,))
        views = torch.cat([table_RVD[x, x_v], table_RVD[u, 0], table_RVD[u, s_v]])
        F_x, F_w, F_s = head(views).split([B, U, U])
        confidence, label = F_w.detach().softmax(dim=1).max(dim=1)
        kept = (confidence >= 0.95).float()
        L_u = (cross_entropy(F_s, label, reduction="none") * kept).mean()
        loss = cross_entropy(F_x, labels_R[x]) + L_u
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # for the log

    return step
