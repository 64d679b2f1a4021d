from pathlib import Path
from types import SimpleNamespace

import pytest

from semivideo.base.errors import ConfigError
from semivideo.cli.train import parse_settings

SUMMARY = {"steps": 7, "seconds": 90.0, "skipped_videos": {}}


@pytest.fixture
def trained(api):
    """Arguments of the calls of api.train."""
    calls = []

    def train(**arguments):
        calls.append(arguments)
        return SimpleNamespace(summary=SUMMARY, path=Path("RUN"), split=SimpleNamespace(test=["v"]))

    api.train = train
    return calls


def test_train__passes_what_was_given(run, trained):
    result = run(
        *("train", "videos", "--method", "fixmatch", "--labels-per-class", 4, "--steps", 7),
        *("--seed", 3, "--set", "method.threshold=0.8", "--set", "views.flip=no", "--out", "RUN"),
    )
    assert result.code == 0
    assert trained == [
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
            "progress": None,
        }
    ]
    assert result.out == "finished: 7 steps in 1.5 minutes; next: semivideo evaluate RUN\n"
    assert result.err == ""


def test_train__resume_needs_the_run_folder_alone(run, trained):
    assert run("train", "--resume", "RUN").code == 0
    assert trained == [{"resume": Path("RUN"), "progress": None}]


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
    assert (
        "; 2 videos could not be read (see RUN/summary.json); "
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
    ],
)
def test_parse_settings__reads_yaml_values(text, value):
    assert parse_settings([f"a.b={text}"]) == {"a.b": value}


@pytest.mark.parametrize("text", ["engine.steps", "=3"])
def test_parse_settings__needs_key_and_value(text):
    with pytest.raises(ConfigError, match=f"--set '{text}' is not section.key=value"):
        parse_settings([text])


def test_parse_settings__refuses_what_is_not_yaml():
    with pytest.raises(ConfigError, match=r"the value of --set 'a.b=\[1,' cannot be read"):
        parse_settings(["a.b=[1,"])
