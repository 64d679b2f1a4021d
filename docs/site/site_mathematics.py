"""Equations as MathML, which browsers set by themselves: no script, no font, no network."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

_UNDER_AND_OVER = re.compile(r"<munderover>.*?</munderover>", flags=re.S)


def _mathml(node: nodes.Node, *, is_block: bool) -> str:
    try:
        found = tex2mathml(node.astext(), as_block=is_block)
    except MathError as error:
        raise ExtensionError(f"{node.source}: {node.astext()!r} is no equation: {error}") from error
    if "stretchy" in "".join(_UNDER_AND_OVER.findall(found)):  # docutils sets \hat q_i so
        raise ExtensionError(
            f"{node.source}: {node.astext()!r} would show an index below its letter; take a letter "
            "without an accent"
        )
    return found


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
