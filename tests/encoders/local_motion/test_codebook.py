"""Codebooks and Fisher vectors against scikit-learn and the gradient of the likelihood."""

import warnings

import numpy as np
import pytest
import safetensors.numpy

from semivideo.base.errors import CheckpointError
from semivideo.encoders.local_motion import CODEBOOK_FILE, Codebook, describe, learn_codebook
from semivideo.encoders.local_motion import codebook as module
from semivideo.encoders.local_motion.codebook import ChannelBook


def test_fisher__is_the_scaled_gradient_of_the_likelihood():
    """By centres and deviations, with scikit-learn's shares; the root and the length after it."""
    from sklearn.mixture import GaussianMixture

    random = np.random.default_rng(0)
    x = random.standard_normal((200, 3)) * [1, 2, 0.5] + random.integers(0, 2, (200, 1)) * 3
    mixture = GaussianMixture(2, covariance_type="diag", random_state=0).fit(x)
    w, mu, var = mixture.weights_, mixture.means_, mixture.covariances_
    book = ChannelBook(
        np.zeros(3, np.float32),
        np.eye(3, dtype=np.float32),
        *(each.astype(np.float32) for each in (w, mu, var)),
    )
    few = x[:40]
    p = mixture.predict_proba(few.astype(np.float16))
    p[p < 1e-3] = 0
    apart = (few.astype(np.float16)[:, None] - mu) / np.sqrt(var)
    m = (p[..., None] * apart).sum(axis=0) / (len(few) * np.sqrt(w)[:, None])
    s = (p[..., None] * (apart**2 - 1)).sum(axis=0) / (len(few) * np.sqrt(2 * w)[:, None])
    z = np.concatenate([m.ravel(), s.ravel()])
    wanted = np.sign(z) * np.sqrt(np.abs(z))
    wanted /= np.linalg.norm(wanted)
    np.testing.assert_allclose(book.fisher(few.astype(np.float16)), wanted, atol=2e-3)


def test_learn__the_mixture_is_scikit_learns_in_the_main_directions(videos, codebook):
    """Centres and shares explain the descriptors as well as a fit by hand does."""
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    rows = np.concatenate(
        [view.of["hof"] for v in videos for view in (v.plain, v.mirrored.plain)]
    ).astype(np.float64)
    book = codebook.channels["hof"]
    explained = ((rows - book.mean) @ book.directions).var(axis=0).sum()
    assert explained == pytest.approx(PCA(36).fit(rows).explained_variance_.sum(), rel=0.01)
    ours = GaussianMixture(32, covariance_type="diag")
    ours.weights_, ours.means_, ours.covariances_ = book.shares, book.centers, book.variances
    ours.precisions_cholesky_ = 1 / np.sqrt(book.variances)
    told = (rows - book.mean) @ book.directions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = GaussianMixture(32, covariance_type="diag", reg_covar=1e-4, random_state=3)
        best = plain.fit(told).score(told)
    assert ours.score(told) > best - 0.1 * abs(best)


def test_learn__is_a_function_of_videos_and_seed(videos, codebook):
    assert learn_codebook(videos).sha256 == codebook.sha256
    assert learn_codebook(videos, seed=1).sha256 != codebook.sha256
    assert learn_codebook(videos[:-1]).sha256 != codebook.sha256


def test_features__tell_two_directions_apart(squares, videos, codebook):
    moving, clip_of = squares
    known = np.stack([codebook.features(each.plain) for each in videos])
    for dx, dy, kind in ((2, 0, 0), (0, -2, 1)):
        asked = codebook.features(describe(clip_of(moving(dx, dy, seed=50))).plain)
        apart = np.linalg.norm(known - asked, axis=1)
        assert apart[kind::2].mean() < 0.8 * apart[1 - kind :: 2].mean()


def test_features__keep_the_distances_of_fisher_vectors(videos, codebook):
    """Of few videos no direction is lost; turned, none has much more variance than the others."""
    views = [view for video in videos for view in (video.plain, video.mirrored.plain)]
    fisher = np.stack([module.fisher(codebook.channels, view) for view in views])
    found = np.stack([codebook.features(view) for view in views])
    distances = [np.linalg.norm(x[:, None] - x, axis=-1) for x in (fisher, found)]
    np.testing.assert_allclose(distances[0], distances[1], rtol=0.02, atol=2e-3)
    deviation = found.std(axis=0)
    assert deviation.max() < 4 * deviation.mean()


def test_learn__of_a_still_video_alone_is_finite(squares):
    _, clip_of = squares
    still = describe(clip_of(np.full((3, 40, 40, 3), 90, np.uint8)))
    made = learn_codebook([still])
    found = made.features(still.plain)
    assert np.isfinite(found).all()
    assert found.shape == (256,)


def test_codebook__is_read_as_it_was_written(videos, codebook, tmp_path):
    file = tmp_path / CODEBOOK_FILE
    file.write_bytes(codebook.content)
    found = Codebook.read(file)
    assert found.sha256 == codebook.sha256
    assert np.array_equal(found.features(videos[0]), codebook.features(videos[0]))


def test_codebook__says_what_is_wrong_with_a_file(codebook, tmp_path):
    file = tmp_path / CODEBOOK_FILE
    with pytest.raises(CheckpointError, match=r"there is no codebook .*; bring back the one that"):
        Codebook.read(file)
    file.write_bytes(codebook.content[:1000])
    with pytest.raises(CheckpointError, match="cannot read the codebook"):
        Codebook.read(file)
    arrays = safetensors.numpy.load(codebook.content)
    for name, value, sentence in (
        ("hof.centers", arrays["hof.centers"][:, :-1], r"hof.centers is float32 \(32, 35\) inst"),
        ("hof.mean", arrays["hof.mean"].astype(np.float64), "hof.mean is float64"),
        ("hog.shares", -arrays["hog.shares"], "hog.shares has numbers that are not above 0"),
        ("all.mean", arrays["all.mean"] * np.nan, "all.mean has numbers that are not finite"),
        ("extra", arrays["all.mean"], "extra is unknown"),
    ):
        broken = {k: np.ascontiguousarray(v) for k, v in {**arrays, name: value}.items()}
        file.write_bytes(safetensors.numpy.save(broken))
        with pytest.raises(CheckpointError, match=f"is no codebook of local motion: {sentence}"):
            Codebook.read(file)
    del arrays["mbh.mean"]
    file.write_bytes(safetensors.numpy.save(arrays))
    with pytest.raises(CheckpointError, match=r"mbh.mean is missing"):
        Codebook.read(file)
