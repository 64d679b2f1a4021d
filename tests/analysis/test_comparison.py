"""Comparison of runs: what is one method, what is paired, what is refused."""

from dataclasses import replace
from statistics import stdev

import numpy as np
import pytest
from typer.testing import CliRunner

from semivideo.analysis.comparison import (
    by_league,
    compare,
    evaluated_runs,
    lines_of,
    run_folders,
)
from semivideo.analysis.result import Result
from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.cli import app
from semivideo.evaluation import Evaluation

IDS = [f"v{number:02d}.mp4" for number in range(20, 40)]  # test videos


@pytest.fixture
def finished(run_of):
    """Makes a finished run of a method with a seed: finished("cmpl", 1, final=0.7)."""

    def make(method, seed, *, final=0.5, name=None, **changes):
        run = run_of(method, name=name or f"{method}-{seed}", final=final, steps=40)
        settings = run.settings().updated({"engine.seed": seed, **changes})
        run.write_text(run.settings_file, settings.to_yaml())
        summary = {"steps": 40, "seconds": 90.0, "peak_memory_mb": 1500.0}
        run.write_json(run.summary_file, summary)
        return run.path

    return make


def test_compare__joins_seeds_and_pairs_differences(finished):
    runs = [finished("supervised", s, final=f) for s, f in ((0, 0.4), (1, 0.5), (2, 0.6))]
    runs += [finished("fixmatch", s, final=f) for s, f in ((2, 0.7), (0, 0.6), (1, 0.6))]
    base, ours = compare(runs)
    assert (base.name, ours.name) == ("supervised", "fixmatch")
    assert base.by_seed == pytest.approx([0.4, 0.5, 0.6])
    assert base.deviation == pytest.approx(stdev([0.4, 0.5, 0.6]))
    assert ours.by_seed == pytest.approx([0.6, 0.6, 0.7])  # in the order of the seeds
    assert base.gains == (None, None)
    gain, _ = ours.gains
    assert gain.interval.value == pytest.approx(np.mean([0.2, 0.1, 0.1]))
    assert gain.interval.low < gain.interval.value < gain.interval.high


def test_compare__finds_no_difference_between_a_run_and_itself(finished):
    run = finished("cmpl", 0, final=0.6)
    first, again = compare([run, run])
    assert first.name == again.name == f"cmpl ({run})"
    assert again.gains[0].interval == (0.0, 0.0, 0.0)


def test_compare__names_methods_by_what_differs(finished):
    runs = [
        finished("fixmatch", 0, name="a"),
        finished("fixmatch", 0, name="b", **{"method.threshold": 0.8}),
        finished("cmpl", 0),
    ]
    names = [line.name for line in compare(runs)]
    assert names == ["fixmatch (method.threshold None)", "fixmatch (method.threshold 0.8)", "cmpl"]


def test_compare__joins_runs_whose_settings_change_no_result(finished):
    often = {"engine.checkpoint_every": 500, "engine.tensorboard": False, "data.workers": 2}
    runs = [finished("cmpl", 0, **often), finished("cmpl", 1), finished("supervised", 0)]
    assert [(line.name, len(line.results)) for line in compare(runs)] == [
        ("cmpl", 2),
        ("supervised", 1),
    ]
    other = finished("cmpl", 0, name="other", **often, **{"evaluation.num_clips": 1})
    first, _ = compare([runs[0], other])
    assert first.name.startswith("cmpl (evaluation.num_clips ")


def test_compare__pairs_the_seeds_that_both_have(finished):
    runs = [finished("supervised", 0), finished("supervised", 1), finished("cmpl", 1, final=0.7)]
    _, ours = compare(runs)
    gain = ours.gains[0]
    assert (gain.num_seeds, gain.is_whole) == (1, False)
    assert gain.interval.value == pytest.approx(0.2)
    with pytest.raises(ConfigError, match=r"cmpl was run with the seeds \[1\] and supervised with"):
        compare([runs[0], runs[2]])


def test_compare__refuses_other_test_videos_and_protocols(finished):
    one, other = finished("supervised", 0), finished("cmpl", 0)
    found = Evaluation.read(other / "evaluation.json")
    fewer = Evaluation("10x3", found.classes, found.ids[1:], found.scores[1:], found.labels[1:])
    fewer.write(other / "evaluation.json")
    with pytest.raises(ConfigError, match=r"different videos: 1 are in one only, such as v20.mp4"):
        compare([one, other])
    Evaluation("1x1", found.classes, found.ids, found.scores, found.labels).write(
        other / "evaluation.json"
    )
    with pytest.raises(ConfigError, match=r"was tested by 10x3 and .* by 1x1; evaluate all by one"):
        compare([one, other])


def test_compare__wants_finished_runs(finished, tmp_path):
    run = finished("cmpl", 0)
    (run / "summary.json").unlink()
    with pytest.raises(CheckpointError, match="training has not finished: continue it with"):
        compare([run])
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"there is no run in .*empty; name run folders"):
        run_folders([tmp_path / "empty"])


def test_evaluated_runs__tells_of_a_run_that_is_named_twice(finished, caplog):
    run = finished("cmpl", 0)
    assert evaluated_runs([run, run.parent])[0] == [run, run]
    assert caplog.messages == [f"{run.resolve()} is named 2 times; it is one run, not several"]


