"""A probe of several classes at once: its equation, its thresholds, classes that never change."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from semivideo.features.closed_form import Known
from semivideo.features.presence_regression import presence_probe
from semivideo.features.regression import Probe
from semivideo.models.heads import LinearHead

D, V, W = 6, 24, 2
SETS = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1]], dtype=bool)
"""Of three classes; the last one is always there."""


def made(*, num_groups=8, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(V) % len(SETS)
    present = SETS[labels]
    directions = random.normal(size=(3, D))
    rows = present @ directions + 0.4 * random.normal(size=(V, W, D)).transpose(1, 0, 2)
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    return Known(
        labeled=torch.from_numpy(rows.transpose(1, 0, 2).copy()).float(),
        labels=labels,
        groups=np.array([f"g{n % num_groups}" for n in range(V)]),
        unlabeled=torch.zeros(0, W, D),
        unlabeled_groups=np.zeros(0, dtype=np.str_),
        num_classes=len(SETS),
        sets=SETS,
    )


def test_presence_probe__fills_the_head_with_the_least_of_each_loss():
    known, head = made(), LinearHead(3, dim=D)
    chosen = presence_probe(head, known)
    rows = known.labeled.double().numpy().reshape(-1, D)
    y = (2.0 * SETS[known.labels][:, 0] - 1).repeat(W)

    def loss(theta):
        margins = y * (rows @ theta[:D] + theta[D])
        return theta[:D] @ theta[:D] / 2 + chosen["C"] / W * np.logaddexp(0, -margins).sum()

    layer = head.get_submodule("classifier")
    theta = np.append(layer.weight[0].detach().numpy(), layer.bias[0].item()).astype(np.float64)
    assert loss(theta) == pytest.approx(minimize(loss, np.zeros(D + 1)).fun, rel=1e-3)


def test_presence_probe__a_class_that_is_always_there_stays_there():
    head = LinearHead(3, dim=D)
    Probe(head, views=None, clips={}).compute(made())
    logits = head.classifier(torch.randn(50, D))
    assert (logits[:, 2].sigmoid() > 0.99).all()


def test_presence_probe__without_groups_takes_half():
    chosen = presence_probe(LinearHead(3, dim=D), made(num_groups=1))
    assert chosen["thresholds"] == [0.5] * 3
    assert chosen["C_because"] == "too few labelled groups to leave some out"
