import numpy as np
import pytest
import torch

from semivideo.analysis.figures.temporal_gradient import (
    _figure,
    _levels,
    _shown,
    temporal_gradients,
)
from semivideo.base.errors import ConfigError, DataError
from semivideo.base.records import Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.splits import Split
from semivideo.data.video.decode import probe
from semivideo.data.video.encode import encode
from semivideo.runfolder import RunFolder

LEVELS = (60, 70, 90, 120, 160, 210, 130)


@pytest.fixture
def filmed(finished_run, tmp_path):
    """A run whose test video has one grey level a frame and whose clips are frames 0 and 3."""
    encode(tmp_path / "a.mp4", [np.full((32, 48, 3), k, np.uint8) for k in LEVELS], frame_rate=25)
    found = probe(tmp_path / "a.mp4")
    row = (found.width, found.height, found.frame_rate, found.rotation, found.frames)
    videos = [Video(id, "a.mp4", "walk", None, *row) for id in ("a.mp4", "labeled")]
    path = finished_run(
        "cmpl", "run", networks__primary__num_frames=2, networks__primary__stride_frames=3
    )
    run = RunFolder(path)
    Manifest.from_videos(videos, root=tmp_path).write(run.manifest_file)
    run.split_file.unlink()
    Split("s", 0, ("labeled",), (), ("a.mp4",)).write(run.split_file)
    return path


def test_temporal_gradients__are_of_the_next_frame_of_video_and_clip(filmed, csv_rows, tmp_path):
    files = temporal_gradients([filmed], out=tmp_path / "g.png", short_side=32, contrast=2.0)
    assert [file.name for file in files] == ["g.png", "g.svg", "g.csv"]
    rows = csv_rows(files[0])
    assert [(row["video"], row["frame"]) for row in rows] == [("a.mp4", "1"), ("a.mp4", "2")]
    # Fast: half of |60 - 70| and |120 - 160|. Slow are three frames in the window of six, 0, 2 and
    # 4: half of |60 - 90| and |90 - 160|.
    fast, slow = ([float(row[f"{n} gradient"]) for row in rows] for n in ("fast", "slow"))
    assert fast == pytest.approx([5, 20], abs=1)
    assert slow == pytest.approx([15, 35], abs=1)
    assert "Contrast of the gradients x 2." in files[1].read_text()


def test_shown__is_mid_grey_where_nothing_moves():
    still = torch.randint(0, 256, (2, 3, 4, 5), generator=torch.Generator().manual_seed(0))
    moved = torch.cat([still, (still - 10).clamp(0)], dim=1).byte()
    levels = {
        "frame": _levels(still.byte()),
        "fast gradient": _levels(torch.cat([still, still], dim=1).byte()),
        "slow gradient": _levels(moved),
    }
    shown = _shown(levels, contrast=3.0)
    assert np.array_equal(shown["frame"], still.permute(0, 2, 3, 1).numpy())
    assert (shown["fast gradient"] == 128).all()  # 127.5
    assert shown["slow gradient"].max() in (142, 143)  # 127.5 + 3 * 10 / 2


def test_figure__has_a_row_of_pictures_each_at_most_eight():
    clip = np.zeros((16, 6, 8, 3), np.uint8)
    figure = _figure({"frame": clip, "fast gradient": clip, "slow gradient": clip})
    assert len(figure.axes) == 3 * 8
    titles = [axes.get_title() for axes in figure.axes[:8]]
    assert (titles[0], titles[-1]) == ("frame 1 of 16", "frame 16 of 16")
    assert figure.axes[8].get_ylabel() == "fast gradient"


def test_temporal_gradients__are_of_one_run_and_a_known_video(filmed, tmp_path):
    out = tmp_path / "g.png"
    with pytest.raises(ConfigError, match="shows a clip of one run, got 2; name one"):
        temporal_gradients([filmed, filmed], out=out)
    with pytest.raises(DataError, match=r"has no video 'b.mp4'"):
        temporal_gradients([filmed], out=out, video="b.mp4")
