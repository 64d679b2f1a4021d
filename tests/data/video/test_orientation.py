"""All eight ways in which a file can say that its frames are turned and mirrored."""

import struct

import numpy as np
import pytest

from semivideo.data.clips.store import filled_store
from semivideo.data.video.barcodes import barcode_video
from semivideo.data.video.decode import iterate_frames, probe, read_frames
from semivideo.data.video.encode import encode
from semivideo.data.video.hardware import HardwareDecoder
from semivideo.data.video.orientation import is_sideways, upright
from semivideo.settings import DataSettings

WIDTH, HEIGHT = 96, 64
# (a, b, c, d) of the matrix: x' = a x + c y, y' = b x + d y, x to the right and y down.
MATRICES = {
    0: (1, 0, 0, 1),
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
    -360: (-1, 0, 0, 1),  # left and right change places
    -180: (1, 0, 0, -1),  # top and bottom do
    -90: (0, 1, 1, 0),  # along the diagonal from the top left
    -270: (0, -1, -1, 0),  # along the other one
}


@pytest.fixture
def turned(tmp_path):
    """Make a file of three noisy frames whose header holds a matrix."""

    def make(matrix):
        noise = np.random.default_rng(0).integers(0, 255, (3, HEIGHT // 8, WIDTH // 8, 3), np.uint8)
        frames = noise.repeat(8, axis=1).repeat(8, axis=2)
        path = tmp_path / "turned.mp4"
        encode(path, frames, frame_rate=25)
        data = bytearray(path.read_bytes())
        a, b, c, d = (number << 16 for number in matrix)
        place = data.find(b"tkhd") + 4 + 40  # of a header of version 0
        x, y = (WIDTH if min(matrix[0::2]) < 0 else 0), (HEIGHT if min(matrix[1::2]) < 0 else 0)
        struct.pack_into(">9i", data, place, a, b, 0, c, d, 0, x << 16, y << 16, 1 << 30)
        path.write_bytes(data)
        return path

    return make


def mapped(image, matrix):
    """What a player shows: every pixel at the place that the matrix says."""
    a, b, c, d = matrix
    y, x = np.indices(image.shape[:2])
    to_x, to_y = a * x + c * y, b * x + d * y
    to_x, to_y = to_x - to_x.min(), to_y - to_y.min()
    shown = np.empty((to_y.max() + 1, to_x.max() + 1, 3), np.uint8)
    shown[to_y, to_x] = image
    return shown


@pytest.mark.parametrize(("rotation", "matrix"), MATRICES.items())
def test_reading__shows_all_eight_orientations_as_players_do(turned, manifest_of, rotation, matrix):
    path = turned(matrix)
    found = probe(path)
    assert found.rotation == rotation
    expected = [mapped(image, matrix) for image in iterate_frames(path)]
    assert (found.height, found.width) == expected[0].shape[:2]
    given = {"frames": found.frames, "rotation": found.rotation}
    assert np.array_equal(read_frames(path, range(3), **given), expected)
    assert np.array_equal(list(iterate_frames(path, **given)), expected)
    manifest = manifest_of(path)
    assert manifest[0].rotation == rotation  # a table of parquet holds it
    store = filled_store(manifest, [0], settings=DataSettings())
    assert np.array_equal(store.frames(0), expected)


@pytest.mark.parametrize("rotation", MATRICES)
def test_upright__takes_a_view_of_the_displayed_size(rotation):
    image = np.zeros((4, 6, 3), np.uint8)
    turned = upright(image, rotation)
    assert turned.shape[:2] == ((6, 4) if is_sideways(rotation) else (4, 6))
    assert np.shares_memory(turned, image)


def test_hardware__leaves_mirrored_files_to_software(turned, torchcodec):
    path = turned(MATRICES[-90])
    found, decoder = probe(path), HardwareDecoder("cpu")
    given = {"frames": found.frames, "rotation": found.rotation, "short_side": 32}
    expected = read_frames(path, [0, 2], **given)
    assert np.array_equal(decoder.read_frames(path, [0, 2], **given), expected)
    assert list(decoder.software) == ["TorchCodec does not mirror"]
    assert torchcodec.opened == []


def test_probe__of_a_matrix_of_zeros_turns_nothing(turned):
    assert probe(turned((0, 0, 0, 0))).rotation == 0


def test_probe__of_a_file_without_a_matrix_turns_nothing(tmp_path):
    assert probe(barcode_video(tmp_path / "a.mkv", 3)).rotation == 0
