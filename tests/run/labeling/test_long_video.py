"""Events of long videos: found, written, gone on with, compared, drawn, and refused."""

import shutil

import av
import cv2
import numpy as np
import pytest
import torch

from semivideo.analysis.timeline_picture import draw_timeline
from semivideo.base.errors import ConfigError, DataError
from semivideo.data.video.decode import iterate_frames
from semivideo.data.video.encode import encode
from semivideo.evaluation import Recognizer
from semivideo.events.formats import read_labels
from semivideo.run.labeling import long_video
from semivideo.run.labeling.annotated import check_annotated, write_annotated
from semivideo.run.labeling.long_video import Sliding, compared, find_events, read_truth
from semivideo.runfolder import RunFolder
from semivideo.settings import ModelCard

RATE = 10
TRUTH = "path,label,start,end\nfilm.mp4,bright,4,8\nfilm.mp4,dark,0,4\nfilm.mp4,dark,8,12\n"
CARD = {
    "network": {"name": "none", "num_frames": 4, "stride_frames": 1},
    "classes": ["bright", "dark"],
    "data": {"short_side": 32, "sampling": "segments"},
    "views": {"crop_size": 16},
    "evaluation": {"num_clips": 1, "num_crops": 1},
    "method": "none",
    "weights_sha256": "0" * 64,
}


class Brightness(torch.nn.Module):
    """Logits of bright and dark from the mean level."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(4.0))
        self.num_seen = 0

    def forward(self, clip_NCTHW):
        self.num_seen += len(clip_NCTHW)
        level = clip_NCTHW.mean(dim=(1, 2, 3, 4))
        return self.scale * torch.stack([level, -level], dim=1)


@pytest.fixture
def network(monkeypatch):
    """The network, which the next call loads whatever run is named."""
    network = Brightness()
    card = ModelCard.model_validate(CARD)
    monkeypatch.setattr(long_video, "load", lambda path: Recognizer(network, card))
    return network


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """Twelve seconds: dark, bright from 4 to 8 s, dark."""
    file = tmp_path_factory.mktemp("film") / "film.mp4"
    levels = [30] * 40 + [220] * 40 + [30] * 40
    frames = (np.full((48, 64, 3), level, dtype=np.uint8) for level in levels)
    encode(file, frames, frame_rate=RATE, options={"g": "12"})
    return file


TWO_SECONDS = Sliding(window_seconds=2.0)


@pytest.fixture
def found(network, film):
    [found] = find_events("run", [film], sliding=TWO_SECONDS)
    return found


def spans(events):
    return [(e.label, round(e.start_seconds, 1), round(e.end_seconds, 1)) for e in events]


def test_find_events__borders_are_within_a_stride(found):
    assert [e.label for e in found.events] == ["dark", "bright", "dark"]
    assert found.events[0].start_seconds == 0.0
    assert abs(found.events[1].start_seconds - 4) <= 0.5
    assert abs(found.events[1].end_seconds - 8) <= 0.5
    assert found.events[2].end_seconds == 12.0


@pytest.mark.parametrize("ending", [".csv", ".json", ".eaf", ".tsv"])
def test_find_events__come_back_from_their_file(network, film, tmp_path, ending):
    out = tmp_path / f"events{ending}"
    [found] = find_events("run", [film], out=out, sliding=TWO_SECONDS)
    rows = sorted(read_labels(out), key=lambda row: row.start_seconds)
    assert [(r.label, r.start_seconds, r.end_seconds) for r in rows] == [
        (e.label, round(e.start_seconds, 3), round(e.end_seconds, 3)) for e in found.events
    ]
    assert (out.parent / rows[0].video).resolve() == film.resolve()


def test_find_events__of_a_folder_of_frames_go_by_the_rate_that_is_said(network, film, tmp_path):
    """The frames of the film in a folder: at its rate the same events, at the usual one shorter."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, image in enumerate(iterate_frames(film)):
        (folder / f"{number:04}.png").write_bytes(cv2.imencode(".png", image)[1])
    [of_film] = find_events("run", [film], sliding=TWO_SECONDS)
    [said] = find_events("run", [folder], sliding=TWO_SECONDS, frame_rate=RATE)
    assert spans(said.events) == spans(of_film.events)
    [assumed] = find_events("run", [folder], sliding=TWO_SECONDS)
    assert assumed.video.duration_seconds == 120 / 25


