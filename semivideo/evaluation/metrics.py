"""Scores of test videos to figures, and the file that keeps both.

Every figure is computed from the scores, never stored beside them as a second truth. All shares lie
in [0, 1]. Shape letters: V videos, K classes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from semivideo.base.checked import UnreadError, opened_npz, reading
from semivideo.base.errors import CheckpointError, DataError
from semivideo.base.files import read_bytes, write_bytes
from semivideo.events import presence
from semivideo.runfolder import RunFolder

Scores = NDArray[np.float32]
Labels = NDArray[np.int64]
TOP = 5
"""The other figure that papers give beside top-1."""


def accuracy(scores_VK: Scores, labels_V: Labels, *, top: int = 1) -> float:
    """Share of videos whose class is among the ``top`` best scored ones.

    Args:
        scores_VK: float (V, K), V >= 1, finite.
        labels_V: int64 (V,) in [0, K).
        top: >= 1; K and more give 1.0.
    """
    return float((rank_of_truth(scores_VK, labels_V) < top).mean())


def rank_of_truth(scores_VK: Scores, labels_V: Labels) -> Labels:
    """Count the classes that are scored better than the true one.

    Of equal scores the smaller class number is the better one, as in ``argmax``: a network that
    gives every class the same score is right for class 0 only.

    Args:
        scores_VK: float (V, K), finite.
        labels_V: int64 (V,) in [0, K).

    Returns:
        int64 (V,) in [0, K).
    """
    own_V1 = np.take_along_axis(scores_VK, labels_V[:, None], axis=1)
    is_smaller_class = np.arange(scores_VK.shape[1]) < labels_V[:, None]
    is_better_VK = (scores_VK > own_V1) | ((scores_VK == own_V1) & is_smaller_class)
    rank_V: Labels = is_better_VK.sum(axis=1, dtype=np.int64)
    return rank_V


def confusion_matrix(scores_VK: Scores, labels_V: Labels) -> Labels:
    """Count videos by true class (row) and best scored class (column).

    Args:
        scores_VK: float (V, K).
        labels_V: int64 (V,) in [0, K).

    Returns:
        int64 (K, K); a row sums to the number of videos of its class.
    """
    num_classes = scores_VK.shape[1]
    cells = labels_V * num_classes + scores_VK.argmax(axis=1)
    counts = np.bincount(cells, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def class_accuracy(confusion_KK: Labels) -> NDArray[np.float64]:
    """Share of right videos in each class.

    Args:
        confusion_KK: int64 (K, K) of ``confusion_matrix``.

    Returns:
        float64 (K,), NaN for a class without test videos.
    """
    num_videos_K = confusion_KK.sum(axis=1)
    right_K = np.diagonal(confusion_KK).astype(np.float64)
    shares_K: NDArray[np.float64] = np.full(len(right_K), np.nan)
    np.divide(right_K, num_videos_K, out=shares_K, where=num_videos_K > 0)
    return shares_K


def class_f1(confusion_KK: Labels) -> NDArray[np.float64]:
    """F1 of each class: 2 TP / (2 TP + FP + FN), which many videos of other classes cannot hide.

    Args:
        confusion_KK: int64 (K, K) of ``confusion_matrix``.

    Returns:
        float64 (K,), NaN for a class without test videos.
    """
    right_K = np.diagonal(confusion_KK).astype(np.float64)
    both_K = confusion_KK.sum(axis=0) + confusion_KK.sum(axis=1)
    f1_K: NDArray[np.float64] = np.full(len(right_K), np.nan)
    np.divide(2 * right_K, both_K, out=f1_K, where=confusion_KK.sum(axis=1) > 0)
    return f1_K


class Known(NamedTuple):
    """Videos of an evaluation that the network was trained on.

    Attributes:
        ids: Their names.
        top1: Share of them whose class is scored best; says nothing of new videos.
    """

    ids: tuple[str, ...]
    top1: float


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Scores of test videos under one protocol, and the figures that follow from them.

    Attributes:
        protocol: Views of each video, such as "10x3": clips x crops.
        classes: Class names in the order of the scores.
        ids: V names of the videos, as in the manifest.
        scores: float32 (V, K), the averaged probabilities of each video.
        labels: int64 (V,), the true classes.
        skipped: Name of a video that could not be read to the reason; such videos are in no figure.
        decoder: Who was to decode the files: "software" or "hardware"; scores differ a little.
        trained_on: Videos that were to be scored and that the network was trained on, "labeled"
            with their class and "unlabeled" without; they are in no figure but their own.
        present: bool (V, K), where several classes may be there at once; then ``labels`` holds
            the best scored one of each video's, see ``presence.one_of_them``. None otherwise.
        thresholds: float (K,), from which score on a class is said to be there; None for 0.5.
    """

    protocol: str
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    scores: Scores = field(repr=False)
    labels: Labels = field(repr=False)
    skipped: Mapping[str, str] = field(default_factory=dict)
    decoder: str = "software"
    trained_on: Mapping[str, Known] = field(default_factory=dict)
    present: NDArray[np.bool_] | None = field(default=None, repr=False)
    thresholds: tuple[float, ...] | None = None

    def __repr__(self) -> str:
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        return (
            f"<Evaluation {self.protocol}: top-1 {100 * self.top1:.1f} %, mean class "
            f"{100 * self.mean_class:.1f} %, {self.num_videos} videos of {len(self.classes)} "
            f"classes{skipped}>"
        )

    @property
    def num_videos(self) -> int:
        """Number of videos with scores: V."""
        return len(self.ids)

    @property
    def top1(self) -> float:
        """Share of videos whose class is scored best."""
        return accuracy(self.scores, self.labels)

    @property
    def top5(self) -> float:
        """Share of videos whose class is among the best five; see ``tells_top5``."""
        return accuracy(self.scores, self.labels, top=TOP)

    @property
    def tells_top5(self) -> bool:
        """Whether five is less than half of the classes; else guessing is right as often as not."""
        return TOP < len(self.classes) / 2

    @property
    def mean_class(self) -> float:
        """Mean over the classes that have test videos of the share of right videos."""
        return float(np.nanmean(self.class_accuracy))

    @property
    def class_accuracy(self) -> NDArray[np.float64]:
        """float64 (K,), share of right videos in each class, NaN for one without test videos."""
        return class_accuracy(self.confusion)

    @property
    def class_f1(self) -> NDArray[np.float64]:
        """float64 (K,), F1 of each class, NaN for one without test videos."""
        return class_f1(self.confusion)

    @property
    def mean_f1(self) -> float:
        """Mean of the F1 of the classes that have test videos (macro F1)."""
        return float(np.nanmean(self.class_f1))

    @cached_property
    def average_precision(self) -> NDArray[np.float64]:
        """float64 (K,), of each class by itself, NaN for one that is in no video."""
        return presence.average_precisions(self.scores, self._present)

    @property
    def mean_average_precision(self) -> float:
        """Mean over the classes that are in some video (mAP)."""
        return float(np.nanmean(self.average_precision))

    @cached_property
    def presence_f1(self) -> NDArray[np.float64]:
        """float64 (K,), F1 of each class at its threshold, NaN for one that is in no video."""
        thresholds = np.array(self.thresholds or [0.5] * len(self.classes))
        return presence.f1_scores(self.scores, self._present, thresholds)

    @property
    def mean_presence_f1(self) -> float:
        """Mean of ``presence_f1`` over the classes that are in some video."""
        return float(np.nanmean(self.presence_f1))

    @property
    def _present(self) -> NDArray[np.bool_]:
        """Which classes are there, of one class a video too."""
        if self.present is not None:
            return self.present
        return np.asarray(self.labels[:, None] == np.arange(len(self.classes)))

    @cached_property
    def confusion(self) -> Labels:
        """int64 (K, K), videos by true class (row) and best scored class (column)."""
        return confusion_matrix(self.scores, self.labels)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the scores and labels of each video as JSON types."""
        per_class = {
            name: None if np.isnan(share) else float(share)
            for name, share in zip(self.classes, self.class_accuracy, strict=True)
        }
        trained_on = {
            role: {"num_videos": len(known.ids), "top1": known.top1, "ids": list(known.ids)}
            for role, known in self.trained_on.items()
        }
        return {
            "protocol": self.protocol,
            "decoder": self.decoder,
            "num_videos": self.num_videos,
            "top1": self.top1,
            **({"top5": self.top5} if self.tells_top5 else {}),
            "mean_class": self.mean_class,
            "mean_f1": self.mean_f1,
            "class_accuracy": per_class,
            "num_skipped": len(self.skipped),
            "skipped": dict(self.skipped),
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            **({"trained_on": trained_on} if trained_on else {}),
            **({} if self.present is None else self._several()),
        }

    def _several(self) -> dict[str, Any]:
        """What is said where several classes may be there at once."""
        precision, f1 = (
            {
                name: None if np.isnan(share) else float(share)
                for name, share in zip(self.classes, shares, strict=True)
            }
            for shares in (self.average_precision, self.presence_f1)
        )
        return {
            "mean_average_precision": self.mean_average_precision,
            "average_precision": precision,
            "presence_f1": f1,
            "thresholds": None if self.thresholds is None else list(self.thresholds),
        }

    @classmethod
    def from_json(
        cls,
        stated: Mapping[str, Any],
        *,
        ids: Iterable[str],
        scores: Scores,
        labels: Labels,
        present: NDArray[np.bool_] | None = None,
    ) -> Evaluation:
        """Reverse of ``to_json``, with what that leaves out; figures are computed anew.

        Raises:
            KeyError: Something is missing.
        """
        classes, ids = tuple(stated["classes"]), tuple(ids)
        _check_scores(scores, labels, num_videos=len(ids), num_classes=len(classes))
        return cls(
            protocol=stated["protocol"],
            classes=classes,
            ids=ids,
            scores=scores,
            labels=labels,
            skipped=stated["skipped"],
            decoder=stated.get("decoder", "software"),  # all there was before it was said
            trained_on={
                role: Known(tuple(known["ids"]), known["top1"])
                for role, known in stated.get("trained_on", {}).items()
            },
            present=present,
            thresholds=tuple(stated["thresholds"]) if stated.get("thresholds") else None,
        )

    def without(self, known: Mapping[str, Iterable[str]]) -> Evaluation:
        """Take videos that the network was trained on out of the figures.

        Args:
            known: "labeled" and "unlabeled" to names of such videos.

        Returns:
            The evaluation of the others, with ``trained_on``.

        Raises:
            DataError: No other video has scores.
        """
        role_of = {id: role for role, ids in known.items() for id in ids}
        role_V = np.array([role_of.get(id, "") for id in self.ids], dtype=np.str_)
        if not (role_V == "").any():
            raise DataError(
                "none of the videos that the network was not trained on can be read; name others"
            )
        parts = {role: self._of(role_V == role) for role in dict.fromkeys(known)}
        return replace(
            self._of(role_V == ""),
            skipped={id: reason for id, reason in self.skipped.items() if id not in role_of},
            trained_on={
                role: Known(part.ids, part.top1) for role, part in parts.items() if part.ids
            },
        )

    def _of(self, is_in_V: NDArray[np.bool_]) -> Evaluation:
        """The evaluation of some of the videos."""
        ids = tuple(id for id, is_in in zip(self.ids, is_in_V, strict=True) if is_in)
        return replace(
            self,
            ids=ids,
            scores=self.scores[is_in_V],
            labels=self.labels[is_in_V],
            present=None if self.present is None else self.present[is_in_V],
        )

    def write(self, path: str | Path, *, of: str | None = None) -> None:
        """Write ``path`` (JSON) and beside it the scores of each video (``.npz``), never half.

        The scores file holds ``ids`` (V,), ``scores`` (V, K), ``labels`` (V,), and ``present``
        (V, K) where several classes may be there at once.

        Args:
            path: Such as ``RUN/evaluation.json``; the scores go to ``RUN/evaluation.npz``.
            of: What tells these videos from others, written down as ``videos``; None for nothing.

        Raises:
            WriteError: The disk is full or the folder cannot be written.
        """
        path = Path(path)
        folder = RunFolder(path.parent)
        archive = io.BytesIO()
        ids = np.array(self.ids, dtype=np.str_)
        arrays: dict[str, Any] = {"ids": ids, "scores": self.scores, "labels": self.labels}
        if self.present is not None:
            arrays["present"] = self.present
        np.savez_compressed(archive, **arrays)
        content = archive.getvalue()
        # The digest ties the two files: a kill between the two writes does not go unnoticed.
        digest = hashlib.sha256(content).hexdigest()
        write_bytes(path.with_suffix(".npz"), content)
        told = {} if of is None else {"videos": of}
        folder.write_json(path, {**self.to_json(), **told, "scores_sha256": digest})

    @classmethod
    def read(cls, path: str | Path) -> Evaluation:
        """Read what ``write`` wrote.

        Raises:
            CheckpointError: A file is missing or broken, or the two do not belong together.
        """
        path = Path(path)
        missing = "run `semivideo evaluate` first"
        stated = RunFolder(path.parent).read_json(path, missing=missing)
        scores_file = path.with_suffix(".npz")
        again = f"of {path}; evaluate again"
        try:
            content = read_bytes(scores_file)
        except OSError as error:
            sentence = f"cannot read {scores_file}, the scores {again} ({error.strerror})"
            raise CheckpointError(sentence) from None
        if hashlib.sha256(content).hexdigest() != stated.get("scores_sha256"):
            raise CheckpointError(f"{scores_file} does not hold the scores {again}")
        with reading(path, CheckpointError, "evaluate again"):
            return cls._from(stated, content)

    @classmethod
    def _from(cls, stated: dict[str, Any], content: bytes) -> Evaluation:
        """Put the two files together; the figures in ``stated`` are computed anew."""
        with opened_npz(content) as arrays:
            return cls.from_json(
                stated,
                ids=arrays["ids"].tolist(),
                scores=arrays["scores"],
                labels=arrays["labels"],
                present=arrays["present"] if "present" in arrays else None,
            )


def _check_scores(scores: Scores, labels: Labels, *, num_videos: int, num_classes: int) -> None:
    """Refuse scores of a file that do not fit its videos and classes."""
    shape = (num_videos, num_classes)
    if scores.shape != shape or not np.isfinite(scores).all():
        raise UnreadError(f"the scores are {scores.shape}, and {shape} finite ones are wanted")
    is_in = labels.dtype.kind in "iu" and labels.shape == (num_videos,)
    if not is_in or (num_videos and not (0 <= labels.min() and labels.max() < num_classes)):
        raise UnreadError(f"the labels are not {num_videos} numbers of classes below {num_classes}")
