"""WCCN: logistic regression that looks away from what differs within groups of unlabelled videos.

Clips of one group (a film, a person's takes) mostly show one action in one place; what they still
differ in (camera, moment, framing) tells no actions apart. That is known without a label:

    S_f = 1/n sum_g n_g / (n_g - 1) sum_{i in g} (f_i - m_g)(f_i - m_g)^T  g: of 2 clips or more
    S_c = the same, with the labelled clips of a class as a group
    S   = S_f / tr S_f + S_c / tr S_c
    f'  = (I + S / l)^(-1/2) f,  made of unit length           l = shrinkage tr S / 100

f_i is the mean of a clip's weak views, n the number of clips in the sum. The probe
(``regression``) is then fitted on the f' of the labelled clips. Where every group is one clip and
every class has one label it is the probe itself.

Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker
recognition", Interspeech 2006, where a group is a speaker and the whole of S is inverted. Here
most directions are seen by no group, and l keeps them as they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from semivideo.base.records import ClipSpec
from semivideo.features.closed_form import ClosedForm, Known
from semivideo.features.regression import chosen_strength, fill_linear, fitted, views_as_rows
from semivideo.models.contract import Network
from semivideo.models.lookup import WithinHead
from semivideo.transforms import Views

Rows = NDArray[np.float64]
_LEAST = 1e-5
"""Variance, of the largest, below which a direction is rounding."""


class WCCN(ClosedForm):
    """The probe, looking away from directions in which clips of one group differ.

    Args:
        primary: The head that is filled.
        shrinkage: What spread is compared with, in hundredths of all of it, > 0; a large one leaves
            the probe.
    """

    head = "within"
    uses_unlabeled = True

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        shrinkage: Annotated[float, Field(gt=0)] = 0.1,
    ) -> None:
        super().__init__(primary, views=views, clips=clips)
        self.shrinkage = shrinkage

    def compute(self, known: Known) -> dict[str, Any]:
        """Fill the head."""
        clips = torch.cat([known.labeled, known.unlabeled]).mean(dim=1).double().numpy()
        groups = np.concatenate([known.groups, known.unlabeled_groups])
        parts = [
            deviations(clips, groups),
            deviations(clips[: len(known.labels)], known.labels),
        ]
        rows = np.concatenate(
            [part / np.linalg.norm(part) for part in parts if part.any()] or parts
        )
        head = cast("WithinHead", self.primary)
        head.look_away(*directions(rows, shrinkage=self.shrinkage))
        shortened = replace(known, labeled=head.shortened(known.labeled))
        strength, reason = chosen_strength(shortened)
        fill_linear(
            head, *fitted(*views_as_rows(shortened.labeled, known.labels), strength=strength)
        )
        return {
            "C": strength,
            "C_because": reason,
            "directions": len(head.directions),
            "clips_with_others_of_their_group": len(parts[0]),
        }


def deviations(clips_ND: Rows, groups_N: NDArray[Any]) -> Rows:
    """Return rows a_i with sum_i a_i a_i^T = S of the module's equation.

    Args:
        clips_ND: (N, D).
        groups_N: (N,), what each belongs to.

    Returns:
        (n, D), one row for each clip that has others of its group.
    """
    _, number_N = np.unique(groups_N, return_inverse=True)
    size_G = np.bincount(number_N)
    mean_GD = np.zeros((len(size_G), clips_ND.shape[1]))
    np.add.at(mean_GD, number_N, clips_ND)
    mean_GD /= size_G[:, None]
    size_N = size_G[number_N]
    is_kept = size_N > 1
    apart = clips_ND[is_kept] - mean_GD[number_N[is_kept]]
    weight = np.sqrt(size_N[is_kept] / (size_N[is_kept] - 1))[:, None]
    found: Rows = apart * weight / np.sqrt(max(1, is_kept.sum()))
    return found


def directions(rows_ND: Rows, *, shrinkage: float) -> tuple[Tensor, Tensor]:
    """Diagonalise S = rows^T rows.

    Args:
        rows_ND: (n, D).
        shrinkage: As in ``WCCN``.

    Returns:
        Directions float32 (M, D), orthonormal, and gains float32 (M,) of
        (I + S / l)^(-1/2) = I + V g V^T.
    """
    variance_n, U = np.linalg.eigh(rows_ND @ rows_ND.T)
    is_kept = variance_n > _LEAST * max(variance_n.max(initial=0.0), 1e-30)
    variance_M, U = variance_n[is_kept], U[:, is_kept]
    V_MD = (rows_ND.T @ U / np.sqrt(variance_M)).T
    little = shrinkage * variance_M.sum() / 100
    gains_M = 1 / np.sqrt(1 + variance_M / little) - 1 if len(variance_M) else variance_M
    return torch.from_numpy(V_MD).float(), torch.from_numpy(gains_M).float()
