"""How settings are checked: strict sections, declared ranges, and one clear sentence a fault."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

from semivideo.base.errors import nearest


def _in_unit_interval(value: float) -> float:
    """Check a proportion; people write percent."""
    if not 0 <= value <= 1:
        percent = f"; write {value / 100:g} for {value:g} %" if 1 < value <= 100 else ""
        raise ValueError(f"must lie in [0, 1], got {value:g}{percent}")
    return value


Proportion = Annotated[
    float,
    AfterValidator(_in_unit_interval),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1}),
]
"""A number in [0, 1], such as a probability or a part of the training."""
Weight = Annotated[float, Field(ge=0)]
"""A factor of a loss term, >= 0."""


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values are checked on assignment.

    Attributes:
        later: Fields that versions after the first release added. At their defaults they are not
            written down, so that files and digests stay those of the versions without them.
    """

    model_config = ConfigDict(
        extra="forbid", validate_assignment=True, use_attribute_docstrings=True, frozen=False
    )
    later: ClassVar[frozenset[str]] = frozenset()

    def written(self) -> dict[str, Any]:
        """Return the section as files have it: what JSON holds, without unused later fields."""
        mapping = self.model_dump(mode="json")
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name in self.later and value == field.get_default(call_default_factory=True):
                del mapping[name]
            elif isinstance(value, Section):
                mapping[name] = value.written()
        return mapping


def sentence(error: ValidationError, model: type[BaseModel], *, section: str = "") -> str:
    """Turn the first fault pydantic found into one sentence with section, key, value and rule.

    Args:
        error: What pydantic raised.
        model: The model that was checked.
        section: Where that model stands in the settings; empty for the top.
    """
    faults = error.errors()
    fault, place = faults[0], _place(model, faults[0]["loc"])
    path = [str(part) for part in place]
    if not path:
        return f"{section or 'the content'} must be keys with values, got {fault.get('input')!r}"
    where = ".".join([*([section] if section else []), *path[:-1]])
    if fault["type"] == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        owner = f"[{where}]" if where else "settings"
        hint = f"{nearest(path[-1], known)} [accepts: {', '.join(known)}]"
        return f"{owner} has no key {path[-1]!r}{hint}"
    name = f"{where}.{path[-1]}" if where else path[-1]
    if fault["type"] == "value_error":
        return f"{name} {fault['ctx']['error']}"
    if fault["type"] == "missing":
        return f"{name} is missing; add it"
    # A value of several types has a fault for each.
    rules = dict.fromkeys(f["msg"] for f in faults if f["loc"][: len(place)] == place)
    rule = " or ".join(rules).replace(" or Input should be ", " or ")
    return f"{name} = {fault.get('input')!r} is not allowed: {rule[0].lower()}{rule[1:]}"


def _place(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where a fault is, without what pydantic adds to say which type of several it has tried."""
    current: type[BaseModel] | None = model
    for depth, part in enumerate(loc):
        if isinstance(part, int):
            continue
        if current is None:
            return loc[:depth]
        current = _section(_fields(current).get(part))
    return loc


def _fields_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the fields of the section at ``path``."""
    current: Any = model
    for part in path:
        current = _section(_fields(current)[part])
    return list(_fields(current))


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """Name to annotation of what can be set."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation stands for, if it does."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    sections = (c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return next(sections, None)
