import numpy as np
import pytest

from semivideo.analysis.principal import kept_apart, principal_plane
from semivideo.base.errors import DataError


def test_principal_plane__equals_the_eigenvectors_of_the_covariance():
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6)) + 3).astype(np.float32)
    plane = principal_plane(features)
    covariance = np.cov(features.astype(np.float64), rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    assert plane.explained == pytest.approx(values[::-1][:2] / values.sum())
    for axis in range(2):
        vector = vectors[:, -1 - axis]
        vector *= np.sign(vector[np.abs(vector).argmax()])
        wanted = (features - features.mean(axis=0)) @ vector
        assert plane.points[:, axis] == pytest.approx(wanted, abs=1e-4)


def test_principal_plane__keeps_points_of_a_plane_as_they_are():
    corners = np.array([[0, 0, 7], [4, 0, 7], [4, 2, 7], [0, 2, 7]], np.float32)
    plane = principal_plane(corners)
    assert plane.points == pytest.approx(np.array([[-2, -1], [2, -1], [2, 1], [-2, 1]]))
    assert plane.explained == pytest.approx([0.8, 0.2])


def test_principal_plane__needs_features_that_differ():
    with pytest.raises(DataError, match="all videos have the same features"):
        principal_plane(np.ones((5, 3), np.float32))


def test_kept_apart__moves_what_is_too_close_and_nothing_else():
    places = np.array([[0.0, 0.0], [0.0, 0.0], [0.3, 0.1], [9.0, 9.0]])
    moved = kept_apart(places, least=1.0)
    distance = np.linalg.norm(moved[:, None] - moved[None], axis=2) + np.eye(4)
    assert distance.min() > 0.99
    assert moved[3] == pytest.approx(places[3], abs=1e-4)
    assert np.abs(moved - places).max() < 1.0
