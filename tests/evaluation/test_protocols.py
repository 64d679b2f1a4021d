import pytest

from semivideo.base.errors import ConfigError
from semivideo.evaluation.protocols import crop_side, parse_protocol, protocol_name, with_protocol
from semivideo.settings import EvaluationSettings, ViewSettings


@pytest.mark.parametrize(
    ("protocol", "expected"), [("10x3", (10, 3)), ("1x1", (1, 1)), ("4x3", (4, 3))]
)
def test_parse_protocol__reads_clips_and_crops(protocol, expected):
    assert parse_protocol(protocol) == expected


@pytest.mark.parametrize(
    "protocol",
    ["", "10", "10x", "x3", "0x1", "10x2", "-1x3", "10x3x1", "10 x 3", "1e1x3", "\u0661x3"],
)
def test_parse_protocol__refuses_what_is_none(protocol):
    sentence = r"is not allowed; write clips x crops with 1 or 3 crops, such as 10x3 or 1x1"
    with pytest.raises(ConfigError, match=sentence):
        parse_protocol(protocol)


def test_with_protocol__changes_clips_and_crops_only():
    settings = EvaluationSettings(crop_size=64, average="logits", batch_clips=5)
    changed = with_protocol(settings, "2x1")
    assert protocol_name(changed) == "2x1"
    assert protocol_name(settings) == "10x3"
    assert (changed.crop_size, changed.average, changed.batch_clips) == (64, "logits", 5)
    assert with_protocol(settings, None) == settings


def test_crop_side__is_the_short_side_of_the_weak_view():
    assert crop_side(EvaluationSettings(), ViewSettings()) == 256  # trained on 224
    assert crop_side(EvaluationSettings(crop_size=200), ViewSettings()) == 200
