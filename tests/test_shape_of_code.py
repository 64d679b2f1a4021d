"""Alarms for what readers trip over: long functions, many parameters, files without an end."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from semivideo import api
from semivideo.methods import Method
from semivideo.models import Network

ROOT = Path(__file__).parents[1] / "semivideo"
FILES = sorted(ROOT.rglob("*.py"))
FILE_LINES = 500  # a file ends where its thought ends; this catches accidents
FUNCTION_LINES, OBJECTIVE_LINES = 60, 20
NUM_PARAMETERS = 7  # more become a small typed value, as ``ClipSpec`` is


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of a file; "Class.name" in classes."""
    for node in ast.walk(ast.parse(path.read_text())):
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{owner}{child.name}", child


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (node.end_lineno - body[0].lineno + 1) if body else 0


def is_public(name: str) -> bool:
    return all(part == "__init__" or not part.startswith("_") for part in name.split("."))


def spells_out_options(path: Path, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether each parameter is an option that users know by its name.

    So are the parameters of a command, those of the package's function that does the same, and the
    keywords of methods, networks and factories of networks, which are hyper-parameters.
    """
    room, *_ = path.relative_to(ROOT).parts
    if room == "cli":
        return True
    module = ".".join(("semivideo", *path.relative_to(ROOT).with_suffix("").parts))
    if name in api.__all__:
        return getattr(api, name).__module__ == module
    if room in ("methods", "models") and name.endswith(".__init__"):
        owner = getattr(importlib.import_module(module), name.split(".")[0])
        return issubclass(owner, Method | Network)
    return room == "models" and ast.unparse(node.returns or ast.Constant("")) == "Network"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_shape__functions_are_short_and_files_end(path):
    assert len(path.read_text().splitlines()) <= FILE_LINES
    longest = OBJECTIVE_LINES if path.parent.name == "objectives" else FUNCTION_LINES
    for name, node in functions(path):
        assert code_lines(node) <= longest, name


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_shape__public_functions_take_few_parameters(path):
    for name, node in functions(path):
        if is_public(name) and not spells_out_options(path, name, node):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            names = [a.arg for a in arguments if a.arg not in ("self", "cls")]
            assert len(names) <= NUM_PARAMETERS, f"{name} takes {len(names)}: {', '.join(names)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_shape__no_bare_except_print_or_utils(path):
    assert path.stem not in {"utils", "helpers", "misc", "common"}
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None)
        called = getattr(node, "func", None) if isinstance(node, ast.Call) else None
        assert getattr(called, "id", "") != "print", f"{path.name}:{node.lineno}"
