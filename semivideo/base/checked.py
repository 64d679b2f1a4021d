"""How settings and files of ours are checked: strict sections, declared ranges, one clear sentence.

Whatever lies in a file of ours may have been edited, cut off or made up. It comes in through
``read_json``, ``read_yaml`` or ``parsed``, which know only two ends: plain values, or
``UnreadError`` with the reason.

Arrays and tables come in through ``opened_npz`` and ``opened_parquet``, which count what they hold
before it is unpacked: a megabyte of equal rows unpacks to gigabytes.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

from semivideo.base.errors import SemiVideoError, nearest
from semivideo.base.files import open_regular, read_bytes, step_after

if TYPE_CHECKING:
    import pyarrow.parquet as pq

MOST_ROWS = 2**27
"""Of a table. The pseudo-labels that two networks give in 200 passes over Kinetics-400 are 96
million."""
_LEAST_ROWS, _ROWS_A_BYTE = 2**24, 8  # that any file may hold; and a byte of larger ones
_MOST_VALUES = 2**29  # of a column of lists: the times of all frames of a million short videos
_LEAST_UNPACKED, _MOST_RATIO = 2**28, 32  # bytes of arrays that any file may hold; and a byte of it
_DEEPEST = 64  # levels of lists and keys in a file of ours
_LARGEST_WHOLE = 2**63
_MOST_BYTES = 1 << 30
_MOST_SHOWN = 120  # characters of a value in a sentence


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
Seed = Annotated[int, Field(ge=0, lt=_LARGEST_WHOLE)]
"""What a random generator starts from; of a larger number, only a part would count."""


class UnreadError(ValueError):
    """What lies in a file cannot be taken; the message says why, without the file's name."""

    def about(self, path: Path) -> str:
        """Return the begin of a sentence that names the file.

        >>> UnreadError("it is empty").about(Path("a.json"))
        'a.json is empty'
        """
        why = str(self)
        return f"{path} {why[3:]}" if why.startswith("it ") else f"{path}: {why}"


def read_json(path: Path, *, most_bytes: int = _MOST_BYTES) -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        most_bytes: Larger ones are refused.

    Raises:
        FileNotFoundError: It is not there.
        UnreadError: It cannot be read, is no file, no JSON, too deep or too large.
    """
    return parsed(_content(path, most_bytes), json.loads, "JSON")


class _Yaml(yaml.SafeLoader):
    """Reads 1e-4 as a number, as YAML 1.2 does, and a date as text; YAML 1.1 does neither.

    A few aliases of aliases (``<<: [*a, *a]``) fill any memory while they are read, so none is.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As the library does, but for an alias."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise UnreadError(f"it has an alias (*{event.anchor}) of another part")
        return super().compose_node(parent, index)


