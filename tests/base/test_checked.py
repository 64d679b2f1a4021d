"""One sentence for a fault of settings, and files that are counted before they are unpacked."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semivideo.base import checked
from semivideo.base.checked import UnreadError, opened_npz, opened_parquet
from semivideo.base.errors import ConfigError
from semivideo.settings import Settings


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("data.workers", None, r"data.workers = None .*should be a valid integer or 'auto'$"),
        ("views.crop_shift", 90, r"views.crop_shift must lie in \[0, 1\], got 90; write 0.9 for"),
        ("views.jitter_scale", [1, "x"], r"^views.jitter_scale.1 = 'x' is not allowed: input"),
        ("views.mean", [1, 2], "views.mean.2 is missing; add it"),
        ("engine.decay_exempt", ["x"], "decay_exempt.0 = 'x' is not allowed: input should be 'n"),
        (
            "networks.auxiliary",
            {"widht": 1},
            r"\[networks.auxiliary\] has no key 'widht'; did you mean 'weights'\? \[accepts: name,",
        ),
        ("networks.primary", 3, "networks.primary = 3 is not allowed: input should be a valid d"),
        ("networks.primary.num_frames", 0, r"networks.primary.num_frames = 0 is not allowed: inp"),
    ],
)
def test_sentence__names_key_value_and_rule(key, value, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Settings().updated({key: value})


def test_opened_parquet__counts_rows_and_values(tmp_path, monkeypatch):
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": [1, 2, 3], "pts": [[0, 1], [0, 1, 2], [5]]}), file)
    with opened_parquet(file) as opened:
        assert opened.read(["n"]).to_pydict() == {"n": [1, 2, 3]}
    monkeypatch.setattr(checked, "_MOST_VALUES", 5)
    sentence = r"^pts.list.element has 6 values, and at most 5 are read$"
    with pytest.raises(UnreadError, match=sentence):
        opened_parquet(file).__enter__()
    monkeypatch.setattr(checked, "MOST_ROWS", 2)
    with pytest.raises(UnreadError, match=r"^it has 3 rows in \d+ bytes, and at most 2 are read$"):
        opened_parquet(file).__enter__()


def test_opened_parquet__a_small_file_holds_few_rows(tmp_path, monkeypatch):
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": np.zeros(100_000, np.int64)}), file, compression="zstd")
    monkeypatch.setattr(checked, "_LEAST_ROWS", 100)
    most = 8 * file.stat().st_size
    with pytest.raises(UnreadError, match=rf"^it has 100000 rows in .*, and at most {most} are"):
        opened_parquet(file).__enter__()


def test_opened_npz__counts_bytes_first(tmp_path, monkeypatch):
    file = tmp_path / "a.npz"
    np.savez_compressed(file, zeros=np.zeros(100_000), few=np.arange(3))
    for source in (file, file.read_bytes()):
        with opened_npz(source) as arrays:
            assert arrays["few"].tolist() == [0, 1, 2]
    monkeypatch.setattr(checked, "_LEAST_UNPACKED", 1000)
    most = 32 * file.stat().st_size
    sentence = f"^its arrays unpack to 8002[0-9]+ bytes, and allowed are {most}$"
    for source in (file, file.read_bytes()):
        with pytest.raises(UnreadError, match=sentence):
            opened_npz(source).__enter__()


@pytest.mark.parametrize("opened", [opened_npz, opened_parquet])
def test_opened__waits_for_no_pipe(tmp_path, opened):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a named pipe"):
        opened(tmp_path / "pipe").__enter__()
