"""Equations as MathML, which browsers set by themselves: no script, no font, no network."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def _mathml(node: nodes.Node, *, is_block: bool) -> str:
    try:
        return tex2mathml(node.astext(), as_block=is_block)
    except MathError as error:
        raise ExtensionError(f"{node.source}: {node.astext()!r} is no equation: {error}") from error


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(_mathml(node, is_block=False))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{_mathml(node, is_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer; Sphinx calls it."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
