"""Votes against plain NumPy: both halves of the training, and what is voted in between."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.randomness import uniform
from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods import Votes
from semivideo.methods.parts.image_logits import write_image_logits
from semivideo.methods.taught.votes import sizes_of_blocks
from semivideo.models.heads import LinearHead

K, B, V, D = 3, 2, 6, 4
SPEC = {"primary": ClipSpec(1, 1), "auxiliary": ClipSpec(1, 1)}
Y = [2, 0]
IDS = [f"{n}.mp4" for n in range(V)]


class Linear(nn.Module):
    """Logits of a clip of D numbers."""

    num_classes = K

    def __init__(self, seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(K, D, generator=draw))

    def forward(self, clip):
        return clip.flatten(1) @ self.weight.T


class TableViews:
    """Views drawn once, by the number of the video; each stream its own."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(0)
        self.table = {
            (kind, stream): torch.randn(V, D, 1, 1, 1, generator=draw)
            for kind in ("standard", "weak", "strong")
            for stream in ("primary", "auxiliary")
        }

    def standard(self, clips, stream):
        return self.table["standard", stream][clips.video]

    def weak(self, clips, stream):
        return self.table["weak", stream][clips.video]

    def strong(self, clips, stream):
        return self.table["strong", stream][clips.video]

    def rows(self, kind: str, stream: str = "primary") -> np.ndarray:
        return self.table[kind, stream].flatten(1).numpy()


def batch(rows=range(V)) -> Batch:
    def some(cls, rows, **fields):
        rows = torch.as_tensor(rows)
        return cls(frames={}, size=rows, video=rows, draw=rows + 10, **fields)

    labeled = some(LabeledClips, range(B), label=torch.tensor(Y))
    return Batch(labeled, some(Clips, rows), step=0, progress=0.5)


def made(**options) -> Votes:
    method = Votes(Linear(1), Linear(2), views=TableViews(), clips=SPEC, **options)
    for seed, voter in enumerate(method.copies):
        voter.weight.data = Linear(7 + seed).weight.data
    method.prepare(IDS)
    return method


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def weight_of(network) -> np.ndarray:
    return network.weight.detach().numpy()


def test_votes__first_learn_the_labels_each_by_itself():
    method = made(copies=2)
    x, x_a = (method.views.rows("standard", s)[:B] for s in ("primary", "auxiliary"))

    def entropies(network, x) -> np.ndarray:
        return -np.log(softmax(x @ weight_of(network).T)[np.arange(B), Y])

    b = -np.log(1 - uniform(np.arange(B), "bootstrap", size=2))
    expected = entropies(method.primary, x).mean() + entropies(method.auxiliary, x_a).mean()
    expected += sum((b[:, v] * entropies(voter, x)).mean() for v, voter in enumerate(method.copies))
    result = method(batch())
    assert result.loss.item() == pytest.approx(expected, rel=1e-5)
    assert not result.pseudo


def counted(method: Votes) -> np.ndarray:
    """How many networks say each class of each video, by NumPy."""
    w, w_a = (method.views.rows("weak", s) for s in ("primary", "auxiliary"))
    voters = [(method.primary, w), (method.auxiliary, w_a), *((v, w) for v in method.copies)]
    n = np.zeros((V, K))
    for network, clips in voters:
        n[np.arange(V), (clips @ weight_of(network).T).argmax(1)] += 1
    return n


def test_votes__count_classes_once_a_video():
    method = made(copies=3)
    expected = counted(method)
    assert len(set(expected.max(1))) > 1  # they do not always agree
    method.start_round([batch([0, 2, 4]), batch([1, 3]), batch([5, 0])])  # 0 comes twice
    assert method.votes.tolist() == expected.tolist()
    again = made(copies=3)
    again.start_round([batch([5, 4, 3, 2, 1, 0])])
    assert torch.equal(again.votes, method.votes)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_votes__are_then_learned_by_a_fresh_student(temperature):
    method = made(copies=3, weight=0.7, temperature=temperature)
    n = counted(method)
    method.initial.weight.data = Linear(5).weight.data
    method.start_round([batch()])
    F = weight_of(Linear(5))
    assert (weight_of(method.primary) == F).all()
    q = softmax(n / temperature)
    x, w, s = (method.views.rows(kind) for kind in ("standard", "weak", "strong"))
    L_s = -np.log(softmax(x[:B] @ F.T)[np.arange(B), Y]).mean()
    p_w, p_s = softmax(w @ F.T), softmax(s @ F.T)
    L_u = (q * np.log(q / p_w)).sum(1).mean() + (q * np.log(q / p_s)).sum(1).mean()
    result = method(batch())
    assert result.terms["L_u"].item() == pytest.approx(L_u, rel=1e-5)
    assert result.loss.item() == pytest.approx(L_s + 0.7 * L_u, rel=1e-5)
    [pseudo] = result.pseudo
    np.testing.assert_allclose(pseudo.confidence.numpy(), n.max(1) / 5)
    result.loss.backward()
    for voter in (method.auxiliary, *method.copies):  # distributed training wants gradients
        assert torch.equal(voter.weight.grad, torch.zeros(K, D))


