import copy
import math

import pytest
import torch
from torch import nn

from semivideo.engine.optim import (
    learning_rate,
    load_optimizer,
    make_optimizer,
    parameter_groups,
    set_learning_rate,
)
from semivideo.models import create
from semivideo.settings import EngineSettings, Rates


def test_learning_rate__is_half_a_cosine_without_warmup():
    settings = EngineSettings(learning_rate=0.2)
    rates = [learning_rate(step, 400, settings) for step in (0, 100, 200, 300, 400)]
    root = math.sqrt(0.5)
    assert rates == pytest.approx([0.2, 0.1 * (1 + root), 0.1, 0.1 * (1 - root), 0.0])


def test_learning_rate__rises_linearly_from_a_tenth():
    settings = EngineSettings(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, settings) for step in range(12)]
    assert rates[:11] == pytest.approx([0.1 + 0.09 * step for step in range(11)])
    assert rates[10] == 1.0
    assert 0.99 < rates[11] < 1.0


def test_learning_rate__of_warmup_only_never_falls():
    settings = EngineSettings(learning_rate=1.0, warmup=1.0)
    assert learning_rate(9, 10, settings) == pytest.approx(0.91)
    assert learning_rate(10, 10, settings) == 1.0


@pytest.mark.parametrize(
    ("exempt", "spared"),
    [
        ([], set()),
        (["norm"], {"1.weight", "1.bias"}),
        (["bias"], {"0.bias", "1.bias", "2.bias"}),
        (["norm", "bias"], {"0.bias", "1.weight", "1.bias", "2.bias"}),
    ],
)
def test_parameter_groups__decay_all_but_the_exempt(exempt, spared):
    method = nn.Sequential(nn.Conv3d(1, 2, 1), nn.BatchNorm3d(2), nn.Linear(2, 2))
    groups = parameter_groups(method, EngineSettings(decay_exempt=exempt, weight_decay=0.3))
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert {name: decay[id(p)] for name, p in method.named_parameters()} == {
        name: 0.0 if name in spared else 0.3 for name, _ in method.named_parameters()
    }


def test_parameter_groups__leave_frozen_ones_out_and_count_shared_ones_once():
    shared = nn.Linear(2, 2, bias=False)
    method = nn.ModuleList([shared, shared, nn.Linear(2, 2).requires_grad_(False)])
    groups = parameter_groups(method, EngineSettings())
    assert [group["params"] for group in groups] == [[shared.weight]]


def test_sgd__follows_the_written_out_update():
    weight = nn.Parameter(torch.tensor([2.0]))
    method = nn.ParameterList([weight])
    optimizer = make_optimizer(
        method, EngineSettings(learning_rate=0.1, momentum=0.5, weight_decay=0.1)
    )
    w, v = 2.0, 0.0
    for _ in range(3):
        optimizer.zero_grad()
        (3 * weight).sum().backward()
        optimizer.step()
        v = 0.5 * v + (3 + 0.1 * w)
        w = w - 0.1 * v
    assert weight.item() == pytest.approx(w)


def rates_and_decays(method, settings):
    """Peak rate and weight decay of each parameter, by name."""
    names = {parameter: name for name, parameter in method.named_parameters()}
    return {
        names[p]: (settings.learning_rate * group.get("rate_factor", 1.0), group["weight_decay"])
        for group in parameter_groups(method, settings)
        for p in group["params"]
    }


def test_parameter_groups__give_each_depth_its_rate():
    network = create("resnet3d10", 3, width=1 / 8)
    method = nn.ModuleDict({"primary": network, "rotation": nn.Linear(2, 2)})
    settings = EngineSettings(learning_rate=0.2)
    assert set(rates_and_decays(method, settings).values()) == {(0.2, 1e-4)}
    assert not any("rate_factor" in group for group in parameter_groups(method, settings))
    network.rates = Rates(head=0.1, body=0.01, layer_decay=0.5)
    found = rates_and_decays(method, settings)
    wanted = {"res5": 0.01, "res4": 0.005, "res3": 0.0025, "res2": 0.00125, "stem": 0.000625}
    wanted |= {"classifier": 0.1}
    for name, (rate, _) in found.items():
        part = name.split(".")[1] if name.startswith("primary") else ""
        assert rate == pytest.approx(wanted.get(part, 0.2)), name


