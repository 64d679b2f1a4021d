"""How settings are checked: strict sections, declared ranges, and one clear sentence a fault."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from semivideo.base.errors import nearest


def _in_unit_interval(value: float) -> float:
    """Check a share; people write percent."""
    if not 0 <= value <= 1:
        percent = f"; write {value / 100:g} for {value:g} %" if 1 < value <= 100 else ""
        raise ValueError(f"must lie in [0, 1], got {value:g}{percent}")
    return value


Share = Annotated[float, AfterValidator(_in_unit_interval)]
"""A number in [0, 1], such as a probability or a part of the training."""
Weight = Annotated[float, Field(ge=0)]
"""A factor of a loss term, >= 0."""


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values are checked on assignment."""

    model_config = ConfigDict(
        extra="forbid", validate_assignment=True, use_attribute_docstrings=True, frozen=False
    )


def sentence(error: ValidationError, model: type[BaseModel], *, section: str = "") -> str:
    """Turn the first fault pydantic found into one sentence with section, key, value and rule.

    Args:
        error: What pydantic raised.
        model: The model that was checked.
        section: Where that model stands in the settings; empty for the top.
    """
    fault = error.errors()[0]
    path = [str(part) for part in fault["loc"]]
    if not path:
        return f"{section or 'the content'} must be keys with values, got {fault.get('input')!r}"
    where = ".".join([*([section] if section else []), *path[:-1]])
    if fault["type"] == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        place = f"[{where}]" if where else "settings"
        hint = f"{nearest(path[-1], known)} [accepts: {', '.join(known)}]"
        return f"{place} has no key {path[-1]!r}{hint}"
    name = f"{where}.{path[-1]}" if where else path[-1]
    if fault["type"] == "value_error":
        return f"{name} {fault['ctx']['error']}"
    if fault["type"] == "missing":
        return f"{name} is missing; add it"
    rule = fault["msg"][0].lower() + fault["msg"][1:]
    return f"{name} = {fault.get('input')!r} is not allowed: {rule}"


def _fields_at(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the fields of the section at ``path``."""
    current: Any = model
    for part in path:
        annotation = current.model_fields[part].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        current = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(current.model_fields)
