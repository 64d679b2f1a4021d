"""What of a network learns, by the parts that it names, and low-rank updates that are merged."""

import copy
import sys

import pytest
import torch

from semivideo.base.errors import ConfigError, MissingExtraError
from semivideo.models import HEADS, NETWORKS, create
from semivideo.models.blocks.drop_path import DropPath
from semivideo.models.contract import HEAD
from semivideo.models.tuning import is_plain, merge, tune
from semivideo.models.weights import load_network, save_network
from semivideo.settings import (
    DataSettings,
    EvaluationSettings,
    ModelCard,
    NetworkSettings,
    ViewSettings,
)

K = 5
TRANSFORMER = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
TRANSFORMER |= {"image_size": 16, "num_frames": 2, "intermediate_size": 16}
CONFIGS = {
    "videomae": {**TRANSFORMER, "patch_size": 8},
    "timesformer": {**TRANSFORMER, "patch_size": 8},
    "vivit": {**TRANSFORMER, "tubelet_size": [2, 8, 8]},
    "vjepa2": {
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "mlp_ratio": 1,
        "crop_size": 16,
        "patch_size": 8,
        "frames_per_clip": 2,
        "num_pooler_layers": 1,
        "pred_hidden_size": 12,
        "pred_num_attention_heads": 2,
        "pred_num_hidden_layers": 1,
    },
}
STAGES = ["stem", "res2", "res3", "res4", "res5", "head"]
PARTS = {"efficientnet_lite0": [*STAGES[:-1], "top", "head"]}
PARTS["c3d"] = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "head"]


def transformer(model):
    torch.manual_seed(0)
    return create("huggingface", K, model=model, config=CONFIGS[model]).eval()


def thin(**options):
    torch.manual_seed(0)
    return create("resnet3d10", K, width=1 / 8, zero_init=False, dropout=0.0, **options)


def clip(frames=2, side=16):
    return torch.randn(2, 3, frames, side, side, generator=torch.Generator().manual_seed(1))


