"""Every method on cached features: its page runs unchanged, and what it must keep it keeps."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from semivideo.base.records import Batch, Clips, LabeledClips
from semivideo.features.cached_views import FeatureViews
from semivideo.features.feature_cache import FeatureCache
from semivideo.features.feature_form import FeatureForm
from semivideo.methods import METHODS
from semivideo.methods.parts.image_teacher import EncoderTeacher
from semivideo.recipes import RECIPES
from semivideo.run import build

V, K, D, T = 40, 3, 6, 4
ROWS = np.arange(V)
SEMI = [name for name, cls in METHODS.items() if cls.uses_unlabeled]
WITHOUT_UNLABELED = {
    "tcl": {"method.weight": 0.0, "method.group_weight": 0.0, "method.finetune": 0.0},
    "ltg": {"method.alignment.weight": 0.0, "method.contrast.weight": 0.0},
    "svformer": {"method.mixing.weight": 0.0},
    "text_teacher": {"method.text_weight": 0.0, "method.teacher": None},
    "videossl": {"method.distillation_weight": 0.0, "method.teacher": None},
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Features of two modalities and turned views: noise around a place of each class."""
    folder = tmp_path_factory.mktemp("features")
    form = FeatureForm(
        encoder="none",
        weights_sha256="ab" * 32,
        preprocessing={"crop_size": 32, "short_side": 32, "mean": (0.5,) * 3, "std": (0.5,) * 3},
        pretrained_on="nothing",
        league="image weights",
        licence="none",
        num_views=4,
        num_frames=T,
        modalities=("rgb", "temporal-gradient"),
        rotations=True,
        steps=T,
        dim=D,
        videos_per_shard=V,
        num_videos=V,
        videos="",
    )
    form.write(folder)
    (folder / "shards").mkdir()
    random = np.random.default_rng(0)
    noise = random.standard_normal(form.shape_of(0))
    noise[:, :, :, :K] += 3 * np.eye(K)[ROWS % K][:, None, None]
    np.save(folder / "shards" / "00000.npy", noise.astype(np.float16))
    size = (folder / "shards" / "00000.npy").stat().st_size
    told = {"shape": form.shape_of(0), "num_bytes": size, "crc32": 0, "errors": {}}
    (folder / "shards" / "00000.json").write_text(json.dumps(told))
    return FeatureCache.open(folder)


def made(cache, name, **changes):
    """A method of its recipe on features, on standardised views."""
    settings = RECIPES[f"features-{name}"].settings()
    settings = settings.updated({"networks.auxiliary.options.hidden": 8, **changes})
    if settings.networks.primary.name == "mlp":
        settings = settings.updated({"networks.primary.options.hidden": 8})
    kind = settings.features.descriptor if settings.features else "motion"
    dim = 3 * D if kind == "motion" else D
    keys = {f"networks.{role}.options.dim": dim for role in ("primary", "auxiliary")}
    settings = settings.updated({**keys, "networks.primary.num_frames": T})
    torch.manual_seed(0)
    views = FeatureViews(cache, rows=ROWS, kind=kind)
    method = build.build_method(settings, num_classes=K, views=views)
    if isinstance(getattr(method, "teacher", None), EncoderTeacher):
        method.teacher.logits_VK = torch.randn(V, 1000)
    ids = [f"{row}.mp4" for row in ROWS]
    if getattr(method, "teacher", None) == "encoder":
        method.told = (ids, torch.randn(V, K))
    method.prepare(ids)
    standardize = views.standardized(ROWS[:30])
    for module in method.modules():
        if hasattr(module, "standardize"):
            module.standardize = standardize
    return method.train()


def batch(method, *, order=slice(None), step=0, labeled=6, unlabeled=12):
    def common(rows, salt):
        draw = torch.arange(len(rows)) + 1000 * (salt + 10 * step)
        return {"frames": {}, "size": torch.empty(len(rows), 0), "video": rows, "draw": draw}

    rows = torch.arange(labeled)
    u = Clips(**common(torch.arange(unlabeled) + 10, 2))
    fields = ("size", "video", "draw")
    u = Clips(frames={}, **{name: getattr(u, name)[order] for name in fields})
    labels = LabeledClips(**common(rows, 1), label=rows % K)
    return Batch(labels, u if method.uses_unlabeled else None, step=step, progress=0.5)


def pseudo_labels(result):
    return [
        tensor
        for given in result.pseudo
        for tensor in (given.label, given.confidence, given.kept.float())
    ]


@pytest.mark.parametrize("name", METHODS)
def test_method__on_features_gives_a_finite_loss_and_every_parameter_a_gradient(cache, name):
    method = made(cache, name)
    result = method(batch(method))
    result.loss.backward()
    assert torch.isfinite(result.loss)
    students = {p for n, p in method.named_parameters() if p.requires_grad}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in students)


