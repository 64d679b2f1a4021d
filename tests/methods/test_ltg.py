"""LTG against plain NumPy, its reductions, and what it asks of loader and networks."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.errors import ConfigError
from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods import LTG, FixMatch
from semivideo.methods.ltg import Alignment, Contrast, TwoStreams, label_makers
from semivideo.methods.parts.hidden_features import block_pairs, seen
from semivideo.models import Network
from semivideo.models.heads import LinearHead, MLPHead
from semivideo.recipes import RECIPES
from semivideo.run import build

K, B, U = 3, 2, 4
SPEC = {"primary": ClipSpec(8, 4), "temporal": ClipSpec(8, 4)}
NONE = Contrast(weight=0)
OFF = {"alignment": Alignment(weight=0), "contrast": Contrast(weight=0)}
Y = [0, 2]


class Chain(Network):
    """Four stages that mix the two channels of a place; features are the mean of the last."""

    num_classes, num_features = K, 2

    def __init__(self, seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.mix = nn.Parameter(torch.randn(4, 2, 2, generator=draw))
        self.weight = nn.Parameter(2 * torch.randn(K, 2, generator=draw))
        self.num_forwards = 0

    def stages(self, clip):
        self.num_forwards += 1
        outputs = []
        for mix in self.mix:
            clip = torch.einsum("dc,ncthw->ndthw", mix, clip)
            outputs.append(clip)
        return outputs

    def features(self, clip):
        return self.stages(clip)[-1].mean(dim=(2, 3, 4))

    def classify(self, features):
        return features @ self.weight.T


class TableViews:
    """Views (N, 2, 1, 1, 3) drawn once, each stream its own."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(0)
        self.table = {
            (kind, stream): torch.randn(n, 2, 1, 1, 3, generator=draw)
            for kind, n in (("standard", B), ("weak", U), ("strong", U))
            for stream in ("primary", "temporal")
        }

    def standard(self, clips, stream):
        return self.table["standard", stream]

    def weak(self, clips, stream):
        return self.table["weak", stream]

    def strong(self, clips, stream):
        return self.table["strong", stream]


class OneStream(TableViews):
    """The same views, of one stream whatever is asked for."""

    def __init__(self, stream: str) -> None:
        super().__init__()
        self.table = {key: self.table[key[0], stream] for key in self.table}


def batch(progress: float = 0.5) -> Batch:
    def common(n):
        numbers = torch.arange(n)
        return {"frames": {}, "size": numbers, "video": numbers, "draw": numbers}

    labeled = LabeledClips(**common(B), label=torch.tensor(Y))
    return Batch(labeled, Clips(**common(U)), step=0, progress=progress)


def ltg(**options) -> LTG:
    torch.manual_seed(3)  # of the heads
    options = {"contrast": Contrast(dim=5), **options}
    return LTG(Chain(1), Chain(2), views=TableViews(), clips=SPEC, **options)


def softmax(z):
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def cross_entropy(z, k):
    return -np.log(softmax(z)[np.arange(len(z)), k])


def numpy_network(network: Chain, table: TableViews, stream: str) -> SimpleNamespace:
    """Logits x, w, s; blocks and features of x and w."""
    found, blocks = {}, [[], [], [], []]
    for kind in ("standard", "weak", "strong"):
        clip = table.table[kind, stream].numpy().astype(np.float64)
        for block, mix in zip(blocks, network.mix.detach().numpy(), strict=True):
            clip = np.tensordot(clip, mix, axes=(1, 1)).transpose(0, 4, 1, 2, 3)
            block.append(clip)
        found[kind] = clip.mean(axis=(2, 3, 4)) @ network.weight.detach().numpy().T
    weakly = [np.concatenate(block[:2]) for block in blocks]
    pooled = weakly[-1].mean(axis=(2, 3, 4))
    x, w, s = found.values()
    return SimpleNamespace(x=x, w=w, s=s, blocks=weakly, pooled=pooled)


