import importlib
from pathlib import Path

import pytest

from semivideo.data.catalogue.manifest import Manifest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def speed_size(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("speed_size")


def test_table__has_a_line_for_each_power_of_ten(speed_size, monkeypatch):
    def cost(num_rows, folder, *, with_scan):
        figures = (num_rows / 1000, 0.25, 100.0, 5.0, 7.0, 0.6)
        return speed_size.Cost(num_rows, *figures, 0.8 if with_scan else None)

    monkeypatch.setattr(speed_size, "cost", cost)
    speed_size.measured.cache_clear()
    assert speed_size.table(20_000)[2:] == [
        "| 1,000 | 1 | 0.25 | 100 | 5 | 7 | 0.6 | 0.8 |",
        "| 10,000 | 10 | 0.25 | 100 | 5 | 7 | 0.6 | not run |",
    ]
    ratios = {row.what: row.ratio for row in speed_size.rows(20_000)}
    assert ratios["drawing a sample of 10,000 rows"] == 1.0
    assert ratios["start of a training on 10,000 rows, by the clock"] == 2.0
    speed_size.measured.cache_clear()


def test_write_manifest__rows_share_a_few_files(speed_size, tmp_path):
    speed_size.write_manifest(tmp_path / "m.parquet", 900, videos=tmp_path / "videos")
    manifest = Manifest.read(tmp_path / "m.parquet")
    assert len(set(manifest.ids)) == len(manifest) == 900
    assert len({manifest.absolute(row) for row in range(900)}) == speed_size.NUM_FILES
    assert manifest.num_frames.tolist() == [300] * 900
    assert len(manifest.classes) == speed_size.NUM_CLASSES
