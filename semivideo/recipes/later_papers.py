"""The settings of methods that came after CMPL and LTG, by their papers.

    semivideo train videos/ --split split.json --recipe svformer-ucf101-10-b --out runs/a

SVFormer: TimeSformer with ImageNet's weights on 8 x 8 frames at 224, 30 epochs of the labelled
clips, five unlabelled clips for each, SGD 0.005, 5 supervised epochs, drop path 0.1, dropout 0.5,
5 x 3 views. The released settings have 8 labelled clips a step. The rate falls to a tenth at epoch
25 and a hundredth at 28; here it follows a cosine. The threshold is one of 0.3, 0.5, 0.7 and 0.9
there, without a word which; 0.7 here. SeFAR: SVFormer with ``reverse`` and ``adaptive``, without
``warp``, decay 0.9999.

TimeBalance: 3D-ResNet-50, see ``timebalance``; its two teachers and the student's first weights
were trained without labels on the same videos, which is not part of the method here. The student
trains for 150 epochs as published, and before it the teachers for as many: two rounds share the
steps of a run (``methods.taught.timebalance``) and the student starts anew, so a run has 300. The
warm-up is 10 epochs of each round.

All three take the training videos without the labelled ones as unlabelled.

SVFormer's networks begin with fresh weights until a folder of ImageNet's is named:

    --set networks.primary.options.model=FOLDER

Lists: UCF-101 at 1 and 10 % is ``ucf101-balanced-*``. At 5 % SeFAR has a list of its own, which
this package has no protocol for: 477 clips, none of the class Knitting, 27 of them in VideoSSL's
list of 5 % as well. Which list TimeBalance's 5 % is, is not known here. HMDB-51's are VideoSSL's,
in which 28 to 34 % of the test clips share a film with a labelled clip, so every number on it is on
a leaking split.
"""

from __future__ import annotations

from typing import Any

from semivideo.settings import League, Settings

Share = tuple[str, int]
"""Data set and labelled percent."""

UCF, HMDB, KINETICS = "ucf101", "hmdb51", "kinetics400"
_SHARES: tuple[Share, ...] = (
    *((UCF, 1), (UCF, 10)),
    *((HMDB, 40), (HMDB, 50), (HMDB, 60)),
    *((KINETICS, 1), (KINETICS, 10)),
)
SVFORMER: dict[str, tuple[float, ...]] = {
    "s": (31.4, 79.1, 56.2, 58.2, 59.7, 32.6, 61.6),
    "b": (46.3, 86.7, 61.6, 64.4, 68.2, 49.1, 69.4),
}
"""Size of the network to top-1 in percent, in the order of the paper's shares."""
SEFAR: dict[Share, float] = {
    (UCF, 1): 50.3,
    (UCF, 5): 77.6,
    (UCF, 10): 87.0,
    (HMDB, 40): 61.5,
    (HMDB, 50): 65.7,
}
"""Top-1 in percent, of the base network."""
TIMEBALANCE: dict[Share, float] = {(UCF, 1): 30.1, (UCF, 5): 53.3, (UCF, 10): 81.1}
"""Top-1 in percent, of a 3D-ResNet-50; not checked against other copies of the table."""
LEAGUE: League = "image weights"
"""Of SVFormer's and SeFAR's numbers, whatever the settings begin with."""
_SIZES = {"s": (384, 6), "b": (768, 12)}  # width, heads


def svformer_cells() -> dict[tuple[str, Share], float]:
    """Return the published numbers by size of the network and share."""
    return {
        (size, share): number
        for size, numbers in SVFORMER.items()
        for share, number in zip(_SHARES, numbers, strict=True)
    }


def svformer(*, size: str) -> Settings:
    """Return SVFormer's settings, which are the same for all shares.

    Args:
        size: "s" or "b".
    """
    return _transformer({"name": "svformer", "threshold": 0.7}, size=size)


def sefar() -> Settings:
    """Return SeFAR's settings on the base network."""
    method = {"name": "svformer", "reverse": True, "warp": False, "adaptive": True}
    return _transformer({**method, "decay": 0.9999}, size="b")


def timebalance() -> Settings:
    """Return TimeBalance's settings: 8 frames of stride 2, batches of 16, weight 100.

    The student has 150 epochs and so have the teachers. Adam at 1e-4 as published is AdamW here,
    without decay.
    """
    network = {"name": "resnet3d50", "num_frames": 8, "stride_frames": 2}
    return Settings.from_mapping(
        {
            "data": {
                "labeled_batch": 16,
                "unlabeled_batch": 16,
                "unlabeled_includes_labeled": False,
            },
            "networks": {"primary": network},
            "method": {"name": "timebalance", "weight": 100.0},
            "engine": {
                "epochs": 2 * 150,  # in two rounds
                "optimizer": "adamw",
                "learning_rate": 1e-4,
                "weight_decay": 0.0,
                "warmup": 10 / 150,
            },
            "evaluation": {"num_clips": 10, "num_crops": 1},
        }
    )


def _transformer(method: dict[str, Any], *, size: str) -> Settings:
    """Return what both have."""
    width, heads = _SIZES[size]
    config = {
        "num_frames": 8,
        "image_size": 224,
        "patch_size": 16,
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": 12,
        "num_attention_heads": heads,
    }
    network = {"model": "timesformer", "config": config, "dropout": 0.5}
    return Settings.from_mapping(
        {
            "data": {
                "labeled_batch": 8,
                "unlabeled_batch": 40,
                "unlabeled_includes_labeled": False,
            },
            "networks": {
                "primary": {
                    "name": "huggingface",
                    "num_frames": 8,
                    "stride_frames": 8,
                    "drop_path": 0.1,
                    "options": network,
                }
            },
            "method": {**method, "supervised_warmup": 5 / 30},
            "engine": {
                "epochs": 30,
                "epoch_of": "labeled",
                "learning_rate": 0.005,
                "weight_decay": 1e-4,
            },
            "evaluation": {"num_clips": 5, "num_crops": 3, "crop_size": 224},
        }
    )
