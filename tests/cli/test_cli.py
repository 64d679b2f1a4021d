"""What holds for every command: fast help, frozen flags, sentences instead of tracebacks."""

import errno
import logging
import re
import subprocess
import sys
import warnings

import pytest
import typer

from semivideo import __version__
from semivideo.base.errors import ConfigError, TrainingError
from semivideo.cli import app
from semivideo.recipes import RECIPES
from semivideo.run.choice.default import candidates
from semivideo.run.resolve import Wanted

FLAGS = {
    "scan": "videos --out --list --group-pattern --group-column --allow-missing --layout "
    "--frame-rate --format --annotator --class-from --point-seconds --label-rate "
    "--multi-label --verify --window-frames --workers",
    "prepare": "videos --out --short-side --every --format --quality --flow --verify --workers "
    "--ray",
    "features": "videos --out --encoder --views --frames --flip --modality --rotations --from "
    "--frame-rate --verify",
    "labels": "action files --from --format --to --out --videos --annotator --class-from "
    "--point-seconds --label-rate",
    "encoders": "--measure",
    "split": "manifest --out --labels-per-class --labeled-fraction --seed --test-groups "
    "--test-fraction --allow-fewer --protocol --lists --allow-missing",
    "audit": "manifest --split --protocol --lists --seed --json --no-frames",
    "bench": "videos --method --split --labels-per-class --recipe --set --steps --compare "
    "--largest-batch --json --out",
    "train": "videos --method --split --labels-per-class --recipe --steps --seed --set --out "
    "--resume --from --no-estimate --allow-code --budget --multi-label",
    "evaluate": "run --protocol --videos --per-class --hardware --allow-code",
    "predict": "run videos --top --json --out --ray --hardware --frame-rate --allow-code "
    "--timeline --window --stride --set --truth --picture --annotated",
    "suggest": "run --count --by --weight --baseline --seed --out",
    "doubts": "run --folds --rule --no-frames --out",
    "plan": "runs --seconds-per-label --draws --train --out",
    "recipes": "pattern --all --tables --table --records",
    "methods": "name",
    "report": "runs --out",
    "review": "run --port --count --open",
    "export": "run --out --format --half --int8 --videos --count --allow-code",
    "push": "run repo --public --videos --allow-code",
    "pull": "repo --out --revision --allow-code",
    "compare": "runs --markdown --csv --records --allow-code",
    "sweep": "grid manifest --split --out --steps --variant",
    "figure": "name runs --out --set --allow-code",
    "demo": "--out --steps --seed",
}
ENCODERS_FLAGS = {
    "add": "name --from --download --pretrained-on --licence --league",
    "remove": "name",
    "convert": "file --to --out --pretrained-on --licence --league --keys",
}


def test_app__flags_are_frozen():
    commands = typer.main.get_command(app).commands
    flags = {
        name: [opt for param in command.params for opt in param.opts]
        for name, command in commands.items()
    }
    assert flags == {name: text.split() for name, text in FLAGS.items()}
    inner = {
        name: [opt for param in command.params for opt in param.opts]
        for name, command in commands["encoders"].commands.items()
    }
    assert inner == {name: text.split() for name, text in ENCODERS_FLAGS.items()}


def _default_in_words(command, name):
    params = typer.main.get_command(app).commands[command].params
    return next(param.show_default for param in params if param.name == name)


def test_help__says_what_is_done_where_a_method_is_left_out():
    assert Wanted().is_undecided
    assert "chosen" in _default_in_words("train", "method")
    for has_unlabeled in (True, False):  # bench compares nothing
        [recipe] = candidates(None, has_unlabeled=has_unlabeled, has_gpu=False)
        assert RECIPES[recipe].method in _default_in_words("bench", "method")
        assert RECIPES[recipe].method not in _default_in_words("train", "method")


def test_help__says_what_a_number_is_where_it_is_left_out():
    unsaid = {
        f"{name} {param.opts[0]}"
        for name, command in typer.main.get_command(app).commands.items()
        for param in command.params
        if param.type_descriptor.annotation in (int, float)
        if param.default is None and not isinstance(param.show_default, str)
    }
    assert unsaid == set()


