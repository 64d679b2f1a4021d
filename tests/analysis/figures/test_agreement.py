import numpy as np
import pytest

from semivideo.analysis.figures.agreement import agreement
from semivideo.base.errors import CheckpointError, ConfigError

STEPS = 80  # 40 parts of 2 steps


def made_up(*, seed):
    """Rows of random labels; a video may come twice in a step. Video v is of class v mod 4."""
    rng = np.random.default_rng(seed)
    rows = []
    for step in range(STEPS):
        videos = rng.integers(2, 20, 12).tolist()
        for network in ("auxiliary", "primary"):
            labels = [(v + int(rng.integers(3))) % 4 for v in videos]
            rows += [(step, network, v, k, False) for v, k in zip(videos, labels, strict=True)]
    return rows


def by_hand(rows, part):
    """Pairs in the order of the log, counted one by one."""
    own = [r for r in rows if r[0] // 2 == part and r[2] >= 4]
    first = [r for r in own if r[1] == "primary"]
    second = [r for r in own if r[1] == "auxiliary"]
    counts = dict.fromkeys(["agree", "agreed right", "first right", "second right", "neither"], 0)
    for a, b in zip(first, second, strict=True):
        assert (a[0], a[2]) == (b[0], b[2])
        truth = a[2] % 4
        if a[3] == b[3]:
            counts["agree"] += 1
            counts["agreed right"] += a[3] == truth
        elif a[3] == truth:
            counts["first right"] += 1
        else:
            counts["second right" if b[3] == truth else "neither"] += 1
    return len(first), counts


def test_agreement__equals_a_count_clip_by_clip(finished_run, csv_rows, tmp_path):
    rows = made_up(seed=0)
    files = agreement([finished_run("cmpl", "a", labels=rows)], out=tmp_path / "a.png")
    assert [file.name for file in files] == ["a.png", "a.svg", "a.csv"]
    found = csv_rows(files[0])
    assert len(found) == 40
    for part, row in enumerate(found):
        num, counts = by_hand(rows, part)
        differ = num - counts["agree"]
        assert (row["first"], row["second"]) == ("primary", "auxiliary")
        assert (float(row["step"]), int(row["num_clips"])) == (2 * part + 1, num)
        assert int(row["num_differ"]) == differ
        assert float(row["agree"]) == pytest.approx(counts["agree"] / num, abs=1e-5)
        share = counts["agreed right"] / counts["agree"]
        assert float(row["agreed right"]) == pytest.approx(share, abs=1e-5)
        for name, count in zip(
            ("first right", "second right", "neither right"), list(counts.values())[2:], strict=True
        ):
            assert float(row[name]) == pytest.approx(count / differ, abs=1e-5)


def test_agreement__where_they_never_differ_nobody_is_right(finished_run, csv_rows, tmp_path):
    rows = [(s, n, 5, 1, True) for s in range(3) for n in ("primary", "auxiliary")]
    files = agreement([finished_run("cmpl", "a", labels=rows)], out=tmp_path / "a.png")
    for row in csv_rows(files[0]):
        assert (row["agree"], row["agreed right"], row["first right"]) == ("1", "1", "")


def test_agreement__is_of_two_networks_of_one_setting(finished_run, tmp_path):
    out = tmp_path / "a.png"
    with pytest.raises(ConfigError, match=r"the pseudo-labels of .* come from primary alone; name"):
        agreement([finished_run("fixmatch", "f")], out=out)
    with pytest.raises(CheckpointError, match="holds no pseudo-labels; supervised gives none"):
        agreement([finished_run("supervised", "s")], out=out)
    runs = [finished_run("cmpl", "a"), finished_run("cmpl", "b", method__threshold=0.5)]
    with pytest.raises(ConfigError, match=r"of one setting, got cmpl .*threshold 0\.5"):
        agreement(runs, out=out)


def test_agreement__refuses_networks_that_saw_other_clips(finished_run, tmp_path):
    rows = [(0, "primary", 5, 1, True), (0, "auxiliary", 6, 2, True)]
    with pytest.raises(ConfigError, match="labelled different clips, so there is nothing to agree"):
        agreement([finished_run("cmpl", "a", labels=rows)], out=tmp_path / "a.png")
