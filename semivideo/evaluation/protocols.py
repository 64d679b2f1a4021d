"""Which views of a video make its score: the names of test protocols.

"10x3" is 10 clips spread over the video, each with 3 crops along its longer side: 30 views.
"""

from __future__ import annotations

import re

from semivideo.base.errors import ConfigError
from semivideo.settings import EvaluationSettings, ViewSettings

_PROTOCOL = re.compile(r"([1-9][0-9]{0,3})x([13])")


def parse_protocol(protocol: str) -> tuple[int, int]:
    """Read the name of a test protocol.

    Args:
        protocol: Clips x crops, such as "10x3" or "1x1": 1 to 9999 clips, 1 or 3 crops.

    Returns:
        Number of clips and of crops per clip.

    Raises:
        ConfigError: It is not of that form.

    >>> parse_protocol("10x3")
    (10, 3)
    """
    match = _PROTOCOL.fullmatch(protocol)
    if match is None:
        raise ConfigError(
            f"protocol {protocol!r} is not allowed; write clips x crops with 1 or 3 crops, "
            "such as 10x3 or 1x1"
        )
    return int(match[1]), int(match[2])


def protocol_name(settings: EvaluationSettings) -> str:
    """Name the protocol of some settings, such as "10x3"."""
    return f"{settings.num_clips}x{settings.num_crops}"


def with_protocol(settings: EvaluationSettings, protocol: str | None) -> EvaluationSettings:
    """Return the settings with another number of clips and crops; None changes nothing.

    Raises:
        ConfigError: As ``parse_protocol``.
    """
    if protocol is None:
        return settings
    num_clips, num_crops = parse_protocol(protocol)
    return settings.model_copy(update={"num_clips": num_clips, "num_crops": num_crops})


def crop_side(settings: EvaluationSettings, views: ViewSettings) -> int:
    """Side of the test crops in pixels: as set, else the short side of the weak view.

    >>> crop_side(EvaluationSettings(), ViewSettings(crop_size=112))
    128
    """
    return settings.crop_size or round(views.crop_size * views.weak_scale)
