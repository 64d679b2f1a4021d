"""The families of networks of transformers that can be encoders: one line a type of model.

    pictures (N T, 3, H, W)  -> one vector a frame                                       (N, T, D)
    videos   (N, T, 3, H, W) -> tokens, averaged over places, or one vector a clip       (N, T', D)

What is taken is what the authors publish as the feature: the projected or pooled embedding of a
picture, the class token, or the mean of the tokens. Poolers that a checkpoint has no weights for
are never used: V-JEPA 2's attentive pooler would be millions of random weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

Feature = Callable[[Any, Tensor], Tensor]


class Family(NamedTuple):
    """What must be known of a type of model.

    Attributes:
        network: Its class in transformers.
        feature: The network and normalised pixels to features; see the module for shapes.
        is_video: Whether it takes videos; otherwise pictures.
        part: Where a configuration that is of two towers has that of the network; None where the
            network needs both.
        config: The class of the configuration of the network.
        dim: Keys of the configuration, the first one it has is D.
        frames: Key of the number of frames; None for pictures.
        size: Key of the side of a picture, where positions are learned for that one alone.
        usual_frames: Frames of a clip, where the network takes any number.
        options: Of ``from_pretrained``.
        unneeded: Beginnings of names of parts that are taken out; their weights need not be there.
        optional: Parts that are taken out where their weights are not there.
    """

    network: str
    feature: Feature
    is_video: bool
    config: str
    part: str | None = None
    dim: tuple[str, ...] = ("hidden_size",)
    frames: str | None = None
    size: str | None = "image_size"
    usual_frames: int | None = None
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    unneeded: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def _projected(network: Any, pixels: Tensor) -> Tensor:
    """CLIP: the embedding that pictures and sentences share."""
    return network(pixel_values=pixels).image_embeds  # type: ignore[no-any-return]


def _pooled(network: Any, pixels: Tensor) -> Tensor:
    """The pooled embedding, of DINO the class token; the mean of tokens without a pooler."""
    found = network(pixel_values=pixels)
    pooled = found.pooler_output
    return found.last_hidden_state.mean(dim=1) if pooled is None else pooled  # type: ignore[no-any-return]


def _class_token(network: Any, pixels: Tensor) -> Tensor:
    """TimeSformer, ViViT: one vector a clip."""
    return network(pixel_values=pixels).last_hidden_state[:, :1]  # type: ignore[no-any-return]


def _all_tokens(network: Any, pixels: Tensor) -> Tensor:
    """VideoMAE: the mean of all tokens, one vector a clip; normalised where it was tuned so."""
    tokens = network.videomae(pixel_values=pixels).last_hidden_state.mean(dim=1)
    return (tokens if network.fc_norm is None else network.fc_norm(tokens))[:, None]  # type: ignore[no-any-return]


def _tubelet_means(network: Any, pixels: Tensor) -> Tensor:
    """V-JEPA 2: the mean of the tokens of each pair of frames; their mean is that of all tokens."""
    tokens = network(pixel_values_videos=pixels, skip_predictor=True).last_hidden_state
    steps = pixels.shape[1] // network.config.tubelet_size
    return tokens.unflatten(1, (steps, -1)).mean(dim=2)  # type: ignore[no-any-return]


def _frame_means(network: Any, pixels: Tensor) -> Tensor:
    """VideoPrism: the mean of the tokens of each frame; their mean is that of all tokens."""
    tokens = network(pixel_values_videos=pixels).last_hidden_state
    return tokens.unflatten(1, (pixels.shape[1], -1)).mean(dim=2)  # type: ignore[no-any-return]


def _video_features(network: Any, pixels: Tensor) -> Tensor:
    """X-CLIP: the embedding that videos and sentences share."""
    return network.get_video_features(pixel_values=pixels).pooler_output[:, None]  # type: ignore[no-any-return]


_CLIP = Family(
    "CLIPVisionModelWithProjection",
    _projected,
    is_video=False,
    config="CLIPVisionConfig",
    part="vision_config",
    dim=("projection_dim",),
)
_META_CLIP = _CLIP._replace(
    network="MetaClip2VisionModelWithProjection", config="MetaClip2VisionConfig"
)
_SIGLIP = Family(
    "SiglipVisionModel", _pooled, is_video=False, config="SiglipVisionConfig", part="vision_config"
)
_AIM = _SIGLIP._replace(
    network="Aimv2VisionModel",
    config="Aimv2VisionConfig",
    options={"key_mapping": {r"^vision_model\.": ""}},  # the library does so for the others
)
_DINO = Family("Dinov2Model", _pooled, is_video=False, config="Dinov2Config", size=None)
_VIDEO_PRISM = Family(
    "VideoPrismVisionModel",
    _frame_means,
    is_video=True,
    config="VideoPrismVisionConfig",
    part="vision_config",
    frames="num_frames",
)

FAMILIES: dict[str, Family] = {
    "clip": _CLIP,
    "clip_vision_model": _CLIP,
    "metaclip_2": _META_CLIP,
    "metaclip_2_vision_model": _META_CLIP,
    "siglip": _SIGLIP,  # SigLIP 2 of a fixed size too
    "siglip_vision_model": _SIGLIP,
    "aimv2": _AIM,
    "aimv2_vision_model": _AIM,
    "dinov2": _DINO,
    "dinov2_with_registers": _DINO._replace(
        network="Dinov2WithRegistersModel", config="Dinov2WithRegistersConfig"
    ),
    "dinov3_vit": _DINO._replace(network="DINOv3ViTModel", config="DINOv3ViTConfig"),
    "videomae": Family(
        "VideoMAEForVideoClassification",
        _all_tokens,
        is_video=True,
        config="VideoMAEConfig",
        frames="num_frames",
        unneeded=("classifier",),
        optional=("fc_norm",),  # only networks that were tuned to classes have it
    ),
    "timesformer": Family(
        "TimesformerModel",
        _class_token,
        is_video=True,
        config="TimesformerConfig",
        frames="num_frames",
    ),
    "vivit": Family(
        "VivitModel",
        _class_token,
        is_video=True,
        config="VivitConfig",
        frames="num_frames",
        options={"add_pooling_layer": False},
    ),
    "vjepa2": Family(
        "VJEPA2Model",
        _tubelet_means,
        is_video=True,
        config="VJEPA2Config",
        frames="frames_per_clip",
        size="crop_size",
        usual_frames=16,  # a seventh of the work of 64
        unneeded=("predictor",),
    ),
    "videoprism_vision_model": _VIDEO_PRISM,
    "videoprism": _VIDEO_PRISM,
    "xclip": Family(
        "XCLIPModel",
        _video_features,
        is_video=True,
        config="XCLIPConfig",
        dim=("projection_dim",),
        frames="num_frames",
        unneeded=("text_model", "text_projection", "prompts_", "logit_scale"),
    ),
}
