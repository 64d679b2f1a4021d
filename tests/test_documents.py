"""What the README and the docs tell people to type works, and what they name is there."""

import ast
import importlib.util
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner

import semivideo
from semivideo.cli import app
from semivideo.data.synthetic.rendering import render
from semivideo.recipes import RECIPES, Recipe
from semivideo.run.build import build_method
from semivideo.settings import Settings
from tests.test_layers import INSIDE, LAYERS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "semivideo"
GENERATED = ROOT / "docs" / "generated"
WRITTEN = [page for page in sorted((ROOT / "docs").rglob("*.md")) if GENERATED not in page.parents]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *WRITTEN]
ROOMS = {path.parent.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*/__init__.py")}
FOLDERS = ROOMS | {"semivideo", "docs", "tests", "benchmarks", "scripts", "evidence"}
TINY = {
    "data.short_side": 32,
    "data.labeled_batch": 2,
    "data.unlabeled_batch": 2,
    "views.crop_size": 24,
    "evaluation.crop_size": 24,
    "networks.primary.num_frames": 2,
    "networks.auxiliary.num_frames": 4,
    "engine.steps": 2,
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.M | re.S)


def commands(page: Path) -> list[str]:
    """Lines of code blocks, and code in text, that begin with the program's name."""
    text = page.read_text()
    lines = [line for block in blocks(page, "") for line in block.splitlines()]
    found = lines + re.findall(r"`(semivideo [^`]+)`", text)
    return [line.split("#")[0].strip() for line in found if line.startswith("semivideo ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_documents__name_only_commands_and_options_that_exist(page):
    for line in commands(page):
        _, name, *rest = line.split()
        inner = rest[:1] if name == "encoders" and rest and not rest[0].startswith("-") else []
        result = CliRunner().invoke(app, [name, *inner, "--help"], env={"COLUMNS": "200"})
        assert result.exit_code == 0, line
        for option in re.findall(r"(?<!\S)--[a-z-]+", line):
            assert option in result.stdout, f"{page.name}: {line}: {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_documents__link_to_files_that_exist(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_documents__name_files_that_exist(page):
    """Code such as `run/build.py`: from the root, or as the pages do from the package."""
    for path in re.findall(r"`([\w-]+/[\w./-]*)`", page.read_text()):
        if path.endswith(".py") or path.split("/")[0] in FOLDERS:
            assert (ROOT / path).exists() or (PACKAGE / path).exists(), f"{page.name}: {path}"


def test_documents__have_no_long_lines():
    """Of prose; tables and code may."""
    spec = importlib.util.spec_from_file_location("wrap", ROOT / "scripts" / "wrap.py")
    wrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(wrap)
    long = [
        page.name for page in wrap.pages() if wrap.wrapped(page.read_text()) != page.read_text()
    ]
    assert not long, "break their lines: python scripts/wrap.py"
    code = "```\n" + "a " * 60 + "\n```\n"
    item = "* " + "word " * 22 + "`a b` [c](d)\n"
    assert wrap.wrapped(code) == code
    assert wrap.wrapped(item) == "* " + "word " * 18 + "word\n  word word word `a b` [c](d)\n"


def test_readme__shows_code_in_its_first_lines():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert lines.index("```") < 20
    assert not any("<this repository>" in page.read_text() for page in PAGES)


def test_docstrings__name_modules_that_exist():
    """Code such as ``data.video.flow``, which must be a module, something in it, or a setting."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) else None
            text = text if isinstance(text, str) else ""
            for name in re.findall(r"``([a-z_]\w*(?:\.\w+)+)", text):
                inside = name.removeprefix("semivideo.")
                is_file = name.endswith((".json", ".parquet", ".tar"))
                if not is_file and (name != inside or inside.split(".")[0] in ROOMS):
                    assert is_there(inside), f"{path.relative_to(ROOT)}: {name}"


def is_there(name: str) -> bool:
    section, key, *_ = [*name.split("."), ""]
    if section in Settings.model_fields:
        kind = Settings.model_fields[section].annotation
        if key in getattr(kind, "model_fields", {}):
            return True
    try:
        pkgutil.resolve_name(f"semivideo.{name}")
    except (ImportError, AttributeError):
        return False
    return True


def test_version__is_the_same_everywhere_and_has_its_changes():
    wanted = semivideo.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (project["version"], citation["version"]) == (wanted, wanted)
    heading = f"## {wanted} ({citation['date-released']})"
    assert heading in (ROOT / "CHANGELOG.md").read_text().splitlines()


def test_architecture__shows_the_tree_and_the_layers_that_there_are():
    page = ROOT / "docs/architecture.md"
    [tree] = [block for block in blocks(page, "") if block.startswith("semivideo/\n")]
    shown, above = set(), ""
    for indent, name in re.findall(r"^( {2,4})(\w+)/", tree, flags=re.M):
        above = name if len(indent) == 2 else above
        shown.add(name if len(indent) == 2 else f"{above}/{name}")
    assert shown == ROOMS
    rows = re.findall(r"^\| \d+ \| (.*) \|$", page.read_text(), flags=re.M)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == list(LAYERS)
    orders = re.findall(r"^\| `(\w+)` \| (`.*) \|$", page.read_text(), flags=re.M)
    inside = {
        room: tuple(set(re.findall(r"`(\w+)`", step)) for step in order.split(" < "))
        for room, order in orders
    }
    assert inside == INSIDE


def test_readme__six_lines_of_python_run(tmp_path, monkeypatch):
    render(tmp_path / "videos", videos_per_class=8, seed=0, classes=["wave", "squat"], num_groups=8)
    clip = next((tmp_path / "videos" / "wave").glob("*.mp4"))
    (tmp_path / "new.mp4").write_bytes(clip.read_bytes())
    tiny = RECIPES["small-cmpl"].settings().updated(TINY)
    recipe = Recipe("cmpl", data="", cost="", paper="", settings=lambda: tiny)
    monkeypatch.setitem(RECIPES, "small-cmpl", recipe)
    monkeypatch.chdir(tmp_path)
    [code] = blocks(ROOT / "README.md", "python")
    assert len([line for line in code.splitlines() if line]) == 6
    exec(code, {"print": lambda *_: None})
    assert (tmp_path / "runs/b/evaluation.json").exists()


def test_recipes__are_complete_and_named_in_the_table():
    for name, recipe in RECIPES.items():
        settings = recipe.settings()
        assert settings.method.name == recipe.method, name
        built = settings
        if settings.method.options.get("teacher") == "efficientnet_lite0":  # weights, not shapes
            built = settings.updated({"method.teacher": "image_logits.npz"})
        with torch.device("meta"):  # shapes without memory
            build_method(built, num_classes=5)
        assert settings == type(settings).from_mapping(settings.model_dump(mode="json")), name
