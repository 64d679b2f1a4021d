import csv
import json
import logging
import pickle
import re
import sys
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch

from semivideo.base.errors import ConfigError, DataError, DeviceError, MissingExtraError
from semivideo.base.records import ClipSpec
from semivideo.data.clips.clip_reader import ClipReader
from semivideo.data.clips.loader import Streams, training_loader
from semivideo.data.video import hardware
from semivideo.data.video.barcodes import barcode_video, read_barcode
from semivideo.data.video.decode import canvas_size, probe, read_frames
from semivideo.data.video.hardware import HardwareDecoder, hardware_decoder
from semivideo.settings import DataSettings

# Colours are converted by other code: of files with odd sizes or 10 bit, edges differ most.
MOST_LEVELS = 4


def codes(images):
    return [read_barcode(image) for image in images]


def warnings_of(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


@pytest.fixture
def decoder(torchcodec):
    return HardwareDecoder("cpu")


@pytest.fixture
def real(forgotten):
    """A decoder by the real TorchCodec, on the CPU."""
    try:
        hardware._torchcodec()
    except MissingExtraError as error:
        pytest.skip(f"TorchCodec is not on this machine: {error}")
    return HardwareDecoder("cpu")


def test_read_frames__asks_for_the_wanted_frames_by_our_table(decoder, torchcodec, bars):
    table = probe(bars[100]).frames
    for indices in ([7], [99, 0, 50, 50], range(3, 67, 8), np.arange(20)):
        torchcodec.asked.clear()
        assert codes(decoder.read_frames(bars[100], indices, frames=table)) == list(indices)
        assert [*chain(*torchcodec.asked)] == sorted(set(indices))
        assert max(map(len, torchcodec.asked)) <= hardware._FRAMES_AT_ONCE
    opened = torchcodec.opened[0]
    assert opened["source"] == f"file:{bars[100]}"
    assert (opened["stream_index"], opened["device"]) == (0, "cpu")
    assert decoder.software == {}


def test_mapping__is_the_table(tmp_path):
    times = [0, 1, 5, 6, 7, 20]
    path = barcode_video(tmp_path / "bars.mp4", 6, times=times, keyframe_every=4)
    table = probe(path).frames
    rows = json.loads(hardware._mapping(table))["frames"]
    assert [row["pts"] for row in rows] == table.pts.tolist()
    assert [row["key_frame"] for row in rows] == table.is_keyframe.astype(int).tolist()
    assert [row["duration"] for row in rows] == [*np.diff(table.pts).tolist(), 1]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("size", [(104, 64), (324, 64)])  # the second loses an odd number of pixels
def test_read_frames__shrinks_cuts_and_turns_as_software_does(
    decoder, torchcodec, tmp_path, rotation, size
):
    path = barcode_video(tmp_path / "bars.mp4", 5, size=size)
    torchcodec.rotation = rotation
    for short_side in (None, 64, 50, 23):
        options = {"frames": probe(path).frames, "rotation": rotation, "short_side": short_side}
        ours, theirs = (
            read([4, 1], **options)
            for read in (
                lambda *a, **o: decoder.read_frames(path, *a, **o),
                lambda *a, **o: read_frames(path, *a, **o),
            )
        )
        assert ours.dtype == np.uint8
        assert ours.shape == theirs.shape
        assert np.abs(ours.astype(int) - theirs).max() <= (2 if short_side else 0)
    assert decoder.software == {}


def test_shares__are_those_of_the_old_pixels_in_the_new_ones():
    shares = hardware._shares(3, 2, kept=2)
    assert shares.numpy() == pytest.approx(np.array([[2, 1, 0], [0, 1, 2]]) / 3)
    cut = hardware._shares(640, 99, kept=50)
    assert torch.equal(cut, hardware._shares(640, 99, kept=99)[24:74])
    assert cut.sum(dim=1).numpy() == pytest.approx(1)


def test_read_frames__of_other_times_are_read_in_software(decoder, torchcodec, bars, caplog):
    torchcodec.untimely = 1
    for path in (bars[100], bars[30], bars[100]):
        table = probe(path).frames
        assert codes(decoder.read_frames(path, [12, 7], frames=table)) == [12, 7]
    reason = "TorchCodec gives frames of other times"
    assert warnings_of(caplog) == [
        f"{bars[100]} is decoded in software, and so are others like it: {reason}"
    ]
    assert decoder.software == {reason: {bars[100], bars[30]}}
    torchcodec.untimely = 0  # a file is not given up: each reading is a function of its frames
    torchcodec.asked.clear()
    read = decoder.read_frames(bars[100], [12], frames=probe(bars[100]).frames)
    assert (codes(read), torchcodec.asked) == ([12], [[12]])


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ({"fallback": "Video not supported"}, r"this GPU does not decode it \(Video not supported"),
        ({"rotation": 90}, "TorchCodec turns it another way"),
        ({"error": RuntimeError("no\nmore")}, r"TorchCodec cannot read it \(no\)"),
        ({"error": ValueError("no pts")}, r"TorchCodec cannot read it \(no pts\)"),
    ],
)
def test_read_frames__leaves_to_software_what_it_cannot_do(
    decoder, torchcodec, bars, caplog, trouble, sentence
):
    vars(torchcodec).update(trouble)
    assert codes(decoder.read_frames(bars[30], [3], frames=probe(bars[30]).frames)) == [3]
    (message,) = warnings_of(caplog)
    assert re.search(
        f"30.mp4 is decoded in software, and so are others like it: {sentence}", message
    )
    assert list(decoder.software.values()) == [{bars[30]}]


