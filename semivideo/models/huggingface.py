"""Video transformers of Hugging Face's transformers behind the contract of networks.

    clip (N, C, T, H, W) -> pixel values (N, T, C, H, W) -> the model's own pooling -> features

The model is the library's video classifier with its classifier taken out, so features are pooled
as its authors do: mean and normalisation (VideoMAE), class token (TimeSformer, ViViT), attentive
pooler (V-JEPA 2). Nothing is downloaded, no code of a folder is run, and transformers is imported
only when such a network is built.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from semivideo.base.checked import Proportion, shown
from semivideo.base.errors import CheckpointError, ConfigError, nearest
from semivideo.models.blocks.drop_path import DropLayer, DropPath
from semivideo.models.contract import HEAD, Network
from semivideo.models.hf_folder import (
    config_from,
    filled_from,
    listed,
    quiet,
    side_of,
    stored_config,
    transformers_library,
)

_LOG = logging.getLogger("semivideo")


class _Type(NamedTuple):
    """What must be known of a type of model: its classes, and which clips it takes."""

    classes: str
    attention: tuple[str, ...] = ("query", "key", "value")
    frames: str = "num_frames"
    size: str = "image_size"
    any_frames: bool = False


TYPES: dict[str, _Type] = {
    "videomae": _Type("VideoMAE"),
    # Its embeddings interpolate positions, its layers still group tokens by the configured sizes.
    "timesformer": _Type("Timesformer", ("qkv",)),
    "vivit": _Type("Vivit", ("q_proj", "k_proj", "v_proj")),
    # Rotary positions: any length; rows of patches are counted with the configured size.
    "vjepa2": _Type("VJEPA2", frames="frames_per_clip", size="crop_size", any_frames=True),
}
# Parts that are taken out: in place of the first stands ours, the second would get no gradient.
TAKEN_OUT = ("classifier", "vjepa2.predictor")
POOLER = "pooler"
"""The part of V-JEPA 2 that makes a feature of tokens; most checkpoints have no weights for it."""


class HuggingFace(Network):
    """A video transformer of Hugging Face's transformers: VideoMAE, TimeSformer, ViViT, V-JEPA 2.

    Args:
        num_classes: K, number of logits.
        model: A key of ``TYPES`` for fresh weights, or a local folder with ``config.json`` and
            weights.
        config: Keys of the model's configuration, such as ``hidden_size``; with a folder they
            change the folder's.
        dropout: Probability of dropping a feature before the classifier, in [0, 1].
        pool: How tokens become a feature: by the "model", or their "mean", which is for V-JEPA 2
            alone. None takes the model's, but the mean where a folder has no weights for its
            pooler: that would be millions of random ones.

    Raises:
        ConfigError: No such type or folder, or a configuration the model does not have.
        CheckpointError: The weights of the folder are not those of the model.
        MissingExtraError: transformers is not installed.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        model: str,
        config: dict[str, Any] | None = None,
        dropout: Proportion = 0.0,
        pool: Literal["model", "mean"] | None = None,
    ) -> None:
        super().__init__()
        transformers = transformers_library()
        folder = None if model in TYPES else Path(model).expanduser()
        stored = {"model_type": model} if folder is None else _stored_config(folder)
        self.model_type = stored["model_type"]
        self.config = _config(transformers, stored, changed=config or {})
        classes = TYPES[self.model_type].classes
        architecture = getattr(transformers, f"{classes}ForVideoClassification")
        with quiet(transformers):
            if folder is None:
                self.model = _fresh(architecture, self.config)
            else:
                self.model = _pretrained(architecture, folder, self.config)
        if pool == "mean" or (pool is None and getattr(self.model, "lacks_pooler", False)):
            self._take_mean()
        self.num_classes = num_classes
        self.num_features: int = self.model.classifier.in_features
        for part in set(TAKEN_OUT).intersection(name for name, _ in self.model.named_modules()):
            self.model.set_submodule(part, nn.Identity())
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.num_features, num_classes)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)
        self.attention = TYPES[self.model_type].attention
        # The layers stand in the first list of modules; other lists are of decoders and poolers.
        self._layers, layers = next(
            (name, m) for name, m in self.model.named_modules() if isinstance(m, nn.ModuleList)
        )
        drop_paths = [DropPath() for _ in layers]
        for layer, drop_path in zip(layers, drop_paths, strict=True):
            layer.register_forward_hook(DropLayer(drop_path), with_kwargs=True)
        self.drop_paths = nn.ModuleList(drop_paths)

    def _take_mean(self) -> None:
        """Put the mean of tokens in the place of the pooler."""
        if not hasattr(self.model, POOLER):
            raise ConfigError(
                f"pool = 'mean' is for vjepa2, whose pooler it replaces, and {self.model_type} "
                "has none; leave it out"
            )
        self.model.set_submodule(POOLER, TokenMean())

    def features(self, clip_NCTHW: Tensor) -> Tensor:
        """Map clips (N, C, T, H, W) to what the model would classify, (N, D).

        Raises:
            ConfigError: The model does not take clips of this size.
        """
        _, _, num_frames, *sides = clip_NCTHW.shape
        for side in sides:
            self.check_clip(num_frames=num_frames, size=side)
        features_ND: Tensor = self.model(clip_NCTHW.transpose(1, 2)).logits
        return features_ND

    def classify(self, features_ND: Tensor) -> Tensor:
        """Map features (N, D) to logits (N, K), after dropout."""
        logits_NK: Tensor = self.classifier(self.dropout(features_ND))
        return logits_NK

    def attention_map(self, clip_NCTHW: Tensor) -> Tensor:
        """Return what the last layer takes from each place: float (N, t, h, w), mean over heads.

        By the class token where there is one, else the mean over all tokens.

        Args:
            clip_NCTHW: Clips (N, C, T, H, W).

        Raises:
            ConfigError: The model's attention is not over the places of a clip.
        """
        (N, _, T, H, _), (tubelet, patch) = clip_NCTHW.shape, self._tubelet()
        t, side = T // tubelet, H // patch
        before = self.model.config._attn_implementation
        self.model.set_attn_implementation("eager")  # others do not keep what they attend to
        try:
            with torch.no_grad():
                found = self.model(clip_NCTHW.transpose(1, 2), output_attentions=True).attentions
        finally:
            self.model.set_attn_implementation(before)
        attention_NLL = found[-1].float().mean(dim=1)
        num, length = attention_NLL.shape[0], attention_NLL.shape[-1]
        if (num, length) == (N, t * side * side):
            taken_NL = attention_NLL.mean(dim=1)
        elif (num, length) in ((N, t * side * side + 1), (N * t, side * side + 1)):
            taken_NL = attention_NLL[:, 0, 1:]
        else:
            raise ConfigError(
                f"the attention of {self.model_type} is {tuple(found[-1].shape)}, which is not of "
                f"{t} x {side} x {side} places; there is nothing to draw"
            )
        map_NTHW: Tensor = taken_NL.reshape(N, t, side, side)
        return map_NTHW

    def part_of(self, name: str) -> str:
        """Name the part of a weight: embeddings, layer0, layer1, ..., top, head.

        The top is what stands after the layers, such as a normalisation or a pooler.
        """
        if name.startswith("classifier."):
            return HEAD
        start = f"model.{self._layers}."
        if name.startswith(start):
            return f"layer{name.removeprefix(start).partition('.')[0]}"
        return "embeddings" if "embeddings" in name.split(".") else "top"

    def check_clip(self, *, num_frames: int, size: int) -> None:
        """Refuse clips that the model's positions do not cover."""
        kind, (tubelet, patch) = TYPES[self.model_type], self._tubelet()
        frames, side = getattr(self.config, kind.frames), side_of(getattr(self.config, kind.size))
        if size != side or not (kind.any_frames or num_frames == frames):
            raise ConfigError(
                f"{self.model_type} was made for {frames} frames of {side} pixels, the settings "
                f"give {num_frames} of {size}; change them, or options.config: {kind.frames} = "
                f"{num_frames}, {kind.size} = {size}"
            )
        if num_frames % tubelet or size % patch:
            raise ConfigError(
                f"{self.model_type} cuts clips into pieces of {tubelet} frames of {patch} pixels, "
                f"the settings give {num_frames} of {size}; set multiples of {tubelet} and {patch}"
            )

    def card_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return options with the whole configuration in place of the folder."""
        config = {name: getattr(self.config, name) for name in _own_keys(type(self.config))}
        pool = {"pool": "mean"} if isinstance(getattr(self.model, POOLER, None), TokenMean) else {}
        return {**options, "model": self.model_type, "config": config, **pool}

    def _tubelet(self) -> tuple[int, int]:
        """Frames and pixels a side of what becomes one token."""
        size = getattr(self.config, "tubelet_size", 1)
        if not isinstance(size, int):  # ViViT's has all three sides
            return size[0], size[1]
        return size, side_of(self.config.patch_size)


class TokenMean(nn.Module):
    """The mean of tokens (N, L, D) -> (N, D)."""

    def forward(self, tokens_NLD: Tensor) -> Tensor:
        """Average over tokens."""
        return tokens_NLD.mean(dim=1)


def _stored_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` of a folder; its ``model_type`` is one of ours."""
    if not folder.is_dir():
        raise ConfigError(
            f"model = '{folder}' is neither a type ({', '.join(TYPES)}) nor a folder here"
            f"{nearest(str(folder), TYPES)}; nothing is downloaded: give a folder with config.json "
            "and model.safetensors"
        )
    stored = stored_config(folder)
    found = stored.get("model_type")
    if found not in TYPES:
        raise ConfigError(
            f"{folder / 'config.json'} is of model_type {shown(found)}; supported are "
            f"{', '.join(TYPES)}; others can be wrapped with semivideo.models.wrap"
        )
    return stored


