from collections import Counter

import numpy as np
import pytest

from semivideo.analysis.figures.confident_clips import confident_clips
from semivideo.base.errors import ConfigError

STEPS = 40  # 20 parts of 2 steps


def made_up(networks, *, seed):
    """Rows of random labels; each step holds 6 videos of 4..19, each once."""
    rng = np.random.default_rng(seed)
    rows = []
    for step in range(STEPS):
        for video in rng.choice(np.arange(2, 20), 6, replace=False).tolist():
            for network in networks:
                label, kept = int(rng.integers(2)) + video % 2, bool(rng.random() < 0.5)
                rows.append((step, network, video, label, kept))
    return rows


def by_hand(ours, theirs, part):
    """Accuracies of auxiliary, primary and FixMatch in a part, counted row by row."""
    ours = [r for r in ours if r[0] // 2 == part and r[2] >= 4]
    theirs = [r for r in theirs if r[0] // 2 == part and r[2] >= 4]
    sure = [r for r in ours if r[1] == "auxiliary" and r[4]]
    auxiliary = [r[3] == r[2] % 4 for r in sure]
    primary = [
        r[3] == r[2] % 4
        for chosen in sure
        for r in ours
        if r[1] == "primary" and (r[0], r[2]) == (chosen[0], chosen[2])
    ]
    fixmatch, weights = [], []
    for video, times in Counter(r[2] for r in sure).items():
        given = [r[3] == video % 4 for r in theirs if r[2] == video]
        if given:
            fixmatch.append(np.mean(given))
            weights.append(times)
    return len(sure), np.mean(auxiliary), np.mean(primary), np.average(fixmatch, weights=weights)


def test_confident_clips__equal_a_count_row_by_row(finished_run, csv_rows, tmp_path):
    ours = made_up(["primary", "auxiliary"], seed=0)
    theirs = made_up(["primary"], seed=1)
    runs = [finished_run("cmpl", "c", labels=ours), finished_run("fixmatch", "f", labels=theirs)]
    files = confident_clips(runs, out=tmp_path / "f.png")
    rows = csv_rows(files[0])
    assert len(rows) == 20
    for part, row in enumerate(rows):
        wanted = by_hand(ours, theirs, part)
        names = ("num_clips", "auxiliary", "primary", "fixmatch")
        assert [float(row[name]) for name in names] == pytest.approx(wanted, abs=1e-5)
        assert float(row["step"]) == 2 * part + 1


def test_confident_clips__pairs_runs_of_one_seed(finished_run, csv_rows, tmp_path):
    rows = made_up(["primary", "auxiliary"], seed=0)
    runs = [finished_run("cmpl", f"c{s}", seed=s, labels=rows) for s in (0, 1)]
    runs.append(finished_run("fixmatch", "f", seed=1, labels=made_up(["primary"], seed=1)))
    files = confident_clips(runs, out=tmp_path / "f.png")
    assert {row["run"] for row in csv_rows(files[0])} == {"c1"}


def test_confident_clips__refuses_other_runs(finished_run, tmp_path):
    cmpl = finished_run("cmpl", "c")
    with pytest.raises(ConfigError, match=r"wants runs of cmpl and of fixmatch, .* got cmpl; name"):
        confident_clips([cmpl], out=tmp_path / "f.png")
    other = finished_run("fixmatch", "f", seed=3)
    with pytest.raises(ConfigError, match=r"with the seeds \[0\] and fixmatch with \[3\]; run"):
        confident_clips([cmpl, other], out=tmp_path / "f.png")
