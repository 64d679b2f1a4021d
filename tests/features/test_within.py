"""WCCN: its equations in plain NumPy, its reduction to the probe, what unlabelled films teach."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from semivideo.features.closed_form import Known
from semivideo.features.regression import Probe
from semivideo.features.within import WCCN, deviations, directions
from semivideo.models.heads import LinearHead
from semivideo.models.lookup import WithinHead

D, K = 10, 3


def made(*, num_labeled=9, num_unlabeled=15, clips_a_group=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    number = num_labeled + num_unlabeled
    views = normalize(torch.randn(number, 2, D, generator=generator), dim=2)
    groups = np.array([f"g{n // clips_a_group}" for n in range(number)], np.str_)
    return Known(
        labeled=views[:num_labeled],
        labels=np.arange(num_labeled) % K,
        groups=groups[:num_labeled],
        unlabeled=views[num_labeled:],
        unlabeled_groups=groups[num_labeled:],
        num_classes=K,
    )


def filled(known, **options):
    method = WCCN(WithinHead(K, dim=D), views=None, clips={}, **options)
    return method.primary, method.compute(known)


def within(clips, groups):
    """S of the module, clip by clip."""
    S, n = np.zeros((D, D)), 0
    for group in set(groups.tolist()):
        members = [clip for clip, own in zip(clips, groups, strict=True) if own == group]
        if len(members) > 1:
            mean = sum(members) / len(members)
            share = len(members) / (len(members) - 1)
            S += share * sum(np.outer(clip - mean, clip - mean) for clip in members)
            n += len(members)
    return S / max(n, 1)


def test_deviations__are_the_scatter_within_groups():
    clips = np.random.default_rng(0).normal(size=(12, D))
    groups = np.array(list("aabbbccdefgg"))
    rows = deviations(clips, groups)
    assert rows.shape == (9, D)  # d, e and f are alone
    np.testing.assert_allclose(rows.T @ rows, within(clips, groups))


def test_directions__are_the_inverse_root():
    rows = np.random.default_rng(0).normal(size=(4, D))
    V, gains = (part.double().numpy() for part in directions(rows, shrinkage=0.5))
    S = rows.T @ rows
    values, vectors = np.linalg.eigh(np.eye(D) + S / (0.5 * np.trace(S) / 100))
    expected = vectors @ np.diag(values**-0.5) @ vectors.T
    np.testing.assert_allclose(np.eye(D) + V.T @ np.diag(gains) @ V, expected, atol=1e-5)


@pytest.mark.parametrize("shrinkage", [0.1, 30.0])
def test_wccn__shortens_by_films_and_classes(shrinkage):
    known = made()
    head, chosen = filled(known, shrinkage=shrinkage)
    clips = torch.cat([known.labeled, known.unlabeled]).mean(dim=1).double().numpy()
    S_f = within(clips, np.concatenate([known.groups, known.unlabeled_groups]))
    S_c = within(clips[:9], known.labels)
    S = S_f / np.trace(S_f) + S_c / np.trace(S_c)
    values, vectors = np.linalg.eigh(np.eye(D) + S / (shrinkage * np.trace(S) / 100))
    expected = clips @ vectors @ np.diag(values**-0.5) @ vectors.T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = head.shortened(torch.from_numpy(clips).float())
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)
    assert chosen["clips_with_others_of_their_group"] == 24
    assert len(head.directions) == chosen["directions"]


def test_wccn__is_the_probe_where_nothing_is_known_to_belong_together():
    known = made(num_labeled=3, clips_a_group=1)
    head, chosen = filled(known)
    probe = Probe(LinearHead(K, dim=D), views=None, clips={})
    probe.compute(known)
    assert chosen["directions"] == 0
    torch.testing.assert_close(head.classifier.weight, probe.primary.classifier.weight)


def test_wccn__does_not_look_at_which_film_is_which():
    known = made()
    renamed = {name: f"x{n}" for n, name in enumerate(sorted(set(known.groups.tolist())))}
    others = [renamed.get(name, name) for name in known.unlabeled_groups.tolist()]
    again = replace(
        known,
        groups=np.array([renamed[name] for name in known.groups.tolist()]),
        unlabeled_groups=np.array(others),
    )
    ours, theirs = filled(known)[0], filled(again)[0]
    x = known.unlabeled[:, 0]
    torch.testing.assert_close(ours.shortened(x), theirs.shortened(x))


def test_wccn__learns_from_unlabelled_films_what_to_look_away_from():
    """Two classes lie apart along one number; another one, the camera, is twice as loud."""
    rng = np.random.default_rng(0)
    truth = np.arange(120) // 4 % 2
    clips = 0.1 * rng.normal(size=(120, D))
    clips[:, 0] += np.where(truth == 1, 1.0, -1.0)
    clips[:, 1] += 2 * rng.normal(size=120)
    clips[:2, 1] = [-2.0, 2.0]  # as it happened to be in the labelled ones
    films = np.array([f"film {n}" for n in range(30)]).repeat(4)
    films[:2], truth[:2], clips[:2, 0] = ["one", "two"], [0, 1], [-1.0, 1.0]
    views = normalize(torch.from_numpy(clips).float(), dim=1)[:, None]
    known = Known(views[:2], truth[:2], films[:2], views[2:], films[2:], num_classes=2)
    head = WithinHead(2, dim=D)
    WCCN(head, views=None, clips={}).compute(known)
    probe = LinearHead(2, dim=D)
    Probe(probe, views=None, clips={}).compute(known)
    shares = [
        float((each.classify(features).argmax(dim=1).numpy() == truth[2:]).mean())
        for each, features in ((probe, views[2:, 0]), (head, head.shortened(views[2:, 0])))
    ]
    assert shares[1] > 0.9 > 0.8 > shares[0]
