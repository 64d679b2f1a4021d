"""What every family of networks must do: contract, gradients, precision, independence, learning."""

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from semivideo.base.errors import ConfigError
from semivideo.models import NETWORKS, create, describe

# Options that make each family small; the rate at which it memorizes four clips.
FAMILIES = {
    "r2plus1d18": ({"zero_init": False}, 1e-2),
    "tsm_r18": ({"zero_init": False}, 1e-2),
    "slowfast_r50": ({"zero_init": False}, 1e-2),
    "c3d": ({}, 1e-3),
    "s3dg": ({}, 1e-2),
}
WIDTH = 1 / 16


@pytest.fixture(params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture
def make(name):
    def build(**options):
        torch.manual_seed(0)
        small = {"width": WIDTH, "dropout": 0.0, **FAMILIES[name][0]}
        return create(name, 4, **{**small, **options})

    return build


def clips(num: int = 4, *, frames: int = 8, side: int = 32) -> torch.Tensor:
    return torch.randn(num, 3, frames, side, side, generator=torch.Generator().manual_seed(1))


def gradients(network, clip, *, dtype=torch.float32):
    network.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        logits = network(clip)
    F.cross_entropy(logits.float(), torch.arange(len(clip)) % 4).backward()
    return {key: p.grad for key, p in network.named_parameters()}


def test_network__takes_many_sizes(name, on_meta):
    network = on_meta(create, name, 5, width=WIDTH)
    for frames, side in [(8, 48), (16, 33), (32, 224), (4, 20)]:
        clip = torch.empty(2, 3, frames, side, side, device="meta")
        features = network.features(clip)
        assert features.shape == (2, network.num_features)
        assert network.classify(features).shape == (2, 5) == (2, network.num_classes)


def test_feature__is_the_mean_of_the_last_stage_where_there_are_stages(make):
    network, clip = make().eval(), clips(2)
    if not hasattr(network, "stages"):
        return
    torch.testing.assert_close(network.stages(clip)[-1].mean((2, 3, 4)), network.features(clip))


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_network__every_parameter_gets_a_gradient(make, norm):
    found = gradients(make(norm=norm), clips())
    assert [key for key, g in found.items() if g is None or not g.any()] == []


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_network__in_testing_a_clip_does_not_depend_on_its_neighbors(make, norm):
    network, x = make(norm=norm), clips(3)
    network(x)  # running statistics that matter
    network.eval()
    alone = torch.cat([network(clip[None]) for clip in x])
    torch.testing.assert_close(network(x), alone, rtol=1e-4, atol=1e-6)


def test_norm_group__a_clip_does_not_depend_on_its_neighbors_in_training(make):
    network, x = make(norm="group").train(), clips(3)
    torch.testing.assert_close(network(x)[:1], network(x[:1]), rtol=1e-4, atol=1e-6)
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules())


@pytest.mark.parametrize("frames", [4, 8])
def test_network__bf16_weight_gradients_are_those_of_fp32_for_the_same_tensors(make, frames):
    """torch 2.13 gets them wrong on CPUs where a clip is smaller than a kernel."""
    network, seen = make(norm="group", width=1 / 8), {}

    def remember(conv, inputs, output):
        output.register_hook(lambda g: seen.update({conv: (inputs[0].float(), g.float())}))

    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.register_forward_hook(remember)
    gradients(network, clips(frames=frames, side=24), dtype=torch.bfloat16)
    for conv, (x, g) in seen.items():
        shape, stride, padding = conv.weight.shape, conv.stride, conv.padding
        expected = nn.grad.conv3d_weight(x, shape, g, stride=stride, padding=padding)
        assert (conv.weight.grad - expected).norm() < 0.02 * expected.norm(), conv
    assert len(seen) > 5
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_channels_last__gives_the_same_logits_and_gradients(make):
    network, x = make(norm="group").double(), clips(2).double()
    logits, expected = network(x), {k: g.clone() for k, g in gradients(network, x).items()}
    network = network.to(memory_format=torch.channels_last_3d)
    x = x.to(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(network(x), logits)
    for key, found in gradients(network, x).items():
        torch.testing.assert_close(found, expected[key], rtol=1e-6, atol=1e-9)


def test_dropout__is_in_classify_only(make):
    network, x = make(norm="group", dropout=0.5).train(), clips(2)
    features = network.features(x)
    assert torch.equal(features, network.features(x))
    assert not torch.equal(network.classify(features), network.classify(features))
    network.eval()
    assert torch.equal(network.classify(features), network.classify(features))


def test_network__memorizes_four_clips(name, make):
    network, x, y = make(norm="batch"), clips(side=24), torch.arange(4)
    optimizer = torch.optim.Adam(network.parameters(), lr=FAMILIES[name][1])
    for _ in range(25):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5  # 1.4 is chance


def test_initialize__starts_undecided_with_he_weights(make):
    network = make(norm="group")
    assert network(clips()).std() < 0.5
    convs = [m for m in network.modules() if isinstance(m, nn.Conv3d)]
    largest = max(convs, key=lambda conv: conv.weight.numel()).weight
    fan_out = largest.shape[0] * largest[0, 0].numel()
    assert largest.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)


def test_options__a_typo_and_a_wrong_type_are_named(name):
    with pytest.raises(ConfigError, match=rf"\[networks\] {name} has no option 'widht'; did you"):
        create(name, 4, widht=0.5)
    with pytest.raises(ConfigError, match=rf"{name}: norm = 'layer' is not allowed: input should"):
        create(name, 4, norm="layer")
    with pytest.raises(ConfigError, match=rf"\[networks\] {name}: width must be a positive multip"):
        create(name, 4, width=0.3)


def test_documents__the_table_has_every_network_and_its_parameters():
    page = (Path(__file__).parents[2] / "docs" / "networks.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", page, flags=re.M))
    lines = describe()
    assert list(rows) == list(NETWORKS)
    for name, millions in rows.items():
        assert f"; {millions} M parameters;" in lines[name], name
