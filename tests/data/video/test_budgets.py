"""What a video may ask for, by name."""

from pathlib import Path

import pytest

from semivideo.base.errors import ConfigError, DataError
from semivideo.data.video.budgets import Budget, Clock, budget


def test_check__names_the_budget_and_how_to_raise_it():
    Budget().check(Path("a.mp4"), pixels=1920 * 1080, frames=1e6, duration=86_400, seconds=1)
    sentence = (
        r"^cannot use a.mp4: it asks for 256000000 pixels a frame, and max_pixels is 67108864; if "
        r"that is right, set the environment variable SEMIVIDEO_MAX_PIXELS higher, else leave it"
    )
    with pytest.raises(DataError, match=sentence):
        Budget().check(Path("a.mp4"), pixels=256e6)
    with pytest.raises(DataError, match="max_duration is 2678400"):
        Budget().check(Path("a.mp4"), duration=float("nan"))  # not below anything


def test_budget__is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("SEMIVIDEO_MAX_FRAMES", "50")
    assert budget() == Budget(max_frames=50)
    monkeypatch.setenv("SEMIVIDEO_MAX_FRAMES", "-1")
    with pytest.raises(ConfigError, match="SEMIVIDEO_MAX_FRAMES = '-1' is no number above 0"):
        budget()


def test_clock__refuses_to_go_on_when_the_time_is_over():
    Clock(Path("a.mp4"), Budget()).check()
    late = Clock(Path("a.mp4"), Budget(max_seconds=-1))
    with pytest.raises(DataError, match=r"cannot use a.mp4: .* seconds to look at it, and max_sec"):
        late.check()
