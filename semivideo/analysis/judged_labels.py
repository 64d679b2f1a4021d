"""Each pseudo-label of a training with the true class beside it, for figures that count them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from semivideo.analysis.groups import Trained
from semivideo.analysis.pseudo_labels import UNKNOWN
from semivideo.base.errors import ConfigError


class JudgedLabels(NamedTuple):
    """Pseudo-labels of unlabelled videos whose class somebody knows; arrays (num_labels,).

    Attributes:
        num_steps: Length of the training.
        step: Integers.
        network: Names.
        video: Rows of the manifest.
        label: Classes.
        confidence: In [0, 1].
        kept: Whether the label was used.
        is_right: Whether it is the true class.
    """

    num_steps: int
    step: NDArray[np.int64]
    network: NDArray[np.str_]
    video: NDArray[np.int64]
    label: NDArray[np.int64]
    confidence: NDArray[np.float32]
    kept: NDArray[np.bool_]
    is_right: NDArray[np.bool_]

    @property
    def networks(self) -> list[str]:
        """Names of the networks, the primary first."""
        return sorted(set(self.network.tolist()), key=lambda name: (name != "primary", name))

    @classmethod
    def of(cls, trained: Trained) -> JudgedLabels:
        """Read the labels of a run.

        Raises:
            CheckpointError: The run holds no pseudo-labels.
            ConfigError: Nobody knows the class of any unlabelled video.
        """
        table = trained.pseudo_labels()
        num_steps = int(table["step"].to_numpy().max(initial=0)) + 1
        truth = trained.truth[table["video"].to_numpy()]
        is_known = truth != UNKNOWN
        if not is_known.any():
            raise ConfigError(
                f"{trained.run.path}: nobody knows the class of any unlabelled video, so no "
                "pseudo-label can be judged; train on a manifest with all labels and let the "
                "split hide them"
            )
        step, video, label, sure, kept = (
            table[name].to_numpy()[is_known]
            for name in ("step", "video", "label", "confidence", "kept")
        )
        names = np.asarray(table["network"].to_pylist(), dtype=np.str_)[is_known]
        wide = [array.astype(np.int64) for array in (step, video, label)]
        return cls(
            num_steps, wide[0], names, wide[1], wide[2], sure, kept, label == truth[is_known]
        )


def share(is_so: NDArray[np.bool_]) -> float:
    """Share of true ones, NaN of nothing."""
    return float(is_so.mean()) if len(is_so) else float("nan")