def _own_keys(config_class: Any) -> list[str]:
    """Keys of one type's configuration, without those that all types share."""
    return [name for name in config_class.__annotations__ if name != "model_type"]


def _config(transformers: Any, stored: dict[str, Any], *, changed: dict[str, Any]) -> Any:
    """Make the model's configuration; the library would take any key and ignore it."""
    type_ = stored["model_type"]
    config_class = getattr(transformers, f"{TYPES[type_].classes}Config")
    known = _own_keys(config_class)
    for key in changed:
        if key not in known:
            raise ConfigError(
                f"config of {type_} has no key {key!r}{nearest(key, known)} "
                f"[accepts: {', '.join(known)}]"
            )
    config = config_from(config_class, {**stored, **changed})
    if config.hidden_size % max(config.num_attention_heads, 1):
        raise ConfigError(
            f"config of {type_}: hidden_size = {config.hidden_size} cannot be shared by "
            f"num_attention_heads = {config.num_attention_heads}; set a multiple"
        )
    return config


def _fresh(architecture: Any, config: Any) -> Any:
    """Build a model with weights from torch's global generator."""
    try:
        return architecture(config)
    except Exception as error:  # of what a card or a user asks for, any kind
        raise ConfigError(
            f"config of {config.model_type} gives no model ({type(error).__name__}: {error}); "
            "change it"
        ) from None


