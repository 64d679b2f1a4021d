"""Folders of transformers with small random weights, one a family, as its classes write them.

The processor's files are written by hand as the hub holds them: the classes of video processors
need torchvision, which these tests do without.
"""

import json
from pathlib import Path
from typing import NamedTuple

import torch

SIDE = 32
_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "image_size": SIDE,
    "patch_size": 16,
}
_TEXT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 20,
    "max_position_embeddings": 8,
    "eos_token_id": 3,
    "bos_token_id": 2,
    "pad_token_id": 1,
}
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
HALF = [0.5, 0.5, 0.5]


class Folder(NamedTuple):
    """What is in the folder of a family: class, configuration, processor's file and its name."""

    network: str
    config: dict
    processor: dict
    file: str = "preprocessor_config.json"
    dim: int = 32
    frames: int | None = None
    steps: int = 1


def _towers(kind: str, **more) -> dict:
    return {
        "text_config": {**_TEXT, **more.pop("text", {})},
        "vision_config": {**_SIZES, **more.pop("vision", {})},
        **more,
    }


def _processor(kind: str, mean, std, **more) -> dict:
    key = "video_processor_type" if "Video" in kind and "Processor" in kind else ""
    return {
        (key or "image_processor_type"): kind,
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "rescale_factor": 1 / 255,
        "image_mean": mean,
        "image_std": std,
        **more,
    }


_SQUARE = {"height": SIDE, "width": SIDE}
_CROPPED = {"size": {"shortest_edge": 40}, "do_center_crop": True, "crop_size": _SQUARE}
_CLIP = _processor("CLIPImageProcessor", CLIP_MEAN, CLIP_STD, resample=3, **_CROPPED)
_MAE = _processor("VideoMAEImageProcessor", IMAGENET_MEAN, IMAGENET_STD, resample=2, **_CROPPED)
_OF_VIDEO = "video_preprocessor_config.json"

FOLDERS: dict[str, Folder] = {
    "clip": Folder("CLIPModel", _towers("clip", projection_dim=24), _CLIP, dim=24),
    "metaclip_2": Folder("MetaClip2Model", _towers("metaclip_2", projection_dim=24), _CLIP, dim=24),
    "siglip": Folder(
        "SiglipModel",
        _towers("siglip", text={"projection_size": 32}),
        _processor("SiglipImageProcessor", HALF, HALF, resample=3, size=_SQUARE),
    ),
    "dinov2": Folder(
        "Dinov2Model",
        {**_SIZES, "image_size": 64},
        _processor("BitImageProcessor", IMAGENET_MEAN, IMAGENET_STD, resample=3, **_CROPPED),
    ),
    "dinov3_vit": Folder(
        "DINOv3ViTModel",
        {**_SIZES, "num_register_tokens": 2},
        _processor(
            "DINOv3ViTImageProcessor", IMAGENET_MEAN, IMAGENET_STD, resample=2, size=_SQUARE
        ),
    ),
    "aimv2": Folder("Aimv2Model", _towers("aimv2", projection_dim=24), _CLIP),
    "videomae": Folder(
        "VideoMAEForVideoClassification", {**_SIZES, "num_frames": 4}, _MAE, frames=4
    ),
    "timesformer": Folder("TimesformerModel", {**_SIZES, "num_frames": 4}, _MAE, frames=4),
    "vivit": Folder(
        "VivitModel",
        {**{k: v for k, v in _SIZES.items() if k != "patch_size"}, "num_frames": 4}
        | {"tubelet_size": [2, 16, 16]},
        _processor(
            "VivitImageProcessor",
            HALF,
            HALF,
            resample=2,
            offset=True,
            **{**_CROPPED, "rescale_factor": 1 / 127.5},
        ),
        frames=4,
    ),
    "vjepa2": Folder(
        "VJEPA2Model",
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "mlp_ratio": 2,
            "crop_size": SIDE,
            "patch_size": 16,
            "frames_per_clip": 4,
            "num_pooler_layers": 1,
            "pred_hidden_size": 24,
            "pred_num_attention_heads": 2,
            "pred_num_hidden_layers": 1,
        },
        _processor(
            "VJEPA2VideoProcessor",
            IMAGENET_MEAN,
            IMAGENET_STD,
            resample=2,
            size={"shortest_edge": 292},
            do_center_crop=True,
            crop_size=_SQUARE,
        ),
        _OF_VIDEO,
        steps=8,
    ),
    "videoprism_vision_model": Folder(
        "VideoPrismVisionModel",
        {
            **{k: v for k, v in _SIZES.items() if k not in ("patch_size", "num_hidden_layers")},
            "num_frames": 4,
            "tubelet_size": [1, 16, 16],
            "num_spatial_layers": 1,
            "num_temporal_layers": 1,
        },
        {
            **_processor("LlavaOnevisionVideoProcessor", CLIP_MEAN, CLIP_STD, resample=3),
            "size": _SQUARE,
            "do_normalize": False,
        },
        _OF_VIDEO,
        frames=4,
        steps=4,
    ),
    "xclip": Folder(
        "XCLIPModel",
        _towers(
            "xclip",
            projection_dim=24,
            vision={
                "num_frames": 4,
                "mit_hidden_size": 24,
                "mit_intermediate_size": 32,
                "mit_num_attention_heads": 2,
                "mit_num_hidden_layers": 1,
            },
            prompt_num_attention_heads=2,
            prompt_layers=1,
        ),
        _MAE,
        dim=24,
        frames=4,
    ),
}


def write_text_folder(folder: Path, model_type: str) -> Path:
    """Write a folder whose text network reads sentences of 64 letters, with its tokenizer."""
    import transformers

    marks = {"unk_token": "<u>", "pad_token": "<p>", "bos_token": "<b>", "eos_token": "<e>"}
    letters = "abcdefghijklmnopqrstuvwxyz. "
    pieces = [*marks.values(), *letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    given = FOLDERS[model_type]
    text = {**given.config["text_config"], "vocab_size": len(pieces), "max_position_embeddings": 64}
    write_folder(
        folder, model_type, given=given._replace(config={**given.config, "text_config": text})
    )
    tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=[], **marks)
    tokenizer.save_pretrained(folder)
    return folder


def write_folder(
    folder: Path, model_type: str, *, processor: dict | None = None, given: Folder | None = None
) -> Path:
    """Write one of ``FOLDERS`` with weights that are a function of nothing."""
    import transformers

    given = given or FOLDERS[model_type]
    torch.manual_seed(0)
    architecture = getattr(transformers, given.network)
    network = architecture(architecture.config_class(**given.config)).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # zeros and ones hide what is not loaded
            parameter.add_(0.02 * torch.randn_like(parameter))
    network.save_pretrained(folder)
    (folder / given.file).write_text(
        json.dumps(given.processor if processor is None else processor)
    )
    return folder
