import shlex
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from semivideo.base.errors import ConfigError, Stopped
from semivideo.cli.train import parse_settings
from semivideo.run.choice.candidate import Candidate, Choice
from semivideo.run.choice.cross_validation import Estimate

SUMMARY = {"steps": 7, "seconds": 90.0, "skipped_videos": {}}


def outcome(**changes):
    """A finished run."""
    found = {
        "summary": SUMMARY,
        "path": Path("RUN"),
        "split": SimpleNamespace(test=["v"]),
        "allow": (),
        "choice": None,
        "estimate": None,
        "why_no_estimate": None,
        "videos_folder": None,
    }
    return SimpleNamespace(**{**found, **changes})


@pytest.fixture
def trained(api):
    """Arguments of the calls of api.train."""
    calls = []

    def train(**arguments):
        calls.append(arguments)
        return outcome()

    api.train = train
    return calls


def test_train__passes_what_was_given(run, trained):
    result = run(
        *("train", "videos", "--method", "fixmatch", "--labels-per-class", 4, "--steps", 7),
        *("--seed", 3, "--set", "method.threshold=0.8", "--set", "views.flip=no", "--out", "RUN"),
    )
    assert result.code == 0
    [given] = trained
    assert callable(given.pop("progress"))
    assert given == (
        {
            "videos": "videos",
            "method": "fixmatch",
            "split": None,
            "labels_per_class": 4,
            "recipe": None,
            "steps": 7,
            "seed": 3,
            "settings": {"method.threshold": 0.8, "views.flip": False},
            "out": Path("RUN"),
            "from_run": None,
        }
    )
    assert result.out == "finished: 7 steps in 90 s; next: semivideo evaluate RUN\n"
    assert result.err == ""


def test_train__resume_needs_the_run_folder_alone(run, trained):
    assert run("train", "--resume", "RUN").code == 0
    assert [given["resume"] for given in trained] == [Path("RUN")]
    assert [sorted(given) for given in trained] == [["progress", "resume"]]


def test_train__can_leave_out_the_estimate(run, trained):
    assert run("train", "videos", "--out", "RUN", "--no-estimate").code == 0
    assert trained[0]["estimate"] is False
    assert "leave out --no-estimate" in run("train", "--resume", "RUN", "--no-estimate").err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_train__a_signal_ends_in_a_command_that_can_be_pasted(run, api, tmp_path, number):
    def train(*, out, **_):
        out.mkdir()
        (out / "settings.yaml").touch()
        raise Stopped(number)

    api.train = train
    result = run("train", "videos", "--out", tmp_path / "my runs")
    assert result.code == 128 + number
    command = result.err.partition("go on with: ")[2].strip()
    assert shlex.split(command) == ["semivideo", "train", "--resume", str(tmp_path / "my runs")]


def test_train__without_test_videos_the_next_step_names_the_users_videos(run, api, tmp_path):
    (tmp_path / "my videos").mkdir()
    folder = tmp_path / "my videos"
    api.train = lambda **_: outcome(split=SimpleNamespace(test=[]), videos_folder=folder)
    result = run("train", tmp_path / "my videos", "--out", "RUN")
    words = shlex.split(result.out.partition("next: ")[2])
    assert words[:4] == ["semivideo", "predict", "RUN", str(tmp_path / "my videos")]
    assert words[4:] == ["--out", "RUN/predictions.csv"]


def test_train__prints_the_estimate_and_what_is_confused(run, api):
    estimate = Estimate(
        ("jump", "run"), ((3, 1), (2, 2)), 8, 1.0, {"jump": 4, "run": 5}, 31, 1, 30, 120, 42.0
    )
    api.train = lambda **_: outcome(estimate=estimate)
    lines = run("train", "videos", "--out", "RUN").out.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]
    assert ["jump", "4", "4", "75.0", "run (1)"] in rows
    assert ["run", "5", "4", "50.0", "jump (2)"] in rows
    words = " ".join(lines)
    assert (
        "estimate: 62.5 % of 8 left-out labelled videos right, 95 % interval 30.6 to 86.3" in words
    )
    assert "1 training of 30 steps" in words
    assert "31 unlabelled videos and 120 steps" in words
    assert "no videos are known to belong together" in words


def test_train__prints_what_was_compared_and_chosen(run, api):
    tried = (
        Candidate(
            "net + probe",
            "image weights",
            "r",
            ids=("a", "b"),
            right=(True, False),
            groups=("a", "b"),
            seconds=41.3,
        ),
        Candidate("small network", "scratch", "s", remark="left out: it takes 17 min"),
    )
    choice = Choice(tried, "net + probe", "the simplest", (), 600.0, 50.0)
    api.train = lambda **_: outcome(choice=choice)
    lines = run("train", "videos", "--out", "RUN").out.splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]
    assert ["net + probe", "image weights", "50.0", "9.5 to 90.5", "2", "41", ""] in rows
    last = ["small network", "scratch", "-", "-", "0", "0", "left out: it takes 17 min"]
    assert last in rows
    assert "chosen: net + probe, the simplest" in lines


