"""Streams of several modalities cut from real video, against its frames read one after another."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from semivideo.base.records import ClipSpec
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.video.decode import iterate_frames
from semivideo.data.video.flow import flow_of_pairs
from semivideo.settings import DataSettings

VIDEOS = Path(__file__).parents[3].parent / "shared" / "data"
SPEC = ClipSpec(4, 4)
SPECS = {
    "primary": SPEC,
    "gradient": replace(SPEC, modality="fast_gradient"),
    "flow": replace(SPEC, modality="flow"),
}


@pytest.fixture(params=["utd-mhad", "jhmdb"])
def path(request):
    folder = VIDEOS / request.param / "videos"
    if not folder.is_dir():
        pytest.skip(f"no real video in {folder}")
    return sorted(folder.glob("*/*.mp4"))[100]


@pytest.mark.parametrize("sampling", ["window", "segments"])
def test_training__gives_frames_with_their_exact_successors(path, manifest_of, sampling):
    settings = DataSettings(short_side=64, sampling=sampling)
    reader = ClipReader(manifest_of(path), SPECS, settings=settings)
    frames = np.moveaxis(np.stack(list(iterate_frames(path, rotation=0, short_side=64))), -1, 1)
    number = {frame.tobytes(): index for index, frame in enumerate(frames)}
    for draw in range(3):
        clip = reader.training(0, draw)
        shown = [number[frame.tobytes()] for frame in clip["primary"]]
        assert clip["gradient"].shape == (4, 6, *frames.shape[2:])
        assert (clip["gradient"][:, :3] == clip["primary"]).all()
        successors = clip["gradient"][:, 3:]
        assert (successors == frames[np.add(shown, 1)]).all()
        assert (successors != clip["primary"]).any()
        pairs = np.stack([clip["primary"], successors], axis=1)
        assert (clip["flow"] == flow_of_pairs(pairs)).all()
