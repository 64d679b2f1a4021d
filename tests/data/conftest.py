"""Videos whose frames show their own index, and manifests of them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from semivideo.data.decode import probe
from semivideo.data.manifest import Manifest
from semivideo.data.synthetic import barcode_video
from semivideo.records import FrameTable, Video

HARD_VIDEOS = Path(__file__).parents[2].parent / "shared" / "data" / "hard-videos"


@pytest.fixture(scope="session")
def hard_videos():
    if not HARD_VIDEOS.is_dir():
        pytest.skip("the folder of hard videos is not on this machine")
    return HARD_VIDEOS


@pytest.fixture
def manifest_of(tmp_path):
    """Make a manifest of files, as ``scan`` would."""

    def make(*paths: Path) -> Manifest:
        videos = []
        for path in paths:
            found = probe(path)
            videos.append(
                Video(
                    id=path.name,
                    path=str(path),
                    label=None,
                    group=None,
                    width=found.width,
                    height=found.height,
                    frame_rate=found.frame_rate,
                    rotation=found.rotation,
                    frames=found.frames,
                )
            )
        return Manifest.from_videos(videos, root=tmp_path)

    return make


@pytest.fixture(scope="session")
def bars(tmp_path_factory):
    """Files of 100, 30, 20 and 40 frames at 25 frames per second; treat them as read-only."""
    folder = tmp_path_factory.mktemp("bars")
    sizes = {100: (104, 64), 30: (104, 64), 20: (64, 104), 40: (120, 64)}
    return {
        num: barcode_video(folder / f"{num}.mp4", num, size=size) for num, size in sizes.items()
    }


@pytest.fixture(scope="session")
def make_manifest():
    """Make a manifest without videos of (id, label, group, subset, error); from group optional."""

    def make(rows) -> Manifest:
        videos, subsets = [], []
        for id, label, *more in rows:
            group, subset, error = (*more, None, None, None)[:3]
            pts = np.arange(0 if error else 3)
            frames = FrameTable(pts, pts == 0, Fraction(1, 25))
            videos.append(Video(id, id, label, group, 32, 32, 25.0, 0, frames, error))
            subsets.append(subset)
        return Manifest.from_videos(videos, root=Path(), subsets=subsets)

    return make
