"""Settings that tune a pretrained image network on a CPU: EfficientNet-Lite0, 8 frames of 128.

    semivideo train videos/ --recipe tuned-fixmatch --labels-per-class 5 --out runs/a

The network starts from ImageNet's weights (extra ``pretrained``), with temporal shift. AdamW moves
the last stages at 1e-4 and the head at 1e-3; stem, res2 and res3 and all batch statistics stay as
they came. For natural footage; where motion alone is the class, the small networks from scratch
are better (docs/choosing.md). To tune the whole body, set ``networks.primary.freeze=[]``.
"""

from __future__ import annotations

from typing import Any

from semivideo.models.efficientnet_lite import MEAN, STD
from semivideo.settings import Settings


def supervised() -> Settings:
    """Return the baseline: the labelled clips alone."""
    return _settings({"name": "supervised"})


def fixmatch() -> Settings:
    """Return FixMatch with a supervised warm-up."""
    return _settings(_confident("fixmatch"))


def cmpl() -> Settings:
    """Return CMPL with a small auxiliary network from scratch, which sees motion at twice the rate.

    The auxiliary network learns at AdamW's 1e-3.
    """
    return _settings(_confident("cmpl"))


def ltg() -> Settings:
    """Return LTG whose network on temporal gradients is tuned from the same weights.

    A network that has seen images reads the gradient only where its contrast is raised.
    """
    method = {"name": "ltg", "threshold": 0.5, "weight": 1.0, "supervised_warmup": 0.2}
    return _settings(method, motion_contrast=8.0)


def svformer() -> Settings:
    """Return SVFormer, whose patches of 16 pixels are mixed."""
    return _settings({**_confident("svformer"), "mixing": {"weight": 1.0, "grid": 8}})


def _confident(name: str) -> dict[str, Any]:
    return {"name": name, "threshold": 0.8, "weight": 1.0, "supervised_warmup": 0.2}


def _settings(method: dict[str, Any], **views: Any) -> Settings:
    """Return what all share; only the method differs, and ``views`` where it needs others."""
    return Settings.from_mapping(
        {
            "data": {
                "short_side": 144,
                "sampling": "segments",
                "labeled_batch": 16,
                "unlabeled_batch": 16,
            },
            "views": {
                "crop_size": 128,
                "mean": (MEAN,) * 3,
                "std": (STD,) * 3,
                "jitter_scale": (1.02, 1.3),
                "weak_scale": 1.12,
                "randaugment_magnitude": 10,
                "randaugment_random_magnitude": True,
                **views,
            },
            "networks": {
                "primary": {
                    "name": "efficientnet_lite0",
                    "num_frames": 8,
                    "options": {"pretrained": True, "shift": 0.125},
                    "rates": {"head": 1e-3, "body": 1e-4},
                    "freeze": ["stem", "res2", "res3"],
                    "frozen_statistics": True,
                },
                "auxiliary": {
                    "name": "resnet3d10",
                    "num_frames": 16,
                    "stride_frames": 4,
                    "options": {"width": 0.25, "dropout": 0.1, "zero_init": False},
                },
            },
            "method": method,
            "engine": {
                "optimizer": "adamw",
                "steps": 600,
                "learning_rate": 1e-3,
                "weight_decay": 0.05,
                "decay_exempt": ["norm", "bias", "head"],
                "warmup": 0.1,
                "evaluate_every": None,
            },
            "evaluation": {"num_clips": 2, "num_crops": 1, "crop_size": 128, "scale": 1.12},
        }
    )
