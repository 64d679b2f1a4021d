"""Imports point only up the way of the data; read off the syntax tree, not off goodwill."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "semivideo"
LAYERS = (
    {"base"},
    {"options", "settings"},
    {"runfolder"},
    {"events"},
    {"data", "transforms", "models", "objectives"},
    {"encoders"},
    {"methods"},
    {"features"},
    {"engine", "evaluation"},
    {"analysis", "recipes"},
    {"run"},
    {"export", "profile", "report", "review"},
    {"api"},
    {"__init__"},
    {"cli"},
    {"__main__"},
)
"""Rooms of the package from the ground up; two rooms of one layer do not import each other."""
INSIDE = {
    "base": (
        {
            *("errors", "progress", "devices", "processes", "randomness", "records", "endings"),
            "machine",
        },
        {"files", "foreign_code", "jobs"},
        {"checked", "faults", "locks", "places", "user_folders"},
    ),
    "data": ({"video"}, {"catalogue"}, {"splits", "cache", "synthetic"}, {"clips"}),
    "models": ({"contract"}, {"blocks"}),
    "methods": ({"parts"},),
    "analysis": (
        {"calibration", "principal", "pseudo_labels", "relevance", "suggest"},
        {"result"},
        {"groups"},
        {"judged_labels", "comparison", "drawing"},
        {"comparison_table", "figures", "audit", "timeline_picture"},
    ),
}
"""The same inside a room, for what is listed: it must not import what stands beside or after it."""
FILES = sorted(ROOT.rglob("*.py"))


def module_of(path: Path) -> tuple[str, ...]:
    """``semivideo/data/video/flow.py`` is ("data", "video", "flow")."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts


MODULES = {module_of(path): path for path in FILES}


def imported(path: Path, tree: ast.Module | None = None) -> set[tuple[str, ...]]:
    """Modules of the package that a file imports, lazy imports included."""
    found = set()
    for node in ast.walk(tree or ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write absolute imports"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, *parts = name.split(".")
            if package == "semivideo":
                while parts and tuple(parts) not in MODULES:
                    parts.pop()  # what is left names a module, not something in it
                found.add(tuple(parts) or ("__init__",))
    return found


def place(name: str, layers: tuple[set[str], ...]) -> int | None:
    return next((number for number, names in enumerate(layers) if name in names), None)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_layers__imports_point_up(path):
    room, *rest = module_of(path)
    for other, *parts in imported(path):
        if other != room:
            up = place(other, LAYERS) < place(room, LAYERS)
            assert up, f"{room} must not import {other}"
        elif room in INSIDE and rest and parts and rest[0] != parts[0]:
            ours, theirs = (place(names[0], INSIDE[room]) for names in (rest, parts))
            is_up = ours is None or (theirs is not None and theirs < ours)
            assert is_up, f"{room}.{rest[0]} must not import {room}.{parts[0]}"


def test_layers__every_room_has_its_place():
    rooms = {module[0] for module in MODULES}
    assert rooms == set().union(*LAYERS)
    for room, layers in INSIDE.items():
        inside = {module[1] for module in MODULES if module[0] == room and len(module) > 1}
        assert set().union(*layers) <= inside
        if room in ("base", "data", "analysis"):
            assert inside == set().union(*layers)


def test_layers__no_modules_import_each_other_in_a_circle():
    """Imports inside functions do not count: they are there to start fast."""
    graph = {}
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                node.body = [ast.Pass()]
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                node.body = [ast.Pass()]
        graph[module] = imported(path, tree) - {module}
    done, open_ = set(), []

    def visit(module):
        assert module not in open_, " -> ".join(".".join(m) for m in [*open_, module])
        if module in done:
            return
        open_.append(module)
        for other in graph[module]:
            visit(other)
        done.add(open_.pop())

    for module in graph:
        visit(module)


def test_layers__no_two_modules_have_one_name():
    """Commands are called what the user types; the rooms they lead to are named otherwise."""
    names = [module[-1] for module in MODULES if not (ROOT.joinpath(*module)).is_dir()]
    assert sorted(names) == sorted(set(names))


def test_layers__a_room_has_about_a_dozen_entries():
    for folder in {path.parent for path in FILES} - {ROOT, ROOT / "cli"}:  # a command, a file
        entries = [e for e in folder.iterdir() if e.name not in ("__pycache__", "__init__.py")]
        assert len(entries) <= 16, f"{folder.relative_to(ROOT)} has {len(entries)} entries"


def test_layers__every_room_says_what_lives_there():
    for path in FILES:
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text())), path
