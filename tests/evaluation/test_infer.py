from pathlib import Path

import numpy as np
import pytest
import torch

from semivideo.base.errors import CheckpointError, ConfigError, DataError, DeviceError
from semivideo.base.records import Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.decode import probe
from semivideo.evaluation import Recognizer, infer, with_protocol
from semivideo.evaluation.infer import STREAM
from semivideo.models.weights import save_network
from semivideo.transforms import Views

HARD = Path(__file__).parents[2].parent / "shared" / "data" / "hard-videos"


def view_by_view(recognizer, clips) -> torch.Tensor:
    """Logits (V, K) of a video's views, each computed alone."""
    frames = torch.from_numpy(clips)
    size = torch.tensor(frames.shape[-2:]).repeat(len(frames), 1)
    views = Views(recognizer.card.views).test_crops(frames, size, num_crops=3, crop_size=16)
    network = recognizer.network.eval()
    with torch.no_grad():
        return torch.cat([network(view[None]) for clip in views for view in clip])


def test_scores__are_the_mean_probabilities_of_single_views(kit):
    recognizer = kit.recognizer()
    clips = kit.clips(3)
    for scores, video in zip(recognizer.scores_of_clips(clips), clips, strict=True):
        expected = view_by_view(recognizer, video).softmax(dim=1).mean(dim=0)
        assert scores == pytest.approx(expected.numpy(), abs=1e-5)
        assert scores.sum() == pytest.approx(1.0)


def test_scores__can_average_logits(kit):
    recognizer = kit.recognizer(evaluation={"average": "logits"})
    (video,) = kit.clips(1)
    (scores,) = recognizer.scores_of_clips([video])
    logits = view_by_view(recognizer, video)
    assert scores == pytest.approx(logits.mean(dim=0).softmax(dim=0).numpy(), abs=1e-5)
    assert np.abs(scores - logits.softmax(dim=1).mean(dim=0).numpy()).max() > 1e-3


@pytest.mark.parametrize("batch_clips", [1, 2, 5, 6, 7, 100])
def test_scores__do_not_depend_on_the_batch_size(kit, batch_clips):
    given = kit.clips(4)
    expected = list(kit.recognizer().scores_of_clips(given))
    found = kit.recognizer(evaluation={"batch_clips": batch_clips}).scores_of_clips(given)
    assert np.stack(list(found)) == pytest.approx(np.stack(expected), abs=1e-5)
    assert np.stack(expected).std(axis=0).min() > 1e-3  # the videos do differ


def test_scores__come_in_batches_of_the_size_that_is_set(kit):
    recognizer = kit.recognizer(evaluation={"batch_clips": 4})
    sizes = []
    recognizer.network.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    list(recognizer.scores_of_clips(kit.clips(3)))
    assert sizes == [4, 4, 4, 4, 2]  # 3 videos of 6 views, without regard to their borders


def test_scores__leave_the_network_and_the_generator_as_they_were(kit):
    recognizer = kit.recognizer()
    network = recognizer.network.train()
    frozen = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm3d)).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    state = torch.get_rng_state()
    first, again = (next(recognizer.scores_of_clips(kit.clips(1))) for _ in range(2))
    assert (first == again).all()  # no dropout
    assert [module.training for module in network.modules()] == modes
    assert not frozen.training
    assert (torch.get_rng_state() == state).all()
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())


def test_scores__in_bf16_are_near_those_in_fp32(kit):
    exact, rough = (
        np.stack(list(kit.recognizer(precision=p).scores_of_clips(kit.clips(3))))
        for p in ("fp32", "bf16")
    )
    assert 0 < np.abs(exact - rough).max() < 0.05


def test_scores__that_are_not_finite_are_refused(kit):
    recognizer = kit.recognizer()
    next(recognizer.network.parameters()).data.fill_(torch.nan)
    with pytest.raises(CheckpointError, match="scores that are not finite, computed in fp32"):
        list(recognizer.scores_of_clips(kit.clips(1)))


def test_scores__need_the_clips_of_the_protocol(kit):
    with pytest.raises(ValueError, match="expected 2 clips a video, got 5"):
        list(kit.recognizer().scores_of_clips(kit.clips(1, num_clips=5)))


def test_reader__gives_the_ten_clips_of_the_protocol(kit, tmp_path):
    """Of 10x3, with 8 frames x stride 8 and 73 frames: the windows start at 0 to 9."""
    file = barcode_video(tmp_path / "bars.mp4", 73)
    recognizer = kit.recognizer(
        network={"num_frames": 8, "stride_frames": 8}, data={"short_side": 64}
    )
    row = Video("bars.mp4", "bars.mp4", "run", None, 104, 64, 25.0, 0, probe(file).frames)
    reader = recognizer.reader(Manifest.from_videos([row], root=tmp_path))
    clips = reader.testing(0, num_clips=10, stream=STREAM)
    indices = [[read_barcode(frame.transpose(1, 2, 0)) for frame in clip] for clip in clips]
    assert indices == [[start + 8 * i for i in range(8)] for start in range(10)]


