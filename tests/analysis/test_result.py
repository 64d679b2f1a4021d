"""Results of runs and the records kept of them."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from semivideo.analysis.comparison import compare, keep_records, run_folders
from semivideo.analysis.comparison_table import for_reading, in_numbers
from semivideo.analysis.result import ENDING, Result
from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.cli import app
from semivideo.evaluation import Evaluation


@pytest.fixture
def two_runs(finished_run):
    """A run of cmpl and one of supervised, the first with pseudo-labels."""
    labels = [(step, "primary", step % 20, step % 4, step % 3 > 0) for step in range(40)]
    return [
        finished_run("cmpl", "cmpl-0", right=(5, 4, 3, 4), labels=labels),
        finished_run("supervised", "supervised-0", right=(3, 2, 3, 1)),
    ]


def test_record__gives_the_comparison_of_the_run_folders(two_runs, tmp_path):
    records = keep_records(compare(two_runs), folder=tmp_path / "kept")
    assert [file.name for file in records] == [f"cmpl-0{ENDING}", f"supervised-0{ENDING}"]
    assert run_folders([tmp_path / "kept"]) == records
    for rows_of in (for_reading, in_numbers):
        assert rows_of(compare(records)) == rows_of(compare(two_runs))


def test_record__holds_all_a_result_has(two_runs, tmp_path):
    for run in two_runs:
        result = Result.read(run)
        result.write(tmp_path / f"{run.name}{ENDING}")
        again = Result.read(tmp_path / f"{run.name}{ENDING}")
        assert again.run.path.name == run.name
        assert (again.settings, again.split) == (result.settings, result.split)
        assert (again.summary, again.num_parameters) == (result.summary, result.num_parameters)
        np.testing.assert_equal(tuple(again.labels), tuple(result.labels))
        assert again.evaluation.to_json() == result.evaluation.to_json()
        assert again.evaluation.ids == result.evaluation.ids
        assert again.groups == result.groups


def test_record__holds_the_groups_of_the_test_videos(two_runs, tmp_path):
    result = Result.read(two_runs[0])
    assert result.groups == {}  # the manifest has none
    groups = {id: "a" if number < 7 else None for number, id in enumerate(result.evaluation.ids)}
    replace(result, groups=groups).write(tmp_path / f"g{ENDING}")
    assert Result.read(tmp_path / f"g{ENDING}").groups == groups


def test_record__of_format_1_counts_labelled_videos_among_its_labels(two_runs, tmp_path):
    [record] = keep_records(compare(two_runs[:1]), folder=tmp_path)
    assert Result.read(record).labels.with_labeled is False
    content = json.loads(gzip.decompress(record.read_bytes()))
    labels = {name: content["labels"][name] for name in ("kept", "right")}
    del content["evaluation"]["groups"]
    record.write_bytes(_packed(content, format=1, labels=labels))
    old = Result.read(record)
    assert (old.labels.with_labeled, old.groups) == (True, {})
    old.write(record)  # the new record of an old one still says so
    assert Result.read(record).labels == old.labels


def test_record__keeps_the_order_of_classes_that_rounding_would_tie(two_runs, tmp_path):
    found = Evaluation.read(two_runs[0] / "evaluation.json")
    scores = np.tile(np.array([0.33331, 0.33333, 0.33332, 0.00004], np.float32), (20, 1))
    Evaluation(found.protocol, found.classes, found.ids, scores, found.labels).write(
        two_runs[0] / "evaluation.json"
    )
    [record] = keep_records(compare(two_runs[:1]), folder=tmp_path)
    np.testing.assert_array_equal(Result.read(record).evaluation.scores, scores)


def test_record__of_a_result_is_the_same_each_time(two_runs, tmp_path):
    first, again = (
        keep_records(compare(two_runs), folder=tmp_path / name)[0].read_bytes()
        for name in ("a", "b")
    )
    assert first == again


def test_keep_records__wants_one_name_a_run(two_runs, tmp_path):
    with pytest.raises(ConfigError, match="two runs are named cmpl-0, and a record is named like"):
        keep_records(compare([two_runs[0], two_runs[0]]), folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_record__that_is_broken_ends_in_a_sentence(two_runs, tmp_path):
    [record] = keep_records(compare(two_runs[:1]), folder=tmp_path)
    content = json.loads(gzip.decompress(record.read_bytes()))
    for broken, sentence in (
        (record.read_bytes()[:100], "is not a record"),
        (b"{}", "is not a record"),
        (gzip.compress(b"[]"), "is no record of this version of semivideo"),
        (_packed(content, format=0), "is no record of this version of semivideo"),
        (_packed(content, summary=None, settings={"engin": {}}), "is a broken record .*engin"),
        (_packed(content, split={**content["split"], "test": []}), "broken record .*was edited"),
        (_packed(content, labels={}), "is a broken record .'kept'."),
    ):
        record.write_bytes(broken)
        with pytest.raises(CheckpointError, match=f"{sentence}.*; write it again: semivideo comp"):
            Result.read(record)
    record.unlink()
    with pytest.raises(CheckpointError, match=r"cannot read the record .* \(No such file"):
        Result.read(record)


def _packed(content, **changes):
    return gzip.compress(json.dumps({**content, **changes}).encode())


def test_record__serves_commands_in_place_of_the_run(two_runs, tmp_path):
    runner = CliRunner()
    kept = tmp_path / "kept"
    first = runner.invoke(app, ["compare", *map(str, two_runs), "--records", str(kept)])
    assert (first.exit_code, "wrote 2 records into" in first.stderr) == (0, True)
    again = runner.invoke(app, ["compare", str(kept)])
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    record, picture = kept / f"cmpl-0{ENDING}", tmp_path / "confusion.png"
    drawn = runner.invoke(app, ["figure", "confusion", str(record), "--out", str(picture)])
    assert (drawn.exit_code, picture.is_file()) == (0, True)
    refused = runner.invoke(app, ["figure", "features", str(record), "--out", str(picture)])
    assert refused.exit_code == 2
    assert "holds test scores and no more; name the run folder" in refused.stderr
