"""Break the prose of Markdown pages at 100 characters; what has no longer line stays as it is.

    python scripts/wrap.py [FILES]

Without files, all pages of the repository. Tables, code, headings and comments are left alone, and
no code in a line and no address of a link is broken.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[1]
WIDTH = 100
_GLUE = "\0"  # stands for a blank that is not to be broken
_ITEM = re.compile(r"(\s*)([*+-]|\d+[.)])\s+")
_VERBATIM = re.compile(r"\s*(\||#|<!--|>|$)")
_BEGINS_A_BLOCK = re.compile(r" +(?=([*+#>|=-]+|\d+[.)])( |$))")


def pages() -> list[Path]:
    """All pages that people write, and those that programs write into the repository."""
    in_docs = (ROOT / "docs").rglob("*.md")
    return sorted(
        path
        for path in chain(ROOT.glob("*.md"), in_docs, ROOT.glob(".github/**/*.md"))
        if "generated" not in path.parts
    )


def wrapped(text: str) -> str:
    """Return the text of a page with every paragraph and item that has a long line broken anew."""
    lines: list[str] = []
    for block, is_prose in _blocks(text.splitlines()):
        lines += _broken(block) if is_prose and max(map(len, block)) > WIDTH else block
    return "\n".join(lines) + "\n"


def _blocks(lines: list[str]) -> Iterator[tuple[list[str], bool]]:
    """Paragraphs and items, which are prose; a line of anything else is a block by itself."""
    block: list[str] = []
    fence = ""
    for line in lines:
        mark = re.match(r"\s*(```+|~~~+)", line)
        if fence or mark or _VERBATIM.match(line):
            if block:
                yield block, True
            block = []
            yield [line], False
            if mark and not fence:
                fence = mark[1]
            elif mark and line.strip() == fence:
                fence = ""
            continue
        if block and _ITEM.match(line):
            yield block, True
            block = []
        block.append(line)
    if block:
        yield block, True


def _broken(block: list[str]) -> list[str]:
    """The words of a paragraph or item in lines of the width."""
    first = block[0]
    item = _ITEM.match(first)
    indent = " " * len(item[0]) if item else first[: len(first) - len(first.lstrip())]
    begin = item[0] if item else indent
    text = " ".join([first[len(begin) :].strip(), *(line.strip() for line in block[1:])])
    text = re.sub(r"`[^`]+`|\]\([^)]*\)", lambda found: found[0].replace(" ", _GLUE), text)
    text = _BEGINS_A_BLOCK.sub(_GLUE, text)
    broken = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=begin,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in broken]


if __name__ == "__main__":
    for page in [Path(name) for name in sys.argv[1:]] or pages():
        page.write_text(wrapped(page.read_text()))
