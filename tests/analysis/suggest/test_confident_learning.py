import numpy as np
import pytest

from semivideo.analysis.suggest.confident_learning import NOBODY, confident_learning


def slowly(p, labels):
    """Equations 1 to 3 of the paper, one video at a time."""
    num, K = p.shape
    t = [np.mean([p[n][j] for n in range(num) if labels[n] == j]) for j in range(K)]
    C = np.zeros((K, K))
    off = []
    for n in range(num):
        sure = [j for j in range(K) if p[n][j] >= t[j]]
        if sure:
            j = max(sure, key=lambda j: p[n][j])
            C[labels[n], j] += 1
            if j != labels[n]:
                off.append(n)
    Q = C / C.sum(axis=1, keepdims=True) * np.bincount(labels, minlength=K)[:, None]
    return t, C, Q / Q.sum(), sorted(off, key=lambda n: p[n][labels[n]])


def test_confident_learning__is_the_paper_s_equations_done_slowly():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 200)
    p = rng.dirichlet(np.ones(5) / 2, 200) / 2 + np.eye(5)[labels] / 2
    p[:30] = np.roll(p[:30], 1, axis=1)
    found = confident_learning(p, labels)
    t, C, Q, off = slowly(p, labels)
    np.testing.assert_allclose(found.thresholds, t)
    np.testing.assert_array_equal(found.counts, C)
    np.testing.assert_allclose(found.joint, Q)
    assert found.doubted.tolist() == off


def test_confident_learning__of_four_videos_by_hand():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
    found = confident_learning(p, np.array([0, 0, 1, 1]))
    assert found.thresholds.tolist() == pytest.approx([0.55, 0.65])
    assert found.classes.tolist() == [0, 1, 1, NOBODY]
    assert found.counts.tolist() == [[1, 1], [0, 1]]
    assert found.joint.tolist() == [[0.25, 0.25], [0, 0.5]]
    assert found.doubted.tolist() == [1]
    assert found.wrong_share == pytest.approx(0.25)


def test_confident_learning__doubts_nothing_where_all_are_believed():
    labels = np.arange(12) % 3
    found = confident_learning(np.eye(3)[labels], labels)
    assert found.doubted.size == 0
    assert found.wrong_share == 0


def test_confident_learning__of_a_class_without_labels_finds_nobody_there():
    p = np.array([[0.1, 0.1, 0.8], [0.6, 0.3, 0.1]])
    found = confident_learning(p, np.array([0, 0]))
    assert np.isnan(found.thresholds[1:]).all()
    assert found.classes.tolist() == [NOBODY, 0]
