"""The settings behind Table 1 of CMPL: supervised, FixMatch and CMPL on Kinetics-400 and UCF-101.

Command, for any line of the table:

    semivideo train videos/ --split split.json --recipe cmpl-kinetics400-1 --out runs/cmpl

All share batch 32 + 160, SGD 0.1 with cosine over 200 epochs of the unlabelled videos, momentum
0.9, weight decay 1e-4 (Kinetics-400) or 1e-3 (UCF-101), 8 x 8 frames at 224 (auxiliary 16 x 4),
and 10 x 3 views at test. CMPL: threshold 0.9, weight 5 at 1 % and 2 at 10 %, offset 10 seconds.
The paper is silent on warm-up, clipping, EMA and dropout: none, none, none and 0.5 here.

Cost is counted, not measured: passes over clips times the multiplications of the networks (51.5 G
for 3D-ResNet-50 at 8 x 224 x 224, a quarter-width twin at 16 frames about 7 G), three times a
forward pass; hours are for a machine that sustains 120 TFLOP/s.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from semivideo.settings import Settings

COST: dict[str, str] = {
    "supervised": "3 EFLOP (7 h) on Kinetics-400, 1/25 of it on UCF-101",
    "fixmatch": "33 EFLOP (76 h) on Kinetics-400, 1/25 of it on UCF-101",
    "cmpl": "37 EFLOP (86 h) on Kinetics-400, 1/25 of it on UCF-101",
}


def paper_settings(method: str, *, data: str, percent: int, depth: int = 50) -> Settings:
    """Return the complete settings of one cell of CMPL's Table 1.

    Args:
        method: "supervised", "fixmatch" or "cmpl".
        data: "kinetics400" or "ucf101".
        percent: Labelled share in percent, 1 or 10.
        depth: Depth of the primary network, 18 or 50.
    """
    primary = {"name": f"resnet3d{depth}", "num_frames": 8, "stride_frames": 8}
    auxiliary = {
        "name": f"resnet3d{depth}",
        "num_frames": 16,
        "stride_frames": 4,
        "offset_seconds": 10.0,
        "options": {"width": 0.25},
    }
    options = {
        "supervised": {},
        "fixmatch": {"threshold": 0.95, "weight": 1.0},
        "cmpl": {"threshold": 0.9, "weight": 5.0 if percent == 1 else 2.0},
    }[method]
    networks = {"primary": primary, "auxiliary": auxiliary if method == "cmpl" else None}
    return Settings.from_mapping(
        {
            "data": {"labeled_batch": 32, "unlabeled_batch": 160},
            "networks": networks,
            "method": {"name": method, **options},
            "engine": {
                "epochs": 200,
                "learning_rate": 0.1,
                "weight_decay": 1e-4 if data == "kinetics400" else 1e-3,
            },
        }
    )


# method, data set, labelled percent, depth, top-1 in the paper's Table 1
_CELLS = [
    ("supervised", "kinetics400", 1, 50, 4.4),
    ("supervised", "kinetics400", 10, 50, 36.2),
    ("supervised", "ucf101", 1, 50, 6.5),
    ("supervised", "ucf101", 10, 50, 32.4),
    ("fixmatch", "kinetics400", 1, 50, 8.6),
    ("fixmatch", "kinetics400", 10, 50, 46.9),
    ("fixmatch", "ucf101", 1, 50, 14.8),
    ("fixmatch", "ucf101", 10, 50, 49.8),
    ("cmpl", "kinetics400", 1, 50, 17.6),
    ("cmpl", "kinetics400", 10, 50, 58.4),
    ("cmpl", "ucf101", 1, 50, 25.1),
    ("cmpl", "ucf101", 10, 50, 79.1),
    ("cmpl", "kinetics400", 1, 18, 16.5),
    ("cmpl", "kinetics400", 10, 18, 53.7),
    ("cmpl", "ucf101", 1, 18, 23.8),
    ("cmpl", "ucf101", 10, 18, 67.6),
]

TABLE: dict[str, tuple[str, str, str, Callable[[], Settings]]] = {
    f"{method}-{data}-{percent}{'' if depth == 50 else f'-r{depth}'}": (
        method,
        f"{data}, {percent} % labelled",
        f"{top1} (CMPL Table 1)",
        partial(paper_settings, method, data=data, percent=percent, depth=depth),
    )
    for method, data, percent, depth, top1 in _CELLS
}
