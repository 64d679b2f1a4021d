"""A script: the gradients of every method on one of two processes, each with half of the batch.

Not forked from the tests: the copy of a process with threads may wait for them forever.
"""

import importlib.util
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist


def main(rank: int, folder: str, names: list[str]) -> None:
    spec = importlib.util.spec_from_file_location("kit", Path(__file__).parent / "conftest.py")
    kit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kit)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "Grad strides do not match")  # a matter of speed
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    mine = slice(rank, None, 2)
    for name in names:
        method = kit.make_method(name, **kit.confident_options(name))
        batch = kit.make_batch(method)
        unlabeled = None if batch.unlabeled is None else kit.take(batch.unlabeled, mine)
        part = replace(batch, labeled=kit.take(batch.labeled, mine), unlabeled=unlabeled)
        wrapped = torch.nn.parallel.DistributedDataParallel(method)  # averages while it lives
        wrapped(part).loss.backward()
        found = {n: p.grad for n, p in method.named_parameters() if p.grad is not None}
        if rank == 0:
            torch.save(found, f"{folder}/{type(method).__name__}.pt")
    dist.barrier()  # none leaves while another still talks to it
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
