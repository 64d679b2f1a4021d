"""What a constructor takes by keyword, as settings that are checked: methods, networks, figures.

The code of the thing itself says everything about its options, once. The signature has their names
and defaults, the annotations what is allowed, and the section ``Args`` of the docstring what each
means; what a docstring leaves out is looked for in those of the classes it inherits from.

There is one strictness: a value is of the annotated type, as Python or as YAML writes it. So 1 is a
float, a list stands for a tuple, text for a path and a mapping for a section, but True is no number
and '1' neither.
"""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from semivideo.base.checked import sentence
from semivideo.base.errors import ConfigError, nearest

REQUIRED = inspect.Parameter.empty
"""The default of an option that must be given."""
_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_BOUNDS = {
    "minimum": ("[", ">="),
    "exclusiveMinimum": ("(", ">"),
    "maximum": ("]", "<="),
    "exclusiveMaximum": (")", "<"),
}  # bracket, sign


@dataclass(frozen=True)
class Option:
    """One thing that can be set.

    Attributes:
        name: The keyword; dotted for a key of a section, such as ``alignment.weight``.
        annotation: Its type, with a range if it has one.
        default: What it is if nobody sets it; ``REQUIRED`` if somebody must.
        meaning: One line; empty if the docstring does not mention it.
    """

    name: str
    annotation: Any
    default: Any
    meaning: str

    @property
    def allowed(self) -> str:
        """Range or choices, such as ``number in [0, 1]``; empty where any object is taken."""
        try:
            schema = _model(self).model_json_schema()
        except PydanticInvalidForJsonSchema:  # a class that YAML cannot write
            return ""
        return _in_words(schema["properties"][self.name])

    @property
    def section(self) -> type[BaseModel] | None:
        """The class of a section, whose keys can be set one by one."""
        return self.annotation if _is_section(self.annotation) else None

    @property
    def optional_section(self) -> type[BaseModel] | None:
        """The class of a section that may be left out (``Lora | None``)."""
        return next(filter(_is_section, typing.get_args(self.annotation)), None)


@dataclass(frozen=True)
class Options:
    """All that can be set of a class or function; made by ``of``.

    Attributes:
        settable: By name, in the order of the signature.
        given: Names of the other parameters: those that the caller gives.
        fixed: What ``functools.partial`` has set for good.
        takes_any: Whether other keywords are taken as well, unchecked.
    """

    settable: dict[str, Option]
    given: tuple[str, ...]
    fixed: dict[str, Any]
    takes_any: bool

    @classmethod
    def of(
        cls,
        call: Callable[..., Any],
        *,
        given: Collection[str] = (),
        positional: int | None = None,
    ) -> Options:
        """Read the options off a class, a function, or a ``partial`` of one.

        Args:
            call: What takes them.
            given: Names of keywords that the caller gives and nobody sets.
            positional: How many of the leading parameters the caller gives too; None for all that
                can be given by position.

        Raises:
            ConfigError: An annotation names what is not there.
        """
        fixed = dict(call.keywords) if isinstance(call, partial) else {}
        made = call.func if isinstance(call, partial) else call
        hints, meanings = _hints(made), _meanings(made)
        settable: dict[str, Option] = {}
        callers = []
        parameters = inspect.signature(call).parameters.values()
        for place, p in enumerate(parameters):
            is_leading = p.kind in _BY_POSITION and (positional is None or place < positional)
            if is_leading or p.name in given:
                callers.append(p.name)
            elif p.name not in fixed and p.kind not in _VARIADIC:
                settable[p.name] = Option(
                    p.name, hints.get(p.name, Any), p.default, meanings.get(p.name, "")
                )
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        return cls(settable, tuple(callers), fixed, takes_any)

    def checked(
        self, values: Mapping[str, Any], *, owner: str, section: str = ""
    ) -> dict[str, Any]:
        """Return all options: the values, as the annotations want them, and the other defaults.

        Args:
            values: By name.
            owner: Whose options they are, the subject of a sentence.
            section: Where they stand in the settings, if that is where a user finds them.

        Raises:
            ConfigError: An option that is not there, is fixed, is missing, or cannot have its
                value.
        """
        found = {o.name: o.default for o in self.settable.values() if o.default is not REQUIRED}
        for name, value in values.items():
            option = self.settable.get(name)
            if option is None:
                self._refuse_unless_any(name, owner)
                found[name] = value
                continue
            try:
                found[name] = _as_annotated(option, value)
            except ValidationError as error:
                fault = sentence(error, _model(option), section=section)
                raise ConfigError(fault if section else f"{owner}: {fault}") from None
        for name in self.settable:
            if name not in found:
                raise ConfigError(f"{owner} needs the option {name!r}; add it to its options")
        return found

    def rows(self) -> list[Option]:
        """List what can be set, the keys of a section one by one."""
        listed: set[type[BaseModel]] = set()
        return [row for option in self.settable.values() for row in _rows(option, listed)]

    def _refuse_unless_any(self, name: str, owner: str) -> None:
        """Refuse a name that is fixed or not there."""
        if name in self.fixed:
            raise ConfigError(
                f"{owner} has {name} = {self.fixed[name]!r} by its name; choose another name, see "
                "`semivideo methods`"
            )
        if not self.takes_any:
            known = f"[accepts: {', '.join(self.settable)}]" if self.settable else "(it has none)"
            raise ConfigError(
                f"{owner} has no option {name!r}{nearest(name, self.settable)} {known}"
            )


