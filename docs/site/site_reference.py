"""Writes what the package knows about itself as pages: commands, settings, docstrings, figures.

The pages lie in ``docs/generated``, which git ignores, and are renewed when a build starts.
"""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer
from sphinx.application import Sphinx

from semivideo.analysis.figures.table import FIGURES
from semivideo.cli import app as command_line
from semivideo.cli.methods import in_yaml
from semivideo.methods import METHODS
from semivideo.models import FOREIGN, NETWORKS, describe
from semivideo.options import REQUIRED, Option
from semivideo.recipes import RECIPES
from semivideo.run import build
from semivideo.settings import Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "semivideo"
PAGES = ROOT / "docs" / "generated"
ALSO_PUBLIC = ("settings", "options", "runfolder", "base.errors", "base.records", "recipes")
"""Modules for programmers beside those that have ``__all__``."""
METHOD = "`{0}`"


def cell(text: str) -> str:
    """Make text fit for a cell of a table."""
    return text.replace("|", r"\|").replace("*", r"\*").replace("<", r"\<").replace("\n", " ")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown; cells are text already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def commands() -> dict[str, str]:
    """Page of each command by its name, sub-commands after their command."""
    group = typing.cast(Any, typer.main.get_command(command_line))
    pages = {}
    for name, command in group.commands.items():
        parts = [f"# `semivideo {name}`\n", _command(f"semivideo {name}", command)]
        for inner, sub in getattr(command, "commands", {}).items():
            parts += [f"## `semivideo {name} {inner}`\n", _command(f"{name} {inner}", sub)]
        pages[name] = "\n".join(parts)
    return pages


def _command(name: str, command: Any) -> str:
    """Usage, help, and one row for each argument and option."""
    is_argument = [type(p).__name__.endswith("Argument") for p in command.params]
    places = [
        p.name.upper() if p.required else f"[{p.name.upper()}]"
        for p, named in zip(command.params, is_argument, strict=True)
        if named
    ]
    usage = " ".join([name, *places, "[OPTIONS]"] if not all(is_argument) else [name, *places])
    rows = [_parameter(p, named) for p, named in zip(command.params, is_argument, strict=True)]
    text = f"```\n{usage}\n```\n\n{_with_options(inspect.cleandoc(command.help or ''))}\n"
    return text + ("\n" + table(["", "what it is", "default", "takes"], rows) if rows else "")


def _parameter(parameter: Any, is_argument: bool) -> list[str]:
    names = [parameter.name.upper()] if is_argument else parameter.opts + parameter.secondary_opts
    default = "must be given" if parameter.required else _default(parameter)
    annotation = parameter.type_descriptor.annotation
    if typing.get_origin(annotation) is typing.Literal:
        kind = " | ".join(map(str, typing.get_args(annotation)))
    else:
        [annotation] = typing.get_args(annotation) or [annotation]
        kind = _KINDS.get(annotation) or annotation.__name__
    low, high = parameter.min, parameter.max
    bounds = f" from {low}" if low is not None else ""
    bounds += f" to {high}" if high is not None else ""
    several = ", several times" if parameter.multiple else ""
    spelled = ", ".join(f"`{name}`" for name in names)
    what = cell(_with_options(parameter.help or ""))
    return [spelled, what, default, cell(kind + bounds + several)]


def _with_options(text: str) -> str:
    """Set options in a text as code; what is code already stays."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"(?<![\w-])--[a-z][a-z-]*", r"`\g<0>`", part) for part in parts[::2]]
    return "`".join(parts)


_KINDS = {int: "whole number", float: "number", bool: "yes or no", str: "text", Path: "path"}


def _default(parameter: Any) -> str:
    value = parameter.default
    if isinstance(parameter.show_default, str):  # in words, where it depends on something
        return cell(_with_options(parameter.show_default))
    return "" if value in (None, False, (), []) or callable(value) else f"`{cell(in_yaml(value))}`"


def settings() -> str:
    """Page of every setting: meaning, default, range, and the methods that use it."""
    parts = [
        "# Settings\n",
        "Every setting of a run, as `--set KEY=VALUE` takes it, as `settings.yaml` of a run has it "
        "and as `settings={...}` of `semivideo.train` wants it. `null` is none. Defaults are the "
        "founding paper's; a recipe sets what it needs. Commands print the same: "
        "`semivideo methods NAME`.\n",
        f"## The method\n{_of_methods()}",
    ]
    for section, field in Settings.model_fields.items():
        rows = [] if section == "method" else build.described_options(section)
        if rows:
            head = ["setting", "what it does", "default", "allowed", "used by"]
            lines = [[*_row(row, row.name), _users(row.name)] for row in rows]
            parts += [f"## `{section}`\n{field.description}\n", table(head, lines)]
    parts.append("## Options of networks\nAfter `networks.primary.options.`, and so on.\n")
    head = ["option", "what it does", "default", "allowed"]
    for network in [*NETWORKS, *FOREIGN]:
        if options := build.described_options(network):
            lines = [_row(row, row.name) for row in options]
            parts += [f"### `{network}`\n", table(head, lines)]
    return "\n".join(parts)


def _row(option: Option, name: str) -> list[str]:
    default = "must be given" if option.default is REQUIRED else f"`{in_yaml(option.default)}`"
    kind = repr(option.annotation)
    if kind not in _ALLOWED:  # a checker is built for each question, and many options are alike
        _ALLOWED[kind] = option.allowed
    return [f"`{name}`", cell(option.meaning), cell(default), cell(_ALLOWED[kind])]


_ALLOWED: dict[str, str] = {}


def _of_methods() -> str:
    """Options that mean the same are one row, with the default of each method."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for method in [*METHODS, *build.CLASSIFIERS]:
        for option in build.described_options(method):
            name, meaning, default, allowed = _row(option, f"method.{option.name}")
            found.setdefault((name, meaning, allowed), {})[method] = default
    rows = []
    for (name, meaning, allowed), defaults in sorted(found.items()):
        used = ", ".join(f"`{method}` {default}" for method, default in defaults.items())
        rows.append([name, meaning, used, allowed])
    intro = "`method.name` is a name from `semivideo methods`, or `module:Class`.\n\n"
    return intro + table(["setting", "what it does", "methods, and their default", "allowed"], rows)


