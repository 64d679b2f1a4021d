import torch

from semivideo.engine.precise_bn import recompute_batch_statistics


def test_recompute__gives_the_mean_of_batch_statistics(tiny, runtime):
    method = tiny.make_method()
    seen = []
    norm = method.primary.norm
    norm.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    batches = [tiny.make_batch(step, 10) for step in range(5)]
    assert recompute_batch_statistics(method, batches, runtime=runtime) == 5
    assert len(seen) == 5
    means = torch.stack([x.mean(dim=(0, 2, 3, 4)) for x in seen]).mean(dim=0)
    variances = torch.stack([x.transpose(0, 1).flatten(1).var(dim=1) for x in seen]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, means)
    torch.testing.assert_close(norm.running_var, variances)


def test_recompute__leaves_weights_other_networks_and_momentum_alone(tiny, runtime):
    method = tiny.make_method()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    recompute_batch_statistics(method, [tiny.make_batch(0, 10)], runtime=runtime)
    changed = {n for n, v in method.state_dict().items() if not torch.equal(v, before[n])}
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert changed == {f"primary.norm.{name}" for name in statistics}
    assert method.primary.norm.momentum == 0.1
    assert not any(module.training for module in method.modules())


def test_recompute__without_batch_norm_reads_no_batch(tiny, runtime):
    method = tiny.make_method(batch_norm=False)
    assert recompute_batch_statistics(method, iter([None]), runtime=runtime) == 0
