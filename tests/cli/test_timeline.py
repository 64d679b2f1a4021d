"""``predict --timeline``: what is refused, before any window is computed or a file written."""

import pytest

from semivideo.run.labeling import long_video

TRUTH = "path,label,start,end\nfilm.mp4,wave,0,1\n"


@pytest.fixture
def timeline(run, tmp_path, monkeypatch):
    """Ask for a timeline of film.mp4; None of the calls may come as far as the network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(long_video, "load", None)
    (tmp_path / "film.mp4").write_bytes(b"a film")
    (tmp_path / "other.mp4").write_bytes(b"a film")
    (tmp_path / "truth.csv").write_text(TRUTH)
    there = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    def timeline(*options):
        result = run("predict", "r", "film.mp4", "--timeline", *options)
        assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == there
        assert result.code in (1, 2)
        return result.err

    return timeline


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--annotated film.mp4", "film.mp4 is read by this command; choose another --annotated"),
        (
            "--annotated other.mp4",
            "other.mp4 exists and is neither empty nor an earlier annotated copy; choose another "
            "--annotated, or move it away",
        ),
        (
            "--truth truth.csv --out truth.csv",
            "truth.csv is read by this command; choose another --out",
        ),
        (
            "--truth truth.csv --picture truth.png",
            "truth.csv is read by this command; choose another --picture",
        ),
        (
            "--picture truth.png",
            "truth.csv exists and is neither empty nor of an earlier figure; choose another "
            "--picture, or move it away",
        ),
        ("--out truth.csv", "truth.csv exists and is neither empty nor an earlier timeline"),
        ("--truth nosuch.csv", "nosuch.csv"),
        ("--picture x.jpg", "'x.jpg' must end in .png or .svg, such as figures/gap.png"),
        ("--picture /proc/x.png", "cannot write /proc/x.png: "),
        ("--picture e.PNG --out e.csv", "e.PNG comes with its numbers in e.csv, which is --out"),
        ("--annotated x.avi", "an annotated copy is an .mp4 or a .gif, and x.avi is neither"),
    ],
)
def test_timeline__refuses_before_the_work(timeline, options, sentence):
    assert sentence in timeline(*options.split())


@pytest.mark.parametrize("option", ["--json", "--ray", "--hardware", "--top 5"])
def test_timeline__refuses_options_of_classes(timeline, option):
    name, *_ = option.split()
    assert timeline(*option.split()) == (
        f"error: {name} is not for a timeline; leave it out, or leave out --timeline\n"
    )


def test_predict__refuses_options_of_a_timeline(run):
    """Zero was given too."""
    for option, value in (("--window", 0), ("--stride", 1), ("--set", "high=1")):
        assert run("predict", "r", "film.mp4", option, value).err == (
            f"error: {option} is about a timeline; add --timeline, or leave it out\n"
        )