def test_train__gives_the_budget_on(run, trained):
    assert run("train", "videos", "--out", "RUN", "--budget", "1h").code == 0
    assert trained[0]["budget"] == "1h"
    assert "leave out --budget" in run("train", "--resume", "RUN", "--budget", "1h").err
    assert "10m where" in run("train", "--help").out


def test_train__what_has_no_steps_is_computed(run, api):
    api.train = lambda **_: outcome(summary={**SUMMARY, "steps": 0})
    result = run("train", "videos", "--out", "RUN")
    assert result.out.startswith("finished: computed in 90 s; next: ")


def test_train__says_why_there_is_no_estimate(run, api):
    api.train = lambda **_: outcome(why_no_estimate="class 'a' has 2 labels")
    result = run("train", "videos", "--out", "RUN")
    assert result.err == "no estimate of the accuracy: class 'a' has 2 labels\n"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["videos"], "VIDEOS"), (["--set", "a.b=1"], "--set"), (["--seed", 0], "--seed")],
)
def test_train__resume_takes_no_other_option(run, trained, arguments, name):
    result = run("train", "--resume", "RUN", *arguments)
    assert result.code == 2
    assert f"--resume takes everything from the run folder; leave out {name}" in result.err
    assert trained == []


@pytest.mark.parametrize(
    ("arguments", "name"), [(["--out", "RUN"], "VIDEOS"), (["videos"], "--out")]
)
def test_train__says_what_is_missing(run, trained, arguments, name):
    result = run("train", *arguments)
    assert result.code == 2
    assert f"train needs {name}: write semivideo train VIDEOS --out RUN" in result.err


def test_train__an_interrupt_says_how_to_go_on(run, api, tmp_path):
    def train(*, out, **_):
        out.mkdir()
        (out / "settings.yaml").touch()
        raise KeyboardInterrupt

    api.train = train
    result = run("train", "videos", "--out", tmp_path / "a")
    assert result.code == 130
    assert result.err == f"interrupted; go on with: semivideo train --resume {tmp_path / 'a'}\n"


def test_train__an_interrupt_before_the_run_began_promises_nothing(run, api, tmp_path):
    def train(**_):
        raise KeyboardInterrupt

    api.train = train
    result = run("train", "videos", "--out", tmp_path / "a")
    assert (result.code, result.err) == (130, "interrupted\n")


def test_train__counts_skipped_videos(run, trained, monkeypatch):
    monkeypatch.setitem(SUMMARY, "skipped_videos", {"3": "empty", "5": "broken"})
    monkeypatch.setitem(SUMMARY, "unreadable_videos", {"a.mp4": "it is empty"})
    assert (
        "; 3 videos could not be read (see RUN/summary.json); "
        in run("train", "videos", "--out", "RUN").out
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("[1e-3, -2.E5]", [1e-3, -2e5]),
        ("{weight: 1e-3}", {"weight": 1e-3}),
        ("1e5x", "1e5x"),
        ("3", 3),
        ("0.5", 0.5),
        ("null", None),
        ("true", True),
        ("[1.0, 1.25]", [1.0, 1.25]),
        ("my_module:Net", "my_module:Net"),
        ("a=b", "a=b"),
        ("{width: 0.25}", {"width": 0.25}),
        ("nan-like", "nan-like"),
        ("2024-99-99", "2024-99-99"),
    ],
)
def test_parse_settings__reads_yaml_values(text, value):
    assert parse_settings([f"a.b={text}"]) == {"a.b": value}


@pytest.mark.parametrize("text", ["engine.steps", "=3"])
def test_parse_settings__needs_key_and_value(text):
    with pytest.raises(ConfigError, match=f"--set '{text}' is not section.key=value"):
        parse_settings([text])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1,", r"a.b=\[1,'"),
        ("[" * 3000, r"a.b=\[{115}\.\.\."),
        ("9" * 5000, r"a.b=9{115}\.\.\."),
        ("[&a [1], *a]", r"a.b=\[&a \[1\], \*a\]'"),
    ],
)
def test_parse_settings__refuses_what_is_not_yaml(text, told):
    sentence = f"the value of --set '{told} cannot be read; write a number, true, false, null, a wo"
    with pytest.raises(ConfigError, match=sentence):
        parse_settings([f"a.b={text}"])