def test_views__of_a_clip_are_left_centre_and_right(kit):
    """A clip whose left, middle and right thirds are 0, 100 and 200: one crop of each."""
    recognizer = kit.recognizer(views={"mean": (0, 0, 0), "std": (1, 1, 1)})
    seen = []
    recognizer.network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    thirds = np.repeat(np.array([0, 100, 200], dtype=np.uint8), 16)
    clips = np.broadcast_to(thirds, (2, 2, 3, 16, 48)).copy()
    clips[1] += 50
    list(recognizer.scores_of_clips([clips]))
    levels = (torch.cat(seen).mean(dim=(1, 2, 3, 4)) * 255).tolist()
    assert levels == pytest.approx([0, 100, 200, 50, 150, 250], abs=0.01)


def test_predict__after_saving_names_the_classes_in_order(kit, videos, tmp_path):
    recognizer = kit.recognizer()
    save_network(tmp_path / "model", recognizer.network, recognizer.card)
    loaded = Recognizer.load(tmp_path / "model", device="cpu")
    prediction = loaded.predict(videos / "walk/a.mp4", top=2)
    scores = recognizer.scores(videos / "walk/a.mp4")
    order = np.argsort(-scores)[:2]
    assert prediction.path == str(videos / "walk/a.mp4")
    assert prediction.classes == tuple(kit.classes[i] for i in order)
    assert prediction.probabilities == pytest.approx(scores[order], abs=1e-6)


def test_predict__names_at_most_all_classes(kit, videos):
    prediction = kit.recognizer().predict(videos / "run/b.mp4", top=9)
    assert sorted(prediction.classes) == sorted(kit.classes)
    assert sum(prediction.probabilities) == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="top must be at least 1, got 0"):
        kit.recognizer().predict(videos / "run/b.mp4", top=0)


def test_scores__follow_the_protocol_that_is_asked_for(kit, videos):
    file = videos / "walk/a.mp4"
    card = kit.card()
    one = Recognizer(kit.network(), card).scores(file, protocol="1x1")
    same = card.model_copy(update={"evaluation": with_protocol(card.evaluation, "1x1")})
    assert one == pytest.approx(Recognizer(kit.network(), same).scores(file), abs=1e-6)
    assert np.abs(one - Recognizer(kit.network(), card).scores(file)).max() > 1e-4


def test_scores__are_by_the_decoder_that_is_asked_for(kit, videos, manifest, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    card = kit.card(data={"decoder": "hardware"})  # a card's own is not used
    assert len(Recognizer(kit.network(), card).scores(videos / "walk/a.mp4")) == 3
    hardware = Recognizer(kit.network(), kit.card(), decoder="hardware")
    for ask in (lambda: hardware.scores(videos / "walk/a.mp4"), lambda: hardware.reader(manifest)):
        with pytest.raises(ConfigError, match="decoder 'hardware' needs an NVIDIA GPU"):
            ask()


def test_predict__refuses_what_is_no_video(kit, videos):
    with pytest.raises(DataError, match=r"cannot use broken.mp4: it is no video file"):
        kit.recognizer().predict(videos / "run/broken.mp4")


@pytest.mark.parametrize(
    "name",
    [
        "video_90.mov",
        "nasa_13013_rotated.mp4",
        "no_duration.webm",
        "animated.gif",
        "v_ApplyEyeMakeup_g01_c01.avi",
    ],
)
def test_predict__works_on_any_container_and_rotation(kit, name):
    if not HARD.is_dir():
        pytest.skip(f"{HARD} is missing")
    prediction = kit.recognizer().predict(HARD / name)
    assert sum(prediction.probabilities) == pytest.approx(1.0)


def test_scores__come_in_smaller_batches_where_views_are_large(kit, monkeypatch):
    """A batch is bounded by bytes as well as by number, and the scores are the same."""
    monkeypatch.setattr(infer, "_BATCH_BYTES", 2 * 4 * 3 * 2 * 14**2)  # of two views
    recognizer, sizes = kit.recognizer(evaluation={"batch_clips": 65_536, "crop_size": 14}), []
    recognizer.network.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    list(recognizer.scores_of_clips(kit.clips(2)))
    assert sizes == [2] * 6


def test_scores__of_views_that_no_memory_holds_are_refused_before_a_video_is_read(kit):
    changes = {"network": {"num_frames": 4096}, "views": {"crop_size": 4096}}
    recognizer = kit.recognizer(**changes)
    sentence = (
        r"a view of 4096 frames of 4681 x 4681 pixels takes 1077.0 GB, and at most 4.3 GB are "
        r"used; lower network.num_frames, evaluation.crop_size or views.crop_size"
    )
    with pytest.raises(ConfigError, match=sentence):
        recognizer.scores("not-there.mp4")


def test_scores__say_so_where_the_network_runs_out_of_memory(kit):
    def full(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 TB")

    recognizer = kit.recognizer()
    recognizer.network.register_forward_pre_hook(full)
    sentence = "resnet3d10 has not enough memory for 4 views of 2 frames of 16 x 16 .*batch_clips"
    with pytest.raises(DeviceError, match=sentence):
        list(recognizer.scores_of_clips(kit.clips(1)))
