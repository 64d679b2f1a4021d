"""Every recipe builds what it says and takes two steps, on tiny clips and thin networks."""

import numpy as np
import pytest
import torch

from semivideo.data.splits.published import NUM_VIDEOS
from semivideo.engine.optim import learning_rate, make_optimizer, set_learning_rate
from semivideo.methods import METHODS
from semivideo.recipes import RECIPES
from semivideo.run import build
from semivideo.run.cost import cost, warn_if_slow

TRANSFORMER = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
TRANSFORMER |= {"intermediate_size": 16, "image_size": 32, "patch_size": 16}


def thin(settings):
    """The same settings at 32 pixels, every network with an eighth of its channels or fewer."""
    changes = {"views.crop_size": 32}
    if settings.evaluation.crop_size is not None:
        changes["evaluation.crop_size"] = 32
    if settings.method.options.get("teacher") is not None:  # its weights are an extra
        changes["method.teacher"] = "image_logits.npz"
    for role in ("primary", "auxiliary", "temporal"):
        network = getattr(settings.networks, role)
        if network is None:
            continue
        if network.name == "huggingface":
            config = network.options["config"] | TRANSFORMER
            changes[f"networks.{role}.options"] = network.options | {"config": config}
        elif network.name == "efficientnet_lite0":  # has one width
            changes[f"networks.{role}.options"] = {**network.options, "pretrained": False}
        else:
            width = min(0.125, network.options.get("width", 1.0))
            changes[f"networks.{role}.options"] = network.options | {"width": width}
    return settings.updated(changes)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """The folder with VideoSSL's file of image classes."""
    folder = tmp_path_factory.mktemp("teacher")
    ids = np.array([f"{row}.mp4" for row in range(300)])
    logits = np.random.default_rng(0).normal(size=(300, 1000)).astype(np.float32)
    np.savez(folder / "image_logits.npz", ids=ids, logits=logits)
    return folder


# Those on features are run in tests/run/test_feature_runs.py: they see no pixels.
ON_PIXELS = [name for name in RECIPES if not name.startswith("features-")]


@pytest.mark.parametrize("name", ON_PIXELS)
def test_recipe__takes_two_steps(kit, name, teacher, monkeypatch):
    monkeypatch.chdir(teacher)
    settings = thin(RECIPES[name].settings())
    torch.manual_seed(0)
    method = build.build_method(settings, num_classes=kit.K)
    method.prepare([f"{row}.mp4" for row in range(300)])
    optimizer = make_optimizer(method, settings.engine)
    before = [p.detach().clone() for p in method.deployed.parameters()]
    for step in range(2):
        set_learning_rate(optimizer, learning_rate(step, 2, settings.engine))
        result = method(kit.batch(method, labeled=2, unlabeled=2, step=step))
        optimizer.zero_grad()
        result.loss.backward()
        optimizer.step()
        method.after_step()
        assert torch.isfinite(result.loss)
    after = list(method.deployed.parameters())
    assert any((a != b).any() for a, b in zip(after, before, strict=True))


NOT_ON_VIDEO = {"votes", "text_teacher"}
"""Methods that nobody has published numbers on video of."""


def test_recipes__cover_both_papers_tables():
    cells = {(r.method, r.data) for r in RECIPES.values() if not isinstance(r.data, str)}
    assert {method for method, _ in cells} == set(METHODS) - NOT_ON_VIDEO
    for method in ("supervised", "mvpl", "ltg"):
        for percent in (5, 10, 20, 50):
            assert (method, ("ucf101", percent)) in cells
    for method in ("supervised", "fixmatch", "cmpl", "mvpl"):
        for data, percent in (("ucf101", 1), ("kinetics400", 1), ("kinetics400", 10)):
            assert (method, (data, percent)) in cells


def test_cost__counts_clips_times_flops():
    """CMPL's R50 on Kinetics-400, by hand: 51.5 GMAC, and 8.2 of the auxiliary at 16 frames."""
    settings = RECIPES["cmpl-kinetics400-1-r50"].settings()
    steps = 200 * NUM_VIDEOS["kinetics400"] / 160
    flop = 3 * steps * (32 + 2 * 160) * 2 * (51.477e9 + 8.205e9)
    words = cost(settings, data="kinetics400", percent=1)
    assert words == f"{flop / 1e18:.0f} EFLOP, {flop / 120e12 / 3600:.0f} h"


def test_recipes__supervised_has_the_steps_of_the_others():
    fixmatch = RECIPES["fixmatch-ucf101-10-r50"].settings()
    supervised = RECIPES["supervised-ucf101-10-r50"].settings()
    assert supervised.engine.steps == round(fixmatch.engine.epochs * 9537 / 160)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="it is for machines without a GPU")
def test_warn_if_slow__names_recipes_for_processors(caplog):
    warn_if_slow(RECIPES["small-cmpl"].settings())
    assert not caplog.records
    warn_if_slow(RECIPES["fixmatch-ucf101-10-r50"].settings())
    assert "TFLOP and this machine has no GPU" in caplog.text
    assert "--recipe small-cmpl" in caplog.text


def test_warn_if_slow__does_not_build_networks_of_users(caplog):
    settings = RECIPES["fixmatch-ucf101-10-r50"].settings()
    warn_if_slow(settings.updated({"networks.primary.name": "nowhere:at_all"}))
    assert not caplog.records