def test_parameter_groups__spare_heads_of_decay():
    method = nn.ModuleDict({"primary": create("resnet3d10", 3, width=1 / 8)})
    settings = EngineSettings(decay_exempt=["norm", "head"], weight_decay=0.05)
    found = rates_and_decays(method, settings)
    for name, (_, decay) in found.items():
        is_spared = "classifier" in name or ".norm." in name
        assert decay == (0.0 if is_spared else 0.05), name


def test_set_learning_rate__keeps_the_proportions_of_the_parts():
    network = create("linear", 3, dim=2)
    network.rates = Rates(head=0.5)
    settings = EngineSettings(learning_rate=0.1)
    optimizer = make_optimizer(nn.ModuleList([network, nn.Linear(1, 1)]), settings)
    set_learning_rate(optimizer, 0.04)
    assert sorted(group["lr"] for group in optimizer.param_groups) == pytest.approx([0.04, 0.2])


def test_make_optimizer__of_adamw_follows_the_written_out_update():
    weight = nn.Parameter(torch.tensor([2.0]))
    settings = EngineSettings(optimizer="adamw", learning_rate=0.1, weight_decay=0.5)
    optimizer = make_optimizer(nn.ParameterList([weight]), settings)
    w, m, v = 2.0, 0.0, 0.0
    for step in range(1, 4):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()
        m, v = 0.9 * m + 0.1 * 2 * w, 0.999 * v + 0.001 * (2 * w) ** 2
        w -= 0.1 * 0.5 * w  # decoupled
        w -= 0.1 * (m / (1 - 0.9**step)) / (math.sqrt(v / (1 - 0.999**step)) + 1e-8)
    assert weight.item() == pytest.approx(w, rel=1e-5)


def test_load_optimizer__takes_string_keys_and_keeps_the_memory_format():
    torch.manual_seed(0)
    layer = nn.Conv3d(2, 3, 3).to(memory_format=torch.channels_last_3d)
    optimizers = [make_optimizer(layer, EngineSettings()) for _ in range(2)]
    layer(torch.rand(1, 2, 3, 3, 3)).sum().backward()
    optimizers[0].step()
    state = optimizers[0].state_dict()
    plain = {
        str(number): {name: value.contiguous() for name, value in values.items()}
        for number, values in state["state"].items()
    }
    load_optimizer(optimizers[1], {**state, "state": plain})
    for one, other in zip(*(o.state.values() for o in optimizers), strict=True):
        assert torch.equal(one["momentum_buffer"], other["momentum_buffer"])
    buffer = optimizers[1].state[layer.weight]["momentum_buffer"]
    assert buffer.stride() == layer.weight.stride()


def test_sgd__in_one_kernel_equals_the_loop_over_parameters():
    torch.manual_seed(0)
    method = nn.Sequential(nn.Conv3d(2, 3, 3), nn.BatchNorm3d(3), nn.Conv3d(3, 2, 1))
    method = method.to(memory_format=torch.channels_last_3d)
    settings = EngineSettings(learning_rate=0.1, decay_exempt=["norm"], weight_decay=0.01)
    plain = copy.deepcopy(method)
    optimizers = [
        make_optimizer(method, settings),
        torch.optim.SGD(parameter_groups(plain, settings), 0.1),
    ]
    optimizers[1].param_groups[0]["momentum"] = optimizers[1].param_groups[1]["momentum"] = 0.9
    assert optimizers[0].defaults["fused"]
    assert not optimizers[1].defaults["fused"]
    for step in range(4):
        torch.manual_seed(step)
        clip = torch.rand(2, 2, 4, 5, 5).contiguous(memory_format=torch.channels_last_3d)
        for network, optimizer in zip((method, plain), optimizers, strict=True):
            optimizer.zero_grad()
            network(clip).pow(2).sum().backward()
            optimizer.step()
    for one, other in zip(method.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_sgd__takes_the_ordinary_update_where_there_is_no_kernel():
    assert (
        make_optimizer(nn.Linear(2, 2, device="meta"), EngineSettings()).defaults["fused"] is None
    )
