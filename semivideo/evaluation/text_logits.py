"""How near videos are to classes, by their features and the names of the classes.

from semivideo.evaluation import cache_text_logits

cache_text_logits("features-of-clip/", "text.npz")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from semivideo.encoders import load_encoder
from semivideo.features.feature_cache import FeatureCache
from semivideo.methods.parts.class_sentences import TEMPLATES, sentences_about
from semivideo.methods.parts.image_logits import write_image_logits

_ROWS_AT_ONCE = 256


def text_logits(cache: FeatureCache, sentences: Sequence[Sequence[str]]) -> Tensor:
    """Return scale cos(v_i, t_k) of all videos of a cache.

    Args:
        cache: Features of a network of text and images; v_i is the mean over the steps of view 0,
            each of length 1.
        sentences: About each class, one or more.

    Returns:
        float32 (rows of the cache, K); 0 of videos without features.

    Raises:
        ConfigError: Its encoder knows no sentences.
        CheckpointError: The encoder's folder has no text network or no tokenizer.
    """
    texts = load_encoder(cache.form.encoder).class_texts(sentences)
    found = []
    for start in range(0, cache.form.num_videos, _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, cache.form.num_videos))
        steps_NTD = torch.from_numpy(cache.rows(rows)[:, 0]).float()
        v_ND = normalize(normalize(steps_NTD, dim=2).mean(dim=1), dim=1)
        found.append(texts.scale * v_ND @ texts.vectors.T)
    logits = torch.cat(found)
    logits[sorted(cache.errors)] = 0
    return logits


def cache_text_logits(
    features: str | Path,
    out: str | Path,
    *,
    templates: Sequence[str] = TEMPLATES,
    sentences: str | Path | None = None,
) -> Path:
    """Write what a network of text and images says of every video, for ``method.teacher``.

    Args:
        features: A finished feature cache of such a network.
        out: The file, which must end in .npz; replaced if it exists.
        templates: Sentences with {} where a class stands.
        sentences: JSON file with sentences about each class, in place of the templates.

    Returns:
        ``out`` as a path.

    Raises:
        ConfigError: The encoder knows no sentences, or a template has no {}.
        CheckpointError: The encoder's folder has no text network or no tokenizer.
        DataError: No finished cache, or a class without a sentence.
        WriteError: The file cannot be written.
    """
    cache = FeatureCache.open(Path(features))
    manifest = cache.manifest
    file = None if sentences is None else Path(sentences)
    about = sentences_about(manifest.classes, templates=templates, file=file)
    write_image_logits(Path(out), manifest.ids, text_logits(cache, about).numpy())
    return Path(out)