def _pretrained(architecture: Any, folder: Path, config: Any) -> Any:
    """Build a model with the weights of a folder; its classifier may be missing, nothing else."""
    model, report = filled_from(architecture, folder, config)
    missing = {name for name in report.missing if not name.startswith(TAKEN_OUT)}
    misshapen = {told for name, told in report.misshapen.items() if not name.startswith(TAKEN_OUT)}
    backbone = {name for name in missing if name.startswith(f"{model.base_model_prefix}.")}
    if backbone or misshapen:
        raise CheckpointError(
            f"the weights in {folder} are not those of its {config.model_type}: "
            f"{listed({'missing': backbone, 'of other shape': misshapen})}; copy the folder "
            "again, or undo what options.config changes"
        )
    # What is beside the backbone, such as the last normalisation, may be new, but for a pooler,
    # which is a network by itself.
    model.lacks_pooler = any(name.startswith(f"{POOLER}.") for name in missing)
    missing = {name for name in missing if not name.startswith(f"{POOLER}.")}
    beside = {"new, not in the folder": missing, "of the folder not used": report.unused}
    if any(beside.values()):
        _warn_once(f"{folder}: weights {listed(beside)}")
    return model


@functools.cache
def _warn_once(sentence: str) -> None:
    """Warn; settings are checked by building the network, so that it is built twice."""
    _LOG.warning("%s", sentence)
