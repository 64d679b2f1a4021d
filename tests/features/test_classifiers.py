"""Classifiers computed at once: equations against independent computations."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn.functional import cross_entropy, normalize

from semivideo.features import propagation, regression
from semivideo.features.closed_form import Known
from semivideo.features.nearest import KNN
from semivideo.features.propagation import Propagate, affinities, certain, propagated
from semivideo.features.regression import Probe, fitted, group_folds, views_as_rows
from semivideo.models.heads import LinearHead
from semivideo.models.lookup import Neighbours

D, K, W = 12, 3, 2


def made(*, num_labeled=12, num_unlabeled=0, seed=0, groups=None):
    """Videos around the middle of their class; two views of each."""
    torch.manual_seed(seed)
    number = num_labeled + num_unlabeled
    labels = torch.arange(number) % K
    middles = torch.randn(K, D)
    videos = normalize(middles[labels][:, None] + 0.9 * torch.randn(number, W, D), dim=2)
    names = np.array([f"g{n}" for n in range(number)] if groups is None else groups, np.str_)
    return Known(
        labeled=videos[:num_labeled],
        labels=labels[:num_labeled].numpy(),
        groups=names[:num_labeled],
        unlabeled=videos[num_labeled:],
        unlabeled_groups=names[num_labeled:],
        num_classes=K,
    )


def head():
    return LinearHead(K, dim=D)


def probe(known):
    filled = Probe(head(), views=None, clips={})
    return filled, filled.compute(known)


def test_fitted__is_the_least_of_the_penalised_loss():
    known = made()
    rows, labels, weights = views_as_rows(known.labeled, known.labels)

    def loss(theta):
        t = torch.tensor(theta, requires_grad=True)
        weight, bias = t[: K * D].view(K, D), t[K * D :]
        losses = cross_entropy(
            torch.from_numpy(rows) @ weight.T + bias, torch.from_numpy(labels), reduction="none"
        )
        total = weight.square().sum() / 2 + 10 * (torch.from_numpy(weights) * losses).sum()
        (gradient,) = torch.autograd.grad(total, t)
        return total.item(), gradient.numpy()

    expected = minimize(loss, np.zeros(K * D + K), jac=True, options={"gtol": 1e-8})
    found, intercept, classes = fitted(rows, labels, weights, strength=10.0)
    assert classes.tolist() == [0, 1, 2]
    np.testing.assert_allclose(found.ravel(), expected.x[: K * D], atol=2e-3)
    spread = intercept - expected.x[K * D :]  # a constant added to all intercepts changes nothing
    np.testing.assert_allclose(spread, spread.mean(), atol=2e-3)


def test_fitted__of_fewer_rows_than_numbers_is_the_same():
    known = made(num_labeled=6)
    wide = torch.cat([known.labeled, torch.zeros(6, W, 40)], dim=2)
    ours = fitted(*views_as_rows(wide, known.labels), strength=1.0)
    theirs = fitted(*views_as_rows(known.labeled, known.labels), strength=1.0)
    np.testing.assert_allclose(ours[0][:, :D], theirs[0], atol=1e-3)
    np.testing.assert_allclose(ours[0][:, D:], 0, atol=1e-9)


def test_fitted__two_classes_have_two_rows():
    known = made(num_labeled=9).of([0, 1, 3, 4, 6, 7])
    W_, b, classes = fitted(*views_as_rows(known.labeled, known.labels), strength=1.0)
    assert W_.shape == (2, D)
    assert b.shape == classes.shape == (2,)
    np.testing.assert_allclose(W_[0], -W_[1])


def test_probe__names_the_videos_it_was_fitted_on():
    known = made()
    filled, chosen = probe(known)
    assert chosen["C"] in regression.GRID
    logits = filled.primary.classifier(known.labeled.mean(dim=1))
    assert logits.argmax(dim=1).tolist() == known.labels.tolist()


def test_probe__a_class_without_labels_is_never_named():
    known = made().of([0, 1, 3, 4, 6, 7])
    filled, _ = probe(known)
    shares = filled.primary.classifier(known.labeled[:, 0]).softmax(dim=1)
    assert (shares[:, 2] < 1e-6).all()


def test_strength__is_the_one_of_highest_likelihood_of_left_out_groups():
    known = made(num_labeled=18, groups=[f"g{n // 3}" for n in range(18)])
    likelihood = dict.fromkeys(regression.GRID, 0.0)
    for kept, left_out in group_folds(known):
        for strength in regression.GRID:
            rows = views_as_rows(known.of(kept).labeled, known.labels[kept])
            W_, b, _ = fitted(*rows, strength=strength)
            tested = known.of(left_out).labeled.double().numpy()
            shares = torch.from_numpy(tested @ W_.T + b).softmax(dim=2).mean(dim=1).numpy()
            own = shares[np.arange(len(left_out)), known.labels[left_out]]
            likelihood[strength] += np.log(own).sum()
    best = max(likelihood, key=likelihood.get)
    assert regression.chosen_strength(known)[0] == best


def test_group_folds__leave_whole_groups_out():
    known = made(num_labeled=18, groups=[f"g{n // 3}" for n in range(18)])
    folds = group_folds(known)
    assert len(folds) == 5
    for kept, left_out in folds:
        assert not set(known.groups[kept]) & set(known.groups[left_out])
    assert sorted(np.concatenate([out for _, out in folds])) == list(range(18))


@pytest.mark.parametrize("groups", [["g"] * 6, None])
def test_strength__is_the_usual_one_where_nothing_can_be_left_out(groups, caplog):
    caplog.set_level("INFO", "semivideo")
    known = made(num_labeled=6 if groups else 3, groups=groups)
    _, chosen = probe(known)
    assert chosen["C"] == 100.0
    assert "too few labelled groups to choose C by leaving some out: it is 100" in caplog.text


def test_knn__votes_by_hand():
    known = made(num_labeled=9)
    filled = KNN(Neighbours(K, dim=D), views=None, clips={})
    assert filled.compute(known) == {"nearest": 3}
    x = normalize(torch.randn(4, D), dim=1)
    examples = normalize(known.labeled.mean(dim=1), dim=1)
    for row, found in zip(x, filled.primary.classify(x).exp(), strict=True):
        cosines = [float(row @ example) for example in examples]
        nearest = sorted(range(9), key=lambda n: -cosines[n])[:3]
        votes = np.zeros(K)
        for n in nearest:
            votes[known.labels[n]] += math.exp(cosines[n] / 0.07)
        np.testing.assert_allclose(found.numpy(), votes / votes.sum(), atol=1e-5)


def graph(known, *, neighbors=4, temperature=0.5):
    views = torch.cat([known.labeled, known.unlabeled])
    directions = normalize(views.mean(dim=1), dim=1).double().numpy()
    groups = np.concatenate([known.groups, known.unlabeled_groups])
    found = affinities(directions, groups, neighbors=neighbors, temperature=temperature)
    return directions, groups, found.toarray()


def test_affinities__by_pairs():
    names = [f"g{n // 4}" for n in range(20)]
    directions, groups, found = graph(made(num_labeled=6, num_unlabeled=14, groups=names))
    cosines = directions @ directions.T

    def looks_at(i):
        others = sorted((j for j in range(20) if j != i), key=lambda j: -cosines[i, j])
        own = [j for j in others if groups[j] == groups[i]]
        return [j for j in others if j not in own[1:]][:4]

    for i, j in itertools.combinations(range(20), 2):
        is_mutual = j in looks_at(i) and i in looks_at(j)
        expected = math.exp(cosines[i, j] / 0.5) ** 3 if is_mutual else 0.0
        assert found[i, j] == found[j, i] == pytest.approx(expected)
    assert (np.diag(found) == 0).all()


def test_affinities__join_a_clip_to_one_of_its_own_group_at_most():
    names = [f"g{n // 10}" for n in range(20)]
    _, groups, found = graph(made(num_labeled=6, num_unlabeled=14, groups=names), neighbors=19)
    same = groups[:, None] == groups
    assert ((found > 0) & same).sum(axis=1).max() == 1
    assert ((found > 0) & ~same).sum(axis=1).min() > 1


def test_propagated__solves_the_system():
    known = made(num_labeled=6, num_unlabeled=14)
    _, _, W_ = graph(known)
    Y = np.zeros((20, K))
    Y[np.arange(6), known.labels] = 1
    degree = W_.sum(axis=1)
    scale = np.diag(np.where(degree > 0, degree, 1) ** -0.5)
    expected = np.linalg.solve(np.eye(20) - 0.99 * scale @ W_ @ scale, Y)
    from scipy.sparse import csr_array

    np.testing.assert_allclose(propagated(csr_array(W_), Y, alpha=0.99), expected, atol=1e-5)


def test_certain__by_hand():
    labels, weights = certain(np.array([[2.0, 2.0, 0.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0]]))
    assert labels[:2].tolist() == [0, 2]
    np.testing.assert_allclose(weights, [1 - math.log(2) / math.log(3), 1, 0], atol=1e-9)


def test_propagate__learns_from_unlabelled_videos():
    """Each class is an arc that bends towards the next one; only its beginning has a label."""
    angle = torch.linspace(0, 1.3, 40)[:, None, None]
    arcs = [angle.cos() * torch.eye(6)[k] + angle.sin() * torch.eye(6)[k + 3] for k in range(K)]
    near = torch.eye(6)[torch.tensor([1, 2, 0])][:, None] * 0.5
    videos = torch.stack([arc + angle * more for arc, more in zip(arcs, near, strict=True)], dim=1)
    videos = normalize(videos.flatten(0, 1), dim=2)
    names, truth = np.array([f"g{n}" for n in range(120)]), np.arange(120) % K
    known = Known(videos[:3], truth[:3], names[:3], videos[3:], names[3:], num_classes=K)
    filled = Propagate(LinearHead(K, dim=6), views=None, clips={}, neighbors=4)
    assert 0 < filled.compute(known)["mean_weight"] <= 1
    alone = Probe(LinearHead(K, dim=6), views=None, clips={})
    alone.compute(known)
    right = [
        (each.primary.classifier(videos[3:, 0]).argmax(dim=1).numpy() == truth[3:]).mean()
        for each in (alone, filled)
    ]
    assert right[1] == 1 > right[0]


def test_propagate__of_no_unlabelled_videos_is_the_probe(monkeypatch):
    known = made()
    monkeypatch.setattr(propagation, "_ROWS_AT_ONCE", 5)  # as of many videos
    filled = Propagate(head(), views=None, clips={})
    filled.compute(known)
    alone, _ = probe(known)
    torch.testing.assert_close(filled.primary.classifier.weight, alone.primary.classifier.weight)


def test_probe__of_more_classes_than_half_of_the_labels_warns_of_nothing():
    """Warnings are errors here."""
    labels = np.arange(8) % 5
    videos = normalize(torch.randn(8, W, D), dim=2)
    names = np.array([f"g{n}" for n in range(8)])
    known = Known(videos, labels, names, videos[:0], names[:0], num_classes=5)
    filled = Probe(LinearHead(5, dim=D), views=None, clips={})
    filled.compute(known)
    assert (filled.primary.classifier.weight.detach().norm(dim=1) > 0).all()
