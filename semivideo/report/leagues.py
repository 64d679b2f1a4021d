"""Which league a run plays in: what its networks had seen before the first label."""

from __future__ import annotations

from typing import NamedTuple

from semivideo.encoders.encoder import League
from semivideo.encoders.known import ENCODERS
from semivideo.settings import NetworkSettings, Settings


class Origin(NamedTuple):
    """Where the weights of a run come from.

    Attributes:
        league: Results of different leagues are not ranked together.
        words: The weights, in words.
        licence: Of the weights, as published; "" where there are none.
    """

    league: League
    words: str
    licence: str


def origin_of(settings: Settings) -> Origin:
    """Say what the networks of a run had seen before its first label."""
    features = settings.features
    if features is not None:
        known = ENCODERS.get(features.encoder)
        league: League = known.league if known is not None else "image weights"
        words = f"{features.encoder}, pretrained on {features.pretrained_on}"
        return Origin(league, words, features.licence)
    networks = settings.networks
    found = [_of_network(each) for each in (networks.primary, networks.auxiliary) if each]
    return max(found, key=lambda origin: _ORDER.index(origin.league))


_ORDER: tuple[League, ...] = ("scratch", "image weights", "video weights")


def _of_network(network: NetworkSettings) -> Origin:
    if network.options.get("pretrained"):
        entry = ENCODERS.get(network.name)
        on = entry.pretrained_on if entry else "see the network's page"
        licence = entry.licence if entry else "see the network's page"
        return Origin("image weights", f"{network.name}, pretrained on {on}", licence)
    folder = network.options.get("model")
    if isinstance(folder, str) and "/" in folder:
        return Origin("video weights", f"{network.name}, weights of {folder}", "see that folder")
    return Origin("scratch", "from scratch", "")