def test_find_events__other_stages_cost_no_window(network, film, tmp_path):
    out = tmp_path / "e.csv"
    find_events("run", [film], out=out, sliding=TWO_SECONDS)
    num_seen = network.num_seen
    [found] = find_events("run", [film], out=out, sliding=TWO_SECONDS, stages={"high": 0.999})
    assert network.num_seen == num_seen
    assert found.seconds_taken == 0.0
    find_events("run", [film], out=out, sliding=Sliding(2.0, 1.0))
    assert network.num_seen > num_seen


def test_find_events__go_on_where_they_were_stopped(network, film, tmp_path):
    whole = find_events("run", [film], sliding=TWO_SECONDS)[0].scores.probabilities

    def stop(text, done, total, extra):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_events("run", [film], out=tmp_path / "e.csv", sliding=TWO_SECONDS, progress=stop)
    assert not (tmp_path / "e.csv").exists()
    seen = []
    [found] = find_events(
        "run",
        [film],
        out=tmp_path / "e.csv",
        sliding=TWO_SECONDS,
        progress=lambda text, done, total, extra: seen.append(done),
    )
    assert seen[0] == 6
    assert (found.scores.probabilities == whole).all()


def test_find_events__never_over_a_video_or_labels_of_somebody(network, film, tmp_path):
    """A file of events is known by the scores beside it."""
    truth = tmp_path / "truth.csv"
    truth.write_text(TRUTH)
    sentence = (
        r"truth\.csv exists and is neither empty nor an earlier timeline \(its scores would lie "
        r"beside it\); choose another out, or move it away"
    )
    with pytest.raises(ConfigError, match=sentence):
        find_events("run", [film], out=truth, sliding=TWO_SECONDS)
    assert [each.name for each in tmp_path.iterdir()] == ["truth.csv"]
    assert network.num_seen == 0


def test_find_events__broken_scores_are_made_anew(network, film, tmp_path, caplog):
    find_events("run", [film], out=tmp_path / "e.csv", sliding=TWO_SECONDS)
    [scores] = (tmp_path / "e.csv.scores").iterdir()
    scores.write_bytes(scores.read_bytes()[:99])
    find_events("run", [film], out=tmp_path / "e.csv", sliding=TWO_SECONDS)
    assert "holds no scores of windows" in caplog.text


def test_usual_length__is_that_of_the_labeled_videos(tmp_path, manifest, split):
    folder = RunFolder(tmp_path)
    with pytest.raises(ConfigError, match=r"is a network without its run, so nobody knows how "):
        long_video._usual_length(tmp_path)
    manifest.write(folder.manifest_file)
    split.write(folder.split_file)
    lengths = manifest.durations_seconds[manifest.rows_of(split.labeled)]
    assert long_video._usual_length(tmp_path) == np.median(lengths)


def test_compared__with_the_truth(found, tmp_path):
    (tmp_path / "truth.csv").write_text(TRUTH)
    accuracy = compared([found], tmp_path / "truth.csv").accuracy
    assert accuracy.mean_average_precision[0.7] == 1.0
    assert accuracy.mean_frame_f1 > 0.9
    assert accuracy.classes == ("bright", "dark")


