import pytest
import torch
from torch import nn

from semivideo.engine.runtime import Runtime, native_precision


def test_native_precision__of_the_cpu_follows_its_flags(monkeypatch):
    for flags, precision in [
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
        ({"avx512_bf16": False, "avx2": True}, "fp32"),
    ]:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
        assert native_precision(torch.device("cpu")) == precision
        assert Runtime(precision="auto", cpu=True).precision == precision
    assert native_precision(torch.device("mps")) == "fp32"


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_autocast__computes_in_the_precision_asked_for(precision, dtype):
    runtime = Runtime(precision=precision, cpu=True)
    with runtime.autocast():
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == dtype


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_step__clips_the_norm_of_the_unscaled_gradient(precision):
    runtime = Runtime(precision=precision, cpu=True)
    weight = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    runtime.backward((weight * torch.tensor([3.0, 4.0])).sum())
    runtime.step(optimizer, [weight], clip=1.0)
    assert weight.tolist() == pytest.approx([-0.6, -0.8], abs=1e-5)


def test_place__lays_out_3d_convolutions_only(runtime):
    method = nn.Sequential(nn.Conv3d(2, 2, 3), nn.Conv2d(2, 2, 3), nn.Linear(2, 2))
    runtime.place(method, channels_last=True)
    assert method[0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert method[1].weight.is_contiguous()


def test_runtime__of_one_process_passes_everything_through(runtime):
    assert (runtime.rank, runtime.world_size, runtime.is_main) == (0, 1, True)
    assert runtime.device.type == "cpu"
    assert runtime.gather(torch.arange(3)).tolist() == [0, 1, 2]
    assert runtime.mean(torch.tensor([1.5])).tolist() == [1.5]
    assert runtime.gather_mapping({3: "x"}) == {3: "x"}
    assert 50 < runtime.peak_memory_mb() < 1e5


def test_load_state_dict__restores_the_loss_scale_of_fp16():
    first, second = (Runtime(precision="fp16", cpu=True) for _ in range(2))
    state = {**first.state_dict(), "scale": 8.0}
    second.load_state_dict(state)
    assert second.state_dict()["scale"] == 8.0


def test_seed__is_that_of_torch_where_there_is_no_accelerator():
    Runtime(cpu=True).seed(7)
    ours = torch.rand(3)
    torch.manual_seed(7)
    assert torch.equal(ours, torch.rand(3))