def plainly_in_steps(name):
    """Whether its recipe has a linear head on steps."""
    return name in ("actorcutmix", "timebalance")


@pytest.mark.parametrize("name", SEMI)
def test_method__on_features_without_unlabelled_terms_is_supervised(cache, name):
    changes = WITHOUT_UNLABELED.get(name, {}) | {"method.weight": 0.0}
    changes.setdefault("networks.primary.name", "linear")
    changes |= (
        {"networks.primary.options": {"dim": 1}} if name in ("s4l", "ltg", "videossl") else {}
    )
    kind = {"features.descriptor": "steps"} if plainly_in_steps(name) else {}
    method, plain = made(cache, name, **changes), made(cache, "supervised", **kind)
    plain.primary.load_state_dict(method.primary.state_dict())
    losses = [m(batch(m)).terms for m in (method, plain)]
    ours = next(value for term, value in losses[0].items() if term.startswith("L_s"))
    if name != "ups":  # which draws dropout
        torch.testing.assert_close(ours, losses[1]["L_s"])


@pytest.mark.parametrize("name", SEMI)
def test_method__on_features_does_not_depend_on_the_order_of_unlabelled_clips(cache, name):
    if name == "ups":
        pytest.skip("its dropout is drawn clip by clip")
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    losses = []
    for rows in (slice(None), order):
        method = made(cache, name)
        losses.append(method(batch(method, order=rows)).loss.detach())
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SEMI)
def test_method__on_features_gives_pseudo_labels_without_a_graph(cache, name):
    method = made(cache, name)
    assert not any(tensor.requires_grad for tensor in pseudo_labels(method(batch(method))))


@pytest.mark.parametrize("name", METHODS)
def test_method__says_whether_it_needs_strong_views(cache, name, monkeypatch):
    """In every round: votes and timebalance ask for them in their second one."""
    method, asked = made(cache, name), []
    strong = method.views.strong
    monkeypatch.setattr(method.views, "strong", lambda *args: asked.append(1) or strong(*args))
    for number in range(method.num_rounds):
        if number:
            method.start_round([batch(method)])
        method(batch(method))
    assert bool(asked) == method.needs_strong


@pytest.mark.parametrize("name", METHODS)
def test_method__on_features_learns_the_labels(cache, name):
    method = made(cache, name)
    rate = RECIPES[f"features-{name}"].settings().engine.learning_rate
    optimizer = torch.optim.SGD(method.parameters(), lr=min(rate, 1.0), momentum=0.9)
    for step in range(60):
        optimizer.zero_grad()
        method(replace(batch(method, step=step), progress=0.1)).loss.backward()
        optimizer.step()
        method.after_step()
    labeled = batch(method).labeled
    x = method.views.weak(labeled, "primary")
    assert (method.deployed.eval()(x).argmax(1) == labeled.label).float().mean() > 0.9


def test_streams__of_two_modalities_are_two_tables(cache):
    method = made(cache, "ltg")
    labeled = batch(method).labeled
    frames, motion = (method.views.weak(labeled, name) for name in ("primary", "temporal"))
    assert not torch.equal(frames, motion)
    for view in (frames, motion):  # each standardised by its own mean
        assert torch.allclose(view.flatten(1).norm(dim=1), torch.ones(len(view)))


def test_slow_stream__is_every_second_step(cache):
    views = FeatureViews(cache, rows=ROWS, kind="steps")
    method = made(cache, "tcl")
    views.serve(method.clips)
    clips = Clips({}, torch.empty(V, 0), torch.arange(V), torch.arange(V))
    slow = views.weak(clips, "slow")[..., 0, 0]
    fast = views.weak(clips, "primary")[..., 0, 0]
    assert slow.shape == (V, D, T // 2)
    halves = torch.stack([fast[:, :, first::2] for first in (0, 1)])
    is_half = (halves == slow).flatten(2).all(dim=2)
    assert is_half.any(dim=0).all()
    assert is_half.any(dim=1).all()


def test_turned_views__follow_the_views_they_are_of(cache):
    views = FeatureViews(cache, rows=ROWS, kind="steps")
    views.serve(made(cache, "s4l").clips)
    clips = [
        Clips({}, torch.empty(2, 0), torch.tensor(rows), torch.zeros(2))
        for rows in ([3, 1], [5, 7])
    ]
    z = torch.zeros(4, D, T, 1, 1)
    found = views.rotations(z, clips)
    stored = torch.from_numpy(cache.rows(np.array([3, 1, 5, 7]))[:, -3:]).float()
    assert torch.equal(found[:4], z)
    for turn in range(3):
        part = found[4 * (turn + 1) : 4 * (turn + 2), :, :, 0, 0]
        assert torch.equal(part.transpose(1, 2), stored[:, turn])
