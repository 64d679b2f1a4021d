"""Pretrained networks as encoders: frozen, with the preprocessing that belongs to their weights.

Here: what an encoder is, the table of those that can be used, where their weights come from.
Not here: the networks (``models``), and what is done with their output (``features``).
"""

from semivideo.encoders.encoder import Encoder, Preprocessing
from semivideo.encoders.known import ENCODERS, add_encoder, all_encoders, load_encoder

__all__ = [
    "ENCODERS",
    "Encoder",
    "Preprocessing",
    "add_encoder",
    "all_encoders",
    "load_encoder",
]
