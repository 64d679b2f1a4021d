import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semivideo.analysis.figures.labels_by_threshold import thresholds
from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.runfolder import RunFolder

STEPS = 40  # the last fifth begins at step 32


@pytest.fixture
def with_confidence(finished_run):
    """Makes a run of random labels; returns it and its rows."""

    def make(method, name, networks, *, threshold=0.6, seed=0):
        rng = np.random.default_rng(seed)
        run = RunFolder(finished_run(method, name, seed=seed, method__threshold=threshold))
        rows = [
            (step, network, int(video), int(rng.integers(4)), float(np.float32(rng.random())))
            for step in range(STEPS)
            for network in networks
            for video in rng.choice(20, 8, replace=False)
        ]
        names = ("step", "network", "video", "label", "confidence")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        columns["confidence"] = np.array(columns["confidence"], np.float32)
        kept = columns["confidence"] >= threshold
        pq.write_table(pa.table(columns | {"kept": kept}), run.pseudo_labels_file)
        return run.path, rows

    return make


def by_hand(rows, network, threshold):
    """Share kept and precision of the late labels; video v is of class v mod 4."""
    late = [r for r in rows if r[0] >= 32 and r[1] == network and r[2] >= 4]
    kept = [r for r in late if r[4] >= threshold]
    return len(kept) / len(late), sum(r[3] == r[2] % 4 for r in kept) / len(kept)


def test_thresholds__equal_a_count_row_by_row(with_confidence, csv_rows, tmp_path):
    run, rows = with_confidence("cmpl", "a", ["auxiliary", "primary"])
    files = thresholds([run], out=tmp_path / "t.png")
    assert [file.name for file in files] == ["t.png", "t.svg", "t.csv"]
    found = {(r["what"], r["network"], r["threshold"]): r for r in csv_rows(files[0])}
    assert len(found) == 2 * 102
    for network in ("primary", "auxiliary"):
        for threshold in (0.0, 0.25, 0.6, 0.9):
            row = found["if", network, f"{threshold:g}"]
            wanted = by_hand(rows, network, threshold)
            assert [float(row["kept"]), float(row["precision"])] == pytest.approx(wanted, abs=1e-5)
        used = found["used", network, "0.6"]  # as in the training
        assert used["kept"] == found["if", network, "0.6"]["kept"]
        assert found["if", network, "1"]["precision"] == ""  # nothing is kept


def test_thresholds__name_networks_where_a_method_has_several(with_confidence, tmp_path):
    runs = [
        with_confidence("cmpl", "a", ["primary", "auxiliary"])[0],
        with_confidence("fixmatch", "b", ["primary"])[0],
    ]
    drawing = thresholds(runs, out=tmp_path / "t.png")[1].read_text()
    assert "cmpl: auxiliary network" in drawing
    assert "fixmatch: primary" not in drawing


def test_thresholds__need_pseudo_labels_of_known_videos(finished_run, tmp_path):
    with pytest.raises(CheckpointError, match="holds no pseudo-labels; supervised gives none"):
        thresholds([finished_run("supervised", "a")], out=tmp_path / "t.png")
    labeled = finished_run("fixmatch", "b", labels=[(0, "primary", 1, 1, True)])
    with pytest.raises(ConfigError, match="nobody knows the class of any unlabelled video"):
        thresholds([labeled], out=tmp_path / "t.png")