def test_read_frames__trusts_no_table_that_is_not_exact(decoder, torchcodec, bars):
    table = replace(probe(bars[30]).frames, is_exact=False)
    assert codes(decoder.read_frames(bars[30], [3, 29], frames=table)) == [3, 29]
    assert list(decoder.software) == ["its frames have no times to find them by"]
    assert torchcodec.opened == []


def test_read_frames__says_what_software_says_of_missing_frames_and_files(decoder, bars, tmp_path):
    table = probe(bars[30]).frames
    with pytest.raises(DataError, match=r"^cannot decode frame 41 of 30.mp4 \(file ends at frame"):
        decoder.read_frames(bars[30], [3, 41], frames=table)
    with pytest.raises(IndexError, match="frames are numbered from 0, got -1"):
        decoder.read_frames(bars[30], [-1], frames=table)
    with pytest.raises(DataError, match=r"none.mp4 does not exist; check the path"):
        decoder.read_frames(tmp_path / "none.mp4", [1], frames=table)
    assert list(decoder.software) == ["frames are wanted that its table does not have"]


def test_read_frames__does_not_hide_that_memory_ran_out(decoder, torchcodec, bars):
    torchcodec.error = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(DeviceError, match=r"cpu fails while it decodes.*\(CUDA out of memory\); f"):
        decoder.read_frames(bars[30], [3], frames=probe(bars[30]).frames)


def test_read_frames__does_not_blame_files_for_a_broken_gpu(torchcodec, bars):
    torchcodec.error = RuntimeError("an error of CUDA")
    decoder = HardwareDecoder("meta")  # stands for a device that fails whatever is asked
    with pytest.raises(DeviceError, match=r"meta fails while it decodes videos .*meta tensor"):
        decoder.read_frames(bars[30], [3], frames=probe(bars[30]).frames)
    assert decoder.software == {}


def test_hardware_decoder__travels_to_loader_processes(decoder, bars):
    decoder.read_frames(bars[30], [3], frames=probe(bars[30]).frames)
    copy = pickle.loads(pickle.dumps(decoder))
    assert vars(copy) == vars(decoder)


def test_hardware_decoder__is_one_for_each_gpu_of_a_process(torchcodec, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", torchcodec)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    decoder = hardware_decoder()
    assert decoder.device == "cuda:1"
    assert {opened["device"] for opened in torchcodec.opened} == {"cuda:1"}
    assert hardware_decoder() is decoder
    assert len(torchcodec.opened) == 1  # tested once


def test_hardware_decoder__needs_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        ConfigError,
        match=r"^decoder 'hardware' needs an NVIDIA GPU, and PyTorch finds none here; choose "
        r"decoder 'software', or install",
    ):
        hardware_decoder()


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (
            {"fallback": "NVcuvid unavailable"},
            r"does not decode it \(NVcuvid unavailable\); choose",
        ),
        ({"error": RuntimeError("Unsupported device: cuda")}, r"\(Unsupported device: cuda\); "),
        ({"untimely": 1}, "TorchCodec gives frames of other times; choose decoder 'software', or"),
        ({"late": 1}, "it gives other frames of a test video; choose decoder 'software', or see"),
    ],
)
def test_hardware_decoder__is_refused_if_it_fails_the_test(torchcodec, trouble, sentence):
    vars(torchcodec).update(trouble)
    with pytest.raises(
        ConfigError, match=f"^decoder 'hardware' does not work on cpu: .*{sentence}"
    ):
        hardware_decoder()


