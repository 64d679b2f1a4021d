"""Runs on cached features: what takes the place of views, reader and scoring of pixels."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from semivideo.base.errors import ConfigError, DataError
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.clips.loader import Streams
from semivideo.data.splits import Split
from semivideo.encoders import load_encoder
from semivideo.encoders.local_motion import CODEBOOK_FILE
from semivideo.evaluation import Evaluation
from semivideo.evaluation.text_logits import text_logits
from semivideo.events.label_sets import membership
from semivideo.events.presence import one_of_them
from semivideo.features.cached_views import FeatureViews, check_strong, sources
from semivideo.features.closed_form import ClosedForm, Known
from semivideo.features.descriptor import head_dim
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.feature_form import FeatureForm, reading_settings, view_settings
from semivideo.features.several.codebook_pass import codebook_of
from semivideo.methods import Method
from semivideo.methods.parts.image_teacher import EncoderTeacher
from semivideo.methods.s4l import S4L
from semivideo.methods.taught.text_teacher import ENCODER, TextTeacher
from semivideo.models import HEADS, LOOKUPS
from semivideo.models.heads import Head
from semivideo.models.lookup import Neighbours
from semivideo.run import build
from semivideo.settings import (
    FeatureSettings,
    ModelCard,
    NetworkSettings,
    PartSettings,
    Settings,
)

NOT_COMPUTED = "its features were not computed"
"""Why a video that is not in the cache has no features: there was no time for it, or no need."""
_PROTOCOL = "cached weak views"


def with_features(settings: Settings, manifest: Manifest) -> Settings:
    """Return settings that fit the feature cache of a manifest, or as they are without one.

    Reading, views and test protocol become those of the encoder, which the deployed network has
    under its head; heads learn how long their input is.

    Args:
        settings: Of a recipe for features.
        manifest: The videos.

    Raises:
        ConfigError: Networks or a method that want pixels, where there are features, or the other
            way round.
        DataError: The cache is not finished.
    """
    if manifest.features is None:
        _refuse_heads(settings)
        return settings
    _refuse_pixels(settings, manifest.features)
    cache = FeatureCache.open(Path(manifest.features))
    form = cache.form
    descriptor = settings.features.descriptor if settings.features else "motion"
    features = FeatureSettings(
        encoder=form.encoder,
        weights_sha256=form.weights_sha256,
        pretrained_on=form.pretrained_on,
        licence=form.licence,
        league=form.league,
        dim=form.dim,
        descriptor=descriptor,
        mirror=form.flip and form.num_views > 1,
        is_whole=form.is_whole,
        parts=_parts(cache) if form.parts else [],
    )

    def fitted(network: NetworkSettings) -> NetworkSettings:
        options = {**network.options, "dim": head_dim(features)}
        return network.model_copy(
            update={"options": options, "num_frames": form.num_frames, "stride_frames": 1}
        )

    networks = settings.networks
    auxiliary = networks.auxiliary and fitted(networks.auxiliary)
    temporal = networks.temporal and fitted(networks.temporal)
    preprocessing = form.preprocessing
    _refuse_contradictions(settings, form)
    made = settings.model_copy(
        update={
            "features": features,
            "data": settings.data.model_copy(update=reading_settings(preprocessing)),
            "views": settings.views.model_copy(update=view_settings(preprocessing, flip=form.flip)),
            "networks": networks.model_copy(
                update={
                    "primary": fitted(networks.primary),
                    "auxiliary": auxiliary,
                    "temporal": temporal,
                }
            ),
            "evaluation": settings.evaluation.model_copy(
                update={
                    "num_clips": 1,
                    "num_crops": 1,
                    "crop_size": preprocessing.crop_size,
                    "scale": preprocessing.short_side / preprocessing.crop_size,
                }
            ),
        }
    )
    _refuse_streams(made, form, folder=manifest.features)
    return made


def _parts(cache: FeatureCache) -> list[PartSettings]:
    """The encoders whose features are joined."""
    return [
        PartSettings(
            encoder=part.form.encoder,
            weights_sha256=part.form.weights_sha256,
            dim=part.form.dim,
            is_whole=part.form.is_whole,
        )
        for part in cache.parts
    ]


def codebooks(manifest: Manifest) -> dict[str, bytes]:
    """Return the files that belong beside a head on features: what encoders learned from videos.

    Args:
        manifest: The videos.

    Raises:
        CheckpointError: A codebook is missing, or not the one that the features were made with.
    """
    if manifest.features is None:
        return {}
    parts = FeatureCache.open(Path(manifest.features)).parts
    learned = next((part for part in parts if part.form.is_whole), None)
    return {} if learned is None else {CODEBOOK_FILE: codebook_of(learned.folder).content}


def _refuse_streams(settings: Settings, form: FeatureForm, *, folder: str) -> None:
    """A method wants to see what the features are not made of, or what the descriptor lost."""
    method = build.build_method(settings, num_classes=2)
    descriptor = settings.features.descriptor if settings.features else "steps"
    if method.needs_steps and descriptor != "steps":
        raise ConfigError(
            f"method {settings.method.name!r} makes something of the steps of clips, and "
            f"descriptor {descriptor!r} has none; set features.descriptor=steps"
        )
    sources(form, method.clips, num_frames=form.num_frames)
    if method.needs_strong:
        check_strong(form, folder=folder, who=f"method {settings.method.name!r}")
    if isinstance(method, S4L) and not form.rotations:
        raise ConfigError(
            f"{folder} has no turned views, which s4l learns from; make features with --rotations, "
            "into another folder"
        )


def _refuse_contradictions(settings: Settings, form: FeatureForm) -> None:
    """Refuse settings of reading and views that are neither the usual ones nor the weights'."""
    wanted = {
        "data": reading_settings(form.preprocessing),
        "views": view_settings(form.preprocessing, flip=form.flip),
    }
    for section, values in wanted.items():
        given = getattr(settings, section)
        for name, theirs in values.items():
            ours, usual = getattr(given, name), type(given).model_fields[name].default
            if ours not in (usual, theirs):
                raise ConfigError(
                    f"{section}.{name} = {ours} contradicts the features of {form.encoder}, which "
                    f"were made with {theirs}; leave it out"
                )


