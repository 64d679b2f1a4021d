from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semivideo.analysis.pseudo_labels import (
    OTHER,
    UNKNOWN,
    late_labels,
    pseudo_label_quality,
    read_pseudo_labels,
    true_classes,
)
from semivideo.base import checked
from semivideo.base.errors import CheckpointError
from semivideo.data.splits import Split

# Videos 0..4; the class of video 3 is unknown, that of video 4 is none of the network's.
TRUTH = np.array([0, 1, 1, UNKNOWN, OTHER])


def labels(*rows):
    """Rows (step, network, video, label, kept)."""
    names = ("step", "network", "video", "label", "kept")
    columns = zip(*rows, strict=True)
    return pa.table(dict(zip(names, map(list, columns), strict=True)))


def test_true_classes__number_as_the_network_counts():
    numbers = true_classes(["walk", None, "run", "swim"], ["run", "walk"])
    assert numbers.tolist() == [1, UNKNOWN, 0, OTHER]


def test_quality__equals_a_table_counted_by_hand():
    table = labels(
        (0, "primary", 0, 0, True),  # right
        (0, "primary", 1, 0, True),  # wrong
        (1, "primary", 2, 1, False),  # right, but not used
        (1, "primary", 0, 0, True),  # right
        (2, "primary", 1, 1, True),  # right, second half
        (3, "primary", 2, 1, True),  # right
        (3, "auxiliary", 2, 0, False),
    )
    quality = pseudo_label_quality(table, TRUTH, num_bins=2).to_pylist()
    assert [row.pop("precision") for row in quality[1:]] == pytest.approx([2 / 3, 1.0])
    assert np.isnan(quality[0].pop("precision"))  # nothing was used
    assert quality == [
        {"step": 3.0, "network": "auxiliary", "num_labels": 1, "kept": 0.0, "correct": 0.0},
        {"step": 1.0, "network": "primary", "num_labels": 4, "kept": 0.75, "correct": 0.5},
        {"step": 3.0, "network": "primary", "num_labels": 2, "kept": 1.0, "correct": 1.0},
    ]


def test_quality__leaves_out_videos_nobody_knows():
    table = labels((0, "primary", 3, 0, True), (0, "primary", 0, 0, True))
    (row,) = pseudo_label_quality(table, TRUTH, num_bins=1).to_pylist()
    assert (row["num_labels"], row["precision"]) == (1, 1.0)


def test_quality__counts_unknown_classes_as_wrong():
    table = labels((0, "primary", 4, 1, True), (0, "primary", 4, 0, True))
    (row,) = pseudo_label_quality(table, TRUTH, num_bins=1).to_pylist()
    assert (row["kept"], row["correct"]) == (1.0, 0.0)


def test_quality__agrees_with_counting_row_by_row():
    rng = np.random.default_rng(0)
    rows = [
        (int(s), str(n), int(v), int(c), bool(k))
        for s, n, v, c, k in zip(
            rng.integers(0, 97, 400),
            rng.choice(["a", "b"], 400),
            rng.integers(0, 5, 400),
            rng.integers(0, 3, 400),
            rng.random(400) < 0.5,
            strict=True,
        )
    ]
    num_steps = max(row[0] for row in rows) + 1
    for found in pseudo_label_quality(labels(*rows), TRUTH, num_bins=7).to_pylist():
        low, high = found["step"] - num_steps / 14, found["step"] + num_steps / 14
        cell = [r for r in rows if r[1] == found["network"] and low <= r[0] < high and r[2] != 3]
        used = [r for r in cell if r[4]]
        right = [r for r in used if r[3] == TRUTH[r[2]]]
        assert found["num_labels"] == len(cell)
        assert found["kept"] == pytest.approx(len(used) / len(cell))
        assert found["precision"] == pytest.approx(len(right) / len(used))
        assert found["correct"] == pytest.approx(len(right) / len(cell))


def test_quality__of_no_labels_is_empty():
    empty = labels((0, "primary", 3, 0, True)).slice(0, 0)
    assert pseudo_label_quality(empty, TRUTH, num_bins=4).num_rows == 0


@pytest.fixture
def run_with(tmp_path):
    """Writes pseudo-labels of videos 0 (class a), 1 (class b) and 2 (class b, and labelled)."""
    ids = ["v0", "v1", "v2"]
    manifest = SimpleNamespace(labels=["a", "b", "b"], classes=["a", "b"], row_of=ids.index)
    split = Split("s", 0, labeled=("v2",), unlabeled=("v0", "v1"), test=())

    def write(*rows):
        file = tmp_path / "pseudo_labels.parquet"
        pq.write_table(labels(*rows), file)
        return SimpleNamespace(pseudo_labels_file=file), manifest, split

    return write


def test_late_labels__weigh_networks_by_the_labels_they_used(run_with):
    early = [(step, "primary", 0, 1, True) for step in range(8)]  # all wrong, long ago
    late = [
        (9, "primary", 0, 0, True),
        (9, "primary", 1, 1, True),
        (9, "auxiliary", 0, 1, True),
        (9, "auxiliary", 1, 1, False),
    ]
    found = late_labels(*run_with(*early, *late))
    assert found == (pytest.approx(3 / 4), pytest.approx(2 / 3), False)


def test_late_labels__of_a_network_that_used_none_do_not_hide_the_others(run_with):
    found = late_labels(*run_with((0, "primary", 0, 0, True), (0, "auxiliary", 0, 0, False)))
    assert found == (0.5, 1.0, False)


def test_late_labels__leave_out_labelled_videos(run_with):
    told = [(9, "primary", 2, 1, True) for _ in range(6)]  # right each time, and no merit
    untold = [(9, "primary", 0, 1, True), (9, "primary", 1, 1, False)]
    assert late_labels(*run_with(*told, *untold))[:2] == (0.5, 0.0)


def test_late_labels__of_labelled_videos_alone_are_none(run_with):
    found = late_labels(*run_with((9, "primary", 2, 1, True)))
    assert np.isnan([found.kept, found.right]).all()


def test_late_labels__are_unknown_without_a_file(tmp_path):
    found = late_labels(SimpleNamespace(pseudo_labels_file=tmp_path / "none"), None, None)
    assert np.isnan([found.kept, found.right]).all()


def test_read_pseudo_labels__counts_the_rows_first(run_with, monkeypatch):
    monkeypatch.setattr(checked, "MOST_ROWS", 1)
    run, _, _ = run_with((0, "primary", 0, 0, True), (1, "primary", 0, 0, True))
    sentence = r"has 2 rows in \d+ bytes, and at most 1 are read; train again, or remove it"
    with pytest.raises(CheckpointError, match=sentence):
        read_pseudo_labels(run)