def _is_section(annotation: Any) -> bool:
    """Whether it is a class of keys that can be set one by one."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _rows(option: Option, listed: set[type[BaseModel]]) -> Iterator[Option]:
    """The option itself, or the options of its section.

    A section that may be left out has a row of its own before those of its keys; they are not
    listed again where another option is of the same class.
    """
    section = option.section
    if section is None:
        yield option
        section = option.optional_section
        if section is None or section in listed:
            return
    listed.add(section)
    for name, field in section.model_fields.items():
        is_set = isinstance(option.default, BaseModel)
        default = (
            getattr(option.default, name)
            if is_set
            else field.get_default(call_default_factory=True)
        )
        yield from _rows(
            Option(
                f"{option.name}.{name}",
                field.rebuild_annotation(),
                REQUIRED if field.is_required() and not is_set else default,
                field.description or "",
            ),
            listed,
        )


def _model(option: Option) -> Any:
    """A pydantic model of the one option, which may have a name that a model's field may not."""
    value: Any = (option.annotation, Field(alias=option.name))
    try:
        return create_model("Options", __config__=_CONFIG, value=value)
    except (PydanticUserError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"the annotation of {option.name!r} cannot be checked: {reason}; annotate a type"
        ) from None


def _as_annotated(option: Option, value: Any) -> Any:
    """Return a value as its annotation wants it; it is so already, or YAML writes it so."""
    model = _model(option)
    try:
        return model.model_validate({option.name: value}, strict=True).value
    except ValidationError as error:
        try:
            text = json.dumps({option.name: value})
        except (TypeError, ValueError):  # YAML has no such value
            raise error from None
        try:
            return model.model_validate_json(text, strict=True).value
        except ValidationError as fault:
            is_of_yaml = fault.errors()[0]["type"] != "needs_python_object"
            raise (fault if is_of_yaml else error) from None


def _hints(made: Callable[..., Any]) -> dict[str, Any]:
    """Annotations of a function or constructor; a dataclass has those of its fields."""
    is_read = inspect.isfunction(made) or is_dataclass(made)
    constructor: Any = made if is_read else made.__init__
    try:
        return typing.get_type_hints(constructor, include_extras=True)
    except (AttributeError, NameError, SyntaxError, TypeError) as error:
        raise ConfigError(
            f"the annotations of {made.__qualname__} cannot be read: {error}; import or define in "
            "its module what they name"
        ) from None


def _meanings(made: Callable[..., Any]) -> dict[str, str]:
    """Meanings by name; what a class says goes before what those it inherits from say."""
    if not isinstance(made, type):
        return _described(made.__doc__ or "")
    found: dict[str, str] = {}
    for cls in reversed(made.__mro__):
        found |= _described(vars(cls).get("__doc__") or "")
        found |= _described(getattr(vars(cls).get("__init__"), "__doc__", None) or "")
    return found


def _described(docstring: str) -> dict[str, str]:
    """Read the section ``Args`` of a docstring in Google's style: name to one line."""
    found: dict[str, str] = {}
    _, _, rest = inspect.cleandoc(docstring).partition("\nArgs:\n")
    section = re.split(r"^(?=\S)", rest, maxsplit=1, flags=re.MULTILINE)[0]
    entries = re.split(r"^ {4}(?=\S)", section, flags=re.MULTILINE)
    for entry in entries[1:]:
        name, _, text = entry.partition(":")
        found[name.partition(" ")[0]] = " ".join(text.split())
    return found


def _in_words(schema: Mapping[str, Any]) -> str:
    """Say in words what a JSON schema allows, as one would write it in YAML."""
    if "anyOf" in schema:
        return " | ".join(filter(None, (_in_words(each) for each in schema["anyOf"])))
    if "enum" in schema or "const" in schema:
        return " | ".join(str(value) for value in schema.get("enum") or [schema["const"]])
    kind = schema.get("type", "")
    if kind == "array":
        items = schema.get("items") or {}
        several = [_in_words(each) for each in schema.get("prefixItems", ())]
        one = _in_words(items) or "anything"
        one = f"({one})" if " | " in one else one
        return f"[{', '.join(several)}]" if several else f"list of {one}"
    words = {
        "boolean": "true | false",
        "integer": "whole number",
        "number": "number",
        "object": "mapping",
        "string": "path" if schema.get("format") == "path" else "text",
        "null": "null",
    }.get(kind, "")
    return " ".join(filter(None, (words, _range(schema))))


def _range(schema: Mapping[str, Any]) -> str:
    """The bounds of a number, such as ``in [0, 1)``, ``>= 1`` or nothing."""
    bounds = {key: f"{schema[key]:g}" for key in _BOUNDS if key in schema}
    if len(bounds) == 2:
        (low, least), (high, most) = bounds.items()
        return f"in {_BOUNDS[low][0]}{least}, {most}{_BOUNDS[high][0]}"
    return "".join(f"{_BOUNDS[key][1]} {value}" for key, value in bounds.items())