def test_votes__of_files_count_as_one_voter_each(tmp_path):
    logits = np.random.default_rng(0).normal(size=(V, K))
    write_image_logits(tmp_path / "a.npz", IDS[::-1], logits[::-1])
    method = made(copies=0, files=(tmp_path / "a.npz",))
    expected = counted(method)
    expected[np.arange(V), logits.argmax(1)] += 1
    method.start_round([batch()])
    assert method.votes.tolist() == expected.tolist()
    assert method.num_voters == 3
    assert "told" not in method.state_dict()


def test_votes__refuse_a_file_of_other_classes(tmp_path):
    write_image_logits(tmp_path / "a.npz", IDS, np.zeros((V, K + 1)))
    with pytest.raises(DataError, match=r"a\.npz has logits of 4 classes, and the videos have 3"):
        made(files=(tmp_path / "a.npz",))


def heads(**options) -> Votes:
    torch.manual_seed(0)
    networks = (LinearHead(K, dim=D) for _ in range(2))
    method = Votes(*networks, views=TableViews(), clips=SPEC, **options)
    method.prepare(IDS)
    return method


@pytest.mark.parametrize(("blocks", "sizes"), [(2, (2, 2)), ((1, 3), (1, 3))])
def test_votes__of_blocks_see_their_own_numbers_alone(blocks, sizes):
    method = heads(blocks=blocks)
    assert method.blocks == sizes
    clip = torch.randn(5, D, 1, 1, 1)
    other = clip.clone()
    other[:, sizes[0] :] += 1
    first, second = method._by_blocks(clip)
    first_of_other, second_of_other = method._by_blocks(other)
    assert torch.equal(first, first_of_other)
    assert not torch.equal(second, second_of_other)
    length = 2.0 * clip[:, : sizes[0]]
    assert torch.allclose(first, method._by_blocks(torch.cat([length, clip[:, sizes[0] :]], 1))[0])


def test_votes__of_encoders_see_the_parts_of_joined_features():
    torch.manual_seed(0)
    networks = [LinearHead(K, dim=D) for _ in range(2)]
    networks[0].standardize.parts = [1, 3]
    method = Votes(*networks, views=TableViews(), clips=SPEC, blocks="encoders")
    assert method.blocks == (1, 3)
    with pytest.raises(ConfigError, match="joined, and these are of one; write sizes, or the num"):
        sizes_of_blocks("encoders", LinearHead(K, dim=D))


def test_votes__refuse_blocks_that_are_not_those_of_the_features():
    with pytest.raises(ConfigError, match="is 5 numbers, and the features have 4 a step; write"):
        heads(blocks=(2, 3))
    with pytest.raises(ConfigError, match=r"method.blocks = 3 is 3 numbers, and the features have"):
        heads(blocks=3)
    with pytest.raises(ConfigError, match=r"method.blocks = 2 divides the numbers of features, an"):
        made(blocks=2)


def test_votes__learn_from_what_most_voters_say():
    """Three voters of five are right about videos that no label tells of."""
    method = made(copies=3, weight=1.0)
    right = torch.arange(V) % K
    for clips in method.views.table.values():
        clips.div_(4)[torch.arange(V), right] += 1
    method.num_selections = 1
    method.votes[torch.arange(V), right] = 3
    method.votes[torch.arange(V), (right + 1) % K] = 2
    optimizer = torch.optim.SGD(method.primary.parameters(), lr=1.0)
    own = replace(batch(), labeled=replace(batch().labeled, label=right[:B]))  # of classes 0 and 1
    for _ in range(100):
        optimizer.zero_grad()
        method(own).loss.backward()
        optimizer.step()
    for kind in ("weak", "strong"):
        found = method.deployed(method.views.table[kind, "primary"]).argmax(1)
        assert found.tolist() == right.tolist()
