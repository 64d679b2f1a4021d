"""Label propagation: labels flow to unlabelled videos along a graph of neighbours.

    W_ij = exp(cos_ij / t)^3      i and j among each other's 50 nearest    Zhou et al., NIPS 2004
    S    = D^-1/2 W D^-1/2        (I - alpha S) Z = Y                      Iscen et al., CVPR 2019
    w_i  = 1 - H(z_i) / log K     z_i: row i of Z, normalised

Then the probe is fitted on all videos: labelled ones with weight 1, the others with the class of
the largest z_ik and weight w_i; so it can name videos that were in no graph. Clips of one group
(a film, a person) are like each other whatever they show: of the edges inside its group a clip has
one at most, or the graph learns groups.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch.nn.functional import normalize

from semivideo.base.records import ClipSpec
from semivideo.features.closed_form import ClosedForm, Groups, Known
from semivideo.features.regression import chosen_strength, fill_linear, fitted, views_as_rows
from semivideo.models.contract import Network
from semivideo.transforms import Views

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Rows = NDArray[np.float64]
_ROWS_AT_ONCE = 2048
_MOST_ITERATIONS = 1000


class Propagate(ClosedForm):
    """Labels flow along neighbours; the probe learns them, each as far as it is sure.

    Args:
        primary: The head that is filled.
        neighbors: Nearest videos that a video may be joined to, >= 1.
        temperature: t, > 0; small lets the nearest ones decide.
        alpha: Share of a video's label that comes from its neighbours, in [0, 1).
    """

    head = "linear"
    uses_unlabeled = True

    def __init__(
        self,
        primary: Network,
        *,
        views: Views,
        clips: dict[str, ClipSpec],
        neighbors: Annotated[int, Field(ge=1)] = 50,
        temperature: Annotated[float, Field(gt=0)] = 0.2,
        alpha: Annotated[float, Field(ge=0, lt=1)] = 0.99,
    ) -> None:
        super().__init__(primary, views=views, clips=clips)
        self.neighbors, self.temperature, self.alpha = neighbors, temperature, alpha

    def compute(self, known: Known) -> dict[str, Any]:
        """Fill the linear head."""
        views = torch.cat([known.labeled, known.unlabeled])
        groups = np.concatenate([known.groups, known.unlabeled_groups])
        directions = normalize(views.mean(dim=1), dim=1).double().numpy()
        W = affinities(directions, groups, neighbors=self.neighbors, temperature=self.temperature)
        num_labeled = len(known.labels)
        Y = np.zeros((len(views), known.num_classes))
        Y[np.arange(num_labeled), known.labels] = 1
        labels, weights = certain(propagated(W, Y, alpha=self.alpha))
        labels[:num_labeled], weights[:num_labeled] = known.labels, 1
        strength, reason = chosen_strength(known)
        rows = views_as_rows(views, labels, weights)
        fill_linear(self.primary, *fitted(*rows, strength=strength))
        return {
            "C": strength,
            "C_because": reason,
            "mean_weight": float(weights[num_labeled:].mean()) if len(known.unlabeled) else None,
        }


def affinities(
    directions_ND: Rows, groups_N: Groups, *, neighbors: int, temperature: float
) -> csr_array:
    """Return W: edges between videos that are among each other's nearest ones.

    Args:
        directions_ND: (N, D), of length 1.
        groups_N: (N,); the nearest clip of its own group is the only one that a clip looks at.
        neighbors: How many each looks at.
        temperature: t of the module's equation.

    Returns:
        (N, N), symmetric, zero on the diagonal.
    """
    from scipy.sparse import csr_array

    number = len(directions_ND)
    places: list[NDArray[np.int64]] = []
    values: list[Rows] = []
    for start in range(0, number, _ROWS_AT_ONCE):
        here = np.arange(start, min(start + _ROWS_AT_ONCE, number))
        cosines = directions_ND[here] @ directions_ND.T
        cosines[np.arange(len(here)), here] = -np.inf
        _keep_one_of_own_group(cosines, groups_N[here], groups_N)
        wanted = min(neighbors, number - 1)
        nearest = np.argpartition(-cosines, wanted - 1, axis=1)[:, :wanted]
        found = np.take_along_axis(cosines, nearest, axis=1)
        is_there = np.isfinite(found)
        places.append(np.stack([here[:, None].repeat(wanted, 1)[is_there], nearest[is_there]]))
        values.append(np.exp(3 * found[is_there] / temperature))
    seen = csr_array((np.concatenate(values), np.concatenate(places, axis=1)), (number, number))
    return seen.minimum(seen.T)  # zero unless both look at each other


def _keep_one_of_own_group(cosines: Rows, own: Groups, groups: Groups) -> None:
    """Hide all but the nearest clip of the same group."""
    is_same = own[:, None] == groups[None]
    inside = np.where(is_same, cosines, -np.inf)
    rows, nearest = np.arange(len(own)), inside.argmax(axis=1)
    kept = inside[rows, nearest]
    cosines[is_same] = -np.inf
    cosines[rows, nearest] = np.where(np.isfinite(kept), kept, cosines[rows, nearest])


def propagated(W: csr_array, Y_NK: Rows, *, alpha: float) -> Rows:
    """Solve (I - alpha S) Z = Y by conjugate gradients, class by class.

    Args:
        W: (N, N), symmetric, >= 0.
        Y_NK: (N, K), 1 where a video has the label.
        alpha: In [0, 1).

    Returns:
        Z (N, K), >= 0.
    """
    from scipy.sparse import diags_array, eye_array
    from scipy.sparse.linalg import cg

    degree = np.asarray(W.sum(axis=1)).ravel()
    scale = diags_array(1 / np.sqrt(np.where(degree > 0, degree, 1)))
    system = eye_array(W.shape[0], format="csr") - alpha * (scale @ W @ scale)
    columns = [cg(system, y, rtol=1e-8, maxiter=_MOST_ITERATIONS)[0] for y in Y_NK.T]
    return np.stack(columns, axis=1).clip(0)


def certain(Z_NK: Rows) -> tuple[NDArray[np.int64], Rows]:
    """Return the class of each video and how sure it is: 1 - H(z) / log K, 0 without any label.

    Args:
        Z_NK: (N, K), >= 0; K >= 2.
    """
    total_N1 = Z_NK.sum(axis=1, keepdims=True)
    z_NK = np.divide(Z_NK, total_N1, out=np.full_like(Z_NK, 1 / Z_NK.shape[1]), where=total_N1 > 0)
    entropy_N = -(z_NK * np.log(z_NK.clip(1e-30))).sum(axis=1)
    return Z_NK.argmax(axis=1), (1 - entropy_N / math.log(Z_NK.shape[1])).clip(0, 1)
