"""One batch ahead, the same batches in the same order."""

import pytest
import torch

from semivideo.engine.prefetch import delivered, one_ahead, tensors_of

CPU = torch.device("cpu")


class Noted:
    """Stands for a side stream: notes what is copied and what is waited for."""

    def __init__(self):
        self.events = []

    def copy(self, batch):
        self.events.append(("copy", batch.step))
        return batch, f"end of {batch.step}"

    def arrived(self, coming):
        batch, end = coming
        assert end == f"end of {batch.step}"
        self.events.append(("wait", batch.step))
        return batch


def timed(tiny, num_steps, events=None):
    try:
        for step in range(num_steps):
            yield tiny.make_batch(step, 4), float(step)
    finally:
        if events is not None:
            events.append("closed")


def test_one_ahead__starts_each_copy_before_the_step_before_it(tiny):
    side = Noted()
    for batch, waited in one_ahead(timed(tiny, 3), side):
        assert waited == batch.step
        side.events.append(("step", batch.step))
    order = "copy 0, copy 1, wait 0, step 0, copy 2, wait 1, step 1, wait 2, step 2"
    assert ", ".join(f"{what} {step}" for what, step in side.events) == order


@pytest.mark.parametrize("num_steps", [0, 1])
def test_one_ahead__yields_short_streams_whole(tiny, num_steps):
    assert [b.step for b, _ in one_ahead(timed(tiny, num_steps), Noted())] == [*range(num_steps)]


def test_delivered__reads_nothing_ahead_on_a_cpu_and_closes_what_it_reads(tiny):
    events = []
    stream = delivered(timed(tiny, 3, events), CPU)
    batch, waited = next(stream)
    assert (batch.step, waited) == (0, 0.0)
    assert torch.equal(batch.labeled.label, tiny.make_batch(0, 4).labeled.label)
    stream.close()
    assert events == ["closed"]


def test_tensors_of__are_all_that_move(tiny):
    batch = tiny.make_batch(0, 4).to(torch.device("meta"))
    assert len(tensors_of(batch)) == 5
    assert all(tensor.is_meta for tensor in tensors_of(batch))
    assert not batch.labeled.size.is_meta


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_delivered__gives_the_same_batches_on_a_gpu(tiny):
    device = torch.device("cuda", torch.cuda.current_device())
    for step, (batch, _) in enumerate(delivered(timed(tiny, 4), device)):
        expected = tiny.make_batch(step, 4)
        for found, wanted in zip(tensors_of(batch), tensors_of(expected), strict=True):
            assert found.device == device
            assert torch.equal(found.cpu(), wanted)
