"""Videos whose frames show their own index, manifests of them, and a TorchCodec to play with."""

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch

from semivideo.base.records import FrameTable, Video
from semivideo.data.catalogue.manifest import Manifest
from semivideo.data.catalogue.segments import segment_of, video_id, video_of
from semivideo.data.video import hardware
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.decode import probe, read_frames

HARD_VIDEOS = Path(__file__).parents[2].parent / "shared" / "data" / "hard-videos"


@pytest.fixture(scope="session")
def hard_videos():
    if not HARD_VIDEOS.is_dir():
        pytest.skip("the folder of hard videos is not on this machine")
    return HARD_VIDEOS


@pytest.fixture(scope="session")
def rewritten():
    """The function."""
    return copy_of


def copy_of(source: Path, target: Path, *, broken=(), dropped=(), hidden=()) -> Path:
    """Copy a video packet by packet, without some of them and with others that are no picture.

    Args:
        source: The video.
        target: Its ending says the container.
        broken: Numbers of packets, in decoding order, that cannot be decoded.
        dropped: Numbers of packets that are left out.
        hidden: Numbers of packets of VP8 that are to be decoded and not shown.
    """
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        packets = (packet for packet in old.demux(stream) if packet.size)
        for number, packet in enumerate(packets):
            if number in dropped:
                continue
            if number in broken or number in hidden:
                times = packet.pts, packet.dts, packet.time_base
                data = bytes(packet)
                shown = bytes([data[0] & ~16]) + data[1:]
                packet = av.Packet(shown if number in hidden else b"\0\0\0\4\x41\xff\xff\xff")
                packet.pts, packet.dts, packet.time_base = times
            packet.stream = copy
            new.mux(packet)
    return target


@pytest.fixture(scope="session")
def damaged(tmp_path_factory):
    """100 frames; 9 packets in three places, among them a keyframe, cannot be decoded."""
    folder = tmp_path_factory.mktemp("damaged")
    whole = barcode_video(folder / "whole.mp4", 100, keyframe_every=20)
    return copy_of(whole, folder / "damaged.mkv", broken=(30, 31, 32, 60, 61, 62, 85, 86, 87))


@pytest.fixture(scope="session")
def cut_short(tmp_path_factory):
    """50 frames by its table; the last 22 packets cannot be decoded."""
    folder = tmp_path_factory.mktemp("cut_short")
    whole = barcode_video(folder / "whole.mp4", 50, codec="mpeg4")
    return copy_of(whole, folder / "cut_short.mp4", broken=range(28, 50))


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


@pytest.fixture
def segments_of(tmp_path):
    """Make a manifest of segments (start, end) in seconds of files, as ``scan`` would."""

    def make(*files: Path, times) -> Manifest:
        videos = []
        for file in files:
            found = probe(file)
            for start, end in times:
                id = video_id(str(file), start, end)
                video = video_of(id, found, segment_of(found.frames, start, end))
                videos.append(replace(video, path=str(file)))
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


class StandIn:
    """What ``HardwareDecoder`` uses of TorchCodec, on top of our own reader.

    Attributes:
        opened: Arguments of every decoder that was made.
        asked: Every list of frames that was asked for.
        late, untimely: By how many frames pictures and times lag behind.
        rotation: Of all files, clockwise.
        fallback: Why the GPU leaves files to the CPU.
        error: Is raised when frames are asked for.
    """

    def __init__(self):
        self.opened, self.asked = [], []
        self.late = self.untimely = self.rotation = 0
        self.fallback, self.error = "", None

    def VideoDecoder(self, source, **options):  # noqa: N802 - TorchCodec's name
        self.opened.append({"source": source, **options})
        path = Path(source.removeprefix("file:"))
        rows = json.loads(options["custom_frame_mappings"])["frames"]
        pts = np.array([row["pts"] for row in rows])
        table = probe(path).frames

        def get_frames_at(indices):
            self.asked.append(indices)
            if self.error is not None:
                raise self.error
            shown, timed = (
                np.maximum(0, np.array(indices) - lag) for lag in (self.late, self.untimely)
            )
            images = read_frames(path, shown, frames=table, rotation=self.rotation)
            seconds = torch.from_numpy(pts[timed] * float(table.time_base))
            return SimpleNamespace(data=torch.from_numpy(images), pts_seconds=seconds)

        return SimpleNamespace(
            get_frames_at=get_frames_at,
            cpu_fallback=self.fallback,
            metadata=SimpleNamespace(rotation=-self.rotation or None),
        )


@pytest.fixture
def forgotten():
    """Which decoders were tested is forgotten, before and after."""
    hardware._tested.cache_clear()
    yield
    hardware._tested.cache_clear()


@pytest.fixture
def torchcodec(monkeypatch, forgotten):
    """A stand-in for TorchCodec, and the CPU in the place of the GPU."""
    fake = StandIn()
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", fake)
    monkeypatch.setattr(hardware, "_gpu", lambda: "cpu")
    return fake


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
