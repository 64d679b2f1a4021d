"""The code beside exported networks makes what the package makes, from NumPy and OpenCV alone."""

import numpy as np
import pytest
import torch

from semivideo.base.records import ClipSpec
from semivideo.data.clips import plan
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.canvas import Resizing, canvas_size, resized, scaled_size
from semivideo.export.alone import preprocess
from semivideo.export.alone.preprocess import chosen_frames, clips_of_file, crops_of, on_canvas
from semivideo.settings import DataSettings, ViewSettings
from semivideo.transforms import Views

DESCRIPTION = {
    **{"num_clips": 1, "num_frames": 4, "stride_frames": 2, "sampling": "window"},
    **{"past_end": "loop", "frame_rate": None, "short_side": 32, "resize": "area"},
    **{"keep_ratio": True, "crop_side": 24, "scale": 1.0, "num_crops": 1},
    **{"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25]},
}


def frames(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("sampling", ["window", "segments"])
@pytest.mark.parametrize("past_end", ["loop", "repeat_last"])
@pytest.mark.parametrize(("num_available", "num_clips"), [(1, 1), (5, 3), (8, 1), (61, 10)])
def test_chosen_frames__are_those_of_testing(sampling, past_end, num_available, num_clips):
    settings = DataSettings(sampling=sampling, past_end=past_end)
    expected = plan.testing_indices(
        plan.Timeline(np.arange(num_available), 25.0),
        spec=ClipSpec(4, 2),
        settings=settings,
        num_clips=num_clips,
    )
    given = {"sampling": sampling, "past_end": past_end, "num_clips": num_clips}
    assert (chosen_frames(num_available, DESCRIPTION | given) == expected).all()


@pytest.mark.parametrize("size", [(32, 40), (57, 32), (30, 61)])
@pytest.mark.parametrize("num_crops", [1, 3])
@pytest.mark.parametrize("scale", [1.0, 1.3])
def test_crops__are_those_of_the_views(size, num_crops, scale):
    clip = frames(4, *size, 3)
    views = Views(ViewSettings(crop_size=24, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)))
    [expected] = views.test_crops(
        torch.from_numpy(clip).permute(0, 3, 1, 2)[None],
        torch.tensor([size]),
        num_crops=num_crops,
        crop_size=24,
        scale=scale,
    )
    found = crops_of(list(clip), DESCRIPTION | {"num_crops": num_crops, "scale": scale})
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("filter", ["bilinear", "bicubic"])
@pytest.mark.parametrize("keep_ratio", [True, False])
@pytest.mark.parametrize("size", [(48, 91), (90, 31), (16, 20), (200, 60)])
def test_canvas__is_resized_as_the_reader_does(filter, keep_ratio, size):
    image = frames(*size, 3)
    resizing = Resizing(32, filter, keeps_ratio=keep_ratio)
    expected = resized(image, size=scaled_size(size[1], size[0], resizing), resizing=resizing)
    found = on_canvas(image, DESCRIPTION | {"resize": filter, "keep_ratio": keep_ratio})
    assert found.shape == expected.shape
    assert (
        np.abs(found.astype(int) - expected).max() <= 2
    )  # a level between two of a filter, and one after


@pytest.mark.parametrize("size", [(20, 30), (64, 48), (100, 400), (33, 57)])
def test_canvas__has_the_size_of_the_readers(size):
    found = on_canvas(frames(*size, 3), DESCRIPTION)
    assert found.shape[:2] == canvas_size(size[1], size[0], 32)


def test_clips__are_of_the_frames_with_these_numbers(tmp_path, monkeypatch):
    """Bars in each frame spell its number."""
    barcode_video(tmp_path / "a.mp4", num_frames=30)
    seen = []
    monkeypatch.setattr(preprocess, "on_canvas", lambda frame, _: frame)
    monkeypatch.setattr(
        preprocess, "crops_of", lambda clip, _: seen.append([read_barcode(f) for f in clip])
    )
    list(clips_of_file(tmp_path / "a.mp4", DESCRIPTION))
    list(clips_of_file(tmp_path / "a.mp4", DESCRIPTION, start_seconds=0.4, end_seconds=0.6))
    list(clips_of_file(tmp_path / "a.mp4", DESCRIPTION | {"frame_rate": 5}))
    assert seen == [[11, 13, 15, 17], [10, 12, 14, 11], [0, 10, 20, 0]]


def test_clips__of_no_video_are_told(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="has no frame that can be read; check the file"):
        list(clips_of_file(tmp_path / "a.mp4", DESCRIPTION))
