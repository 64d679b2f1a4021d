"""What the networks of a run say of its videos: probabilities and features, one row a video.

Runs on features score in a second. Runs on pixels decode every video, so what was scored stays in
the run folder (``video_scores.npz``) as long as the weights are the same.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from semivideo import models
from semivideo.analysis.figures.feature_plane import Noted
from semivideo.analysis.groups import Trained
from semivideo.base.checked import opened_npz
from semivideo.base.errors import CheckpointError, DataError, option
from semivideo.base.files import write_bytes
from semivideo.base.progress import Progress
from semivideo.data.video.decode import Image
from semivideo.engine.checkpoint import Checkpoints
from semivideo.evaluation import Recognizer
from semivideo.evaluation.infer import STREAM
from semivideo.features.cached_views import FeatureViews
from semivideo.features.feature_cache import FeatureCache
from semivideo.models import Network
from semivideo.models.heads import Standardize
from semivideo.models.weights import load_network

_LOG = logging.getLogger("semivideo")
_MOST_CLIPS = 3
"""Clips a video: choosing among videos needs no better score."""
_AT_ONCE = 256
_FORMAT = 1

Floats = NDArray[np.float32]


@dataclass(frozen=True, repr=False)
class VideoScores:
    """What is known of some videos of a run.

    Attributes:
        ids: Their names.
        classes: Names, in the order of the probabilities.
        probabilities: float32 (N, K), of the deployed network.
        features: float32 (N, D), of the deployed network.
        others: float32 (N, K), of CMPL's auxiliary network; None where there is none.
        unread: Id to reason, of videos that were asked for and cannot be read.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: Floats
    features: Floats
    others: Floats | None
    unread: dict[str, str]

    def of(self, ids: Sequence[str]) -> VideoScores:
        """Return those of some videos, in their order; unread ones are left out."""
        place = {id: n for n, id in enumerate(self.ids)}
        there = [id for id in ids if id in place]
        rows = np.array([place[id] for id in there], dtype=np.int64)
        others = None if self.others is None else self.others[rows]
        return VideoScores(
            tuple(there),
            self.classes,
            self.probabilities[rows],
            self.features[rows],
            others,
            {id: why for id, why in self.unread.items() if id in ids},
        )


def require_finished(trained: Trained) -> None:
    """Refuse a run that holds no trained network yet.

    Raises:
        CheckpointError: With the command that finishes it.
    """
    if not trained.run.model.is_dir():
        raise CheckpointError(
            f"{trained.run.path} holds no trained network yet; finish it with "
            f"{option('resume', str(trained.run.path))}"
        )


def video_scores(
    trained: Trained, ids: Sequence[str], *, progress: Progress | None = None
) -> VideoScores:
    """Score videos of a run by its networks.

    Args:
        trained: A finished run.
        ids: Videos of its manifest.
        progress: Called with ("score videos", done, in all, "") after each video.

    Raises:
        CheckpointError: The run holds no trained network.
        DataError: None of the videos can be read.
    """
    require_finished(trained)
    if trained.settings.features is not None:
        found = _by_features(trained, ids)
    else:
        found = _by_pixels(trained, ids, progress=progress)
    if ids and not found.ids:
        id, why = next(iter(found.unread.items()))
        raise DataError(f"none of the {len(ids)} videos can be read, the first, {id}: {why}")
    return found


def auxiliary_network(trained: Trained) -> Network | None:
    """Return CMPL's second network out of the last checkpoint; None where there is none."""
    settings = trained.settings.networks.auxiliary
    checkpoint = Checkpoints(trained.run, keep=1).newest()
    if trained.settings.method.name != "cmpl" or settings is None or checkpoint is None:
        return None
    start = "auxiliary."
    network = models.create(settings.name, len(trained.manifest.classes), **settings.options)
    network.load_state_dict(
        {
            name.removeprefix(start): tensor
            for name, tensor in checkpoint.state["method"].items()
            if name.startswith(start)
        }
    )
    return network.eval()


def _by_features(trained: Trained, ids: Sequence[str]) -> VideoScores:
    """Scores of cached weak views; the features are the descriptors as the head sees them."""
    folder = trained.manifest.features
    if folder is None or trained.settings.features is None:
        raise DataError(f"{trained.run.path} was trained on features, and its manifest names none")
    cache = FeatureCache.open(Path(folder))
    wanted = trained.manifest.rows_of(ids).tolist()
    rows = np.array([row for row in wanted if row not in cache.errors], dtype=np.int64)
    unread = {trained.manifest.ids[r]: cache.errors[r] for r in wanted if r in cache.errors}
    network, card = load_network(trained.run.model)
    other = auxiliary_network(trained)
    parts: dict[str, list[Floats]] = {"p": [], "f": [], "q": []}
    kind = trained.settings.features.descriptor
    for start in range(0, len(rows), _AT_ONCE):
        views = FeatureViews(cache, rows=rows[start : start + _AT_ONCE], kind=kind)
        clips = [views.of_rows(rows[start : start + _AT_ONCE], v) for v in range(views.num_weak)]
        with torch.no_grad():
            parts["p"].append(_mean_probability(network, clips))
            parts["f"].append(_descriptors(network, clips[0]))
            if other is not None:
                parts["q"].append(_mean_probability(other, clips))
    K = len(card.classes)
    return VideoScores(
        tuple(trained.manifest.ids[row] for row in rows.tolist()),
        tuple(card.classes),
        _stacked(parts["p"], K),
        _stacked(parts["f"], 1),
        None if other is None else _stacked(parts["q"], K),
        unread,
    )


