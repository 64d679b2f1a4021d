"""Each method reduces to one we already trust; equations against plain NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.methods import CMPL, FixMatch, MeanTeacher, PseudoLabel, Supervised
from semivideo.methods.parts.hidden_features import Contrast

SPEC = {"primary": ClipSpec(1, 1), "auxiliary": ClipSpec(1, 1)}
X = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]])
Y = torch.tensor([0, 2])
U_WEAK = torch.tensor([[4.0, 0.0, 0.0], [0.3, 0.2, 0.1], [-1.0, 3.5, 0.0], [0.0, 0.5, 3.0]])
U_STRONG = torch.tensor([[1.0, 0.5, 0.0], [0.0, 0.0, 1.0], [0.2, -0.4, 0.9], [1.0, 1.0, 1.0]])
U_OTHER = torch.tensor([[3.0, 0.5, 0.0], [0.1, 0.4, 0.2], [-0.5, 2.5, 0.5], [0.5, 0.0, 2.0]])


class TableViews:
    """Views that are rows of the tables above; ``strong`` may be made equal to ``weak``."""

    def __init__(self, *, equal: bool = False) -> None:
        self.equal = equal

    def standard(self, clips, stream):
        return X if isinstance(clips, LabeledClips) else U_OTHER

    def weak(self, clips, stream):
        return U_WEAK

    def strong(self, clips, stream):
        return U_WEAK if self.equal else U_STRONG


class Scaled(nn.Module):
    """Logits are the view times a weight: enough to tell two networks apart."""

    num_classes = 3

    def __init__(self, factors: list[float]) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.tensor(factors))

    def forward(self, view):
        return view * self.factors


def batch() -> Batch:
    def common(n):
        return {"frames": {}, "size": torch.ones(n, 2), "video": torch.arange(n)} | {
            "draw": torch.arange(n)
        }

    return Batch(LabeledClips(**common(2), label=Y), Clips(**common(4)), step=0, progress=0.5)


def cross_entropy(z: np.ndarray, k: np.ndarray) -> np.ndarray:
    log_sum = np.log(np.exp(z).sum(1))
    return log_sum - z[np.arange(len(z)), k]


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def numpy_cmpl(f: np.ndarray, a: np.ndarray, *, t: float, weight: float) -> SimpleNamespace:
    """CMPL Eqs. 1-5 on the tables, independent of torch."""
    x, y, w, s = X.numpy(), Y.numpy(), U_WEAK.numpy(), U_STRONG.numpy()
    p_F, p_A = softmax(w * f), softmax(w * a)
    terms = {
        "L_s^F": cross_entropy(x * f, y).mean(),
        "L_s^A": cross_entropy(x * a, y).mean(),
        "L_u^F": (cross_entropy(s * f, p_A.argmax(1)) * (p_A.max(1) >= t)).sum() / 4,
        "L_u^A": (cross_entropy(s * a, p_F.argmax(1)) * (p_F.max(1) >= t)).sum() / 4,
    }
    loss = terms["L_s^F"] + terms["L_s^A"] + weight * (terms["L_u^F"] + terms["L_u^A"])
    return SimpleNamespace(loss=loss, terms=terms)


F_FACTORS, A_FACTORS = [1.0, 0.8, 1.2], [0.5, 1.1, 2.0]


def cmpl(primary=None, auxiliary=None, *, equal=False, **options) -> CMPL:
    primary = primary or Scaled(F_FACTORS)
    auxiliary = auxiliary or Scaled(A_FACTORS)
    return CMPL(primary, auxiliary, views=TableViews(equal=equal), clips=SPEC, **options)


@pytest.mark.parametrize(("threshold", "weight"), [(0.9, 5.0), (0.6, 2.0), (0.0, 1.0)])
def test_cmpl__equals_its_equations_in_numpy(threshold, weight):
    expected = numpy_cmpl(np.float32(F_FACTORS), np.float32(A_FACTORS), t=threshold, weight=weight)
    result = cmpl(threshold=threshold, weight=weight)(batch())
    assert result.loss.item() == pytest.approx(expected.loss, rel=1e-6)
    for term, value in result.terms.items():
        assert value.item() == pytest.approx(expected.terms[term], rel=1e-6), term


def test_cmpl__with_one_shared_network_is_twice_fixmatch():
    shared = Scaled(F_FACTORS)
    double = cmpl(shared, shared, threshold=0.8, weight=3.0)(batch()).loss
    single = FixMatch(shared, views=TableViews(), clips=SPEC, threshold=0.8, weight=3.0)(batch())
    torch.testing.assert_close(double, 2 * single.loss)


def test_cmpl__that_is_told_to_share_has_one_network():
    given, other = Scaled(F_FACTORS), Scaled(A_FACTORS)
    method = cmpl(given, other, threshold=0.8, weight=3.0, shared=True)
    assert method.auxiliary is method.primary is given
    assert len(list(method.parameters())) == 1  # nothing of the network that is not used
    single = FixMatch(given, views=TableViews(), clips=SPEC, threshold=0.8, weight=3.0)(batch())
    torch.testing.assert_close(method(batch()).loss, 2 * single.loss)


@pytest.mark.parametrize("rule", ["flexmatch", "freematch", "softmatch"])
def test_cmpl__with_one_shared_network_is_twice_fixmatch_under_every_rule(rule):
    options = {"threshold": 0.8, "weight": 3.0, "thresholds": rule}
    shared = Scaled(F_FACTORS)
    double = cmpl(shared, shared, **options)
    single = FixMatch(shared, views=TableViews(), clips=SPEC, **options)
    for method in (double, single):
        method.prepare("abcd")
    for _ in range(3):
        torch.testing.assert_close(double(batch()).loss, 2 * single(batch()).loss)


def test_fixmatch__with_equal_flexmatch_counts_has_a_fixed_threshold():
    options = {"views": TableViews(), "clips": SPEC, "threshold": 0.8, "weight": 3.0}
    network = Scaled(F_FACTORS)
    fixed = FixMatch(network, **options)
    flex = FixMatch(network, **options, thresholds="flexmatch")
    flex.prepare("abcdefg")
    flex.thresholds.assigned.copy_(torch.tensor([4, 4, 4, 4, 0, 1, 2]))  # 4: not seen yet
    one, other = fixed(batch()), flex(batch())
    assert 0 < int(one.pseudo[0].kept.sum()) < 4
    assert torch.equal(one.loss, other.loss)


def test_fixmatch__with_a_low_temperature_has_hard_labels():
    options = {"views": TableViews(), "clips": SPEC, "threshold": 0.8, "weight": 3.0}
    network = Scaled(F_FACTORS)
    hard, soft = (FixMatch(network, **options, temperature=t) for t in (None, 0.01))
    torch.testing.assert_close(soft(batch()).loss, hard(batch()).loss)


def test_fixmatch__with_a_temperature_equals_uda_in_numpy():
    method = FixMatch(
        Scaled(F_FACTORS), views=TableViews(), clips=SPEC, threshold=0.8, temperature=0.4
    )
    x, w, s = (v.numpy() * np.float32(F_FACTORS) for v in (X, U_WEAK, U_STRONG))
    p, q = softmax(w), softmax(w / 0.4)
    L_u = -((p.max(1) >= 0.8) * (q * np.log(softmax(s))).sum(1)).sum() / 4
    expected = cross_entropy(x, Y.numpy()).mean() + L_u
    assert method(batch()).loss.item() == pytest.approx(expected, rel=1e-6)


def test_cmpl__is_unchanged_when_its_networks_are_swapped():
    one = cmpl(Scaled(F_FACTORS), Scaled(A_FACTORS), threshold=0.7)(batch()).loss
    other = cmpl(Scaled(A_FACTORS), Scaled(F_FACTORS), threshold=0.7)(batch()).loss
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    "terms", [("L_s^F", "L_s^A", "L_u^F"), ("L_s^F", "L_u^F", "L_u^A"), ("L_s^F",)]
)
def test_cmpl__counts_only_the_terms_asked_for(terms):
    method = cmpl(threshold=0.5, weight=2.0, terms=terms)
    result = method(batch())
    expected = sum(result.terms[t] * (2.0 if t.startswith("L_u") else 1.0) for t in terms)
    torch.testing.assert_close(result.loss.detach(), expected)


def test_cmpl__counts_only_labelled_terms_during_the_warmup():
    during, after = cmpl(supervised_warmup=0.6)(batch()), cmpl(supervised_warmup=0.5)(batch())
    terms = during.terms
    torch.testing.assert_close(during.loss.detach(), terms["L_s^F"] + terms["L_s^A"])
    assert after.loss > during.loss


def test_fixmatch__with_equal_views_is_pseudo_label():
    options = {"clips": SPEC, "threshold": 0.8, "weight": 3.0}
    network = Scaled(F_FACTORS)
    fixmatch = FixMatch(network, views=TableViews(equal=True), **options)
    pseudo_label = PseudoLabel(network, views=TableViews(), ramp=0.4, **options)
    torch.testing.assert_close(fixmatch(batch()).loss, pseudo_label(batch()).loss)


@pytest.mark.parametrize(("ramp", "factor"), [(0.0, 1.0), (0.4, 1.0), (1.0, 0.5)])
def test_pseudo_label__equals_its_equations_in_numpy(ramp, factor):
    method = PseudoLabel(
        Scaled(F_FACTORS), views=TableViews(), clips=SPEC, threshold=0.8, weight=2.0, ramp=ramp
    )
    x, w = X.numpy() * np.float32(F_FACTORS), U_WEAK.numpy() * np.float32(F_FACTORS)
    p = softmax(w)
    L_u = (cross_entropy(w, p.argmax(1)) * (p.max(1) >= 0.8)).sum() / 4
    expected = cross_entropy(x, Y.numpy()).mean() + 2.0 * factor * L_u  # half way in training
    assert method(batch()).loss.item() == pytest.approx(expected, rel=1e-6)


def mean_teacher(**options) -> MeanTeacher:
    return MeanTeacher(Scaled(F_FACTORS), views=TableViews(), clips=SPEC, **options)


def test_mean_teacher__equals_its_equations_in_numpy():
    method = mean_teacher(weight=10.0, ramp=1.0)
    method.primary.factors.data = torch.tensor(A_FACTORS)  # the teacher stays where it was
    x, a = X.numpy() * np.float32(A_FACTORS), U_OTHER.numpy() * np.float32(A_FACTORS)
    q = softmax(U_WEAK.numpy() * np.float32(F_FACTORS))
    expected = cross_entropy(x, Y.numpy()).mean() + 10.0 * 0.5 * ((softmax(a) - q) ** 2).mean()
    assert method(batch()).loss.item() == pytest.approx(expected, rel=1e-6)


def test_mean_teacher__has_a_loss_and_a_gradient_that_are_not_zero():
    """A widely used implementation compares the teacher with itself: no loss, no gradient."""
    method = mean_teacher(weight=50.0, ramp=0.0)
    with_consistency, supervised = method(batch()), mean_teacher(weight=0.0)(batch())
    assert with_consistency.terms["L_u"] > 1e-3
    for loss in (with_consistency.loss, supervised.loss):
        loss.backward()
    gradient = method.primary.factors.grad
    assert (gradient.abs() > 0).all()
    assert with_consistency.loss > supervised.loss


def test_mean_teacher__with_decay_zero_is_the_student_against_itself_detached():
    method = mean_teacher(decay=0.0)
    method.primary.factors.data = torch.tensor(A_FACTORS)
    method.after_step()
    torch.testing.assert_close(method.deployed.factors.data, method.primary.factors.data)
    z = U_OTHER * method.primary.factors
    q = (U_WEAK * method.primary.factors).softmax(1).detach()
    expected = ((z.softmax(1) - q) ** 2).mean()
    torch.testing.assert_close(method(batch()).terms["L_u"], expected.detach())


def test_supervised__equals_cross_entropy_in_numpy():
    method = Supervised(Scaled(F_FACTORS), views=TableViews(), clips=SPEC)
    expected = cross_entropy(X.numpy() * np.float32(F_FACTORS), Y.numpy()).mean()
    assert method(batch()).loss.item() == pytest.approx(expected, rel=1e-6)


def test_mean_teacher__follows_the_student_slowly():
    method = mean_teacher(decay=0.999)
    before = method.deployed.factors.clone()
    method.primary.factors.data += 1.0
    for _ in range(3):
        method.after_step()
    # The decay of update t is (1 + t) / (10 + t) this early.
    left = (2 / 11) * (3 / 12) * (4 / 13)
    torch.testing.assert_close(method.deployed.factors, before + 1.0 - left)


def test_cmpl__reports_which_labels_each_network_gave():
    result = cmpl(threshold=0.9)(batch())
    p_F = softmax(U_WEAK.numpy() * np.float32(F_FACTORS))
    primary = next(p for p in result.pseudo if p.network == "primary")
    assert primary.label.tolist() == p_F.argmax(1).tolist()
    assert primary.kept.tolist() == (p_F.max(1) >= 0.9).tolist()
    assert primary.video.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("make", ["cmpl", "fixmatch"])
def test_teacher__is_at_first_the_network_itself(make):
    make = {"cmpl": cmpl, "fixmatch": fixmatch}[make]
    plain, taught = (
        make(threshold=0.8, weight=3.0),
        make(threshold=0.8, weight=3.0, teacher_decay=1),
    )
    torch.testing.assert_close(taught(batch()).loss, plain(batch()).loss)


def fixmatch(**options) -> FixMatch:
    return FixMatch(Scaled(F_FACTORS), views=TableViews(), clips=SPEC, **options)


def test_fixmatch__with_a_teacher_equals_its_equations_in_numpy():
    method = fixmatch(threshold=0.8, weight=3.0, teacher_decay=0.999)
    method.primary.factors.data = torch.tensor(A_FACTORS)  # the teacher stays where it was
    p = softmax(U_WEAK.numpy() * np.float32(F_FACTORS))
    x, s = (v.numpy() * np.float32(A_FACTORS) for v in (X, U_STRONG))
    L_u = (cross_entropy(s, p.argmax(1)) * (p.max(1) >= 0.8)).mean()
    expected = cross_entropy(x, Y.numpy()).mean() + 3.0 * L_u
    result = method(batch())
    assert result.loss.item() == pytest.approx(expected, rel=1e-6)
    method.after_step()
    expected_teacher = torch.lerp(torch.tensor(F_FACTORS), torch.tensor(A_FACTORS), 9 / 11)
    torch.testing.assert_close(method.teacher.network.factors, expected_teacher)
    assert method.deployed is method.primary


def test_cmpl__with_teachers_equals_its_equations_in_numpy():
    method = cmpl(threshold=0.7, weight=2.0, teacher_decay=0.999)
    method.primary.factors.data = torch.tensor([1.5, 0.1, 0.2])
    method.auxiliary.factors.data = torch.tensor([0.2, 0.9, 0.4])
    f, a = (n.factors.detach().numpy() for n in (method.primary, method.auxiliary))
    by_teachers = numpy_cmpl(np.float32(F_FACTORS), np.float32(A_FACTORS), t=0.7, weight=2.0)
    p_F, p_A = (softmax(U_WEAK.numpy() * np.float32(z)) for z in (F_FACTORS, A_FACTORS))
    s = U_STRONG.numpy()
    L_u_F = (cross_entropy(s * f, p_A.argmax(1)) * (p_A.max(1) >= 0.7)).mean()
    L_u_A = (cross_entropy(s * a, p_F.argmax(1)) * (p_F.max(1) >= 0.7)).mean()
    terms = method(batch()).terms
    assert terms["L_u^F"].item() == pytest.approx(L_u_F, rel=1e-6) != by_teachers.terms["L_u^F"]
    assert terms["L_u^A"].item() == pytest.approx(L_u_A, rel=1e-6)
    method.after_step()
    assert not torch.equal(method.teacher_A.network.factors, torch.tensor(A_FACTORS))


class Featured(Scaled):
    """The view is the feature, so that both networks' features can be contrasted."""

    num_features = 3

    def features(self, view):
        return view * self.factors

    def classify(self, features):
        return features