def numpy_head(head, rows):
    """Linear, normalised over the rows, scaled, positive part; the last without scale."""
    for i in (0, 3, 6):
        rows = rows @ head.layers[i].weight.detach().numpy().T
        rows = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5)
        if i < 6:
            norm = head.layers[i + 1]
            rows = rows * norm.weight.detach().numpy() + norm.bias.detach().numpy()
            rows = np.maximum(rows, 0)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def numpy_distance(a, b, distance):
    if distance == "cosine":
        return 1 - ((a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))).mean()
    return (np.abs(a - b) if distance == "l1" else (a - b) ** 2).mean()


def numpy_probabilities(labels, F, G):
    """What teaches F and what teaches G."""
    p_F, p_G = softmax(F.w), softmax(G.w)
    mean, mean_of_logits = (p_F + p_G) / 2, softmax((F.w + G.w) / 2)
    table = {"average": (mean, mean), "average_logits": (mean_of_logits, mean_of_logits)}
    return (table | {"rgb": (p_F, p_F), "temporal": (p_G, p_G), "own": (p_F, p_G)})[labels]


def numpy_ltg(method: LTG, *, weight=1.0) -> SimpleNamespace:
    """All terms on the tables, independent of torch and of the method's own arithmetic."""
    F = numpy_network(method.primary, method.views, "primary")
    G = numpy_network(method.temporal, method.views, "temporal")
    a, terms = method.alignment, {}
    taught = numpy_probabilities(method.streams.labels, F, G)
    for name, net, q in (("F", F, taught[0]), ("G", G, taught[1])):
        kept = q.max(1) >= method.threshold
        terms[f"L_s^{name}"] = cross_entropy(net.x, Y).mean()
        terms[f"L_u^{name}"] = (cross_entropy(net.s, q.argmax(1)) * kept).sum() / U
    loss = 0.5 * (terms["L_s^F"] + terms["L_s^G"] + weight * (terms["L_u^F"] + terms["L_u^G"]))
    if a.weight:
        chosen = [int(name[-1]) - 2 for name in a.blocks]
        terms["L_a"] = sum(numpy_distance(F.blocks[i], G.blocks[i], a.distance) for i in chosen)
        loss += a.weight * terms["L_a"]
    if method.contrast.weight:
        p, q = numpy_head(method.P, F.pooled), numpy_head(method.Q, G.pooled)
        s = p @ q.T / method.contrast.temperature
        diagonal = np.arange(B + U)
        terms["L_c"] = (cross_entropy(s, diagonal).mean() + cross_entropy(s.T, diagonal).mean()) / 2
        loss += method.contrast.weight * terms["L_c"]
    return SimpleNamespace(loss=loss, terms=terms)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "threshold": 0.54,
            "weight": 3.0,
            "contrast": Contrast(dim=5, weight=0.5, temperature=0.1),
        },
        {"alignment": Alignment(distance="l1", blocks=("res3",), weight=2.0)},
        {
            "alignment": Alignment(distance="l2", blocks=("res5", "res2")),
            "contrast": Contrast(weight=0),
        },
        {"threshold": 0.6, "streams": TwoStreams(labels="average_logits")},
        {"threshold": 0.6, "streams": TwoStreams(labels="own"), **OFF},
        {"threshold": 0.6, "streams": TwoStreams(labels="rgb"), **OFF},
        {"threshold": 0.6, "streams": TwoStreams(labels="temporal"), **OFF},
    ],
)
def test_ltg__equals_its_equations_in_numpy(options):
    method = ltg(**options)
    expected, result = numpy_ltg(method, weight=options.get("weight", 1.0)), method(batch())
    assert result.terms.keys() == expected.terms.keys()
    for term, value in result.terms.items():
        assert value.item() == pytest.approx(expected.terms[term], rel=1e-4), term
    assert result.loss.item() == pytest.approx(expected.loss, rel=1e-4)


def test_ltg__without_alignment_and_contrast_is_fixmatch_on_two_modalities():
    method = ltg(threshold=0.6, weight=2.0, streams=TwoStreams(labels="own"), **OFF)
    losses = [
        FixMatch(net, views=OneStream(stream), clips=SPEC, threshold=0.6, weight=2.0)(batch()).loss
        for net, stream in ((method.primary, "primary"), (method.temporal, "temporal"))
    ]
    torch.testing.assert_close(method(batch()).loss, (losses[0] + losses[1]) / 2)


