"""A script: the gradients of every method on one of two processes, each with half of the batch."""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from tests.conformance import conftest as kit
from tests.two_processes import work_as_one_of_two


def write_gradients(rank: int, folder: Path) -> None:
    mine = slice(rank, None, 2)
    for name in sys.argv[3:]:
        method = kit.make_method(name, **kit.confident_options(name))
        batch = kit.make_batch(method)
        unlabeled = None if batch.unlabeled is None else kit.take(batch.unlabeled, mine)
        part = replace(batch, labeled=kit.take(batch.labeled, mine), unlabeled=unlabeled)
        wrapped = torch.nn.parallel.DistributedDataParallel(method)  # averages while it lives
        wrapped(part).loss.backward()
        found = {n: p.grad for n, p in method.named_parameters() if p.grad is not None}
        if rank == 0:
            torch.save(found, folder / f"{type(method).__name__}.pt")


if __name__ == "__main__":
    work_as_one_of_two(write_gradients)