def test_cmpl__contrasts_its_networks_as_actnetformer_in_numpy():
    torch.manual_seed(0)
    options = {"threshold": 0.7, "weight": 2.0}
    contrast = Contrast(weight=0.6, temperature=0.3, dim=4)
    networks = Featured(F_FACTORS), Featured(A_FACTORS)
    method = cmpl(*networks, contrast=contrast, **options)
    plain = cmpl(*networks, **options)

    def head(layers, rows):
        for i in (0, 3, 6):
            rows = rows @ layers[i].weight.detach().numpy().T
            rows = (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5)
            rows = np.maximum(rows, 0) if i < 6 else rows  # scales are 1 and shifts 0 at first
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    z = np.concatenate([X.numpy(), U_WEAK.numpy()]).astype(np.float64)
    p, q = head(method.P.layers, z * F_FACTORS), head(method.Q.layers, z * A_FACTORS)
    e = np.exp(p @ q.T / 0.3)
    L_c = -(np.log(e.diagonal() / e.sum(1)) + np.log(e.diagonal() / e.sum(0))).mean() / 2
    result = method(batch())
    assert result.terms["L_c"].item() == pytest.approx(L_c, rel=1e-4)
    expected = plain(batch()).loss.item() + 0.6 * L_c
    assert result.loss.item() == pytest.approx(expected, rel=1e-4)
    assert plain.weak_only_labels
    assert not method.weak_only_labels  # weak views are learned from


def test_cmpl__contrasts_with_teachers_too():
    torch.manual_seed(0)
    options = {"threshold": 0.7, "contrast": Contrast(weight=1.0, dim=4)}
    plain = cmpl(Featured(F_FACTORS), Featured(A_FACTORS), **options)
    taught = cmpl(Featured(F_FACTORS), Featured(A_FACTORS), **options, teacher_decay=0.9)
    taught.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(taught(batch()).loss, plain(batch()).loss)
    taught(batch()).loss.backward()
    assert all(p.grad is not None for p in taught.parameters() if p.requires_grad)
