import re

import numpy as np
import pytest

from semivideo.base.errors import DataError
from semivideo.methods.parts.image_logits import read_image_logits, write_image_logits

IDS = ["run/b.mp4", "walk/a.mp4", "walk/c d.mp4"]
LOGITS = np.arange(6, dtype=np.float32).reshape(3, 2)


def test_image_logits__come_back_in_the_order_asked_for(tmp_path):
    path = tmp_path / "new/logits.npz"
    write_image_logits(path, IDS, LOGITS)
    found = read_image_logits(path, ["walk/c d.mp4", "run/b.mp4"])
    assert found.dtype == np.float32
    assert found.tolist() == [[4.0, 5.0], [0.0, 1.0]]


@pytest.mark.parametrize(("given", "kept"), [("float16", "float16"), ("float64", "float32")])
def test_image_logits__stay_in_half_precision_but_never_in_double(tmp_path, given, kept):
    write_image_logits(tmp_path / "a.npz", IDS, LOGITS.astype(given))
    assert read_image_logits(tmp_path / "a.npz", IDS).dtype == kept


def test_image_logits__name_the_first_missing_video_and_how_many(tmp_path):
    write_image_logits(tmp_path / "a.npz", IDS, LOGITS)
    with pytest.raises(DataError, match=r"has no logits of 'x\.mp4' and of 1 more; make it again"):
        read_image_logits(tmp_path / "a.npz", ["run/b.mp4", "x.mp4", "y.mp4"])


def test_image_logits__must_be_finite_for_the_videos_asked_for(tmp_path):
    broken = LOGITS.copy()
    broken[1, 0] = np.nan
    write_image_logits(tmp_path / "a.npz", IDS, broken)
    assert len(read_image_logits(tmp_path / "a.npz", IDS[:1])) == 1
    with pytest.raises(DataError, match=r"logits of 'walk/a\.mp4' that are not finite; make it"):
        read_image_logits(tmp_path / "a.npz", IDS)


@pytest.mark.parametrize(
    "arrays",
    [
        {"ids": np.array(IDS), "logits": LOGITS[:2]},
        {"ids": np.array(IDS), "logits": LOGITS[:, 0]},
        {"ids": np.arange(3), "logits": LOGITS},
        {"ids": np.array(IDS), "logits": np.array([["a", "b"]] * 3)},
    ],
    ids=["too few", "no classes", "ids are numbers", "logits are text"],
)
def test_image_logits__refuse_other_shapes_and_kinds(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    ids, logits = arrays["ids"], arrays["logits"]
    said = f"ids of {ids.dtype} {ids.shape} and logits of {logits.dtype} {logits.shape}; it must"
    with pytest.raises(DataError, match=re.escape(said)):
        read_image_logits(tmp_path / "a.npz", IDS)


@pytest.mark.parametrize("kind", ["text", "one array", "pickle"])
def test_image_logits__refuse_other_files(tmp_path, kind):
    path = tmp_path / "a.npz"
    if kind == "text":
        path.write_text("no arrays")
    elif kind == "one array":
        np.savez(path, ids=np.array(IDS))
    else:
        np.savez(path, ids=np.array(IDS, dtype=object), logits=LOGITS)
    with pytest.raises(DataError, match=r"a\.npz cannot be read as image logits \(.*it must be"):
        read_image_logits(path, IDS)


def test_image_logits__say_how_to_make_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"no file of image logits at .*cache_image_logits"):
        read_image_logits(tmp_path / "a.npz", IDS)


def test_image_logits__are_written_under_the_name_by_which_they_are_known(tmp_path):
    with pytest.raises(DataError, match=r"ends in \.npz, got .*logits\.bin"):
        write_image_logits(tmp_path / "logits.bin", IDS, LOGITS)