# Logits for which all five ways to label differ in class or in who is taught what.
F_W = torch.tensor([[4.0, 0.0, 0.0], [0.0, 0.9, 1.0]])
G_W = torch.tensor([[-9.0, 1.0, 0.0], [0.0, 5.0, 0.0]])


@pytest.mark.parametrize(
    ("source", "names", "for_F", "for_G"),
    [
        ("average", ["average"], [0, 1], [0, 1]),
        ("average_logits", ["average"], [1, 1], [1, 1]),
        ("rgb", ["primary"], [0, 2], [0, 2]),
        ("temporal", ["temporal"], [1, 1], [1, 1]),
        ("own", ["primary", "temporal"], [0, 2], [1, 1]),
    ],
)
def test_label_makers__are_those_of_table_3d(source, names, for_F, for_G):
    makers = label_makers(source, F_W, G_W)
    assert [name for name, _ in makers] == names
    assert makers[0][1].argmax(1).tolist() == for_F
    assert makers[-1][1].argmax(1).tolist() == for_G
    for _, probabilities in makers:
        torch.testing.assert_close(probabilities.sum(1), torch.ones(2))


def gradients(method: LTG) -> dict[str, torch.Tensor]:
    method(batch()).loss.backward()
    return {name: p.grad for name, p in method.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("distance", ["cosine", "l1", "l2"])
def test_alignment__moves_the_primary_and_with_the_stop_gradient_nothing_else(distance):
    without = gradients(ltg(**OFF))
    one_way, both_ways = (
        gradients(ltg(**OFF | {"alignment": Alignment(distance=distance, stop_gradient=stop)}))
        for stop in (True, False)
    )
    assert torch.equal(one_way["temporal.mix"], without["temporal.mix"])
    assert not torch.allclose(one_way["primary.mix"], without["primary.mix"])
    assert not torch.allclose(both_ways["temporal.mix"], without["temporal.mix"])


def test_ltg__neither_aligns_nor_contrasts_strong_views():
    method = ltg()
    before = method(batch()).terms
    for stream in ("primary", "temporal"):
        method.views.table["strong", stream] = method.views.table["strong", stream].flip(0)
    after = method(batch()).terms
    assert after["L_u^F"] != before["L_u^F"]
    assert after["L_a"] == before["L_a"]
    assert after["L_c"] == before["L_c"]


def test_ltg__only_the_pseudo_labels_wait_for_the_warmup():
    method = ltg(supervised_warmup=0.4)
    early, terms = method(batch(progress=0.39)).loss, method(batch()).terms
    expected = (terms["L_s^F"] + terms["L_s^G"]) / 2 + terms["L_a"] + terms["L_c"]
    torch.testing.assert_close(early.detach(), expected)
    late = expected + (terms["L_u^F"] + terms["L_u^G"]) / 2
    torch.testing.assert_close(method(batch(progress=0.4)).loss.detach(), late)


def test_ltg__runs_each_network_once_a_step():
    method = ltg()
    method(batch())
    assert (method.primary.num_forwards, method.temporal.num_forwards) == (1, 1)


@pytest.mark.parametrize("gradient", ["fast", "slow"])
def test_ltg__asks_for_the_temporal_gradient_of_the_second_stream(gradient):
    method = ltg(streams=TwoStreams(gradient=gradient))
    gradient_spec = replace(SPEC["temporal"], modality=f"{gradient}_gradient")
    assert method.clips == {"primary": SPEC["primary"], "temporal": gradient_spec}
    assert next(iter(method.clips)) == "primary"  # the first stream is the deployed network's


def test_ltg__deploys_the_network_on_frames_without_heads():
    method = ltg()
    assert method.deployed is method.primary
    assert not any(name.startswith("layers") for name in method.deployed.state_dict())


def test_ltg__reports_the_labels_of_whoever_gave_them():
    (pseudo,) = ltg(threshold=0.6)(batch()).pseudo
    assert pseudo.network == "average"
    assert pseudo.video.tolist() == [0, 1, 2, 3]
    own = ltg(streams=TwoStreams(labels="own"))(batch()).pseudo
    assert [labels.network for labels in own] == ["primary", "temporal"]


class Plain(Chain):
    """A network that does not show its blocks."""

    stages = None

    def features(self, clip):
        return clip.mean(dim=(2, 3, 4))


def test_ltg__refuses_to_align_a_network_without_stages():
    networks = Chain(1), Plain(2)
    with pytest.raises(
        ConfigError, match=r"Plain has no stages\(\); take .* set method.alignment.weight=0"
    ):
        LTG(*networks, views=TableViews(), clips=SPEC)
    method = LTG(*networks, views=TableViews(), clips=SPEC, alignment=Alignment(weight=0))
    assert torch.isfinite(method(batch()).loss)


def test_ltg__refuses_to_align_blocks_of_other_shapes():
    method = ltg(contrast=Contrast(weight=0))
    for kind in ("standard", "weak", "strong"):
        method.views.table[kind, "temporal"] = method.views.table[kind, "temporal"][..., :2]
    sentence = r"got \(2, 1, 1, 3\) in networks.primary and \(2, 1, 1, 2\) in networks.temporal"
    with pytest.raises(ConfigError, match=sentence):
        method(batch())


def test_settings__reach_into_the_sections_of_a_method():
    changes = {"method.alignment.weight": 0, "method.alignment.blocks": ["res4", "res5"]}
    settings = RECIPES["small-ltg"].settings().updated(changes)
    settings = type(settings).from_mapping(settings.model_dump(mode="json"))
    method = build.build_method(settings, num_classes=K)
    assert method.alignment == Alignment(weight=0, blocks=("res4", "res5"))
    assert method.contrast == Contrast()


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("method.alignment.wieght", r"\[method.alignment\] has no key 'wieght'; did you mean 'wei"),
        (
            "method.algnment.weight",
            r"\[method\] has no option 'algnment'; did you mean 'alignment'",
        ),
        ("metod.alignment.weight", r"no section 'metod' in 'metod.alignment.weight'; did you mean"),
        ("engine.alignment.weight", r"no section 'alignment' in 'engine.alignment.weight'"),
    ],
)
def test_settings__name_the_wrong_key_of_a_methods_section(key, sentence):
    with pytest.raises(ConfigError, match=sentence):
        build.build_method(RECIPES["small-ltg"].settings().updated({key: 0}), num_classes=K)


