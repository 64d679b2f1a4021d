"""Rows of all processes: values and gradients of two equal those of one."""

import pytest
import torch

from semivideo.base.processes import gathered
from tests.two_processes import run_two

# Each process holds half of the rows. The loss compares rows with one another, adds two gathered
# tensors, whose gradients autograd then holds in one memory, and gathers a transposed tensor.
SCRIPT = """
import torch, torch.distributed as dist
from semivideo.base.processes import gathered
from tests.two_processes import work_as_one_of_two

def loss_of(x, weight):
    both = gathered(x @ weight) + gathered((x * x) @ weight)
    turned = gathered((weight.T @ x.T).T)
    return (both @ both.T).softmax(1).diagonal().log().sum() + (turned @ turned.T).sin().sum()

def work(rank, folder):
    x, weight = torch.load(folder / "given.pt", weights_only=True)
    weight.requires_grad_()
    mine = x[rank * 2 : rank * 2 + 2]
    loss = loss_of(mine, weight)
    loss.backward()
    dist.all_reduce(weight.grad)  # distributed training averages
    labels = gathered(torch.tensor([rank, rank + 10]))
    found = {"loss": loss.detach(), "gradient": weight.grad / 2, "labels": labels}
    torch.save(found, folder / f"{rank}.pt")

if __name__ == "__main__":
    work_as_one_of_two(work)
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """The given tensors, the script's loss, and what two processes found."""
    folder = tmp_path_factory.mktemp("processes")
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(4, 3, generator=generator), torch.randn(3, 3, generator=generator)
    torch.save((x, weight), folder / "given.pt")
    run_two(["-c", SCRIPT], folder)
    found = [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    names = {"__name__": "script"}
    exec(SCRIPT, names)
    return x, weight, names["loss_of"], found


def test_gathered__two_processes_have_the_loss_and_gradient_of_one(case):
    x, weight, loss_of, found = case
    weight = weight.clone().requires_grad_()
    loss = loss_of(x, weight)
    loss.backward()
    for process in found:
        torch.testing.assert_close(process["loss"], loss.detach())
        torch.testing.assert_close(process["gradient"], weight.grad)


def test_gathered__keeps_the_order_of_ranks_and_whole_numbers(case):
    for process in case[-1]:
        assert process["labels"].tolist() == [0, 10, 1, 11]


def test_gathered__in_one_process_returns_the_same_tensor():
    rows = torch.rand(3, 2)
    assert gathered(rows) is rows
