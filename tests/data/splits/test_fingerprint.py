"""Copies are found however they are encoded; other takes of one action are not copies."""

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from semivideo.data.splits.copies import copies_across
from semivideo.data.splits.fingerprint import (
    MAX_BITS,
    NUM_FRAMES,
    fingerprint,
    is_copy,
    near_pairs,
    pictures,
    same_bytes,
    words_of,
)
from semivideo.data.synthetic.rendering import render
from semivideo.data.video.decode import iterate_frames
from semivideo.data.video.encode import encode

DATA = Path(__file__).parents[3].parent / "shared" / "data"
# Takes of one action by one person, and clips of one source: as alike as different clips get.
REAL = (
    "utd-mhad/videos/arm_curl/s1_t*.mp4",
    "utd-mhad/videos/draw_x/s4_t*.mp4",
    "jhmdb/videos/golf/Golf_Swing_@6Iron*.mp4",
)


def encode_anew(source: Path, target: Path, *, scale=0.5, rates=(15, 10), crf=30) -> Path:
    """Write the same take with another size, frame rate (from, to) and quality."""
    frames = list(iterate_frames(source))
    height, width = (int(side * scale) // 2 * 2 for side in frames[0].shape[:2])
    old, new = rates
    kept = (frames[int(i * old / new)] for i in range(int(len(frames) * new / old)))
    shown = (cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in kept)
    encode(target, shown, frame_rate=new, options={"crf": str(crf)})
    return target


def words_in(manifest):
    return np.stack([fingerprint(manifest.absolute(r), manifest[r]) for r in range(len(manifest))])


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    """Six clips of one synthetic scene: two classes, three takes each."""
    folder = tmp_path_factory.mktemp("takes")
    return render(folder, videos_per_class=3, seed=3, classes=["wave", "squat"], num_groups=1)


def moving(num: int, *, seed: int, level: float = 255) -> np.ndarray:
    """Pictures of smooth noise that drifts: uint8 (num, 32, 32)."""
    noise = np.random.default_rng(seed).random((num + 4, 8, 8)).astype(np.float32)
    noise = np.stack([noise[i : i + 5].mean(axis=0) for i in range(num)])
    return np.stack([cv2.resize(n, (32, 32)) * level for n in noise]).astype(np.uint8)


def test_same_bytes__needs_equal_content_not_equal_size(tmp_path):
    contents = [b"abcd", b"abce", b"abcd", b"abcde", b"xy", b"xy"]
    files = [tmp_path / str(number) for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    assert same_bytes(files) == [[0, 2], [4, 5]]
    assert same_bytes([]) == []


def test_words__are_signs_of_the_cosine_transform():
    clip = moving(NUM_FRAMES, seed=0)
    axis = np.arange(32)
    basis = np.cos(np.pi * (axis[None] + 0.5) * axis[:, None] / 32)[:8]
    spectra = np.einsum("uy,tyx,vx->tuv", basis, clip.astype(float), basis)
    scale = np.where(axis[:8] == 0, np.sqrt(0.5), 1.0)
    seen = (spectra * scale[:, None] * scale).reshape(NUM_FRAMES, -1)[:, 1:]
    expected = seen > np.median(seen, axis=1, keepdims=True)
    words = words_of(clip)
    bits = np.unpackbits(words[:, :1].copy().view(np.uint8), axis=1)[:, 1:]
    assert (bits != expected).mean() < 0.01  # rounding decides ties
    assert bits.sum(axis=1).tolist() == [31] * NUM_FRAMES


def test_words__flat_and_still_videos_tell_nothing():
    gray = np.full((NUM_FRAMES, 32, 32), 90, np.uint8)
    assert not words_of(gray).any()
    assert near_pairs(words_of(gray)[None], words_of(gray)[None]) == []
    still = np.repeat(moving(1, seed=1), NUM_FRAMES, axis=0)
    assert not words_of(still)[:, 1].any()
    assert near_pairs(words_of(still)[None], words_of(still)[None]) == [(0, 0)]


def test_near_pairs__mostly_flat_videos_match_nobody():
    clip = moving(NUM_FRAMES, seed=2)
    assert near_pairs(words_of(clip)[None], words_of(clip)[None]) == [(0, 0)]
    clip[: NUM_FRAMES // 2] = 17  # half of the frames are black: not more than half can match
    assert near_pairs(words_of(clip)[None], words_of(clip)[None]) == []


def test_near_pairs__equal_a_plain_loop():
    rng = np.random.default_rng(0)
    ours = rng.integers(1, 2**63, (300, NUM_FRAMES, 2), dtype=np.uint64)
    others = rng.integers(1, 2**63, (2100, NUM_FRAMES, 2), dtype=np.uint64)
    planted = {(5, 2070): 0, (5, 3): 12, (290, 0): MAX_BITS, (7, 9): MAX_BITS + 1}
    for (one, other), num_bits in planted.items():
        others[other] = ours[one] ^ np.uint64((1 << num_bits) - 1) * np.array([1, 0], np.uint64)
    others[9, NUM_FRAMES // 2 + 1 :] = ours[7, NUM_FRAMES // 2 + 1 :]  # near in less than half
    assert near_pairs(ours, others) == [(5, 2070), (5, 3), (290, 0)]
    assert near_pairs(ours, others, num_nearest=1) == [(5, 2070), (290, 0)]


def test_is_copy__still_pictures_are_compared_as_pictures():
    one, other = (np.repeat(moving(1, seed=seed), 20, axis=0) for seed in (0, 1))
    darker = (one * 0.8).astype(np.uint8)
    assert is_copy(one, darker[:9])
    assert not is_copy(one, other)
    assert not is_copy(one, moving(20, seed=0))


def test_copies_across__find_the_planted_copies_alone(takes, tmp_path, manifest_of):
    same = tmp_path / "same.mp4"
    same.write_bytes(takes[1].read_bytes())
    anew = encode_anew(takes[3], tmp_path / "anew.mp4", rates=(12, 12))
    manifest = manifest_of(same, anew, *takes)
    train = range(3, 8)  # all takes but the first
    found = copies_across(manifest, [0, 1, 2], train)
    assert (found.identical, found.near, found.unreadable) == ([(0, 3)], [(1, 5)], [])
    assert copies_across(manifest, [2], train).near == []


def test_copies_across__name_what_breaks(takes, tmp_path, manifest_of):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(takes[0].read_bytes())
    manifest = manifest_of(broken, *takes[:2])
    broken.write_bytes(b"no video")
    told = []
    found = copies_across(manifest, [0], [1, 2], progress=lambda *tell: told.append(tell))
    assert found.unreadable == [(0, found.unreadable[0][1])]
    assert "broken.mp4" in found.unreadable[0][1]
    assert told[-1] == ("hash frames", 3, 3, "")


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the videos in ../shared/data")
@pytest.mark.parametrize("pattern", REAL)
def test_copies__real_takes_differ_and_their_copies_do_not(pattern, tmp_path, manifest_of):
    files = sorted(DATA.glob(pattern))[:4]
    rate = 30 if "jhmdb" in pattern else 15
    changes = ({"rates": (rate, rate * 2 // 3)}, {"rates": (rate, rate), "scale": 1, "crf": 36})
    anew = [
        encode_anew(file, tmp_path / f"{number}.mp4", **change)
        for number, (file, change) in enumerate(zip(files, changes, strict=False))
    ]
    manifest = manifest_of(*files, *anew)
    num = len(files)
    found = copies_across(manifest, range(num, len(manifest)), range(num))
    assert found.near == [(num + number, number) for number in range(len(anew))]
    words = words_in(manifest)[:num]
    assert len(near_pairs(words, words)) > num  # the hashes alone do not tell the takes apart
    shown = [pictures(manifest.absolute(row), manifest[row]) for row in range(num)]
    assert not any(is_copy(one, other) for one, other in combinations(shown, 2))
