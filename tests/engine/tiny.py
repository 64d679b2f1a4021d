"""A method, a stream and a training small enough for tests; also a script that a test can kill."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips, StepResult
from semivideo.engine import Feed, Fitted, Plan, Runtime, fit
from semivideo.methods.base import Method, jointly, logged
from semivideo.models.contract import Network
from semivideo.objectives import confident_labels, masked_cross_entropy
from semivideo.runfolder import RunFolder
from semivideo.settings import EngineSettings

K = 3
B, U, T, H, W = 4, 8, 3, 6, 6


class TinyNetwork(Network):
    num_classes = K
    num_features = 4

    def __init__(self, *, batch_norm: bool = True, dropout: float = 0.3) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm3d(4) if batch_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(4, K)

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        return self.norm(self.conv(clip_NCTHW)).relu().mean(dim=(2, 3, 4))

    def classify(self, features_ND: Tensor) -> Tensor:
        return self.linear(self.dropout(features_ND))


class TinyMethod(Method):
    """FixMatch without views, and a teacher network that follows slowly."""

    def __init__(self, primary: Network, teacher: Network) -> None:
        super().__init__()
        self.primary = primary
        self.teacher = teacher.requires_grad_(False)
        self.clips = {"primary": ClipSpec(num_frames=T, stride_frames=1)}
        self.explode_at: int | None = None

    def forward(self, batch: Batch) -> StepResult:
        assert batch.unlabeled is not None
        x, u = (c.frames["primary"].movedim(1, 2) / 255 for c in (batch.labeled, batch.unlabeled))
        F_x, F_u = jointly(self.primary, labeled=x, standard=u)
        labels = confident_labels(F_u.softmax(dim=1), 0.4)
        L_s, L_u = cross_entropy(F_x, batch.labeled.label), masked_cross_entropy(F_u, labels)
        loss = L_s + 0.1 * L_u
        if batch.step == self.explode_at:
            loss = loss * float("inf")
        terms = {"L_s": L_s.detach(), "L_u": L_u.detach()}
        return StepResult(loss, terms, (logged("primary", batch.unlabeled, labels),))

    @property
    def deployed(self) -> Network:
        return self.primary

    @torch.no_grad()
    def after_step(self) -> None:
        for mine, theirs in zip(self.teacher.parameters(), self.primary.parameters(), strict=True):
            mine.lerp_(theirs, 0.1)


def make_method(*, batch_norm: bool = True, dropout: float = 0.3) -> TinyMethod:
    torch.manual_seed(0)
    networks = [TinyNetwork(batch_norm=batch_norm, dropout=dropout) for _ in range(2)]
    return TinyMethod(*networks)


def make_batch(step: int, num_steps: int, *, rank: int = 0, world_size: int = 1) -> Batch:
    """Batch of a step; bright clips are of the last class, dark ones of the first."""
    random = torch.Generator().manual_seed(step)
    label = torch.randint(0, K, (B + U,), generator=random)
    noise = torch.randint(0, 90, (B + U, T, 3, H, W), generator=random)
    frames = (noise + 80 * label[:, None, None, None, None]).to(torch.uint8)
    numbers = torch.arange(B + U)
    mine = slice(rank, None, world_size)

    def part(rows: slice) -> dict:
        return {
            "frames": {"primary": frames[rows][mine]},
            "size": torch.tensor([[H, W]]).expand(B + U, 2)[rows][mine],
            "video": numbers[rows][mine],
            "draw": numbers[rows][mine] + 100 * step,
        }

    labeled = LabeledClips(**part(slice(0, B)), label=label[:B][mine])
    return Batch(labeled, Clips(**part(slice(B, None))), step, step / num_steps)


def stream(start: int, num_steps: int, *, delay: float = 0.0, **share: int) -> Iterator[Batch]:
    for step in range(start, num_steps):
        time.sleep(delay)
        batch = make_batch(step, num_steps, **share)
        yield dataclasses.replace(batch, skipped={5: "clip.mp4: no frames"} if step == 3 else {})


def train(
    path: Path,
    *,
    num_steps: int = 60,
    method: TinyMethod | None = None,
    split_hash: str = "9f2c",
    delay: float = 0.0,
    evaluate=None,
    **engine,
) -> Fitted:
    """Train in ``path``, continuing what is there."""
    path.mkdir(exist_ok=True)
    options = {"learning_rate": 0.1, "log_every": 8, "checkpoint_every": 20, "tensorboard": False}
    settings = EngineSettings(**{"precision": "fp32", **options, **engine})
    runtime = Runtime(precision=settings.precision, cpu=True)
    share = {"rank": runtime.rank, "world_size": runtime.world_size}
    return fit(
        method or make_method(),
        feed=Feed(lambda start: stream(start, num_steps, delay=delay, **share)),
        plan=Plan(num_steps, settings, split_hash=split_hash, settings_hash="5e77"),
        run=RunFolder(path),
        runtime=runtime,
        evaluate=evaluate,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--num-steps", type=int, default=60)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--plain", action="store_true", help="no dropout, no batch norm")
    options = parser.parse_args()
    torch.set_num_threads(1)
    method = make_method(batch_norm=False, dropout=0.0) if options.plain else make_method()
    fitted = train(
        options.path,
        num_steps=options.num_steps,
        method=method,
        delay=options.delay,
        checkpoint_every=7,
        ema=None if options.plain else 0.9,
    )
    torch.save(fitted.network.state_dict(), options.path / "weights.pt")


if __name__ == "__main__":
    main()
