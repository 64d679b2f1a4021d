"""Twelve steps of every method in double precision repeat on any machine.

In single precision processors round sums differently, pseudo-labels tip over and contrasts tear
trajectories apart, so that the published losses of ``tests/golden`` hold for ten steps only. Here
rounding starts at 1e-16 and is still far from mattering at the end. Views are replaced by exact
ones, a division by 255: those of the library are single precision, and have tests of their own.
"""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from semivideo.methods import METHODS

THRESHOLD = 0.213  # five classes: some of the first clips are above, some below
GOLDEN = Path(__file__).parents[1] / "golden" / "double_precision.json"
NUM_STEPS = 12


class ExactViews:
    """Three different looks at a clip, float64 (N, 3, T, 16, 16), equal bit for bit anywhere."""

    def standard(self, clips, stream) -> Tensor:
        return self._of(clips, stream, top=0)

    def weak(self, clips, stream) -> Tensor:
        view = self._of(clips, stream, top=2)
        view[..., 10:] = view[:, :, :1, :, 10:]  # what moves is on the left
        return view

    def strong(self, clips, stream) -> Tensor:
        view = self._of(clips, stream, top=4).flip(-1) * 1.5
        view[..., :6, :6] = 0
        return view

    def rotations(self, view, clips) -> Tensor:
        return torch.cat([torch.rot90(view, k, (3, 4)) for k in range(4)])

    @staticmethod
    def _of(clips, stream, *, top) -> Tensor:
        frames = clips.frames[stream][..., top : top + 16, :16].double() / 255
        if frames.shape[2] == 6:
            frames = (frames[:, :, 3:] - frames[:, :, :3]) / 2
        elif frames.shape[2] == 2:
            frames = torch.cat([frames, frames[:, :, :1]], dim=2)
        return frames.transpose(1, 2)


@pytest.fixture
def doubled(monkeypatch):
    """Pages ask for single precision where logits become losses; here they get double."""
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def losses_of(kit, name: str) -> list[float]:
    method = kit.method(name, **kit.confident(name, threshold=THRESHOLD)).double()
    method.views = ExactViews()
    if name == "ups":  # as after a first round: half of the clips have a label
        method.num_selections = 1
        method.label[200:208] = torch.arange(8) % kit.K
        method.kept[200:204] = True
        method.excluded[204:208, 1:3] = True
    if name == "votes":  # as after the votes
        method.num_selections = 1
        method.votes[200:208, 1] = torch.arange(8, dtype=torch.uint8)
    if name == "timebalance":  # as after the teachers were asked
        method.num_selections = 1
        method.taught[200:208, 1:3] = 0.5
    optimizer = torch.optim.SGD(method.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for step in range(NUM_STEPS):
        optimizer.zero_grad()
        loss = method(kit.batch(method, step=step, seed=step)).loss
        loss.backward()
        optimizer.step()
        method.after_step()
        losses.append(loss.item())
    return losses


@pytest.mark.usefixtures("doubled")
@pytest.mark.parametrize("name", METHODS)
def test_method__repeats_its_losses_in_double_precision(kit, name):
    """Delete a line of the file to renew it; say why under Numerics in the changelog."""
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    losses = losses_of(kit, name)
    if name not in golden:
        golden[name] = losses
        lines = (f"{json.dumps(key)}: {json.dumps(golden[key])}" for key in sorted(golden))
        GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        pytest.fail(f"wrote {name} to {GOLDEN.name}; run again and commit it with the reason")
    assert losses == pytest.approx(golden[name], rel=1e-7)