def _refuse_heads(settings: Settings) -> None:
    """A head sees features, and there are none."""
    name = settings.networks.primary.name
    if name in HEADS or name in LOOKUPS:
        raise ConfigError(
            f"networks.primary.name = {name} is a head on features, and these are videos; make "
            "features with `semivideo features VIDEOS --out FEATURES` and train on those"
        )


def _refuse_pixels(settings: Settings, folder: str) -> None:
    """Networks and methods that look at frames have none here."""
    name, cls = settings.networks.primary.name, build.method_class(settings.method.name)
    if name in LOOKUPS and not issubclass(cls, ClosedForm):
        raise ConfigError(
            f"networks.primary.name = {name} has nothing that {settings.method.name!r} could "
            f"train; take a head ({', '.join(HEADS)})"
        )
    if name not in HEADS and name not in LOOKUPS:
        raise ConfigError(
            f"{folder} holds features, and networks.primary.name = {name} sees pixels; take a head "
            f"({', '.join(HEADS)}), a recipe such as features-fixmatch, or train on the videos"
        )
    if (seen := settings.networks.primary.modality) != "rgb":
        raise ConfigError(
            f"networks.primary.modality = {seen} is for networks that see pixels: the deployed "
            "head reads features of frames; leave it out, or train on the videos"
        )
    if cls.needs_pixels:
        raise ConfigError(
            f"method {settings.method.name!r} makes views that cached features do not have; train "
            "it on the videos, or take fixmatch, cmpl or another method on features"
        )


def feature_views(settings: Settings, manifest: Manifest, split: Split) -> FeatureViews:
    """Load the features of the videos of a split.

    Args:
        settings: As ``with_features`` made them.
        manifest: The videos.
        split: Which of them are used.

    Raises:
        ConfigError: The cache is of another encoder than the run began with.
        DataError: The cache is gone or not finished.
    """
    if manifest.features is None or settings.features is None:
        raise DataError("the run was begun on features, and its manifest names none")
    cache = FeatureCache.open(Path(manifest.features))
    ours, theirs = settings.features.weights_sha256, cache.form.weights_sha256
    if ours != theirs:
        raise ConfigError(
            f"the run was begun on features of weights {ours[:12]}, and {cache.folder} now holds "
            f"those of {theirs[:12]}; bring the former back or begin a new run"
        )
    ids = [*split.labeled, *split.unlabeled, *split.test]
    rows = np.unique(manifest.rows_of(ids))
    kind = settings.features.descriptor
    if cache.form.num_videos == len(manifest):
        return FeatureViews(cache, rows=rows, kind=kind)
    place = {id: number for number, id in enumerate(cache.manifest.ids)}
    there = np.array([place.get(manifest.ids[row], -1) for row in rows.tolist()], dtype=np.int64)
    is_there = there >= 0
    views = FeatureViews(cache, rows=rows[is_there], kind=kind, cache_rows=there[is_there])
    views.errors |= dict.fromkeys(rows[~is_there].tolist(), NOT_COMPUTED)
    return views


def standardized(method: Method, views: FeatureViews, streams: Streams) -> None:
    """Standardise the features by the training videos, and tell the heads.

    Args:
        method: Its heads are changed in place.
        views: The features, fresh; changed in place.
        streams: The training videos, unlabelled ones too where the method learns nothing else of
            them: mean and deviation of a few labelled videos say little of the others.
    """
    done = views.standardized(np.unique([*streams.labeled, *streams.unlabeled]))
    for module in method.modules():
        if isinstance(module, Head | Neighbours):
            module.standardize = copy.deepcopy(done)


