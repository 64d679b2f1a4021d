"""Local motion as an encoder that nobody has to pretrain: histograms of flow, a codebook of them.

Here: which frames are looked at, what is told of their motion, the codebook that the user's own
videos make, the encoder. Not here: who learns the codebook when (``features``).
"""

from semivideo.encoders.local_motion.codebook import CODEBOOK_FILE, Codebook, learn_codebook
from semivideo.encoders.local_motion.local_descriptors import (
    CHANNELS,
    LocalDescriptors,
    PairClip,
    describe,
    plan_pairs,
)
from semivideo.encoders.local_motion.motion_encoder import NAME, LocalMotion

__all__ = [
    "CHANNELS",
    "CODEBOOK_FILE",
    "NAME",
    "Codebook",
    "LocalDescriptors",
    "LocalMotion",
    "PairClip",
    "describe",
    "learn_codebook",
    "plan_pairs",
]
