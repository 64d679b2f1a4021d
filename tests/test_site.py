"""What the site is made of: the order of its pages, and the pages that the package writes."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from semivideo.methods import METHODS
from semivideo.settings import Settings

ROOT = Path(__file__).parents[1]


def entries(node):
    """Pages and patterns of pages in the order of the pages, depth first."""
    for tree in node.get("subtrees", ()):
        for entry in tree["entries"]:
            yield entry.get("file") or entry["glob"]
            yield from entries(entry)


def extension(name):
    pytest.importorskip("sphinx", reason="the site's tools are in the extra docs")
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "site" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page",
    [path.relative_to(ROOT) for path in sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda path: path.stem,
)
def test_pages__stand_in_the_order_of_the_site(page):
    order = yaml.safe_load((ROOT / "docs" / "contents.yml").read_text())
    named = [*entries(order), order["root"]]
    name = page.with_suffix("").as_posix()
    assert any(name == each or Path(name).match(each) for each in named), (
        f"add '- file: {name}' below its door in docs/contents.yml"
    )


def test_pages__of_methods_have_equations_in_latex():
    for name in METHODS:
        page = ROOT / "docs" / "methods" / f"{name}.md"
        assert "```math\n" in page.read_text(), f"{page}: write its equations in ```math blocks"


def test_mathematics__refuses_an_index_below_its_letter():
    nodes = pytest.importorskip("docutils.nodes")
    mathematics = extension("site_mathematics")
    assert "<msub>" in mathematics._mathml(nodes.math("", "q_i"), is_block=False)
    assert "<munderover>" in mathematics._mathml(nodes.math("", r"\sum_i^n q"), is_block=True)
    with pytest.raises(Exception, match="an index below its letter"):
        mathematics._mathml(nodes.math("", r"\hat q_i"), is_block=False)


def test_reference__shows_every_setting_with_its_meaning(monkeypatch):
    page = extension("site_reference").settings()
    for name, section in Settings.model_fields.items():
        for key, field in getattr(section.annotation, "model_fields", {}).items():
            assert f"`{name}.{key}" in page
            assert name in ("method", "networks") or field.description.split("|")[0][:20] in page
    row = next(line for line in page.splitlines() if line.startswith("| `views.randaugment_ops`"))
    assert re.findall(r"`(\w+)`", row.rsplit(" | ", 1)[1]) == [
        name
        for name in METHODS
        if name in {"fixmatch", "actorcutmix", "mvpl", "cmpl", "ltg", "svformer"}
        or "taught" in METHODS[name].__module__
    ]


def test_reference__shows_every_option_of_a_command():
    pages = extension("site_reference").commands()
    assert "| `--labels-per-class` |" in pages["train"]
    assert "## `semivideo encoders add`" in pages["encoders"]
    assert all(page.startswith(f"# `semivideo {name}`") for name, page in pages.items())


def test_checks__find_names_without_a_docstring():
    source = (
        '"""It."""\nclass A:\n    def b(self): ...\n    def _c(self): ...\ndef d():\n    "D."\n'
    )
    assert extension("site_checks").undocumented(ast.parse(source)) == ["A", "b"]