_Yaml.yaml_implicit_resolvers = {
    start: [(tag, form) for tag, form in known if tag != "tag:yaml.org,2002:timestamp"]
    for start, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def yaml_of(text: str) -> Any:
    """Return what somebody has written in YAML; only plain values are made of it, as ``parsed``.

    All YAML that no program of ours has written comes in here.

    Raises:
        UnreadError: It is not YAML, has aliases or other values, or is too deep.

    >>> yaml_of("weight: 1e-3")
    {'weight': 0.001}
    """
    return parsed(text, _loaded, "YAML")


def read_yaml(path: Path) -> Any:
    """Read a YAML file as ``yaml_of``; raises as ``read_json``."""
    return parsed(_content(path, _MOST_BYTES), _loaded, "YAML")


def _loaded(text: str) -> Any:
    return yaml.load(text, Loader=_Yaml)


def parsed(content: bytes | str, parse: Callable[[str], Any], kind: str) -> Any:
    """Parse a text of ours.

    Args:
        content: UTF-8 where it is bytes.
        parse: Raises ValueError, or what a YAML reader raises, for what it does not know.
        kind: "JSON" or "YAML", for the reason.

    Returns:
        Dictionaries with text as keys, lists, text, finite numbers, booleans and None; whole
        numbers are of 64 bits.

    Raises:
        UnreadError: It is something else.
    """
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        found = parse(text)
    except UnicodeDecodeError as error:
        raise UnreadError(f"it is not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise UnreadError(f"it is nested more than {_DEEPEST} levels deep") from None
    except MemoryError:
        raise UnreadError("it needs more memory than there is") from None
    except UnreadError:
        raise
    except Exception as error:  # of a YAML reader, any kind: it trusts its own conversions
        raise UnreadError(f"it is not {kind} ({in_one_line(error)})") from None
    _check_plain(found)
    return found


@contextmanager
def reading(path: Path, error: type[SemiVideoError], advice: str) -> Iterator[None]:
    """Turn whatever the content of a file of ours leads to in the block into one sentence.

    What can be said better is said inside, as an error of this package, which stays.

    Args:
        path: The file.
        error: What to raise.
        advice: What to do next.
    """
    try:
        yield
    except SemiVideoError:
        raise
    except FileNotFoundError:
        raise error(f"there is no {path}; {advice}") from None
    except OSError as fault:
        why = f"{fault.strerror or fault}; {step_after(fault, otherwise=advice)}"
        raise error(f"{path} cannot be read: {why}") from None
    except KeyError as fault:
        raise error(f"{path} has no key {fault}; {advice}") from None
    except Exception as fault:  # a file can hold anything, and so go wrong anywhere
        if not isinstance(fault, UnreadError):
            fault = UnreadError(f"it is broken ({type(fault).__name__}: {in_one_line(fault)})")
        raise error(f"{fault.about(path)}; {advice}") from None


@contextmanager
def opened_npz(source: Path | bytes) -> Iterator[Mapping[str, Any]]:
    """Open an archive of arrays that are not far larger than itself.

    Args:
        source: The file, or its content.

    Raises:
        OSError: It is not there, or no regular file.
        UnreadError: Its arrays are too large.
        Exception: Any other one for what is no such archive.
    """
    import numpy as np

    with io.BytesIO(source) if isinstance(source, bytes) else open_regular(source) as file:
        with zipfile.ZipFile(file) as archive:
            num_bytes = sum(member.file_size for member in archive.infolist())
        most = max(_LEAST_UNPACKED, _MOST_RATIO * file.seek(0, io.SEEK_END))
        if num_bytes > most:
            raise UnreadError(f"its arrays unpack to {num_bytes} bytes, and allowed are {most}")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays


@contextmanager
def opened_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a table whose rows and values are few enough to read.

    The sizes that a file states are those of its pages, where a value that repeats stands once; so
    values are counted.

    Args:
        path: The file.

    Raises:
        OSError: It is not there, or no regular file.
        UnreadError: It holds too much.
        pyarrow.ArrowException: It is no Parquet file.
    """
    import pyarrow.parquet as pq

    with open_regular(path) as content, pq.ParquetFile(content) as file:
        found = file.metadata
        num_bytes = path.stat().st_size
        most = min(MOST_ROWS, max(_LEAST_ROWS, _ROWS_A_BYTE * num_bytes))
        if found.num_rows > most:
            raise UnreadError(
                f"it has {found.num_rows} rows in {num_bytes} bytes, and at most {most} are read"
            )
        groups = [found.row_group(number) for number in range(found.num_row_groups)]
        for place in range(found.num_columns):
            num_values = sum(group.column(place).num_values for group in groups)
            if num_values > _MOST_VALUES:
                name = found.schema.column(place).path
                raise UnreadError(
                    f"{name} has {num_values} values, and at most {_MOST_VALUES} are read"
                )
        yield file


def _content(path: Path, most_bytes: int) -> bytes:
    try:
        return read_bytes(path, most=most_bytes)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadError(f"{error.strerror or error}; {step_after(error)}") from None


def _check_plain(found: Any) -> None:
    """Refuse what no file of ours holds, level by level."""
    level: list[tuple[str, Any]] = [("", found)]
    seen: dict[int, Any] = {}  # with the values, so that no number is given twice
    for _ in range(_DEEPEST):
        below: list[tuple[str, Any]] = []
        for name, value in level:
            if isinstance(value, dict | list):
                if id(value) in seen:
                    raise UnreadError(f"{name or 'it'} is an alias (*) of another part")
                seen[id(value)] = value
            if isinstance(value, dict):
                if fault := next((key for key in value if not isinstance(key, str)), None):
                    raise UnreadError(f"{name or 'it'} has the key {fault!r}, which is no text")
                below += [(f"{name}.{key}".lstrip("."), each) for key, each in value.items()]
            elif isinstance(value, list):
                below += [(name, each) for each in value if not isinstance(each, str)]
            else:
                _check_value(name, value)
        if not below:
            return
        level = below
    raise UnreadError(f"it is nested more than {_DEEPEST} levels deep")


def _check_value(name: str, value: Any) -> None:
    where = name or "it"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UnreadError(f"{where} is {value}, and numbers must be finite")
    elif isinstance(value, int):
        if not -_LARGEST_WHOLE <= value < 2 * _LARGEST_WHOLE:
            raise UnreadError(f"{where} is a number of more than 64 bits")
    elif not (value is None or isinstance(value, str)):
        raise UnreadError(f"{where} is {shown(value)}, which is no plain value")


def shown(value: Any) -> str:
    """Return a value as a sentence can hold it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits, a loop
        return f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def in_one_line(error: Exception) -> str:
    """Return why something failed, without line ends and not longer than a sentence can hold."""
    return " ".join(str(error).split())[:200] or type(error).__name__


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values are checked on assignment.

    Attributes:
        later: Fields that versions after the first release added. At their defaults they are not
            written down, so that files and digests stay those of the versions without them.
    """

    model_config = ConfigDict(
        extra="forbid",
        validate_assignment=True,
        use_attribute_docstrings=True,
        frozen=False,
        allow_inf_nan=False,
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
        return (
            f"{section or 'the content'} must be keys with values, got {shown(fault.get('input'))}"
        )
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
    return f"{name} = {shown(fault.get('input'))} is not allowed: {rule[0].lower()}{rule[1:]}"


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
