import re

import av
import numpy as np
import pytest

from semivideo.base.errors import ConfigError
from semivideo.data.synthetic.puppets import ACTIONS
from semivideo.data.synthetic.rendering import GROUP_PATTERN, render
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.encode import encode


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    return render(folder, videos_per_class=2, seed=3, num_groups=2)


def test_render__writes_a_folder_per_class_and_the_group_in_the_name(rendered):
    names = [f"{path.parent.name}/{path.name}" for path in rendered]
    assert names == [f"{c}/{g}_c00.mp4" for c in sorted(ACTIONS) for g in ("g00", "g01")]
    assert len(list(rendered[0].parents[1].rglob("*"))) == len(rendered) + len(ACTIONS)


def test_render__groups_are_found_by_the_pattern(rendered):
    found = [re.search(GROUP_PATTERN, str(path)).group(1) for path in rendered]
    assert found == ["g00", "g01"] * len(ACTIONS)


def test_render__writes_h264_of_varying_size_rate_and_length(rendered):
    seen = set()
    for path in rendered:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.codec.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
            seconds = stream.frames / stream.average_rate
            assert 1.4 < seconds < 3.1
            assert min(stream.width, stream.height) >= 64
            seen.add((stream.width, stream.height, stream.average_rate, stream.frames))
    assert len(seen) > len(rendered) // 2


def test_render__is_a_function_of_the_seed(rendered, tmp_path):
    again = render(tmp_path / "a", videos_per_class=2, seed=3, num_groups=2, workers=1)
    other = render(tmp_path / "b", videos_per_class=2, seed=4, num_groups=2)
    for path, twin in zip(rendered, again, strict=True):
        assert path.read_bytes() == twin.read_bytes()
    first = [decoded(path)[0] for path in (*rendered[:1], *other[:1])]
    assert first[0].shape != first[1].shape or (first[0] != first[1]).any()


def test_render__a_clip_does_not_depend_on_the_other_classes(rendered, tmp_path):
    [alone, _] = render(tmp_path, videos_per_class=2, seed=3, num_groups=2, classes=["squat"])
    twin = next(path for path in rendered if path.parent.name == "squat")
    np.testing.assert_array_equal(decoded(alone), decoded(twin))


def test_render__every_video_moves(rendered):
    for path in rendered:
        frames = np.array(decoded(path), dtype=float)
        assert np.abs(frames[len(frames) // 3] - frames[0]).max() > 60, path


def test_actions__lift_and_lower_are_each_other_backwards():
    for phase in np.linspace(0, 1, 9):
        assert ACTIONS["lower"](phase, 1.0) == ACTIONS["lift"](1 - phase, 1.0)


@pytest.mark.parametrize("action", ACTIONS)
def test_actions__repeat_after_a_cycle_and_change_within(action):
    start, middle, end = (ACTIONS[action](phase, 1.0) for phase in (0.1, 0.35, 1.1))
    np.testing.assert_allclose((start.arms, start.legs), (end.arms, end.legs), atol=1e-9)
    assert np.cos(start.turn) == pytest.approx(np.cos(end.turn))
    assert start != middle


def test_render__an_unknown_class_names_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="no synthetic class 'squad'; did you mean 'squat'"):
        render(tmp_path, videos_per_class=1, seed=0, classes=["squad"])
    with pytest.raises(ConfigError, match="must be at least 1, got 0 and 10"):
        render(tmp_path, videos_per_class=0, seed=0)


@pytest.mark.parametrize(("codec", "ending"), [("libx264", "mp4"), ("mpeg4", "avi")])
def test_barcode_video__every_frame_says_its_index(tmp_path, codec, ending):
    path = barcode_video(tmp_path / f"bars.{ending}", 75, codec=codec)
    assert [read_barcode(frame) for frame in decoded(path)] == list(range(75))


def test_barcode_video__keeps_the_given_times_and_keyframes(tmp_path):
    times = [0, 1, 5, 6, 20, 21]
    path = barcode_video(tmp_path / "bars.mp4", 6, times=times, keyframe_every=3, frame_rate=10)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    seconds = [float(frame.pts * frame.time_base) for frame in frames]
    assert seconds == pytest.approx([time / 10 for time in times])
    assert frames[0].key_frame
    assert frames[3].key_frame


def test_read_barcode__works_at_other_sizes_and_counts_to_the_end(tmp_path):
    path = barcode_video(tmp_path / "bars.mp4", 4096, size=(52, 16), keyframe_every=250)
    last = decoded(path)[-1]
    assert read_barcode(last) == 4095
    assert read_barcode(np.repeat(np.repeat(last, 3, 0), 3, 1)) == 4095


def test_read_barcode__refuses_what_is_no_code():
    with pytest.raises(ValueError, match="not a bar code"):
        read_barcode(np.zeros((64, 104, 3), np.uint8))


def test_barcode_video__refuses_more_frames_than_bits(tmp_path):
    with pytest.raises(ConfigError, match=r"num_frames must lie in \[1, 4096\], got 4097"):
        barcode_video(tmp_path / "bars.mp4", 4097)


def test_encode__leaves_nothing_behind_when_frames_fail(tmp_path):
    def frames():
        yield np.zeros((16, 16, 3), np.uint8)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        encode(tmp_path / "half.mp4", frames(), frame_rate=10)
    assert list(tmp_path.iterdir()) == []