def test_hardware_decoder__names_the_package_that_is_missing(torchcodec, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", None)
    with pytest.raises(
        MissingExtraError,
        match=r"^decoder 'hardware' needs the package torchcodec: pip install "
        r"'semivideo\[nvdec\]'$",
    ):
        hardware_decoder()


def test_hardware_decoder__says_if_ffmpeg_is_missing(torchcodec, monkeypatch):
    def without_ffmpeg(name):
        raise RuntimeError("Could not load libtorchcodec.\nLikely causes: ...")

    monkeypatch.setattr(hardware.importlib, "import_module", without_ffmpeg)
    with pytest.raises(
        MissingExtraError,
        match=r"cannot load the package torchcodec \(Could not load libtorchcodec\.\); it needs "
        "FFmpeg's shared libraries, such as",
    ):
        hardware_decoder()


def test_hardware_decoder__passes_its_test_by_the_real_torchcodec(real, monkeypatch):
    monkeypatch.setattr(hardware, "_gpu", lambda: "cpu")
    assert hardware_decoder().software == {}


@pytest.mark.parametrize(
    ("ending", "codec"),
    [("mp4", "libx264"), ("mkv", "libx264"), ("avi", "mpeg4"), ("mp4", "mpeg4")],
)
def test_torchcodec__finds_frames_by_the_table_in_any_order(real, tmp_path, ending, codec):
    path = barcode_video(tmp_path / f"http: 100%d -bars.{ending}", 100, codec=codec)
    table = probe(path).frames
    for indices in ([7], [99, 0, 50, 50], range(3, 67, 8), range(100), [11, 12, 23, 24]):
        read = real.read_frames(path, indices, frames=table, short_side=32)
        assert read.shape[1:3] == canvas_size(104, 64, 32)
        assert codes(read) == list(indices)
    assert real.software == {}


def test_torchcodec__knows_variable_times(real, tmp_path):
    path = barcode_video(tmp_path / "bars.mp4", 8, times=[0, 1, 5, 6, 7, 20, 21, 40], frame_rate=10)
    assert codes(real.read_frames(path, [6, 2, 4], frames=probe(path).frames)) == [6, 2, 4]
    assert real.software == {}


def test_torchcodec__gives_the_same_batches_in_a_process_of_its_own(
    real, manifest_of, bars, monkeypatch
):
    monkeypatch.setattr(hardware, "_gpu", lambda: "cpu")
    batches = []
    for workers in (0, 1):
        settings = DataSettings(short_side=32, labeled_batch=4, workers=workers, decoder="hardware")
        reader = ClipReader(manifest_of(*bars.values()), {"a": ClipSpec(4, 4)}, settings=settings)
        (batch,) = training_loader(reader, Streams([0, 1, 3], [0, 1, 2]), seed=0, num_steps=1)
        batches.append(batch.labeled.frames["a"])
    assert torch.equal(*batches)
    assert hardware_decoder().software == {}


def test_torchcodec__gives_the_frames_of_every_hard_file_or_leaves_it(real, hard_videos):
    with open(hard_videos / "expected.csv", newline="") as file:
        counts = {row["file"]: int(row["decoded_frames"]) for row in csv.DictReader(file)}
    for name, num_frames in sorted(counts.items()):
        path = hard_videos / name
        found = probe(path)
        wanted = np.unique(np.linspace(0, num_frames - 1, 12).astype(int))
        options = {"frames": found.frames, "rotation": found.rotation}
        ours = real.read_frames(path, wanted, **options).astype(np.int16)
        errors = []
        for step in (0, -1, 1):  # no neighbour may be more alike than the frame itself
            near = read_frames(path, (wanted + step).clip(0, num_frames - 1), **options)
            assert ours.shape == near.shape, name
            errors.append(np.abs(ours - near).mean(axis=(1, 2, 3)))
        assert errors[0].max() < MOST_LEVELS, name
        assert (errors[0] <= np.minimum(*errors[1:])).all(), name
    left = {path.name for paths in real.software.values() for path in paths}
    assert left == {
        "S001C001P001R001A001_rgb.avi",
        "discard_first_keyframe.mp4",
        "no_duration.webm",
        "sine_stereo_mp2.mpg",
        "v_ApplyEyeMakeup_g01_c01.avi",
    }
