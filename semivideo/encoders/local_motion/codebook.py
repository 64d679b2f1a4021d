"""The codebook of local motion, learned from the user's own videos, and the Fisher vectors of it.

A codebook has, for each channel, the main directions of its descriptors (PCA) and a mixture of
Gaussians of diagonal covariance in them. A video is told by how its n descriptors x_i pull at the
mixture, p_ik the share of Gaussian k in x_i:

    m_k = 1 / (n sqrt(w_k))   sum_i p_ik (x_i - mu_k) / sigma_k
    s_k = 1 / (n sqrt(2 w_k)) sum_i p_ik ((x_i - mu_k)^2 / sigma_k^2 - 1)
    f   = sign(z) sqrt(|z|),  z = (m_1 ... m_K, s_1 ... s_K),  each channel of unit length

These 8448 numbers are reduced to 256 by their main directions over the same videos. The 256 are
then turned by a rotation that was drawn once: it changes no distance, and leaves no number with
more variance than another. So heads, which divide each number by its deviation, keep the distances
too; divided by deviations of their own, the last directions would count as much as the first.

Perronnin, Sanchez and Mensink, "Improving the Fisher kernel for large-scale image classification",
ECCV 2010.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from semivideo.base.errors import CheckpointError
from semivideo.base.files import read_bytes
from semivideo.encoders.local_motion.local_descriptors import DIMS, LocalDescriptors

Floats = NDArray[np.float32]

CODEBOOK_FILE = "codebook.safetensors"
NUM_GAUSSIANS = 32
NUM_DIRECTIONS = {"hog": 32, "hof": 36, "mbh": 64}
"""Of each channel; a third of its numbers, about."""
FISHER_DIM = 2 * NUM_GAUSSIANS * sum(NUM_DIRECTIONS.values())
NUM_FEATURES = 256
_LEARNED_FROM = 25_000
"""Descriptors of a channel."""
_ROUNDS = 20
_ROTATION = 0  # seed
_LEAST_VARIANCE = 1e-4
_LEAST_SHARE = 1e-3  # of a Gaussian in a descriptor: less counts as none


@dataclass(frozen=True, eq=False)
class ChannelBook:
    """The codebook of a channel; float32, D numbers a descriptor, Q directions, K Gaussians.

    Attributes:
        mean: (D,), subtracted from descriptors.
        directions: (D, Q), orthonormal.
        shares: (K,), > 0, of sum 1.
        centers: (K, Q).
        variances: (K, Q), > 0.
    """

    mean: Floats
    directions: Floats
    shares: Floats
    centers: Floats
    variances: Floats

    def fisher(self, descriptors_nD: NDArray[np.float16]) -> Floats:
        """Return the Fisher vector of descriptors: float32 (2 K Q,), of unit length, or zeros."""
        x_nQ = (descriptors_nD.astype(np.float32) - self.mean) @ self.directions
        squares_nQ, precisions = x_nQ * x_nQ, 1 / self.variances
        constant = np.log(self.shares) - 0.5 * (
            np.log(self.variances) + self.centers**2 * precisions
        ).sum(axis=1)
        logs_nK = constant + x_nQ @ (self.centers * precisions).T - squares_nQ @ precisions.T / 2
        p_nK = np.exp(logs_nK - logs_nK.max(axis=1, keepdims=True))
        p_nK /= p_nK.sum(axis=1, keepdims=True)
        p_nK[p_nK < _LEAST_SHARE] = 0
        count_K1 = p_nK.sum(axis=0)[:, None]
        sums_KQ, of_squares_KQ = p_nK.T @ x_nQ, p_nK.T @ squares_nQ
        weight_K1 = len(x_nQ) * np.sqrt(self.shares)[:, None]
        m_KQ = (sums_KQ - count_K1 * self.centers) / np.sqrt(self.variances) / weight_K1
        around_KQ = of_squares_KQ - 2 * sums_KQ * self.centers + count_K1 * self.centers**2
        s_KQ = (around_KQ * precisions - count_K1) / (weight_K1 * np.sqrt(np.float32(2)))
        z = np.concatenate([m_KQ.ravel(), s_KQ.ravel()])
        rooted = np.sign(z) * np.sqrt(np.abs(z))
        length = max(float(np.linalg.norm(rooted)), 1e-9)
        return np.asarray(rooted / length, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Codebook:
    """The codebooks of all channels, and how Fisher vectors are reduced.

    Attributes:
        channels: By name.
        mean: float32 (F,), of Fisher vectors.
        directions: float16 (F, 256), turned main directions of them.
    """

    channels: Mapping[str, ChannelBook]
    mean: Floats
    directions: NDArray[np.float16]

    def features(self, found: LocalDescriptors) -> Floats:
        """Return what is said of a video: float32 (256,)."""
        apart = fisher(self.channels, found) - self.mean
        return np.asarray(apart @ self._directions, dtype=np.float32)

    @cached_property
    def _directions(self) -> Floats:
        return self.directions.astype(np.float32)

    @classmethod
    def blank(cls) -> Codebook:
        """Return one that was learned from nothing, to be timed."""
        return cls(
            {name: _blank(dim, NUM_DIRECTIONS[name]) for name, dim in DIMS.items()},
            np.zeros(FISHER_DIM, np.float32),
            np.eye(FISHER_DIM, NUM_FEATURES, dtype=np.float16),
        )

    @cached_property
    def content(self) -> bytes:
        """The file of it."""
        arrays = {
            f"{name}.{field.name}": np.ascontiguousarray(getattr(book, field.name))
            for name, book in self.channels.items()
            for field in fields(book)
        }
        arrays |= {"all.mean": self.mean, "all.directions": self.directions}
        return safetensors.numpy.save(arrays)

    @property
    def sha256(self) -> str:
        """Digest of the file."""
        return hashlib.sha256(self.content).hexdigest()

    @classmethod
    def read(cls, file: Path) -> Codebook:
        """Read the file of a codebook.

        Raises:
            CheckpointError: It is missing, broken, or holds something else.
        """
        again = "bring back the one that was made with the features, or make the features again"
        try:
            found = safetensors.numpy.load(read_bytes(file))
        except FileNotFoundError:
            raise CheckpointError(f"there is no codebook {file}; {again}") from None
        except (OSError, safetensors.SafetensorError, KeyError) as error:
            raise CheckpointError(f"cannot read the codebook {file}: {error}; {again}") from None
        fault = _fault(found)
        if fault:
            raise CheckpointError(f"{file} is no codebook of local motion: {fault}; {again}")
        channels = {
            name: ChannelBook(**{f.name: found[f"{name}.{f.name}"] for f in fields(ChannelBook)})
            for name in DIMS
        }
        return cls(channels, found["all.mean"], found["all.directions"])


def _blank(dim: int, directions: int) -> ChannelBook:
    places = np.linspace(-1, 1, NUM_GAUSSIANS, dtype=np.float32)
    return ChannelBook(
        np.zeros(dim, np.float32),
        np.eye(dim, directions, dtype=np.float32),
        np.full(NUM_GAUSSIANS, 1 / NUM_GAUSSIANS, np.float32),
        np.repeat(places[:, None], directions, axis=1),
        np.ones((NUM_GAUSSIANS, directions), np.float32),
    )


def _fault(found: Mapping[str, NDArray[Any]]) -> str:
    """What is wrong with the arrays of a file, or ""."""
    wanted: dict[str, tuple[int, ...]] = {
        "all.mean": (FISHER_DIM,),
        "all.directions": (FISHER_DIM, NUM_FEATURES),
    }
    for name, dim in DIMS.items():
        in_mixture = (NUM_GAUSSIANS, NUM_DIRECTIONS[name])
        wanted |= {
            f"{name}.mean": (dim,),
            f"{name}.directions": (dim, NUM_DIRECTIONS[name]),
            f"{name}.shares": (NUM_GAUSSIANS,),
            f"{name}.centers": in_mixture,
            f"{name}.variances": in_mixture,
        }
    if found.keys() != wanted.keys():
        other = sorted(found.keys() ^ wanted.keys())
        return f"{other[0]} is {'missing' if other[0] in wanted else 'unknown'}"
    for name, shape in wanted.items():
        array = found[name]
        kind = np.float16 if name == "all.directions" else np.float32
        if array.shape != shape or array.dtype != kind:
            return f"{name} is {array.dtype} {array.shape} instead of {np.dtype(kind)} {shape}"
        if not np.isfinite(array).all():
            return f"{name} has numbers that are not finite"
        if name.endswith((".shares", ".variances")) and (array <= 0).any():
            return f"{name} has numbers that are not above 0"
    return ""


def learn_codebook(videos: Sequence[LocalDescriptors], *, seed: int = 0) -> Codebook:
    """Learn a codebook.

    Args:
        videos: The descriptors of some videos, at least one.
        seed: Of the descriptors that are drawn, alike of every video, and of the mixtures.

    Returns:
        The same one for the same descriptors and seed.
    """
    channels = {name: _learned(name, videos, seed) for name in DIMS}
    views = [view for video in videos for view in (video.plain, video.mirrored.plain)]
    return Codebook(channels, *_reduction(np.stack([fisher(channels, view) for view in views])))


def fisher(channels: Mapping[str, ChannelBook], found: LocalDescriptors) -> Floats:
    """Return the Fisher vector of a view of a video, all channels: float32 (F,)."""
    return np.concatenate([channels[name].fisher(found.of[name]) for name in DIMS])


def _reduction(rows_NF: Floats) -> tuple[Floats, NDArray[np.float16]]:
    """Mean and turned main directions of Fisher vectors; of few of them directions are missing."""
    mean = rows_NF.mean(axis=0, dtype=np.float64)
    apart = rows_NF - mean
    variance, U = np.linalg.eigh(apart @ apart.T)
    kept = np.flatnonzero(variance > 1e-6 * max(variance.max(), 1e-12))[::-1][:NUM_FEATURES]
    main = np.zeros((rows_NF.shape[1], NUM_FEATURES))
    main[:, : len(kept)] = apart.T @ U[:, kept] / np.sqrt(variance[kept])
    drawn = np.random.default_rng(_ROTATION).standard_normal((NUM_FEATURES, NUM_FEATURES))
    rotation, _ = np.linalg.qr(drawn)
    return mean.astype(np.float32), (main @ rotation).astype(np.float16)


def _learned(name: str, videos: Sequence[LocalDescriptors], seed: int) -> ChannelBook:
    """The codebook of a channel, of plain and mirrored descriptors."""
    random = np.random.default_rng(seed)
    each = -(-_LEARNED_FROM // (2 * len(videos)))
    rows = []
    for video in videos:
        for view in (video.plain, video.mirrored.plain):
            places = random.permutation(len(view))[:each]
            rows.append(view.of[name][np.sort(places)])
    rows_ND = np.concatenate(rows).astype(np.float64)
    mean = rows_ND.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(rows_ND.T))
    directions = axes[:, ::-1][:, : NUM_DIRECTIONS[name]]
    shares, centers, variances = _mixture((rows_ND - mean) @ directions, seed)
    arrays = (mean, directions, shares, centers, variances)
    return ChannelBook(*(np.ascontiguousarray(array, dtype=np.float32) for array in arrays))


def _mixture(rows_NQ: NDArray[np.float64], seed: int) -> tuple[NDArray[np.float64], ...]:
    """Shares (K,), centres and variances (K, Q) of a mixture of Gaussians."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(
        NUM_GAUSSIANS,
        covariance_type="diag",
        max_iter=_ROUNDS,
        tol=1e-2,
        reg_covar=_LEAST_VARIANCE,
        init_params="k-means++",
        random_state=seed,
    )
    with warnings.catch_warnings():  # a codebook is good long before its likelihood stands still
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(rows_NQ)
    shares = np.maximum(mixture.weights_, 1e-6)
    return shares / shares.sum(), mixture.means_, mixture.covariances_
