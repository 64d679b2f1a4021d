import pytest
import torch
from torch.nn.functional import max_pool3d

from semivideo.models import create
from semivideo.models.blocks.pooling import MaxPool


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_max_pool__keeps_the_precision_of_its_input_under_autocast(dtype: torch.dtype) -> None:
    x = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = MaxPool((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))(x)
    assert pooled.dtype == dtype
    assert torch.equal(pooled, max_pool3d(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)))


@pytest.mark.parametrize("name", ["resnet3d10", "c3d", "s3d", "slowfast_r50"])
def test_network__pools_in_the_precision_it_computes_in(name: str) -> None:
    network = create(name, 3, width=0.25).eval()
    seen = []
    for module in network.modules():
        if isinstance(module, MaxPool):
            module.register_forward_hook(lambda _, given, y: seen.append((given[0].dtype, y.dtype)))
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        network(torch.randn(1, 3, 8, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert seen[0][0] == torch.bfloat16
    assert all(before == after for before, after in seen)
