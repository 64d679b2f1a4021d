"""Every method with everything that tunes a pretrained network, and what each of it promises."""

import copy

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from semivideo.base.errors import ConfigError
from semivideo.engine import Plan, Runtime
from semivideo.engine.accumulation import in_parts
from semivideo.engine.trainer import Training
from semivideo.methods import METHODS
from semivideo.models import Network
from semivideo.run import build
from semivideo.runfolder import RunFolder
from semivideo.settings import EngineSettings

# Where clips of a batch meet, two halves are not the whole: contrasts, partners of clips.
MEETS = {"ltg", "tcl", "svformer"}
ALL_OF_IT = {
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 0.05,
    "decay_exempt": ["norm", "bias", "head"],
    "label_smoothing": 0.1,
    "mixup": 0.4,
    "cutmix": 1.0,
    "accumulate": 2,
    "ema": 0.5,
}
TUNED = {
    "rates": {"head": 1e-2, "body": 1e-3, "layer_decay": 0.5},
    "freeze": ["stem", "res2"],
    "frozen_statistics": True,
    "drop_path": 0.2,
}


def tuned(kit, name, *, norm, **network):
    """A method whose networks are all tuned alike."""
    settings = kit.settings(name)
    changes = {}
    for role in ("primary", "auxiliary"):
        options = {**getattr(settings.networks, role).options, "norm": norm}
        changes |= {f"networks.{role}.{key}": value for key, value in network.items()}
        changes[f"networks.{role}.options"] = options
    torch.manual_seed(0)
    method = build.build_method(settings.updated(changes), num_classes=kit.K)
    method.prepare([f"{row}.mp4" for row in range(300)])
    return method


def training_of(method, folder, **engine):
    settings = EngineSettings(**{"precision": "fp32", "tensorboard": False, **engine})
    plan = Plan(40, settings, split_hash="", settings_hash="")
    training = Training(
        method, plan=plan, run=RunFolder(folder), runtime=Runtime(precision="fp32", cpu=True)
    )
    training.resume()
    return training


def own_networks(method):
    """The networks that learn, by name."""
    return {
        name: module
        for name, module in method.named_modules()
        if isinstance(module, Network) and any(p.requires_grad for p in module.parameters())
    }


@pytest.mark.parametrize("name", METHODS)
def test_method__keeps_what_is_frozen_bit_for_bit(kit, name, tmp_path):
    method = tuned(kit, name, norm="batch", **TUNED)
    for norm in (m for m in method.modules() if isinstance(m, _BatchNorm)):
        if norm.track_running_stats:  # not of LTG's projections
            norm.running_mean.normal_()  # as if it had been trained
    before = copy.deepcopy(method.state_dict())
    training = training_of(method, tmp_path, **ALL_OF_IT)
    for step in (18, 19):
        training.learn(kit.batch(method, step=step, seed=step), waited=0.0)
    assert torch.isfinite(torch.tensor(training.metrics.losses())).all()
    networks = own_networks(method)
    assert networks
    for place, network in networks.items():
        for weight, parameter in network.named_parameters():
            is_frozen = network.part_of(weight) in ("stem", "res2")
            assert parameter.requires_grad != is_frozen
            assert torch.equal(parameter, before[f"{place}.{weight}"]) == is_frozen, weight
            assert (parameter.grad is None) == is_frozen, weight
        for statistic, buffer in network.named_buffers():
            assert torch.equal(buffer, before[f"{place}.{statistic}"]), statistic


@pytest.mark.parametrize("name", METHODS)
def test_method__in_two_halves_has_the_gradient_of_the_whole(kit, name):
    """Means over clips without batch statistics; in the others clips of a batch meet."""
    gradients = []
    for num_parts in (1, 2):
        method = kit.method(name, **kit.confident(name))
        batch = kit.batch(method)
        losses = [method(part).loss / num_parts for part in in_parts(batch, num_parts)]
        torch.stack(losses).sum().backward()
        gradients.append({n: p.grad for n, p in method.named_parameters() if p.grad is not None})
    whole, halves = gradients
    is_equal = [
        torch.allclose(halves[weight], gradient, rtol=1e-3, atol=1e-6)
        for weight, gradient in whole.items()
    ]
    assert all(is_equal) == (name not in MEETS)


@pytest.mark.parametrize("name", METHODS)
def test_method__learns_soft_labels_of_mixed_clips(kit, name, tmp_path):
    """The labelled loss of a batch is that of its smoothed and mixed labels."""
    method = kit.method(name)
    plain = training_of(method, tmp_path)
    soft = training_of(method, tmp_path, label_smoothing=0.5, mixup=1.0)
    batch = kit.batch(method)
    assert plain.as_set(batch).labeled.label is batch.labeled.label
    clips = soft.as_set(batch).labeled
    assert clips.label.shape == (4, kit.K)
    torch.testing.assert_close(clips.label.sum(1), torch.ones(4))
    assert not torch.equal(
        method.views.standard(clips, "primary"), method.views.standard(batch.labeled, "primary")
    )
    assert torch.isfinite(method(soft.as_set(batch)).loss)


def test_method__that_asks_about_whole_videos_refuses_mixed_clips(kit, tmp_path):
    method = kit.method("videossl")
    assert method.takes_mixed
    method.takes_mixed = False  # as with a teacher
    with pytest.raises(ConfigError, match=r"engine.mixup mixes two labelled clips, and VideoSSL"):
        training_of(method, tmp_path, mixup=0.2)


def test_method__without_views_of_ours_refuses_mixed_clips(kit, tmp_path):
    method = kit.method("supervised")
    method.views = None
    with pytest.raises(ConfigError, match=r"engine.cutmix mixes the pixels of labelled clips"):
        training_of(method, tmp_path, cutmix=1.0)
