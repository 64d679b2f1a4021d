"""The command line speaks its own language: options as they are typed, commands to be pasted."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer

import semivideo
from semivideo.base.errors import ConfigError, Sentence, SplitError, option
from semivideo.cli import app
from semivideo.cli.console import command, spelling_of

COMMANDS = typer.main.get_command(app).commands
PARAMETERS = [(name, each) for name, found in COMMANDS.items() for each in found.params]
PACKAGE = Path(semivideo.__file__).parent


def spelled(name, text):
    return Sentence(text).spelled(spelling_of(COMMANDS, name))


@pytest.mark.parametrize(
    ("name", "parameter"), PARAMETERS, ids=lambda each: getattr(each, "name", each)
)
def test_option__is_named_as_it_is_typed(name, parameter):
    python = parameter.name.rstrip("_")
    is_argument = parameter.param_type_name == "argument"
    wanted = parameter.name.upper() if is_argument else max(parameter.opts, key=len)
    assert spelled(name, f"leave out {option(python)}") == f"leave out {wanted}"
    assert str(ConfigError(f"leave out {option(python)}")) == f"leave out {python}"


def test_option__that_another_command_has_names_that_command():
    text = f"pass {option('allow_fewer', True)}"
    assert spelled("split", text) == "pass --allow-fewer"
    assert spelled("train", text) == "pass --allow-fewer of semivideo split"


def test_option__values_can_be_pasted():
    text = option("split", "my splits/a.json")
    assert shlex.split(spelled("train", text)) == ["--split", "my splits/a.json"]
    changes = option("settings", {"engine.check_memory": False})
    assert spelled("train", changes) == "--set engine.check_memory=false"


def test_option__leaves_what_users_called_like_an_option_alone():
    text = f"class 'allow_fewer=True' has no {option('labels_per_class')}"
    assert spelled("split", text) == "class 'allow_fewer=True' has no --labels-per-class"


def test_errors__of_a_command_name_its_options(run, api):
    def split(*_, **__):
        raise SplitError(f"lower it or pass {option('allow_fewer', True)}")

    api.split = split
    result = run("split", "m", "--out", "s.json", "--labels-per-class", 3)
    assert result.err == "error: lower it or pass --allow-fewer\n"


def raised_texts():
    """File, line and each literal part of every message that the library raises."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and node.exc is not None:
                marked = {
                    id(inner)
                    for call in ast.walk(node.exc)
                    if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "option"
                    for inner in ast.walk(call)
                }
                for part in ast.walk(node.exc):
                    is_text = isinstance(part, ast.Constant) and isinstance(part.value, str)
                    if is_text and id(part) not in marked:
                        yield f"{path.relative_to(PACKAGE)}:{part.lineno}", part.value


def test_messages__name_no_option_but_by_option():
    """Words that are both an option and a setting or an attribute are not looked for."""
    options = {p.name for _, p in PARAMETERS if "_" in p.name.strip("_")}
    pattern = re.compile(rf"(?<![\w.])(?:{'|'.join(sorted(options - {'short_side'}))})(?![\w.])")
    found = [(place, text) for place, text in raised_texts() if pattern.search(text)]
    assert found == []


@pytest.mark.parametrize(
    "path", ["plain", "two words", "quote's", "a;b", "$HOME", "-"], ids=lambda p: p
)
def test_command__can_be_pasted_whatever_the_path(path):
    assert shlex.split(command("semivideo", "evaluate", Path(path)))[2] == path


def test_options__that_are_switched_off_are_typed_so():
    assert spelled("features", f"leave out {option('flip', False)}") == "leave out --no-flip"
    assert spelled("features", f"begun with {option('flip', True)}") == "begun with --flip"