def heads(*, blocks=("res2", "res5"), classes=(MLPHead, MLPHead)):
    torch.manual_seed(0)
    networks = [cls(K, dim=6) for cls in classes]
    return LTG(
        *networks, views=TableViews(), clips=SPEC, alignment=Alignment(blocks=blocks), contrast=NONE
    )


def test_alignment__of_heads_takes_the_block_that_they_have():
    method = heads()
    x, u = torch.randn(B, 6, 1, 1, 1), torch.randn(U, 6, 1, 1, 1)
    seen_by = [seen(n, labeled=x, weak=u, strong=u) for n in (method.primary, method.temporal)]
    ((f, g),) = block_pairs(*seen_by, blocks=method.alignment.blocks)
    assert f.shape == g.shape == (B + U, 256, 1, 1, 1)


def test_alignment__refuses_blocks_that_heads_lack_and_heads_without_blocks():
    method = heads(blocks=("res3",))
    x = torch.randn(B, 6, 1, 1, 1)
    both = [seen(n, labeled=x, weak=x, strong=x) for n in (method.primary, method.temporal)]
    sentence = r"blocks = \['res3'\] names none that both networks have; they have res5"
    with pytest.raises(ConfigError, match=sentence):
        block_pairs(*both, blocks=("res3",))
    with pytest.raises(ConfigError, match=r"LinearHead has no stages.* mlp or temporal_conv"):
        heads(classes=(LinearHead, LinearHead))