def test_help__imports_nothing_heavy():
    heavy = "{'torch', 'av', 'cv2', 'numpy', 'pyarrow', 'pydantic', 'matplotlib'}"
    code = (
        "import sys; from semivideo.cli import app\n"
        "try: app(['--help'], prog_name='semivideo')\n"
        f"finally: print('LOADED', sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("LOADED []")
    assert all(f" {name} " in done.stdout for name in FLAGS)


def test_version__is_the_packages(run):
    result = run("--version")
    assert (result.code, result.out) == (0, f"semivideo {__version__}\n")


def test_no_command__shows_the_help(run):
    result = run()
    assert result.code == 2
    assert "Commands" in result.out + result.err


@pytest.mark.parametrize(
    "arguments", [["trian"], ["evaluate"], ["predict", "r", "v", "--top", "0"], ["split", "m"]]
)
def test_usage_errors__exit_2_without_a_traceback(run, arguments):
    result = run(*arguments)
    assert result.code == 2
    assert "Usage" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ConfigError("[method] has no key 'x' [accepts: y]"), 2, "[method] has no key 'x'"),
        (TrainingError("the loss is\nnot finite"), 1, "error: the loss is not finite\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), 1, "left on device (a/b); free"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 1, "Permission denied (x)"),
        (KeyError("bug"), 1, "unexpected KeyError: 'bug'; this is a fault of semivideo"),
    ],
)
def test_errors__are_one_line_on_stderr(run, build, error, code, sentence):
    def describe():
        raise error

    build.describe = describe
    result = run("methods")
    assert result.code == code
    assert sentence in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""


def test_errors__show_the_traceback_when_debugging(run, build, monkeypatch):
    def describe():
        raise ConfigError("why")

    build.describe = describe
    monkeypatch.setenv("SEMIVIDEO_DEBUG", "1")
    assert isinstance(run("methods").exception, ConfigError)


def test_interrupt__exits_130(run, build):
    def describe():
        raise KeyboardInterrupt

    build.describe = describe
    result = run("methods")
    assert (result.code, result.err) == (130, "interrupted\n")


def test_warnings__are_one_line_each(run, build):
    def describe():
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("a bad [file]", UserWarning, stacklevel=1)
        logging.getLogger("semivideo").warning("skipped %s", "b.mp4")
        return [("method", "cmpl", "two networks")]

    build.describe = describe
    result = run("methods")
    assert result.err.startswith("warning: a bad [file]\nwarning: skipped b.mp4\n")
    assert "cmpl" in result.out


def test_methods__lists_kind_name_and_line(run, build):
    build.describe = lambda: [
        ("method", "cmpl", "A."),
        ("method", "fixmatch", "B."),
        ("net", "r", "C."),
    ]
    lines = [line.replace("│", "").split() for line in run("methods").out.splitlines()]
    for row in (["method", "cmpl", "A."], ["fixmatch", "B."], ["net", "r", "C."]):
        assert row in lines


def test_recipes__lists_every_recipe(run):
    from semivideo.recipes import RECIPES

    result = run("recipes", "--all")
    assert result.code == 0
    lines = [line.split("│") for line in result.out.splitlines() if "│" in line]
    shown = {
        name.strip(): (paper.strip(), league.strip()) for _, name, *_, paper, league, _ in lines
    }
    assert shown == {name: (row.paper, row.league) for name, row in RECIPES.items()}
    assert shown["sefar-ucf101-5-b"] == ("77.6 (SeFAR-B)", "image weights")
    assert shown["videossl-ucf101-10-r3d18"] == ("42.0 (LTG Table 2)", "image weights")
    assert shown["timebalance-ucf101-1-r50"] == ("30.1 (TimeBalance)", "scratch")


def test_recipes__shows_what_fits_first_and_says_how_many_more_there_are(run):
    result = run("recipes")
    names = [line.split("│")[1].strip() for line in result.out.splitlines() if "│" in line]
    assert names[0] == "small-cmpl"
    assert all(name.startswith("small-") for name in names)
    assert re.search(r"recipes --all shows \d+ more", result.err)
    assert "ltg-ucf101-10-r3d18" in run("recipes", "ltg-ucf101-10").out


def test_methods__shows_meaning_default_and_range_of_each_setting(run):
    table = run("methods", "fixmatch").out
    [row] = [line for line in table.splitlines() if "method.threshold " in line]
    assert "number in [0, 1]" in row
    table = run("methods", "engine").out
    assert "PydanticUndefined" not in table
    [row] = [line for line in table.splitlines() if "engine.learning_rate" in line]
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    meaning = "Peak learning rate of all that has none of its own (networks.primary.rates)."
    assert cells == ["engine.learning_rate", meaning, "0.1", "number > 0"]
    result = run("methods", "fixmach")
    assert (result.code, "did you mean 'fixmatch'?" in result.err) == (2, True)
