"""Small batches, networks and methods that the whole conformance suite shares."""

import inspect
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.run import build
from semivideo.settings import Settings

sys.path.append(str(Path(__file__).parents[1] / "methods"))  # where a user's method is found
K = 5
NUM_VIDEOS = 300
# Group norm: no batch statistics, so that one clip's logits do not depend on its neighbours.
NETWORK = {
    "name": "resnet3d10",
    "options": {"width": 0.25, "dropout": 0.0, "norm": "group", "zero_init": False},
}


def make_settings(method: str, **options) -> Settings:
    return Settings.from_mapping(
        {
            "views": {"crop_size": 16, "flip": True},
            "networks": {
                "primary": {**NETWORK, "num_frames": 2, "stride_frames": 4},
                "auxiliary": {**NETWORK, "num_frames": 4, "stride_frames": 2},
            },
            "method": {"name": method, **options},
        }
    )


def make_method(method: str, *, seed: int = 0, **options):
    torch.manual_seed(seed)
    made = build.build_method(make_settings(method, **options), num_classes=K)
    made.prepare([f"{row}.mp4" for row in range(NUM_VIDEOS)])
    return made


def confident_options(method: str, *, threshold: float = 0.0) -> dict[str, float]:
    """Options with which every clip is confident enough, where the method has a threshold."""
    cls = build.method_class(method)
    has_threshold = "threshold" in inspect.signature(cls.__init__).parameters
    return {"threshold": threshold} if has_threshold else {}


def make_frames(num: int, specs: dict[str, ClipSpec], *, seed: int) -> dict[str, torch.Tensor]:
    """Smooth moving patterns: every clip of its own, alike in all streams."""
    generator = torch.Generator().manual_seed(seed)
    longest = max(spec.num_frames for spec in specs.values())
    coarse = torch.rand(num, longest * 3, 3, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(20, 26), mode="bilinear")
    raw = (smooth * 255).to(torch.uint8).reshape(num, longest, 3, 20, 26)
    frames = {}
    for name, spec in specs.items():
        rgb, successors = (x[:, :: longest // spec.num_frames] for x in (raw, raw.roll(-1, 1)))
        pairs = torch.cat([rgb, successors], dim=2)
        frames[name] = {"rgb": rgb, "flow": rgb[:, :, :2]}.get(spec.modality, pairs)
    return frames


def make_batch(method, *, labeled: int = 4, unlabeled: int = 8, step: int = 0, seed: int = 0):
    """A batch of the clips ``method`` asks for, half way through training."""

    def common(num: int, salt: int) -> dict:
        return {
            "frames": make_frames(num, method.clips, seed=seed * 7 + salt),
            "size": torch.tensor([[20, 26]]).repeat(num, 1),
            "video": torch.arange(num) + 100 * salt,
            "draw": torch.arange(num) + 1000 * (salt + 10 * step),
        }

    return Batch(
        labeled=LabeledClips(**common(labeled, 1), label=torch.arange(labeled) % K),
        unlabeled=Clips(**common(unlabeled, 2)) if method.uses_unlabeled else None,
        step=step,
        progress=0.5,
    )


def take(clips: Clips, rows: torch.Tensor | slice) -> Clips:
    """The given rows of some clips."""
    fields = {name: getattr(clips, name)[rows] for name in ("size", "video", "draw")}
    if isinstance(clips, LabeledClips):
        fields["label"] = clips.label[rows]
    return type(clips)(frames={k: v[rows] for k, v in clips.frames.items()}, **fields)


@pytest.fixture
def kit():
    """Builders, since test folders are not importable packages."""
    return SimpleNamespace(
        K=K,
        settings=make_settings,
        method=make_method,
        confident=confident_options,
        batch=make_batch,
        take=take,
    )