def learning(network):
    return {name for name, p in network.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("name", NETWORKS)
def test_parts__of_our_networks_are_stages_and_a_head(name):
    with torch.device("meta"):
        network = create(name, K)
    parts = network.parts()
    assert list(parts) == PARTS.get(name, STAGES)
    members = [name for names in parts.values() for name in names]
    assert sorted(members) == sorted(name for name, _ in network.named_parameters())
    assert {"classifier.weight", "classifier.bias"} <= set(parts[HEAD])


@pytest.mark.parametrize("name", HEADS)
def test_parts__of_heads_on_features_are_what_makes_features_and_a_head(name):
    parts = create(name, K, dim=6).parts()
    assert parts.pop(HEAD) == ["classifier.weight", "classifier.bias"]
    assert list(parts) == ([] if name == "linear" else ["body"])


@pytest.mark.parametrize("model", CONFIGS)
def test_parts__of_transformers_are_their_layers(model):
    parts = transformer(model).parts()
    assert list(parts) == ["embeddings", "layer0", "layer1", "layer2", "top", "head"]
    assert len(parts["layer0"]) == len(parts["layer2"])


def test_freeze__takes_parts_the_body_and_names_of_weights():
    network = thin()
    tune(network, NetworkSettings(freeze=["stem", "res2.0.branch", "classifier.bias"]))
    frozen = {name for name, _ in network.named_parameters()} - learning(network)
    assert {"stem.0.conv.weight", "res2.0.branch.0.conv.weight", "classifier.bias"} <= frozen
    assert "res2.0.shortcut.conv.weight" not in frozen
    body = thin()
    tune(body, NetworkSettings(freeze=["body"]))
    assert learning(body) == {"classifier.weight", "classifier.bias"}


def test_freeze__of_a_weight_of_another_name_and_of_everything_is_refused():
    with pytest.raises(ConfigError, match=r"names 'res9', which ResNet3D does not have; did you"):
        tune(thin(), NetworkSettings(freeze=["res9"]))
    with pytest.raises(ConfigError, match=r"leaves nothing of ResNet3D to learn; leave out 'head'"):
        tune(thin(), NetworkSettings(freeze=["body", "head"]))
    with pytest.raises(ConfigError, match="names 'body', which LinearHead does not have"):
        tune(create("linear", K, dim=3), NetworkSettings(freeze=["body"]))


def test_frozen_statistics__stay_and_are_used_in_training_too():
    network = thin()
    tune(network, NetworkSettings(frozen_statistics=True))
    before = copy.deepcopy(network.state_dict())
    trained = network.train()(clip())
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
    assert torch.equal(trained, network.eval()(clip()))
    copied = copy.deepcopy(network).train()  # a teacher
    assert torch.equal(copied(clip()), trained)


def test_frozen_statistics__of_frozen_stages_stay_and_of_others_move():
    network = thin()
    tune(network, NetworkSettings(freeze=["stem"]))
    before = copy.deepcopy(network.state_dict())
    network.train()(clip())
    moved = {n for n, b in network.named_buffers() if not torch.equal(b, before[n])}
    assert moved
    assert not any(name.startswith("stem") for name in moved)


def test_frozen_statistics__of_a_network_without_any_are_refused():
    with pytest.raises(ConfigError, match="keeps batch statistics, and ResNet3D has none"):
        tune(thin(norm="group"), NetworkSettings(frozen_statistics=True))


OURS = {
    "resnet3d10": lambda: thin(norm="group"),
    "efficientnet_lite0": lambda: create("efficientnet_lite0", K, dropout=0.0),
}


@pytest.mark.parametrize("model", [*OURS, *CONFIGS])
def test_drop_path__drops_in_training_only_and_more_with_depth(model):
    network = transformer(model) if model in CONFIGS else OURS[model]().eval()
    x = clip(side=32 if model == "efficientnet_lite0" else 16)
    plain = network(x)
    tune(network, NetworkSettings(drop_path=0.5))
    rates = [m.rate for m in network.modules() if isinstance(m, DropPath)]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (0.0, 0.5)
    assert torch.equal(network(x), plain)
    network.kept_statistics = frozenset(
        name for name, m in network.named_modules() if isinstance(m, torch.nn.BatchNorm2d)
    )
    network.train()
    assert len({network(x).sum().item() for _ in range(8)}) > 1


def test_drop_path__keeps_the_mean_and_drops_whole_clips():
    torch.manual_seed(0)
    drop = DropPath()
    drop.rate = 0.25
    factors = drop.factors(torch.zeros(4000, 2, 3), num_clips=1000)
    assert factors.shape == (4000, 1, 1)
    assert factors.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert factors.mean().item() == pytest.approx(1.0, abs=0.05)
    by_clip = factors.view(1000, 4)
    assert (by_clip == by_clip[:, :1]).all()


def test_drop_path__of_what_has_no_blocks_is_refused():
    with pytest.raises(ConfigError, match="leaves out residual blocks, and C3D has none"):
        tune(create("c3d", K, width=1 / 64), NetworkSettings(drop_path=0.1))


@pytest.mark.parametrize("model", CONFIGS)
def test_lora__merged_equals_unmerged_and_needs_no_peft(model, tmp_path, monkeypatch):
    pytest.importorskip("peft", reason="needs the extra hf")
    network = transformer(model)
    names, plain = list(network.state_dict()), network(clip())
    tune(network, NetworkSettings(lora={"rank": 2, "dropout": 0.5}))
    assert torch.equal(network(clip()), plain)  # updates begin at zero
    parts = network.parts()
    assert {n for p in ("embeddings", "layer0", "layer1") for n in parts[p]} & learning(
        network
    ) == {n for n in learning(network) if "lora_" in n and ".2." not in n}
    assert {*parts["top"], *parts["head"]} <= learning(network)
    for name, parameter in network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    tuned = network(clip())
    assert not torch.allclose(tuned, plain, atol=1e-4)
    merge(network)
    torch.testing.assert_close(network(clip()), tuned)
    assert list(network.state_dict()) == names
    options = network.card_options({"model": model, "config": CONFIGS[model]})
    card = ModelCard(
        network=NetworkSettings(name="huggingface", options=options),
        classes=list("abcde"),
        data=DataSettings(),
        views=ViewSettings(),
        evaluation=EvaluationSettings(),
        method="supervised",
        weights_sha256="",
    )
    save_network(tmp_path, network, card)
    monkeypatch.setitem(sys.modules, "peft", None)
    torch.testing.assert_close(load_network(tmp_path)[0](clip()), tuned)


def test_lora__takes_layers_by_name_and_copies_follow():
    pytest.importorskip("peft", reason="needs the extra hf")
    network = create("mlp", K, dim=6, hidden=4, dropout=0.0).eval()
    tune(network, NetworkSettings(lora={"rank": 2, "targets": ["hidden"], "alpha": 3.0}))
    learned = {"hidden.lora_A.default.weight", "hidden.lora_B.default.weight"}
    assert learning(network) == learned | {"classifier.weight", "classifier.bias"}
    torch.nn.init.normal_(network.get_parameter("hidden.lora_B.default.weight"))
    copied, x = copy.deepcopy(network), torch.randn(3, 6, 2, 1, 1)
    merge(copied)
    torch.testing.assert_close(copied(x), network(x))
    up, down = (network.get_parameter(f"hidden.lora_{side}.default.weight") for side in "BA")
    update = copied.hidden.weight - network.get_parameter("hidden.base_layer.weight")
    torch.testing.assert_close(update, 3.0 / 2 * up @ down)


def test_lora__without_layers_or_without_peft_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match=r"ResNet3D says of none of its layers.*name layers in"):
        tune(thin(), NetworkSettings(lora={"rank": 2}))
    with pytest.raises(ConfigError, match=r"names 'query', and no linear.*\[it has classifier\]"):
        tune(thin(), NetworkSettings(lora={"targets": ["query"]}))
    with pytest.raises(ConfigError, match="names 'conv', and no linear layers of ResNet3D are"):
        tune(thin(), NetworkSettings(lora={"targets": ["conv"]}))
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"pip install semivideo\[hf\]"):
        tune(thin(), NetworkSettings(lora={"targets": ["classifier"]}))


def test_tune__with_defaults_touches_nothing():
    network, settings = thin(), NetworkSettings()
    before = dict(vars(network))
    tune(network, settings)
    assert is_plain(settings)
    assert learning(network) == {name for name, _ in network.named_parameters()}
    assert vars(network)["kept_statistics"] == frozenset()
    assert before["_modules"] is vars(network)["_modules"]
    assert not is_plain(NetworkSettings(freeze=["stem"]))
