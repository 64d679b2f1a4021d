"""Settings to objects."""

import sys
from dataclasses import replace
from types import ModuleType

import pytest

from semivideo.base.errors import ConfigError
from semivideo.methods.supervised import Supervised
from semivideo.run import build
from semivideo.settings import Settings


class OnGradients(Supervised):
    """A user's method that deploys a network of the temporal gradient."""

    def __init__(self, primary, *, views, clips):
        spec = replace(clips["primary"], modality="fast_gradient")
        super().__init__(primary, views=views, clips={"gradient": spec})


def test_build_method__deploys_a_network_on_what_the_settings_say_it_sees(monkeypatch):
    module = ModuleType("my_methods")
    module.OnGradients = OnGradients
    monkeypatch.setitem(sys.modules, "my_methods", module)
    settings = Settings.from_mapping(
        {
            "method": {"name": "my_methods:OnGradients"},
            "networks": {"primary": {"name": "resnet3d10", "options": {"width": 0.25}}},
        }
    )
    sentence = "first stream of my_methods:OnGradients, 'gradient', is fast_gradient, .* = rgb; set"
    with pytest.raises(ConfigError, match=sentence):
        build.build_method(settings, num_classes=3)
    told = settings.updated({"networks.primary.modality": "fast_gradient"})
    method = build.build_method(told, num_classes=3)
    assert method.clips["gradient"].modality == "fast_gradient"
    mvpl = told.updated({"method.name": "mvpl"})
    with pytest.raises(ConfigError, match=r"'primary', is rgb, and .* = fast_gradient; set .*=rgb"):
        build.build_method(mvpl, num_classes=3)
