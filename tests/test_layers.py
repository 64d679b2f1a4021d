"""Imports point only up the way of the data; read off the syntax tree, not off goodwill."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "semivideo"
LAYER = {
    **dict.fromkeys(["records", "errors", "checked", "files", "settings", "runfolder"], 0),
    **dict.fromkeys(["randomness", "processes", "progress", "devices", "share"], 0),
    **dict.fromkeys(["data", "transforms", "models", "objectives"], 1),
    "methods": 2,
    **dict.fromkeys(["engine", "evaluation"], 3),
    **dict.fromkeys(["analysis"], 4),
    **dict.fromkeys(["build", "training", "cluster"], 6),
    **dict.fromkeys(
        [
            "recipes",
            "run",
            "videos",
            "prediction",
            "api",
            "sweep",
            "benchmark",
            "cli",
            "__init__",
            "__main__",
        ],
        7,
    ),
}
# Inside a layer only these may lean on a neighbor.
INSIDE = {
    ("__main__", "cli"),
    ("cli", "api"),
    ("cli", "recipes"),
    ("cli", "__init__"),
    ("api", "recipes"),
    ("sweep", "api"),
    ("sweep", "recipes"),
    ("cli", "sweep"),
    ("cli", "benchmark"),
    ("api", "run"),
    ("api", "videos"),
    ("api", "prediction"),
    ("prediction", "run"),
    ("training", "build"),
    ("__init__", "api"),
    ("checked", "errors"),
    ("settings", "checked"),
    ("settings", "errors"),
    ("files", "errors"),
    ("share", "errors"),
    ("runfolder", "errors"),
    ("runfolder", "files"),
    ("runfolder", "settings"),
}
FILES = sorted(ROOT.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_packages(path: Path) -> set[str]:
    """First parts below ``semivideo`` of every import in the file, lazy ones included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write absolute imports"
            module = node.module or ""
            bare = module == "semivideo"
            names = [f"{module}.{a.name}" for a in node.names] if bare else [module]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "semivideo":
                found.add(parts[1] if len(parts) > 1 and parts[1] in LAYER else "__init__")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_layers__imports_point_up(path):
    package = package_of(path)
    for other in imported_packages(path) - {package}:
        up = LAYER[other] < LAYER[package]
        assert up or (package, other) in INSIDE, f"{package} must not import {other}"


def test_layers__every_package_has_its_place():
    assert {package_of(path) for path in FILES} <= set(LAYER)
