"""A training step never waits for the accelerator: shown on a device that has no values at all.

Tensors on torch's "meta" device have shapes and no values, so a step that runs on them to its end
cannot have read one: ``.item()``, ``if tensor``, boolean indexing and ``bincount``, each of which
makes the processor wait for a GPU, all fail there. Copies to the device are watched as well: one
that is not asked for as ``non_blocking`` waits until everything before it is done.
"""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from semivideo.engine import Plan, Runtime
from semivideo.engine.trainer import Training
from semivideo.methods import METHODS
from semivideo.runfolder import RunFolder
from semivideo.settings import EngineSettings
from semivideo.transforms.randaugment import COLOR_OPERATIONS

META = torch.device("meta")
# Methods that read from the device in a step, and why.
READS = {"tcl": "in its middle phase it chooses the classes that both paths name, by number"}
WEAK_ONLY_LABELS = [name for name, cls in METHODS.items() if cls.weak_only_labels]


class NoWaitingCopies(TorchDispatchMode):
    """Fails where a copy from the processor's memory to the device waits for the device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.ops.aten._to_copy.default:
            comes, goes = args[0].device, torch.device(kwargs.get("device") or args[0].device)
            waits = comes.type == "cpu" and goes.type == "meta" and not kwargs.get("non_blocking")
            assert not waits, f"a copy of {tuple(args[0].shape)} to the device waits for it"
        return func(*args, **kwargs)


class ShapesOnly(Runtime):
    """A runtime whose device has no values."""

    def __init__(self):
        super().__init__(precision="fp32", cpu=True)
        self.device = META

    def prepare(self, method):
        return method


@pytest.fixture
def run_steps(tmp_path, monkeypatch, kit):
    """Runs whole steps of a method, in and after its warm-up, on the device without values."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # has no "meta"

    def run(name, *, change=lambda method: None, steps=(0, 39), engine=None, **options):
        method = kit.method(name, **options)
        change(method)
        settings = EngineSettings(clip_gradient=1.0, ema=0.9, **(engine or {}))
        plan = Plan(40, settings, split_hash="", settings_hash="")
        training = Training(method, plan=plan, run=RunFolder(tmp_path), runtime=ShapesOnly())
        training.resume()
        for step in steps:
            batch = kit.batch(method, labeled=2, unlabeled=4, step=step).to(META)
            with NoWaitingCopies():
                training.learn(batch, waited=0.0)

    return run


@pytest.mark.parametrize("name", sorted(METHODS.keys() - READS))
def test_step__reads_nothing_from_the_device(run_steps, name):
    run_steps(name)


@pytest.mark.parametrize("name", READS)
def test_step__reads_only_where_it_is_said(run_steps, name):
    run_steps(name, steps=(0, 39))
    with pytest.raises(RuntimeError, match="meta tensors"):
        run_steps(name, steps=(20,))


@pytest.mark.parametrize("rule", ["flexmatch", "freematch", "softmatch"])
def test_step__reads_nothing_whatever_rule_chooses_the_labels(run_steps, rule):
    run_steps("cmpl", thresholds=rule)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("actorcutmix", {"mix_probability": 1.0}),
        ("cmpl", {"scheme": "self_first"}),
        ("cmpl", {"teacher_decay": 0.9, "contrast": {"weight": 1.0}}),
        ("fixmatch", {"temperature": 0.4}),
        ("fixmatch", {"teacher_decay": 0.9}),
        ("mvpl", {"fusion": "agreement", "modalities": ["rgb", "fast_gradient", "flow"]}),
        ("svformer", {"adaptive": True, "reverse": True}),
    ],
)
def test_step__reads_nothing_with_options(run_steps, name, options):
    run_steps(name, **options)


def test_step__of_ups_reads_nothing_between_selections(run_steps):
    run_steps("ups", change=lambda method: setattr(method, "num_selections", 1))


@pytest.mark.parametrize(
    "engine",
    [{"factorized": True}, {"checkpoint_activations": True}, {"weak_graph": False}],
)
def test_step__reads_nothing_however_it_is_computed(run_steps, engine):
    run_steps("cmpl", engine=engine)


@pytest.mark.parametrize("name", sorted(METHODS.keys() - READS))
def test_step__reads_nothing_when_a_network_is_tuned(run_steps, name):
    tuning = {"optimizer": "adamw", "label_smoothing": 0.1, "accumulate": 2}
    for mixing in ("mixup", "cutmix"):
        run_steps(name, steps=(0,), engine={**tuning, mixing: 0.5})


@pytest.mark.parametrize("name", COLOR_OPERATIONS)
def test_color_operations__read_nothing(name):
    with NoWaitingCopies():
        clips = torch.empty(2, 3, 3, 8, 8, device=META)
        COLOR_OPERATIONS[name](clips, torch.empty(2, 1, 1, 1, 1, device=META))


def test_step__that_reads_a_value_fails(run_steps):
    def read(method):
        method.after_step = lambda: next(method.parameters()).sum().item()

    with pytest.raises(RuntimeError, match="item"):
        run_steps("supervised", change=read)


def test_step__that_waits_for_a_copy_fails(run_steps):
    def wait(method):
        method.after_step = lambda: torch.ones(3).to(next(method.parameters()).device)

    with pytest.raises(AssertionError, match="a copy of"):
        run_steps("supervised", change=wait)


@pytest.mark.parametrize("name", WEAK_ONLY_LABELS)
def test_method__learns_the_same_without_a_graph_of_weak_views(kit, name):
    """Without batch statistics and dropout, as here; with them, see ``methods.base.jointly``."""
    gradients = []
    for weak_graph in (True, False):
        method = kit.method(name, **kit.confident(name))
        method(replace(kit.batch(method), weak_graph=weak_graph)).loss.backward()
        gradients.append([p.grad for p in method.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
