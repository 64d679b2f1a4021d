"""What networks of text and images make of sentences: the other tower of some encoders' folders.

A class is the mean of the embeddings of sentences about it, each of length 1 (Radford et al., ICML
2021). It lies in the space of the encoder's features, and the network's own scale makes logits of
cosines. The tower is loaded, asked and dropped again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.models.hf_folder import (
    config_from,
    filled_from,
    listed,
    quiet,
    stored_config,
    transformers_library,
)


class ClassTexts(NamedTuple):
    """Classes as vectors.

    Attributes:
        vectors: float32 (K, D), each of length 1.
        scale: What cosines are multiplied by to be logits.
    """

    vectors: Tensor
    scale: float


class _Towers(NamedTuple):
    """What must be known of a type of model: its classes, and how its sentences are filled up."""

    network: str
    config: str
    padding: bool | str = True


TOWERS: dict[str, _Towers] = {
    "clip": _Towers("CLIPModel", "CLIPConfig"),
    "metaclip_2": _Towers("MetaClip2Model", "MetaClip2Config"),
    # SigLIP has only ever seen sentences of its full length, and no mask.
    "siglip": _Towers("SiglipModel", "SiglipConfig", padding="max_length"),
}
"""Types of model whose folders have both towers; SigLIP 2 of a fixed size is of type siglip."""
_VOCABULARIES = ("tokenizer.json", "vocab.json", "tokenizer.model", "spiece.model")


@torch.no_grad()
def class_texts(folder: Path, sentences: Sequence[Sequence[str]]) -> ClassTexts:
    """Return the vectors of classes by the text network of a folder.

    Args:
        folder: Of a type of ``TOWERS``, with its tokenizer.
        sentences: About each of K classes, one or more.

    Raises:
        ConfigError: It is of another type.
        CheckpointError: It has no tokenizer, or not all weights.
        MissingExtraError: transformers is not installed.
    """
    transformers, stored = transformers_library(), stored_config(folder)
    towers = TOWERS.get(str(stored.get("model_type")))
    if towers is None:
        raise ConfigError(
            f"{folder} is of model_type {stored.get('model_type')!r}, which knows no sentences; "
            f"those that do are {', '.join(TOWERS)}"
        )
    config = config_from(getattr(transformers, towers.config), stored)
    with quiet(transformers):
        network, report = filled_from(getattr(transformers, towers.network), folder, config)
        num_tokens = config.text_config.vocab_size
        tokenizer = _tokenizer(transformers, folder, num_tokens=num_tokens)
    if report.missing or report.misshapen:
        wrong = {"missing": report.missing, "of other shape": list(report.misshapen.values())}
        raise CheckpointError(
            f"the weights in {folder} do not fill both towers: {listed(wrong)}; copy config.json "
            "and weights of one network again"
        )
    length = config.text_config.max_position_embeddings
    options = {"padding": towers.padding, "truncation": True, "max_length": length}
    network.eval()
    vectors = []
    for about in sentences:
        tokens = tokenizer(list(about), return_tensors="pt", **options)
        if towers.padding == "max_length":
            tokens = {"input_ids": tokens["input_ids"]}
        embedded = network.get_text_features(**tokens).pooler_output.float()
        vectors.append(normalize(embedded, dim=1).mean(dim=0))
    return ClassTexts(normalize(torch.stack(vectors), dim=1), float(network.logit_scale.exp()))


def _tokenizer(transformers: Any, folder: Path, *, num_tokens: int) -> Any:
    """What cuts sentences into the network's tokens; no code of the folder is run."""
    reason = f"it has none of {', '.join(_VOCABULARIES)}"
    odd = [
        path.name
        for path in folder.iterdir()
        if path.exists() and not (path.is_file() or path.is_dir())
    ]
    if odd:  # such as a named pipe, which the library would wait for
        reason = f"{odd[0]} is no regular file"
    # Without a vocabulary the library makes one of a few marks, and all sentences are alike.
    elif any((folder / name).is_file() for name in _VOCABULARIES):
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            if len(tokenizer) <= num_tokens:
                return tokenizer
            reason = f"it has {len(tokenizer)} tokens, and the network knows {num_tokens}"
        except Exception as error:  # a file can hold anything, and so go wrong anywhere
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    raise CheckpointError(
        f"{folder} has no tokenizer that can be used ({reason}); copy tokenizer.json and "
        "tokenizer_config.json of the network beside its weights"
    )