def test_compared__names_what_does_not_fit(found, tmp_path, caplog):
    truth = tmp_path / "truth.csv"
    truth.write_text(TRUTH + "film.mp4,dim,1,2\n")
    compared([found], truth)
    assert "truth.csv: classes that the run does not know are left out: dim" in caplog.text
    truth.write_text("path,label,start,end\nfilm.mp4,brigt,1,2\n")
    with pytest.raises(DataError, match=r"\(brigt\) are none of the run's; did you mean 'brigh"):
        compared([found], truth)
    truth.write_text("path,label,start,end\nother.mp4,dark,1,2\n")
    with pytest.raises(DataError, match=r"truth.csv has no event of film.mp4; it is about other"):
        compared([found], truth)
    truth.write_text("path,label,start,end\nfilm.mp4,dark,5000,6000\n")
    sentence = (
        r"every label of truth.csv lies outside its video: one of film.mp4 starts at 5000 s, and"
    )
    with pytest.raises(DataError, match=sentence):
        compared([found], truth)


def test_read_truth__of_other_videos_is_refused_before_the_work(film, tmp_path):
    truth = tmp_path / "truth.csv"
    truth.write_text(TRUTH + "other.mp4,dark,1,2\n")
    assert [row.label for row in read_truth(truth, [film]).rows["film.mp4"]] == [
        *("bright", "dark", "dark")
    ]
    with pytest.raises(DataError, match=r"truth.csv has no event of b.mp4; it is about film.mp4"):
        read_truth(truth, [tmp_path / "b.mp4"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"out": "e.txt"}, r"the name e.txt does not tell the format to write; let it end in .csv"),
        ({"stages": {"hihg": 1}}, r"the timeline has no option 'hihg'; did you mean 'high'\?"),
        ({"stages": {"high": 50}}, r"the timeline: high must lie in \[0, 1\], got 50; write 0.5"),
        ({"stages": {"background": "rest"}}, "background is 'rest', which is none of the classes"),
    ],
)
def test_find_events__refuses_nonsense(network, film, options, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=sentence):
        find_events("run", [film], sliding=TWO_SECONDS, **options)


def test_find_events__elan_holds_one_video(network, film, tmp_path):
    shutil.copy(film, tmp_path / "b.mp4")
    with pytest.raises(ConfigError, match=r"e.eaf can hold the events of one video, and there a"):
        find_events("run", [film, tmp_path / "b.mp4"], out=tmp_path / "e.eaf", sliding=TWO_SECONDS)


def test_find_events__of_a_part_is_refused(network, film):
    with pytest.raises(DataError, match=r"is a part of a video, and a timeline is of all of it"):
        find_events("run", [f"{film}#1-3"], sliding=TWO_SECONDS)


def test_draw_timeline__shows_events_and_keeps_their_numbers(found, tmp_path):
    files = draw_timeline(found.scores, found.events, out=tmp_path / "t.png", truth=found.events)
    assert [file.suffix for file in files] == [".png", ".svg", ".csv"]
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[0] == "kind,class,start_seconds,end_seconds,score"
    assert len(lines) == 1 + 2 * len(found.events)


@pytest.mark.parametrize(("name", "rate"), [("t.mp4", 10), ("t.gif", 8)])
def test_write_annotated__lasts_as_long_as_the_video(found, tmp_path, name, rate):
    write_annotated(found.path, found.video, found.events, tmp_path / name)
    with av.open(str(tmp_path / name)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(frames) == pytest.approx(12 * rate, abs=1)
    assert frames[0][:8].max() > 150  # the text, on a dark picture
    with pytest.raises(ConfigError, match=r"an annotated copy is an .mp4 or a .gif, and t.avi"):
        check_annotated(tmp_path / "t.avi")


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
def test_write_annotated__replaces_earlier_copies_alone(found, tmp_path, ending):
    out = tmp_path / f"t{ending}"
    for _ in range(2):
        write_annotated(found.path, found.video, found.events, out)
    out.write_bytes(out.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=r"is neither empty nor an earlier annotated copy; cho"):
        write_annotated(found.path, found.video, found.events, out)
    with pytest.raises(ConfigError, match=r"film\.mp4 is read by this command; choose another ann"):
        write_annotated(found.path, found.video, found.events, found.path)
