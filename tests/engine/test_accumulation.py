from dataclasses import replace

import pytest
import torch

from semivideo.base.errors import ConfigError
from semivideo.base.records import PseudoLabels, StepResult
from semivideo.engine.accumulation import in_parts, joined


def test_in_parts__gives_every_clip_once_in_its_order(tiny):
    batch = tiny.make_batch(3, 10)
    parts = in_parts(batch, 2)
    assert [len(part.labeled) for part in parts] == [2, 2]
    assert torch.equal(torch.cat([p.labeled.label for p in parts]), batch.labeled.label)
    assert torch.equal(torch.cat([p.unlabeled.draw for p in parts]), batch.unlabeled.draw)
    frames = torch.cat([part.unlabeled.frames["primary"] for part in parts])
    assert torch.equal(frames, batch.unlabeled.frames["primary"])
    assert {part.step for part in parts} == {3}


def test_in_parts__of_one_is_the_batch_itself(tiny):
    batch = replace(tiny.make_batch(0, 10), unlabeled=None)
    assert in_parts(batch, 1) == [batch]
    assert [part.unlabeled for part in in_parts(batch, 4)] == [None] * 4


def test_in_parts__that_are_not_even_are_refused(tiny):
    with pytest.raises(ConfigError, match=r"engine.accumulate = 3 must divide the 4 clips that a"):
        in_parts(tiny.make_batch(0, 10), 3)


def test_joined__averages_scalars_and_keeps_all_pseudo_labels():
    def part(value):
        tensor = torch.tensor([value])
        labels = PseudoLabels("primary", tensor, tensor, tensor, tensor > 1)
        return StepResult(torch.tensor(float(value)), {"L_s": torch.tensor(2.0 * value)}, (labels,))

    found = joined([part(1), part(4)])
    assert (found.loss.item(), found.terms["L_s"].item()) == (2.5, 5.0)
    assert found.pseudo[0].video.tolist() == [1, 4]
    assert found.pseudo[0].kept.tolist() == [False, True]
