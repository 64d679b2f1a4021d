"""The tutorials run as they stand, and their notebooks say the same."""

import json
import re
import shlex
import sys
import types
from pathlib import Path

import pytest

from semivideo.cli import app

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


def blocks(page):
    return re.findall(r"^```(python|bash)\n(.*?)^```", page.read_text(), flags=re.M | re.S)


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda p: p.stem)
def test_tutorials__run_as_they_stand(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType(page.stem)  # a class of a tutorial is found by its module
    monkeypatch.setitem(sys.modules, page.stem, module)
    module.print = lambda *_: None
    for language, code in blocks(page):
        if language == "python":
            exec(compile(code, str(page), "exec"), vars(module))
            continue
        for line in code.splitlines():
            program, *words = shlex.split(line)
            assert program == "semivideo"
            assert not app(words, standalone_mode=False), line


def test_tutorials__the_method_has_forty_lines():
    [code] = [code for _, code in blocks(ROOT / "docs/tutorials/new_method.md") if "class " in code]
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) - next(i for i, line in enumerate(lines) if "class" in line) <= 40


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda p: p.stem)
def test_tutorials__are_notebooks_too(page):
    jupytext = pytest.importorskip("jupytext", reason="the tool for notebooks is in the extra docs")
    made = jupytext.reads(page.read_text(), fmt="md")
    kept = json.loads((ROOT / "examples" / f"{page.stem}.ipynb").read_text())
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in kept["cells"]]
    assert cells == [(cell.cell_type, cell.source) for cell in made.cells], (
        "make it anew: bash scripts/notebooks"
    )
