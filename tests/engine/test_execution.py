"""Settings of speed and memory: what they may change, and what they must not."""

import copy

import pytest
import torch
from torch import nn

from semivideo import models
from semivideo.base.errors import ConfigError
from semivideo.base.records import ClipSpec
from semivideo.engine.execution import compile_networks, set_execution
from semivideo.methods import METHODS, Supervised
from semivideo.models.blocks.residual import ConvNorm, Residual
from semivideo.settings import EngineSettings, ViewSettings
from semivideo.transforms import Views

CPU = torch.device("cpu")


@pytest.fixture
def method():
    torch.manual_seed(0)
    network = models.create("resnet3d10", 3, width=1 / 8)
    return Supervised(network, views=Views(ViewSettings()), clips={"primary": ClipSpec()})


def flags(method, kind, name):
    return {getattr(module, name) for module in method.modules() if isinstance(module, kind)}


def test_set_execution__leaves_networks_alone_by_default(method):
    set_execution(method, EngineSettings(), device=CPU)
    assert flags(method, ConvNorm, "is_factorized") == {False}
    assert flags(method, Residual, "is_recomputed") == {False}


def test_set_execution__reaches_every_layer_and_block(method):
    settings = EngineSettings(factorized=True, checkpoint_activations=True)
    set_execution(method, settings, device=CPU)
    assert flags(method, ConvNorm, "is_factorized") == {True}
    assert flags(method, Residual, "is_recomputed") == {True}


@pytest.mark.parametrize("setting", ["factorized", "checkpoint_activations"])
def test_set_execution__refuses_networks_without_such_parts(tiny, setting):
    with pytest.raises(ConfigError, match=rf"engine.{setting} works on .* TinyNetwork has none"):
        set_execution(tiny.make_method(), EngineSettings(**{setting: True}), device=CPU)


def test_set_execution__refuses_to_recompute_what_is_compiled(method):
    settings = EngineSettings(checkpoint_activations=True, compile="default")
    with pytest.raises(ConfigError, match=r"checkpoint_activations and engine.compile = 'default'"):
        set_execution(method, settings, device=CPU)


def test_set_execution__refuses_a_weak_pass_apart_where_weak_views_are_learned(method):
    able = ", ".join(name for name, cls in METHODS.items() if cls.weak_only_labels)
    assert able == "fixmatch, actorcutmix, mvpl, cmpl, text_teacher"
    sentence = (
        rf"engine.weak_graph = False needs a method whose weak views only make labels \({able}\); "
        "Supervised, as it is set, learns from every forward: leave the setting out"
    )
    with pytest.raises(ConfigError, match=sentence):
        set_execution(method, EngineSettings(weak_graph=False), device=CPU)


@pytest.mark.parametrize("value", [True, False])
def test_fit__tells_a_method_of_the_weak_graph_by_each_batch(tiny, tmp_path, value):
    told = []

    class Told(tiny.TinyMethod):
        weak_only_labels = True

        def forward(self, batch):
            told.append(batch.weak_graph)
            return super().forward(batch)

    method = Told(tiny.TinyNetwork(), tiny.TinyNetwork())
    tiny.train(tmp_path, num_steps=4, method=method, weak_graph=value, precise_bn=2)
    assert told == [value] * (4 + 2)  # the batch statistics are those of training


def test_set_execution__says_why_the_compiler_does_not_work(method, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no C++ compiler\nand a long list")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    sentence = r"engine.compile = 'default' does not work on this machine \(no C\+\+ compiler\);"
    with pytest.raises(ConfigError, match=sentence):
        set_execution(method, EngineSettings(compile="default"), device=CPU)


def test_compile_networks__changes_neither_names_nor_copies_nor_results(method, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda call, mode: compiled.append(mode) or call)
    network, state = method.primary, {**method.state_dict()}
    clip = torch.rand(2, 3, 2, 16, 16)
    expected = network.eval()(clip)
    compile_networks(method, mode="default")
    assert len(compiled) == 1 + len([*network.children()])
    assert {**method.state_dict()}.keys() == state.keys()
    torch.testing.assert_close(network(clip), expected)
    assert copy.deepcopy(network)._compiled_call_impl is None  # an average follows by itself


def test_fit__ends_with_equal_weights_where_activations_are_checkpointed(tiny, tmp_path):
    class Blocks(tiny.TinyNetwork):
        def __init__(self):
            super().__init__(dropout=0.0)
            network = models.create("resnet3d10", 3, width=1 / 8, stem_stride=1, stem_pool=False)
            self.conv, self.num_features = nn.Sequential(network.stem, network.res2), 8
            self.norm, self.linear = nn.Identity(), nn.Linear(8, tiny.K)

    weights = []
    for number, value in enumerate((False, True)):
        torch.manual_seed(0)
        trained = tiny.TinyMethod(Blocks(), Blocks())
        path = tmp_path / str(number)
        fitted = tiny.train(path, num_steps=6, method=trained, checkpoint_activations=value)
        weights.append(fitted.network.state_dict())
    for name, value in weights[0].items():
        assert torch.equal(weights[1][name], value), name
