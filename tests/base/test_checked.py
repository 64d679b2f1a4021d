"""One sentence for a fault of settings."""

import pytest

from semivideo.base.errors import ConfigError
from semivideo.settings import Settings


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("data.workers", None, r"data.workers = None .*should be a valid integer or 'auto'$"),
        ("views.crop_shift", 90, r"views.crop_shift must lie in \[0, 1\], got 90; write 0.9 for"),
        ("views.jitter_scale", [1, "x"], r"^views.jitter_scale.1 = 'x' is not allowed: input"),
        ("views.mean", [1, 2], "views.mean.2 is missing; add it"),
        ("engine.decay_exempt", ["x"], "decay_exempt.0 = 'x' is not allowed: input should be 'n"),
        (
            "networks.auxiliary",
            {"widht": 1},
            r"\[networks.auxiliary\] has no key 'widht'; did you mean 'weights'\? \[accepts: name,",
        ),
        ("networks.primary", 3, "networks.primary = 3 is not allowed: input should be a valid d"),
        ("networks.primary.num_frames", 0, r"networks.primary.num_frames = 0 is not allowed: inp"),
    ],
)
def test_sentence__names_key_value_and_rule(key, value, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Settings().updated({key: value})
