"""Networks of the Hugging Face hub that are known by name: a line each, as published.

Sizes and multiplications are counted from the published configurations, for the encoder alone and
a clip of the input named here.
"""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """A network of the hub, as its publishers and its configuration say."""

    shows: str
    input: str
    pretrained_on: str
    licence: str
    million_weights: float
    gmac: float


_WIT = "400 M pairs of picture and text"
_WEB = "pairs of picture and text, of the web of all languages"
_DFN = "DFN-2B, COYO and others, picture and text"
_NO_LABELS, _LABELS = "Kinetics-400, without labels", "Kinetics-400, with labels"
_MIX = "VideoMix22M: SSv2, Kinetics, HowTo100M, YT-1B, ImageNet"
_SPOKEN = "36 M videos with captions, 582 M clips with noisy text"
_DINO_3 = "DINOv3 licence"
_NOT_SOLD = "CC-BY-NC-4.0"

PICTURES = {
    "clip_b32": Published("CLIP ViT-B/32", "8 x 224", _WIT, "MIT", 87.8, 35.3),
    "clip_b16": Published("CLIP ViT-B/16", "8 x 224", _WIT, "MIT", 86.2, 140.5),
    "clip_l14": Published("CLIP ViT-L/14", "8 x 224", _WIT, "MIT", 304.0, 648.1),
    "metaclip2_h14": Published("MetaCLIP 2 ViT-H/14", "8 x 224", _WEB, _NOT_SOLD, 632.1, 1338.4),
    "siglip2_b16": Published("SigLIP 2 ViT-B/16", "8 x 224", "WebLI", "Apache-2.0", 92.9, 141.7),
    "dinov2_s14": Published("DINOv2 ViT-S/14", "8 x 224", "LVD-142M", "Apache-2.0", 22.1, 49.0),
    "dinov2_b14": Published("DINOv2 ViT-B/14", "8 x 224", "LVD-142M", "Apache-2.0", 86.6, 185.3),
    "dinov3_s16": Published("DINOv3 ViT-S/16", "8 x 224", "LVD-1689M", _DINO_3, 21.6, 37.6),
    "dinov3_b16": Published("DINOv3 ViT-B/16", "8 x 224", "LVD-1689M", _DINO_3, 85.7, 143.5),
    "aimv2_l14": Published("AIMv2 ViT-L/14", "8 x 224", _DFN, "apple-amlr", 312.3, 662.7),
}
VIDEOS = {
    "videomae_s": Published("VideoMAE ViT-S", "16 x 224", _LABELS, _NOT_SOLD, 21.9, 56.9),
    "videomae_b": Published("VideoMAE ViT-B", "16 x 224", _NO_LABELS, _NOT_SOLD, 86.2, 180.3),
    "videomae_l": Published("VideoMAE ViT-L", "16 x 224", _NO_LABELS, _NOT_SOLD, 303.9, 596.8),
    "timesformer_b": Published("TimeSformer-B", "8 x 224", _LABELS, _NOT_SOLD, 121.3, 195.8),
    "vivit_b": Published("ViViT-B 16x2", "32 x 224", _LABELS, "MIT", 88.6, 451.5),
    "vjepa2_l": Published("V-JEPA 2 ViT-L", "16 x 256", _MIX, "MIT", 303.9, 827.9),
    "videoprism_b": Published("VideoPrism-B", "16 x 288", _SPOKEN, "Apache-2.0", 114.4, 486.6),
    "xclip_b32": Published("X-CLIP-B/32", "8 x 224", f"{_WIT}; {_LABELS}", "MIT", 126.9, 35.8),
}
MODEL_TYPES = {
    "clip": "clip",
    "metaclip2": "metaclip_2",
    "siglip2": "siglip",
    "dinov2": "dinov2",
    "dinov3": "dinov3_vit",
    "aimv2": "aimv2",
    "videomae": "videomae",
    "timesformer": "timesformer",
    "vivit": "vivit",
    "vjepa2": "vjepa2",
    "videoprism": "videoprism_vision_model",
    "xclip": "xclip",
}
"""First word of a name to the type of model in its ``config.json``."""
REPOS = {
    "clip_b32": "openai/clip-vit-base-patch32",
    "clip_b16": "openai/clip-vit-base-patch16",
    "clip_l14": "openai/clip-vit-large-patch14",
    "metaclip2_h14": "facebook/metaclip-2-worldwide-huge-quickgelu",
    "siglip2_b16": "google/siglip2-base-patch16-224",
    "dinov2_s14": "facebook/dinov2-small",
    "dinov2_b14": "facebook/dinov2-base",
    "dinov3_s16": "facebook/dinov3-vits16-pretrain-lvd1689m",
    "dinov3_b16": "facebook/dinov3-vitb16-pretrain-lvd1689m",
    "aimv2_l14": "apple/aimv2-large-patch14-224-lit",
    "videomae_s": "MCG-NJU/videomae-small-finetuned-kinetics",
    "videomae_b": "MCG-NJU/videomae-base",
    "videomae_l": "MCG-NJU/videomae-large",
    "timesformer_b": "facebook/timesformer-base-finetuned-k400",
    "vivit_b": "google/vivit-b-16x2-kinetics400",
    "vjepa2_l": "facebook/vjepa2-vitl-fpc64-256",
    "videoprism_b": "google/videoprism-base-f16r288",
    "xclip_b32": "microsoft/xclip-base-patch32",
}
