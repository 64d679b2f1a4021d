import pyarrow.parquet as pq
import pytest
import torch

from semivideo.base import checked
from semivideo.base.errors import CheckpointError
from semivideo.base.records import PseudoLabels
from semivideo.engine.pseudo_log import PseudoLabelLog
from semivideo.runfolder import RunFolder


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path)


def add(log, step):
    """Two networks, one label each; the values name the step."""
    for number, network in enumerate(["primary", "auxiliary"]):
        column = torch.tensor([10 * step + number])
        label, kept = column % 3, column % 2 == 0
        log.add(step, (PseudoLabels(network, column, label, column / 100, kept),))


def write(run, runtime, *, steps, every=2):
    log = PseudoLabelLog(run, runtime)
    for step in steps:
        add(log, step)
        log.collect() if step % 3 == 0 else None
        if (step + 1) % every == 0:
            log.save(step + 1)
    return log


def test_merge__holds_every_row_in_order(run, runtime):
    write(run, runtime, steps=range(6)).merge()
    rows = pq.read_table(run.pseudo_labels_file).to_pylist()
    assert len(rows) == 12
    assert [row["step"] for row in rows] == sorted([*range(6), *range(6)])
    third = {k: v for k, v in rows[7].items() if k != "confidence"}
    assert third == {"step": 3, "network": "auxiliary", "video": 31, "label": 1, "kept": False}
    assert rows[7]["confidence"] == pytest.approx(0.31)
    assert not run.pseudo_label_parts.exists()


@pytest.mark.parametrize("ended", [False, True])
def test_restore__continues_to_the_same_file(run, runtime, tmp_path, ended):
    write(run, runtime, steps=range(6)).merge()
    expected = pq.read_table(run.pseudo_labels_file)
    other = RunFolder(tmp_path / "resumed")
    killed = write(other, runtime, steps=range(6 if ended else 5))
    if ended:
        killed.merge()
    PseudoLabelLog(other, runtime).restore(2)
    write(other, runtime, steps=range(2, 6)).merge()
    assert pq.read_table(other.pseudo_labels_file).equals(expected)


def test_merge__without_pseudo_labels_writes_nothing(run, runtime):
    log = PseudoLabelLog(run, runtime)
    log.save(1)
    log.merge()
    assert list(run.path.iterdir()) == []


def test_restore__reads_no_file_that_holds_too_much(run, runtime, monkeypatch):
    log = write(run, runtime, steps=range(4))
    log.merge()
    monkeypatch.setattr(checked, "MOST_ROWS", 7)
    with pytest.raises(CheckpointError, match=r"has 8 rows in \d+ bytes, and at most 7 are"):
        log.restore(2)