def _descriptors(head: Network, clip_NDTHW: torch.Tensor) -> Floats:
    """Standardised descriptors (N, D), whatever the head makes of them."""
    first = next((each for each in head.modules() if isinstance(each, Standardize)), None)
    found = head.features(clip_NDTHW) if first is None else first(clip_NDTHW).mean(dim=2)
    descriptors: Floats = found.numpy()
    return descriptors


def _mean_probability(network: Network, clips: list[torch.Tensor]) -> Floats:
    mean: Floats = torch.stack([network(clip).softmax(dim=1) for clip in clips]).mean(dim=0).numpy()
    return mean


def _stacked(parts: list[Floats], width: int) -> Floats:
    return np.concatenate(parts) if parts else np.zeros((0, width), dtype=np.float32)


def _by_pixels(trained: Trained, ids: Sequence[str], *, progress: Progress | None) -> VideoScores:
    """Scores of clips, from the run folder where they are there already."""
    deployed = Recognizer.load(trained.run.model)
    kept = _kept(trained, deployed)
    known = set() if kept is None else {*kept.ids, *kept.unread}
    missing = [id for id in ids if id not in known]
    if missing:
        new = _scored(trained, deployed, missing, progress=progress)
        kept = new if kept is None else _joined(kept, new)
        _keep(trained, deployed, kept)
    assert kept is not None or not ids
    return _scored(trained, deployed, [], progress=None) if kept is None else kept.of(ids)


def _scored(
    trained: Trained, deployed: Recognizer, ids: Sequence[str], *, progress: Progress | None
) -> VideoScores:
    """Decode and score."""
    usual = deployed.card.evaluation
    few = {"num_clips": min(usual.num_clips, _MOST_CLIPS), "num_crops": 1}
    settings = usual.model_copy(update=few)
    noted = Noted(cast(Network, deployed.network))
    other = auxiliary_network(trained)
    recognizers = {"p": Recognizer(noted, deployed.card)}
    auxiliary = trained.settings.networks.auxiliary
    if other is not None and auxiliary is not None:
        card = deployed.card.model_copy(update={"network": auxiliary})
        device = next(deployed.network.parameters()).device
        recognizers["q"] = Recognizer(other.to(device), card)
    unread: dict[str, str] = {}
    scores: dict[str, list[Floats]] = {name: [] for name in recognizers}
    features: list[Floats] = []
    read: list[str] = []
    for number, id in enumerate(ids, start=1):
        clips = _clips(recognizers, trained, id, num_clips=settings.num_clips)
        if isinstance(clips, str):
            unread[id] = clips
            _LOG.warning("left out: %s: %s", id, clips)
        else:
            for name, recognizer in recognizers.items():
                [found] = recognizer.scores_of_clips([clips[name]], settings=settings)
                scores[name].append(found[None])
            features.append(torch.cat(noted.seen).mean(dim=0, keepdim=True).numpy())
            noted.seen.clear()
            read.append(id)
        if progress is not None:
            progress("score videos", number, len(ids), "")
    K = len(deployed.card.classes)
    return VideoScores(
        tuple(read),
        tuple(deployed.card.classes),
        _stacked(scores["p"], K),
        _stacked(features, noted.network.num_features),
        _stacked(scores["q"], K) if "q" in scores else None,
        unread,
    )


def _clips(
    recognizers: dict[str, Recognizer], trained: Trained, id: str, *, num_clips: int
) -> dict[str, Image] | str:
    """Clips of a video for each network, or why there are none."""
    row = trained.manifest.row_of(id)
    try:
        return {
            name: each.reader(trained.manifest).testing(row, num_clips=num_clips, stream=STREAM)
            for name, each in recognizers.items()
        }
    except DataError as error:
        return str(error)


def _joined(one: VideoScores, other: VideoScores) -> VideoScores:
    """Two sets of videos of one run."""
    others = None
    if one.others is not None and other.others is not None:
        others = np.concatenate([one.others, other.others])
    return VideoScores(
        (*one.ids, *other.ids),
        one.classes,
        np.concatenate([one.probabilities, other.probabilities]),
        np.concatenate([one.features, other.features]),
        others,
        one.unread | other.unread,
    )


def _digest(trained: Trained, deployed: Recognizer) -> str:
    """Of what the scores depend on."""
    words = (_FORMAT, deployed.card.weights_sha256, trained.manifest.root, _MOST_CLIPS)
    return hashlib.sha256(repr(words).encode()).hexdigest()


def _keep(trained: Trained, deployed: Recognizer, scores: VideoScores) -> None:
    """Write scores into the run folder; unread videos are tried again another time."""
    content = io.BytesIO()
    none = np.zeros((0, len(scores.classes)), dtype=np.float32)
    np.savez(
        content,
        digest=np.array(_digest(trained, deployed)),
        ids=np.array(scores.ids, dtype=np.str_),
        probabilities=scores.probabilities,
        features=scores.features,
        others=none if scores.others is None else scores.others,
    )
    write_bytes(trained.run.video_scores_file, content.getvalue())


def _kept(trained: Trained, deployed: Recognizer) -> VideoScores | None:
    """Scores of the run folder; None if there are none, or of other weights, or broken ones."""
    try:
        with opened_npz(trained.run.video_scores_file) as arrays:
            if str(arrays["digest"]) != _digest(trained, deployed):
                return None
            ids, others = tuple(arrays["ids"].tolist()), arrays["others"]
            return VideoScores(
                ids,
                tuple(deployed.card.classes),
                arrays["probabilities"],
                arrays["features"],
                others if len(others) == len(ids) else None,
                {},
            )
    except Exception:  # whatever is in the file, it is made anew
        return None
