"""Finding networks by name and checking their options before anything is built."""

import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.models import FOREIGN, HEADS, NETWORKS, Network, create, describe, options_of


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A user's module on the Python path, with a network that needs an option."""
    (tmp_path / "own_networks.py").write_text(
        "import torch\n"
        "from semivideo.models import Network\n"
        "class Linear(Network):\n"
        "    def __init__(self, num_classes, *, gain: float, bias: bool = True):\n"
        "        super().__init__()\n"
        "        self.num_classes, self.num_features, self.gain = num_classes, 3, gain\n"
        "        self.head = torch.nn.Linear(3, num_classes, bias=bias)\n"
        "    def features(self, clip_NCTHW):\n"
        "        return self.gain * clip_NCTHW.mean((2, 3, 4))\n"
        "    def classify(self, features_ND):\n"
        "        return self.head(features_ND)\n"
        "called = []\n"
        "def not_a_network(*args, **options):\n"
        "    called.append(args)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("name", NETWORKS)
def test_create__builds_every_network_of_the_table_at_small_width(name):
    small = {"width": 1 / 32, "norm": "group"}
    network = create(name, 3, **{k: v for k, v in small.items() if k in options_of(name).settable})
    assert isinstance(network, Network)
    assert network.num_classes == 3
    logits = network.eval()(torch.zeros(1, 3, 4, 32, 32))
    assert logits.shape == (1, 3)


def test_create__draws_from_the_global_generator():
    torch.manual_seed(1)
    first = create("resnet3d10", 3, width=1 / 32)
    torch.manual_seed(1)
    second = create("resnet3d10", 3, width=1 / 32)
    assert torch.equal(first.stem[0].conv.weight, second.stem[0].conv.weight)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        (
            "resnet3d19",
            {},
            r"no network 'resnet3d19'; did you mean 'resnet3d18'\? \[known: resnet3d10, ",
        ),
        (
            "resnet3d18",
            {"widht": 0.5},
            r"\[networks\] resnet3d18 has no option 'widht'; did you mean 'width'\? "
            r"\[accepts: width, dropout, norm, stem_stride, stem_pool, ",
        ),
        ("resnet3d18", {"qqq": 1}, r"resnet3d18 has no option 'qqq' \[accepts: width, "),
        ("resnet3d18", {"name": 1}, r"resnet3d18 has no option 'name'"),
        (
            "resnet3d18",
            {"depth": 34},
            r"resnet3d18 has depth = 18 by its name; choose another name",
        ),
        (
            "resnet3d18",
            {"width": "half"},
            r"resnet3d18: width = 'half' is not allowed: input should be",
        ),
        (
            "resnet3d18",
            {"width": True},
            r"resnet3d18: width = True is not allowed: input should be",
        ),
        (
            "resnet3d18",
            {"stem_stride": 1.5},
            r"stem_stride = 1.5 is not allowed: input should be a valid int",
        ),
        (
            "resnet3d18",
            {"norm": "layer"},
            r"norm = 'layer' is not allowed: input should be 'batch' or",
        ),
        (
            "resnet3d18",
            {"dropout": 50},
            r"resnet3d18: dropout must lie in \[0, 1\], got 50; write 0.5 for",
        ),
        (
            "resnet3d18",
            {"width": 0.3},
            r"\[networks\] resnet3d18: width must be a positive multiple",
        ),
        ("no_such_module:Net", {}, r"cannot import network 'no_such_module:Net': No module named"),
        ("semivideo.models:Nothing", {}, r"cannot import network .*Nothing.*is it on PYTHONPATH\?"),
        ("semivideo.models:Network", {}, r"'semivideo.models:Network' is not a network"),
    ],
)
def test_create__says_what_is_wrong_and_what_is_allowed(name, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        create(name, 5, **options)


def test_create__takes_a_class_of_the_user(own_module):
    network = create("own_networks:Linear", 4, gain=2, bias=False)
    assert network(torch.ones(1, 3, 2, 4, 4)).shape == (1, 4)
    assert network.head.bias is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, r"own_networks:Linear needs the option 'gain'; add it to its options"),
        ({"gain": 1.0, "bais": True}, r"has no option 'bais'; did you mean 'bias'\?"),
        ({"gain": "big"}, r"own_networks:Linear: gain = 'big' is not allowed"),
    ],
)
def test_create__checks_options_of_a_class_of_the_user(own_module, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        create("own_networks:Linear", 4, **options)


def test_create__does_not_call_what_is_no_network(own_module):
    with pytest.raises(ConfigError, match=r"must be a subclass of semivideo.models.Network"):
        create("own_networks:not_a_network", 4)
    import own_networks

    assert own_networks.called == []


def test_describe__has_one_line_for_every_network():
    lines = describe()
    assert list(lines) == [*NETWORKS, *HEADS, *FOREIGN]
    assert lines["r3d18"].startswith("R3D of LTG")
    assert "33.4 M parameters; options: eps, width, dropout, norm" in lines["r3d18"]
    assert not any("\n" in line or "depth" in line for line in lines.values())
