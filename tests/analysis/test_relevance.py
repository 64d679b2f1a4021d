"""Maps of where a network looks, against gradients taken by hand."""

import pytest
import torch
from torch import nn

from semivideo import models
from semivideo.analysis.relevance import grad_cam, relevance
from semivideo.base.errors import ConfigError
from semivideo.models import Network


class Planted(Network):
    """Class 1 is how bright channel 0 is; class 0 the opposite. The map is the clip itself."""

    num_classes, num_features = 2, 3

    def __init__(self):
        super().__init__()
        self.body = nn.Identity()
        self.weight = nn.Parameter(torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))

    def features(self, clip_NCTHW):
        return self.body(clip_NCTHW * 1.0).mean(dim=(2, 3, 4))

    def classify(self, features_ND):
        return features_ND @ self.weight.T


def bright(where):
    """A clip (3, 2, 4, 4) that is bright in one place of channel 0 and everywhere in channel 1."""
    clip = torch.zeros(3, 2, 4, 4)
    clip[1] = 5.0
    clip[(0, *where)] = 8.0
    return clip


def test_grad_cam__is_where_the_class_is_told_by():
    clip = bright((1, 2, 3))
    found = grad_cam(Planted(), clip[None], label=1)
    expected = clip[0] / clip[0].numel()  # the slope of class 1 in channel 0 is 1 / places
    torch.testing.assert_close(found, expected)
    assert (grad_cam(Planted(), clip[None], label=0) == 0).all()  # nothing speaks for class 0


def test_relevance__of_a_clip_has_its_pixels_and_its_largest_value_is_one():
    found = relevance(Planted(), bright((0, 1, 1)), label=1)
    assert found.shape == (2, 4, 4)
    assert (found.min(), found.max(), found[0, 1, 1]) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize("name", ["resnet3d10", "tsm_r18", "s3d", "efficientnet_lite0"])
def test_relevance__works_for_networks_of_every_shape_of_map(name):
    torch.manual_seed(0)
    options = {} if name == "efficientnet_lite0" else {"width": 0.125}
    network = models.create(name, 3, **options).eval()
    found = relevance(network, torch.randn(3, 8, 64, 64), label=2)
    assert found.shape == (8, 64, 64)
    assert 0 <= found.min() <= found.max() <= 1


def test_grad_cam__refuses_a_network_without_places():
    class Flat(Planted):
        def features(self, clip_NCTHW):
            return clip_NCTHW.mean(dim=(2, 3, 4))

    with pytest.raises(ConfigError, match="no map with places between the clip and its logits"):
        grad_cam(Flat(), bright((0, 0, 0))[None], label=0)
