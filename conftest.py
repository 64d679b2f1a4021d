"""For all tests: one arithmetic thread, since tests run in two processes and tensors are small."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)  # also where the environment asks for more
