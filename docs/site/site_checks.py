"""What a page must be so that the site is built: in the order of the pages, and with equations.

Dead links are warnings of Sphinx and of MyST, and warnings are errors in ``make docs``.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "semivideo"


def check_order(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Refuse a page that no door leads to.

    Raises:
        ExtensionError: Names the pages, and the file to add them to.
    """
    reached = {page for pages in env.toctree_includes.values() for page in pages}
    lost = sorted(env.found_docs - reached - {app.config.root_doc})
    if lost:
        raise ExtensionError(
            f"no page leads to {', '.join(lost)}; add a line '- file: PAGE' for each below its "
            "door in docs/contents.yml"
        )
    return []


def check_methods(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Refuse a method's page whose equations are not set as such.

    Raises:
        ExtensionError: Names the page.
    """
    for page in sorted(ROOT.glob("docs/methods/*.md")):
        if "```math\n" not in page.read_text():
            raise ExtensionError(
                f"{page.relative_to(ROOT)} has no equations; write them in LaTeX in a block that "
                "begins with ```math, as docs/methods/cmpl.md does"
            )
    return []


def check_names(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Refuse a public name without a docstring, wherever in the package it is.

    Raises:
        ExtensionError: Names them.
    """
    bare = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in undocumented(ast.parse(path.read_text()))
    ]
    if bare:
        raise ExtensionError(f"write a docstring for each of these names: {'; '.join(bare)}")
    return []


def undocumented(tree: ast.Module) -> list[str]:
    """Names of the module's public classes, functions and methods without a docstring."""
    found = [] if ast.get_docstring(tree) else ["the module"]
    owners: list[ast.Module | ast.ClassDef] = [tree]
    for owner in owners:
        for node in owner.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.startswith("_") or _is_overload(node):
                continue
            if not ast.get_docstring(node):
                found.append(node.name)
            if isinstance(node, ast.ClassDef):
                owners.append(node)
    return found


def _is_overload(node: ast.AST) -> bool:
    return any("overload" in ast.unparse(each) for each in getattr(node, "decorator_list", []))


def unlink_folders(app: Sphinx, doctree: nodes.document) -> None:
    """Show a link to a folder of the repository as text: the site holds pages, not folders."""
    here = Path(app.env.doc2path(app.env.docname)).parent
    for link in list(doctree.findall(nodes.Element)):
        target = link.get("reftarget", "")
        # ``os.path`` calls no folder what is too long for a name, such as a type.
        if target and "://" not in target and os.path.isdir(here / target):
            link.replace_self(link.children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the checks; Sphinx calls it."""
    app.connect("env-updated", check_order)
    app.connect("env-updated", check_methods)
    app.connect("env-updated", check_names)
    app.connect("doctree-read", unlink_folders, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
