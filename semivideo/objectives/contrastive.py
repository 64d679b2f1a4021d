"""Contrast: two representations of one clip are to be closer than those of different clips.

The functions compare the rows they are given. Where a batch is shared by several processes, the
caller gathers the rows of all (``semivideo.base.processes.gathered``) first.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor


def info_nce(queries_ND: Tensor, keys_MD: Tensor, *, temperature: float) -> Tensor:
    """Return -1/N sum_i log(exp(s_ii / t) / sum_j exp(s_ij / t)), s_ij = cos(query_i, key_j).

    Query i belongs to key i; all other keys are its negatives, and queries are never compared with
    queries: between two modalities the negatives are cross-modal only, as in LTG (the form is van
    den Oord et al. 2018). Rows need not be normalised.

    Args:
        queries_ND: (N, D).
        keys_MD: (M, D), M >= N; keys N to M - 1 are nobody's positive.
        temperature: t > 0.

    Returns:
        A scalar; log M where all rows are alike.
    """
    positive = torch.arange(len(queries_ND), device=queries_ND.device)
    return F.cross_entropy(cosines(queries_ND, keys_MD) / temperature, positive)


def nt_xent(a_ND: Tensor, b_ND: Tensor, *, temperature: float) -> Tensor:
    """Return the symmetric NT-Xent of N pairs (Chen et al., ICML 2020, Eq. 1), as in TCL.

    a_i belongs to b_i and b_i to a_i; the negatives of a row are all other 2 N - 2 rows of both a
    and b. The mean runs over all 2 N rows.

    Args:
        a_ND: (N, D).
        b_ND: (N, D).
        temperature: t > 0.

    Returns:
        A scalar; log(2 N - 1) where all rows are alike.
    """
    rows = torch.cat([a_ND, b_ND])
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    similarity = cosines(rows, rows).masked_fill(itself, -torch.inf)
    partner = torch.arange(len(rows), device=rows.device).roll(len(a_ND))
    return F.cross_entropy(similarity / temperature, partner)


def cosines(a_ND: Tensor, b_MD: Tensor) -> Tensor:
    """Return the cosine of each row of ``a_ND`` (N, D) and each of ``b_MD`` (M, D): (N, M).

    At least in float32 also under autocast: bf16 would round similarities to two digits.
    """
    with torch.autocast(a_ND.device.type, enabled=False):
        dtype = torch.promote_types(a_ND.dtype, torch.float32)
        a, b = a_ND.to(dtype), b_MD.to(dtype)
        return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T
