"""CMPL with a convolutional primary and a transformer auxiliary network.

ActNetFormer (Dass et al., ICPR 2024, arXiv 2404.06243) is this with a 3D-ResNet-50 and a video
transformer, and a contrast between the two. No code was released, and its numbers are not known
here: which transformer, and how both are trained, is our choice.

    semivideo train videos/ --recipe small-cmpl-transformer --labels-per-class 4 --out runs/a

The more the two networks differ, the less they share errors; CMPL's own pair differs in width and
frame rate only. The deployed network is the convolutional one, so testing needs no transformers.
Transformers learn little from a few labels and fresh weights; for pretrained ones name a folder:

    --set networks.auxiliary.options.model=FOLDER

The engine's one SGD serves both networks: gradients are clipped and the rate warms up, which a
transformer needs and the convolutional network does not mind.
"""

from __future__ import annotations

from collections.abc import Callable

from semivideo.recipes import small
from semivideo.recipes.cmpl_paper import paper_settings
from semivideo.settings import Settings


def small_transformer() -> Settings:
    """Return small-cmpl with a VideoMAE of 0.4 M weights as auxiliary network: ours."""
    config = {
        "num_frames": 16,
        "image_size": 48,
        "tubelet_size": 4,
        "patch_size": 8,
        "hidden_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 3,
        "intermediate_size": 384,
    }
    return small.cmpl().updated(
        {
            "networks.auxiliary.name": "huggingface",
            "networks.auxiliary.options": {"model": "videomae", "config": config, "dropout": 0.1},
            "engine.clip_gradient": 2.0,
        }
    )


def paper_transformer() -> Settings:
    """Return CMPL's 3D-ResNet-50 with a VideoMAE-base, which sees 16 x 4 frames as its authors do.

    The pair is ActNetFormer's first half; the transformer, rate, warm-up and clipping are ours, and
    were not run. Its cost is counted as that of CMPL's: 51.5 G multiplications a clip and 180 G of
    the auxiliary network.
    """
    base = {"num_frames": 16, "image_size": 224, "hidden_size": 768, "num_hidden_layers": 12}
    return paper_settings("cmpl", network="r50", data="kinetics400", percent=1).updated(
        {
            "networks.auxiliary.name": "huggingface",
            "networks.auxiliary.options": {"model": "videomae", "config": base},
            "engine.learning_rate": 0.05,
            "engine.warmup": 0.05,
            "engine.clip_gradient": 1.0,
        }
    )


def paper_contrast() -> Settings:
    """Return ActNetFormer's settings as far as they are known: the above and its contrast.

    Nobody released its code; weight, temperature and heads of the contrast are LTG's.
    """
    return paper_transformer().updated({"method.contrast.weight": 1.0})


# data set, cost, what it is for
TABLE: dict[str, tuple[str, str, str, Callable[[], Settings]]] = {
    "small-cmpl-transformer": (
        "small own data",
        "2 cores, minutes",
        "two architectures",
        small_transformer,
    ),
    "cmpl-transformer-kinetics400-1": (
        "kinetics400, 1 %",
        "146 EFLOP (340 h)",
        "ActNetFormer without contrast",
        paper_transformer,
    ),
    "actnetformer-kinetics400-1": (
        "kinetics400, 1 %",
        "146 EFLOP (340 h)",
        "ActNetFormer, as far as known",
        paper_contrast,
    ),
}