def known(views: FeatureViews, streams: Streams, manifest: Manifest, *, seed: int) -> Known:
    """Return what a classifier is computed from: standardised weak views, labels and groups.

    Args:
        views: Standardised.
        streams: The training videos.
        manifest: Says what belongs together.
        seed: Of the run.
    """
    labeled = np.array(streams.labeled, dtype=np.int64)
    unlabeled = np.setdiff1d(np.array(streams.unlabeled, dtype=np.int64), labeled)
    return Known(
        labeled=views.weak_means(labeled),
        labels=np.array(streams.labels, dtype=np.int64),
        groups=_groups(manifest, labeled),
        unlabeled=views.weak_means(unlabeled),
        unlabeled_groups=_groups(manifest, unlabeled),
        num_classes=len(manifest.classes),
        seed=seed,
    )


def _groups(manifest: Manifest, rows: NDArray[np.int64]) -> NDArray[np.str_]:
    """Group of each row; a video without one is a group of its own."""
    names = [
        f"group {manifest.groups[row]}" if manifest.groups[row] else f"video {manifest.ids[row]}"
        for row in rows.tolist()
    ]
    return np.array(names, dtype=np.str_)


def teach(method: Method, views: FeatureViews, *, classes: Sequence[str]) -> None:
    """Let the encoder say what it sees in every video, for a method that is taught by it.

    Args:
        method: Before it learns which videos there are.
        views: The features, whose middle step of view 0 is shown.
        classes: Names, for an encoder that is asked about them.

    Raises:
        ConfigError: The encoder does not know classes of images, or no sentences.
        CheckpointError: Its folder has no text network or no tokenizer.
    """
    if isinstance(method, TextTeacher) and method.teacher == ENCODER:
        logits = text_logits(views.cache, method.sentences_about(classes))
        method.told = (views.cache.manifest.ids, logits)
    teacher = getattr(method, "teacher", None)
    if isinstance(teacher, EncoderTeacher):
        form = views.cache.form
        if form.parts or form.is_whole:
            raise ConfigError(
                f"{form.encoder} cannot be the teacher, which says what it sees in a frame; take "
                "features of efficientnet_lite0, or set method.teacher to a file of logits"
            )
        teacher.logits_VK = load_encoder(views.cache.form.encoder).image_logits(views.middle_steps)


def readable(streams: Streams, views: FeatureViews) -> Streams:
    """Leave out videos that have no features."""
    errors = views.errors
    if not errors:
        return streams
    labeled = [
        (row, label)
        for row, label in zip(streams.labeled, streams.labels, strict=True)
        if row not in errors
    ]
    return Streams(
        [row for row, _ in labeled],
        [label for _, label in labeled],
        [row for row in streams.unlabeled if row not in errors],
    )


@torch.no_grad()
def scored(
    head: nn.Module, card: ModelCard, views: FeatureViews, manifest: Manifest, split: Split
) -> Evaluation:
    """Score the test videos of a split by their cached weak views.

    Args:
        head: Maps descriptors to logits; left in its mode.
        card: Its classes, and whether several may be there at once.
        views: The features.
        manifest: The videos.
        split: Its test side is scored; every video needs a label.
    """
    errors, is_several = views.errors, card.data.multi_label
    rows = [row for row in manifest.rows_of(split.test).tolist() if row not in errors]
    is_training = head.training
    head.eval()
    scores = torch.stack(
        [
            _shares(head(views.of_rows(np.array(rows), view)).float(), is_several=is_several)
            for view in range(views.num_weak)
        ]
    ).mean(dim=0)
    head.train(is_training)
    found = Evaluation(
        protocol=_PROTOCOL,
        classes=tuple(card.classes),
        ids=tuple(manifest.ids[row] for row in rows),
        scores=scores.cpu().numpy(),
        labels=np.zeros(len(rows), dtype=np.int64),
        skipped={manifest.ids[row]: why for row, why in errors.items()},
        thresholds=None if card.thresholds is None else tuple(card.thresholds),
    )
    labels = [str(manifest.labels[row]) for row in rows]
    if is_several:
        present = membership(labels, card.classes)
        return replace(found, present=present, labels=one_of_them(found.scores, present))
    number = {name: k for k, name in enumerate(card.classes)}
    return replace(found, labels=np.array([number[label] for label in labels], dtype=np.int64))


def _shares(logits_NK: Tensor, *, is_several: bool) -> Tensor:
    return logits_NK.sigmoid() if is_several else logits_NK.softmax(dim=1)
