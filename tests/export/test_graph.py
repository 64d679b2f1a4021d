"""One graph of a network: the same numbers, for any number of clips."""

import pytest
import torch
from torch import nn

from semivideo.base.errors import CheckpointError
from semivideo.encoders.encoder import Encoder, Origin, Preprocessing
from semivideo.export.graph import PooledByMatrices, onnx_of, program_of
from semivideo.features.deployed import OnFeatures
from semivideo.models.heads import LinearHead
from semivideo.settings import FeatureSettings


class TinyEncoder(Encoder):
    """A convolution of each frame, seen from left to right."""

    name, dim = "tiny", 6
    preprocessing = Preprocessing(8, 8, (0.5,) * 3, (0.2,) * 3)
    origin = Origin("nowhere", "0", "noise", "image weights", "MIT")

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.frozen()

    def encode(self, clip_NCTHW):
        frames = clip_NCTHW.transpose(1, 2)
        ramp = torch.linspace(0, 1, 6)
        found = (self.conv(frames.flatten(0, 1)).relu() * ramp).mean(dim=(2, 3))
        return found.view(*frames.shape[:2], 6)


class Reads(nn.Module):
    """Does what no graph can: looks at its values."""

    def forward(self, clips):
        return clips.mean(dim=(2, 3, 4)) if clips.sum() > 0 else clips.amax(dim=(2, 3, 4))


@pytest.mark.parametrize("size", [(1, 4, 4), (2, 3, 5)])
def test_pooled_by_matrices__is_torchs_pool(size):
    clips = torch.randn(2, 3, 4, 7, 5)
    expected = nn.AdaptiveAvgPool3d(size)(clips)
    torch.testing.assert_close(PooledByMatrices(size)(clips), expected)


@pytest.mark.parametrize("several", [False, True])
def test_program__gives_logits_and_probabilities_of_any_number_of_clips(several):
    network = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 2))
    program = program_of(network, several=several, clip=(3, 2, 8, 8))
    clips = torch.randn(5, 3, 2, 8, 8)
    logits, shares = program.module()(clips)
    torch.testing.assert_close(logits, network(clips))
    torch.testing.assert_close(shares, logits.sigmoid() if several else logits.softmax(1))
    assert program.example_inputs is None


def test_program__says_why_a_network_cannot_be_written_down():
    sentence = r"Reads cannot be written down as a graph .*; take format='hub-folder', which keeps"
    with pytest.raises(CheckpointError, match=sentence):
        program_of(Reads(), several=False, clip=(3, 2, 8, 8))


def test_onnx__says_that_it_has_no_word_for_something():
    pytest.importorskip("onnxscript", reason="needs the extra export")

    class Odd(nn.Module):
        def forward(self, clips):
            return torch.special.airy_ai(clips.mean(dim=(2, 3, 4)))

    program = program_of(Odd(), several=False, clip=(3, 2, 8, 8))
    with pytest.raises(CheckpointError, match=r"ONNX cannot say what this network does .*airy_ai"):
        onnx_of(program)


def test_program__of_encoder_and_head_gives_the_logits_of_both_ways_round():
    """A clip and its mirror go through the encoder as one batch, of any number."""
    encoder = TinyEncoder()
    settings = FeatureSettings(encoder="tiny", dim=6, descriptor="motion", mirror=True)
    network = OnFeatures(encoder, LinearHead(2, dim=18), settings).eval()
    program = program_of(network, several=False, clip=(3, 4, 8, 8))
    clips = torch.randn(5, 3, 4, 8, 8)
    torch.testing.assert_close(program.module()(clips)[0], network(clips))
