"""Windows over a whole video: the clips that testing takes, one pass, any length of video."""

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError, DataError
from semivideo.base.records import ClipSpec
from semivideo.data.catalogue.segments import looked_at
from semivideo.data.video.barcodes import barcode_video
from semivideo.encoders.encoder import Encoder, Origin, Preprocessing
from semivideo.evaluation import Recognizer, windows
from semivideo.evaluation.windows import plan_windows, window_probabilities
from semivideo.features.deployed import OnFeatures
from semivideo.models.heads import LinearHead
from semivideo.settings import DataSettings, FeatureSettings
from tests.evaluation.conftest import make_card, make_recognizer

RATE = 10


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Ten seconds, B-frames and keyframes every 12."""
    file = tmp_path_factory.mktemp("film") / "film.mp4"
    return barcode_video(file, num_frames=100, frame_rate=RATE)


def planned(
    file, *, frames=4, sampling="segments", window=2.0, stride=None, modality="rgb", **options
):
    path, video = looked_at(file)
    settings = DataSettings(short_side=32, sampling=sampling, **options)
    spec = ClipSpec(frames, 5, modality=modality)
    found = plan_windows(
        video, spec=spec, settings=settings, window_seconds=window, stride_seconds=stride
    )
    return path, video, found


def test_plan_windows__share_a_grid_and_cover_the_video(film):
    _, _, found = planned(film)
    assert found.stride_seconds == 0.5
    assert found.frames[:5].tolist() == [2, 7, 12, 17, 22]
    assert found.places[:2].tolist() == [[0, 1, 2, 3], [1, 2, 3, 4]]
    assert (found.start_seconds[0], found.end_seconds[-1]) == (0.0, 10.0)


def test_plan_windows__the_last_window_ends_with_the_video(film):
    _, _, found = planned(film, stride=1.5, window=2.0)
    assert np.diff(found.start_seconds).tolist() == [1.5] * 5 + [0.5]
    assert found.end_seconds[-1] == 10.0


def test_plan_windows__of_a_network_with_strides_are_its_clips(film):
    _, _, found = planned(film, sampling="window", window=None, stride=0.5)
    assert found.frames[found.places[1]].tolist() == [5, 10, 15, 20]
    assert (found.start_seconds[1], found.end_seconds[1]) == (0.5, 2.5)


def test_plan_windows__a_video_shorter_than_a_window_has_one(film):
    _, _, found = planned(film, window=40.0)
    assert len(found) == 1
    _, _, found = planned(film, sampling="window", window=None, frames=50)
    assert found.places.shape == (1, 50)
    assert found.frames[found.places[0][:21]].tolist() == [*range(0, 100, 5), 0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"window": None}, "this network sees clips spread over a whole video, so a window of a l"),
        ({"window": 0.0}, "the window must be above 0 seconds, got 0"),
        ({"stride": -1.0}, "stride must be above 0 seconds, got -1"),
        ({"sampling": "window"}, "this network sees windows of 20 frames whatever their length"),
    ],
)
def test_plan_windows__refuses_nonsense(film, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        planned(film, **options)


def scores(recognizer, path, video, found):
    return np.stack(list(window_probabilities(recognizer, path, video, found)))


def test_window_probabilities__are_those_of_segments_of_that_length(film):
    recognizer = make_recognizer(
        network={"num_frames": 4}, data={"sampling": "segments"}, evaluation={"num_crops": 1}
    )
    path, video, found = planned(film)
    made = scores(recognizer, path, video, found)
    assert made.shape == (len(found), 3)
    for number in (0, 3, len(found) - 1):
        start, end = found.start_seconds[number], found.end_seconds[number]
        expected = recognizer.scores(f"{film}#{start}-{end}", protocol="1x1")
        assert made[number] == pytest.approx(expected, abs=1e-5)


def test_window_probabilities__go_on_in_the_middle(film):
    recognizer = make_recognizer(network={"num_frames": 4}, data={"sampling": "segments"})
    path, video, found = planned(film)
    whole = scores(recognizer, path, video, found)
    rest = scores(recognizer, path, video, found.after(7))
    assert rest == pytest.approx(whole[7:], abs=1e-5)
    assert not list(window_probabilities(recognizer, path, video, found.after(len(found))))


def test_window_probabilities__read_each_frame_once_and_hold_few(film, monkeypatch):
    read = []

    def counted(*args, **options):
        for index, image in windows_read(*args, **options):
            read.append(index)
            yield index, image

    windows_read = windows.frames_in_turn
    monkeypatch.setattr(windows, "frames_in_turn", counted)
    path, video, found = planned(film, stride=0.1)
    scores(make_recognizer(network={"num_frames": 4}), path, video, found)
    assert read == found.frames.tolist()


def test_slid__holds_no_more_than_a_window(film):
    _, _, found = planned(film)
    held = []
    for window in windows._slid(iter(range(len(found.frames))), found):
        held.append(window)
    assert held == found.places.tolist()


def test_window_probabilities__stop_with_the_reader(film):
    """Whoever takes the first window only leaves no thread behind; an error comes through."""
    path, video, found = planned(film)
    recognizer = make_recognizer(network={"num_frames": 4})
    made = window_probabilities(recognizer, path, video, found)
    next(made)
    made.close()
    with pytest.raises(DataError, match="does not exist"):
        next(window_probabilities(recognizer, path.with_name("gone.mp4"), video, found))


class Frames(Encoder):
    """Mean and deviation of each channel of a frame: six numbers."""

    name, dim = "frames", 6
    preprocessing = Preprocessing(14, 14, (0.5,) * 3, (0.5,) * 3)
    origin = Origin("none", "0", "nothing", "scratch", "none")
    num_encoded = 0

    def encode(self, clip_NCTHW):
        self.num_encoded += clip_NCTHW.shape[0] * clip_NCTHW.shape[2]
        flat = clip_NCTHW.transpose(1, 2).flatten(3)
        ramp = torch.linspace(0, 1, flat.shape[-1])
        return torch.cat([flat.mean(-1), (flat * ramp).mean(-1)], dim=2)


@pytest.mark.parametrize("mirror", [False, True])
def test_window_probabilities__an_encoder_sees_each_frame_once(film, mirror):
    torch.manual_seed(0)
    said = FeatureSettings(
        encoder="frames", weights_sha256="0", pretrained_on="", licence="", dim=6, mirror=mirror
    )
    encoder = Frames().frozen()
    network = OnFeatures(encoder, LinearHead(3, dim=18), said)
    card = make_card(network={"num_frames": 4}, data={"sampling": "segments"})
    recognizer = Recognizer(network, card)
    path, video, found = planned(film)
    made = scores(recognizer, path, video, found)
    assert encoder.num_encoded == len(found.frames) * (1 + mirror)
    clips = windows._clips(
        (image for _, image in windows.frames_in_turn(
            path, found.frames, frames=video.frames, short_side=32)), found)  # fmt: skip
    expected = np.stack(list(recognizer.scores_of_windows(clips)))
    assert made == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("modality", ["fast_gradient", "flow"])
def test_window_probabilities__of_a_network_on_motion_are_those_of_segments(film, modality):
    recognizer = make_recognizer(
        network={"num_frames": 4, "modality": modality},
        data={"sampling": "segments"},
        evaluation={"num_crops": 1},
    )
    path, video, found = planned(film, modality=modality)
    made = scores(recognizer, path, video, found)
    for number in (0, 3, len(found) - 2):
        start, end = found.start_seconds[number], found.end_seconds[number]
        expected = recognizer.scores(f"{film}#{start}-{end}", protocol="1x1")
        assert made[number] == pytest.approx(expected, abs=1e-5)


def test_plan_windows__of_slow_gradients_have_nine_frames_in_the_window_of_eight(film):
    _, _, found = planned(film, sampling="window", window=None, modality="slow_gradient")
    pairs = found.frames[found.places[0]]
    assert pairs.tolist() == [[0, 4], [4, 8], [8, 12], [12, 16]]  # of 20: five that are 4 apart