def _users(key: str) -> str:
    """Which methods a setting of a section has a meaning for."""
    section, _, name = key.partition(".")
    if section == "networks" and not name.startswith("primary"):
        role = name.partition(".")[0]
        return _listed(m for m, cls in METHODS.items() if role in build.network_roles(cls))
    if section == "features":
        return "runs on features"
    if name.startswith(("unlabeled", "weak_graph", "epoch_of")):
        return _listed(m for m, cls in METHODS.items() if cls.passes.unlabeled)
    for view, beginnings in _OF_VIEWS.items():
        if section == "views" and name.startswith(beginnings):
            return _listed(m for m in METHODS if f".{view}(" in _source(m))
    return "all"


_OF_VIEWS = {
    "weak": ("weak",),
    "strong": ("strong", "randaugment", "cutout", "temporal_augment"),
}


def _source(method: str) -> str:
    """The page of a method, which calls the views it learns from."""
    return inspect.getsource(importlib.import_module(METHODS[method].__module__))


def _listed(methods: Iterable[str]) -> str:
    named = [f"`{name}`" for name in methods]
    missing = [f"`{name}`" for name in METHODS if f"`{name}`" not in named]
    return "all but " + ", ".join(missing) if len(missing) in (1, 2) else ", ".join(named) or "all"


def public_modules() -> list[str]:
    """Modules that are meant for other people's code: with ``__all__``, or named above."""
    found = set(ALSO_PUBLIC)
    for path in PACKAGE.rglob("*.py"):
        if re.search(r"^__all__ = ", path.read_text(), flags=re.M):
            parts = path.relative_to(PACKAGE).with_suffix("").parts
            found.add(".".join(part for part in parts if part != "__init__"))
    named = {f"semivideo.{name}" if name else "semivideo" for name in found}
    return sorted(name for name in named if not _is_shown_above(name, named))


def _is_shown_above(name: str, named: set[str]) -> bool:
    """Whether the package that a module lies in shows all its names."""
    above = name.rpartition(".")[0]
    if above not in named - {"semivideo"}:
        return False
    own = getattr(importlib.import_module(name), "__all__", None)
    return own is not None and set(own) <= set(
        getattr(importlib.import_module(above), "__all__", ())
    )


def _module(name: str) -> str:
    """Page of a module; one without ``__all__`` shows what it defines itself."""
    names = getattr(importlib.import_module(name), "__all__", None)
    members = "" if names is None else ":imported-members:\n"
    return f"# `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n   {members}```\n"


def _index() -> str:
    """Every command and every figure on one page, one line each."""
    group = typing.cast(Any, typer.main.get_command(command_line))
    lines = [
        [f"[`semivideo {name}`](commands/{name}.md)", cell(_first(command.help))]
        for name, command in sorted(group.commands.items())
    ]
    figures = [
        [f"[`{name}`](../figures.md)", cell(entry.shows), cell(entry.wants), entry.source]
        for name, entry in FIGURES.items()
    ]
    methods = [
        [f"[`{name}`](../methods/{name}.md)", cell(_first(cls.__doc__))]
        for name, cls in METHODS.items()
    ]
    networks = [[f"`{name}`", cell(line)] for name, line in describe().items()]
    recipes = [[f"`{name}`", recipe.method, cell(recipe.paper)] for name, recipe in RECIPES.items()]
    return "\n".join(
        [
            "# Index of commands, figures, methods, networks and recipes\n",
            "## Commands\n" + table(["command", "what it does"], lines),
            "## Figures\n" + table(["figure", "shows", "wants", "source"], figures),
            "## Methods\n" + table(["method", "what it is"], methods),
            "## Networks\n" + table(["network", "what it is"], networks),
            "## Recipes\nThe paper's number, or what it is for.\n",
            table(["recipe", "method", "top-1 % (source)"], recipes),
        ]
    )


def _first(text: str | None) -> str:
    """First sentence of a help text or docstring."""
    return " ".join(inspect.cleandoc(text or "").partition("\n\n")[0].split())


def write(app: Sphinx) -> None:
    """Write all pages; one that did not change keeps its time, so that it is not read again."""
    pages = {"index": _index(), "settings": settings()}
    of_commands = commands()
    lines = "".join(f"* [`semivideo {name}`]({name}.md)\n" for name in of_commands)
    pages["commands/index"] = f"# Commands\n\n{_COMMANDS}\n{lines}"
    pages |= {f"commands/{name}": text for name, text in of_commands.items()}
    modules = public_modules()
    lines = "".join(f"* [`{name}`]({name}.md)\n" for name in modules)
    pages["python/index"] = f"# Python\n\n{_PYTHON}\n{lines}"
    pages |= {f"python/{name}": _module(name) for name in modules}
    wanted = {PAGES / f"{name}.md": text for name, text in pages.items()}
    for path in set(PAGES.rglob("*.md")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


_COMMANDS = "Each is a thin layer over a function of `semivideo.api`; `--help` prints the same.\n"
_PYTHON = (
    "What other people's code may import. `import semivideo` has the functions for all of it; the "
    "other modules are the parts, to be used by themselves.\n"
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before they are looked for; Sphinx calls it."""
    app.connect("config-inited", lambda app, _: write(app), priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
