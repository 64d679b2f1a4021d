"""What classifiers that did not see a label say of its video: the ground of doubts.

The labelled groups are left out in turn. Runs on features take the probe (``features.regression``),
whose strength C is the one that gives the left-out labels the highest likelihood: it is computed in
seconds, and a tenth of wrong labels does not carry it away, as it does a head that learns them all
by heart. Runs on videos train their own settings for a quarter of the steps.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from semivideo.analysis.groups import Trained
from semivideo.base.checked import opened_npz
from semivideo.base.errors import DataError
from semivideo.base.files import write_bytes
from semivideo.base.progress import Progress
from semivideo.data.splits import Split, label_folds
from semivideo.features.cached_views import FeatureViews
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.regression import fitted, softmax, views_as_rows
from semivideo.run.labeling.trainings import scored_splits

_FOLDS_ON_FEATURES, _FOLDS_ON_VIDEOS = 5, 3
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)
_FORMAT = 1


@dataclass(frozen=True)
class Unseen:
    """What networks that did not see a label say of its video.

    Attributes:
        ids: N labelled videos.
        probabilities: float32 (N, K).
    """

    ids: tuple[str, ...]
    probabilities: NDArray[np.float32]


def unseen_scores(
    trained: Trained, folds: int | None = None, *, progress: Progress | None = None
) -> Unseen:
    """Score the labelled videos by classifiers that leave them, and their groups, out.

    Args:
        trained: The run.
        folds: How often something is left out, >= 2; None for 5 on features, 3 on videos.
        progress: See ``semivideo.api``.

    Raises:
        SplitError: There are too few labels to leave some out.
        DataError: The features are gone.
    """
    on_features = trained.settings.features is not None
    usual = _FOLDS_ON_FEATURES if on_features else _FOLDS_ON_VIDEOS
    splits = label_folds(trained.manifest, trained.split, num_folds=folds or usual)
    digest = _digest(trained, [split.hash for split in splits])
    kept = _kept(trained, digest)
    if kept is not None:
        return kept
    if on_features:
        found = _by_probe(trained, splits, progress=progress)
    else:
        folder = trained.run.held_out_folds
        made = scored_splits(trained, splits, folder, what="check labels", progress=progress)
        tests = list(made)
        ids = tuple(id for test in tests for id in test.ids)
        found = Unseen(ids, np.concatenate([test.scores for test in tests]))
    content = io.BytesIO()
    names = np.array(found.ids, dtype=np.str_)
    np.savez(content, digest=np.array(digest), ids=names, probabilities=found.probabilities)
    write_bytes(trained.run.held_out_file, content.getvalue())
    return found


def known_unseen(trained: Trained) -> Unseen | None:
    """Return what an earlier ``unseen_scores`` of this run left, whatever its folds."""
    return _kept(trained, None)


def _by_probe(trained: Trained, splits: Sequence[Split], *, progress: Progress | None) -> Unseen:
    """Scores of the probe; C is chosen over all folds together."""
    manifest, settings = trained.manifest, trained.settings
    if manifest.features is None or settings.features is None:
        raise DataError(f"{trained.run.path} was trained on features, and its manifest names none")
    cache = FeatureCache.open(Path(manifest.features))
    ids = [id for id in trained.split.labeled if manifest.row_of(id) not in cache.errors]
    rows = manifest.rows_of(ids)
    views = FeatureViews(cache, rows=rows, kind=settings.features.descriptor)
    views.standardized(rows)
    weak = [views.of_rows(rows, view).flatten(2).mean(dim=2) for view in range(views.num_weak)]
    features_VWD, labels = torch.stack(weak, dim=1), trained.truth[rows]
    place = {id: n for n, id in enumerate(ids)}
    K, num_done = len(manifest.classes), 0
    tested: list[str] = []
    scores: dict[float, list[NDArray[np.float64]]] = {C: [] for C in _STRENGTHS}
    for split in splits:
        kept = np.array([place[id] for id in split.labeled if id in place])
        left = [id for id in split.test if id in place]
        tested += left
        given, given_labels, weights = views_as_rows(features_VWD[kept], labels[kept])
        asked = features_VWD[[place[id] for id in left]].double().numpy()
        for C, found in scores.items():
            W, b, classes = fitted(given, given_labels, weights, strength=C)
            shares = np.full((len(left), K), 1e-12)
            shares[:, classes] = softmax(asked @ W.T + b).mean(axis=1)
            found.append(shares / shares.sum(axis=1, keepdims=True))
            num_done += 1
            if progress is not None:
                progress("check labels", num_done, len(splits) * len(_STRENGTHS), "")
    own = labels[[place[id] for id in tested]]
    joined = {C: np.concatenate(found) for C, found in scores.items()}
    best = max(joined, key=lambda C: np.log(joined[C][np.arange(len(own)), own]).sum())
    return Unseen(tuple(tested), joined[best].astype(np.float32))


def _digest(trained: Trained, hashes: Sequence[str]) -> str:
    """Of what the scores depend on."""
    manifest = trained.manifest
    rows = manifest.rows_of(trained.split.labeled).tolist()
    labels = (str(manifest.labels[row]) for row in rows)
    words = (str(_FORMAT), trained.settings.to_yaml(), *hashes, *labels)
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _kept(trained: Trained, digest: str | None) -> Unseen | None:
    """Scores of the run folder, if they are these."""
    try:
        with opened_npz(trained.run.held_out_file) as arrays:
            if digest is not None and str(arrays["digest"]) != digest:
                return None
            return Unseen(tuple(arrays["ids"].tolist()), arrays["probabilities"])
    except Exception:  # whatever is in the file, it is made anew
        return None