def test_run_folders__looks_into_folders(finished, tmp_path):
    runs = [finished("supervised", 0, name="x/b"), finished("supervised", 1, name="x/a")]
    assert run_folders([tmp_path / "x"]) == sorted(runs)
    assert run_folders([runs[0]]) == [runs[0]]


def test_evaluated_runs__leaves_out_what_a_folder_holds_besides(finished, tmp_path):
    tested, untested, unfinished = (
        finished("cmpl", 0, name=f"x/{name}") for name in ("tested", "untested", "unfinished")
    )
    (untested / "evaluation.json").unlink()
    (unfinished / "summary.json").unlink()
    found, left_out = evaluated_runs([tmp_path / "x"])
    assert found == [tested]
    assert left_out == ((unfinished,), (untested,))
    assert evaluated_runs([untested]) == ([untested], ((), ()))  # compare says what it lacks
    (tested / "evaluation.json").unlink()
    with pytest.raises(ConfigError, match=r"none of the 3 runs in .*x is finished and evaluated"):
        evaluated_runs([tmp_path / "x"])


def test_compare__command_names_what_it_leaves_out(finished, tmp_path):
    finished("cmpl", 0, name="x/tested")
    untested = finished("cmpl", 1, name="x/untested")
    (untested / "evaluation.json").unlink()
    files = [tmp_path / "t.md", tmp_path / "t.csv"]
    options = ["--markdown", str(files[0]), "--csv", str(files[1])]
    result = CliRunner().invoke(app, ["compare", str(tmp_path / "x"), *options])
    assert (result.exit_code, "cmpl" in result.stdout) == (0, True)
    assert (
        f"left out, not evaluated: {untested}; go on with: semivideo evaluate {untested}"
        in result.stderr
    )
    assert [len(file.read_text().splitlines()) for file in files] == [3, 2]
    assert CliRunner().invoke(app, ["compare", str(tmp_path / "x"), *options]).exit_code == 0
    for option, file in zip(options[::2], files, strict=True):
        file.write_text("mine")
        result = CliRunner().invoke(app, ["compare", str(tmp_path / "x"), option, str(file)])
        assert (result.exit_code, result.stderr) == (
            2,
            f"error: {file} exists and is neither empty nor an earlier comparison; choose another "
            f"{option}, or move it away\n",
        )


def test_compare__draws_groups_where_all_know_them(finished):
    results = [Result.read(finished("cmpl", seed, final=0.5)) for seed in (0, 1)]
    [line] = lines_of(results)
    assert line.num_groups is None
    halves = {id: "first" if number < 10 else "second" for number, id in enumerate(IDS)}
    grouped = [replace(result, groups=halves) for result in results]
    [by_group] = lines_of(grouped)  # all of the first half are right, none of the second
    assert (by_group.num_groups, by_group.top1) == (2, (0.5, 0.0, 1.0))
    assert line.top1.low > 0.2
    assert lines_of([grouped[0], results[1]])[0].num_groups is None
    one = [replace(result, groups=dict.fromkeys(IDS, "all")) for result in results]
    assert lines_of(one)[0].num_groups is None


WEIGHTS = {"pretrained_on": "Kinetics-400", "licence": "CC-BY-NC", "league": "video weights"}


def test_compare__ranks_no_two_leagues_together(finished):
    origin = {"networks.primary.origin": WEIGHTS}
    runs = [
        finished("fixmatch", 0, final=0.9, name="tuned", **origin),
        finished("supervised", 0, final=0.3),
        finished("cmpl", 0, final=0.4),
        finished("supervised", 0, final=0.8, name="tuned-supervised", **origin),
    ]
    lines = compare(runs)
    assert [line.league for line in lines] == ["scratch"] * 2 + ["video weights"] * 2
    assert lines[0].gains == lines[2].gains == (None, None)
    assert lines[1].gains[0].interval.value == pytest.approx(0.1)  # over those of its league
    assert lines[3].gains[1].interval.value == pytest.approx(-0.1)
    assert {league: len(part) for league, part in by_league(lines).items()} == {
        "scratch": 2,
        "video weights": 2,
    }


def test_command__shows_leagues_apart_and_what_they_had_seen(finished, tmp_path):
    runs = [
        finished("fixmatch", 0, name="tuned", **{"networks.primary.origin": WEIGHTS}),
        finished("supervised", 0),
    ]
    files = [tmp_path / name for name in ("t.md", "t.csv")]
    arguments = ["compare", *runs, "--markdown", files[0], "--csv", files[1]]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0
    assert result.stdout.startswith("These networks had seen different data before their first")
    scratch, tuned = (
        result.stdout.index("league: scratch"),
        result.stdout.index(
            "league: video weights; pretrained on Kinetics-400 (licence of the weights: CC-BY-NC)"
        ),
    )
    assert scratch < result.stdout.index("supervised", scratch) < tuned
    markdown, table = (file.read_text() for file in files)
    assert "## League: scratch" in markdown
    assert markdown.index("## League: video weights") < markdown.index("| fixmatch")
    assert ",video weights,Kinetics-400,CC-BY-NC" in table
    assert CliRunner().invoke(app, list(map(str, arguments))).exit_code == 0


def test_command__says_nothing_of_leagues_from_scratch(finished):
    result = CliRunner().invoke(app, ["compare", str(finished("supervised", 0))])
    assert "league" not in result.stdout
