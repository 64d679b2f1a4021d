"""bf16 in channels_last_3d learns as contiguous fp32 does; benchmarks/speed_step.py shows more."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from semivideo.engine.optim import make_optimizer
from semivideo.engine.runtime import Runtime
from semivideo.models import create
from semivideo.settings import EngineSettings

STEPS = 30
PLAIN = EngineSettings(learning_rate=0.02, precision="fp32", channels_last=False)
OURS = EngineSettings(learning_rate=0.02, precision="bf16")


def losses(settings: EngineSettings, *, is_rounded: bool = False) -> NDArray[np.float64]:
    """Losses of a training on patterns under noise; of 4 frames, fewer than the stem's kernel."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = create("resnet3d10", 5, width=0.25, dropout=0.0).train()
    if is_rounded:
        network.load_state_dict({k: v.bfloat16().to(v) for k, v in network.state_dict().items()})
    runtime = Runtime(precision=settings.precision, cpu=True)
    runtime.place(network, channels_last=settings.channels_last)
    optimizer = make_optimizer(network, settings)
    pattern, found = torch.randn(5, 3, 4, 32, 32, generator=generator), []
    for _ in range(STEPS):
        y = torch.randint(5, (8,), generator=generator)
        x = pattern[y] + torch.randn(8, 3, 4, 32, 32, generator=generator)
        with runtime.autocast():
            loss = cross_entropy(network(x).float(), y)
        optimizer.zero_grad()
        runtime.backward(loss)
        runtime.step(optimizer, network.parameters(), clip=None)
        found.append(loss.item())
    return np.array(found)


def distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.abs(one - other).mean())


def test_defaults__learn_as_contiguous_fp32_within_the_error_of_bf16() -> None:
    plain = losses(PLAIN)
    assert plain[-5:].mean() < 0.2 * plain[:5].mean()  # something was learned
    allowed = 3 * distance(losses(PLAIN, is_rounded=True), plain)  # of rounding weights just once
    assert 0 < distance(losses(OURS), plain) < allowed
    faster = losses(PLAIN.model_copy(update={"learning_rate": 0.022}))
    assert distance(faster, plain) > allowed  # a tenth more would be noticed
