"""Keywords of constructors as checked settings: what is read off them, taken, and refused."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from semivideo.analysis.figures.table import FIGURES
from semivideo.base.checked import Proportion, Section
from semivideo.base.errors import ConfigError
from semivideo.methods import METHODS
from semivideo.models import FOREIGN, NETWORKS
from semivideo.options import REQUIRED, Option, Options
from semivideo.run import build


class Engine:
    """Not a type that YAML writes."""


class Inner(Section):
    """A section."""

    weight: float = 1.0
    """Of it."""
    parts: tuple[Literal["a", "b"], ...] = ("a",)
    """Some."""


class Outer(Section):
    """A section with a key that must be given, and one in it."""

    size: int
    """Of it."""
    inner: Inner = Inner(weight=3)
    """In it."""


def draw(
    runs,
    more=0,
    *,
    out: str = "",
    rate: Proportion = 0.5,
    ratio: float | None = None,
    count: Annotated[int, Field(ge=1)] = 1,
    pair: tuple[float, float] = (1.0, 2.0),
    file: Path | None = None,
    kind: Literal["one", "two"] = "one",
    flag: bool = True,
    engine: Engine | None = None,
    inner: Inner = Inner(weight=2),  # noqa: B008
) -> None:
    """Draw.

    Args:
        runs: Folders.
        rate: How many of
            all: not none.

        ratio (float): Of sides.

    Returns:
        kind: Nothing.
    """


DRAW = Options.of(draw, given=["out", "never"])


def check(**values):
    return DRAW.checked(values, owner="figure f")


def test_options__are_the_keywords_that_the_caller_does_not_give():
    names = ["rate", "ratio", "count", "pair", "file", "kind", "flag", "engine", "inner"]
    assert list(DRAW.settable) == names
    assert DRAW.given == ("runs", "more", "out")
    assert list(Options.of(draw, positional=1).settable)[:3] == ["more", "out", "rate"]


def test_options__have_default_and_meaning():
    rate, ratio, kind = (DRAW.settable[name] for name in ("rate", "ratio", "kind"))
    assert (rate.default, rate.meaning) == (0.5, "How many of all: not none.")
    assert (ratio.default, ratio.meaning) == (None, "Of sides.")
    assert (kind.default, kind.meaning) == ("one", "")  # what another section says is no meaning


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Proportion, "number in [0, 1]"),
        (Proportion | None, "number in [0, 1] | null"),
        (Annotated[float, Field(ge=0, lt=1)], "number in [0, 1)"),
        (Annotated[float, Field(gt=0)], "number > 0"),
        (Annotated[int, Field(le=9)], "whole number <= 9"),
        (int | Literal["auto"], "whole number | auto"),
        (Literal["one", "two"], "one | two"),
        (bool, "true | false"),
        (str | None, "text | null"),
        (Path, "path"),
        (dict[str, Any], "mapping"),
        (tuple[float, int], "[number, whole number]"),
        (tuple[Literal["a", "b"], ...], "list of (a | b)"),
        (list[float], "list of number"),
        (list, "list of anything"),
        (Any, ""),
        (Engine, ""),
        (Engine | None, ""),
    ],
)
def test_allowed__is_said_as_it_is_written_in_yaml(annotation, words):
    assert Option("x", annotation, REQUIRED, "").allowed == words


def test_rows__name_the_keys_of_sections_one_by_one():
    def build(*, outer: Outer, given: Outer = Outer(size=4)) -> None:  # noqa: B008
        """Build."""

    rows = {row.name: row for row in Options.of(build).rows()}
    assert list(rows)[:3] == ["outer.size", "outer.inner.weight", "outer.inner.parts"]
    assert rows["outer.size"].default is REQUIRED
    assert rows["outer.inner.weight"].default == 3
    assert rows["given.size"].default == 4
    assert rows["given.inner.parts"] == Option(
        "given.inner.parts", tuple[Literal["a", "b"], ...], ("a",), "Some."
    )


def test_rows__name_the_keys_of_sections_that_may_be_left_out_once():
    def build(*, first: Inner | None = None, second: Inner | None = None) -> None:
        """Build."""

    assert [row.name for row in Options.of(build).rows()] == [
        "first",
        "first.weight",
        "first.parts",
        "second",
    ]


def test_checked__gives_the_defaults_of_what_is_not_set():
    assert check(count=3) == {o.name: o.default for o in DRAW.rows()[:-2]} | {
        "count": 3,
        "inner": Inner(weight=2),
    }


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("rate", 1, 1.0),
        ("pair", [1, 2], (1.0, 2.0)),
        ("pair", (1, 2), (1.0, 2.0)),
        ("file", "a.txt", Path("a.txt")),
        ("file", Path("a.txt"), Path("a.txt")),
        ("inner", {"parts": ["b"], "weight": 0}, Inner(weight=0.0, parts=("b",))),
        ("inner", Inner(weight=7), Inner(weight=7)),
        ("ratio", None, None),
    ],
)
def test_checked__takes_what_yaml_writes_and_what_python_has(name, value, taken):
    found = check(**{name: value})[name]
    assert found == taken
    assert type(found) is type(taken)


def test_checked__takes_an_object_of_a_class():
    engine = Engine()
    assert check(engine=engine)["engine"] is engine


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"rate": True}, "figure f: rate = True is not allowed: input should be a valid number"),
        ({"rate": "1"}, "figure f: rate = '1' is not allowed: input should be a valid number"),
        ({"rate": 50}, "figure f: rate must lie in [0, 1], got 50; write 0.5 for 50 %"),
        ({"count": 1.0}, "count = 1.0 is not allowed: input should be a valid integer"),
        ({"count": 0}, "count = 0 is not allowed: input should be greater than or equal to 1"),
        ({"flag": 1}, "flag = 1 is not allowed: input should be a valid boolean"),
        ({"kind": "three"}, "kind = 'three' is not allowed: input should be 'one' or 'two'"),
        ({"pair": [1, "2"]}, "pair.1 = '2' is not allowed: input should be a valid number"),
        ({"pair": {1, 2}}, "pair = {1, 2} is not allowed: input should be a valid tuple"),
        ({"engine": 3}, "engine = 3 is not allowed: input should be an instance of Engine"),
        ({"inner": {"weight": "1"}}, "figure f: inner.weight = '1' is not allowed: input should"),
        ({"inner": {"wieght": 1}}, "[inner] has no key 'wieght'; did you mean 'weight'?"),
        ({"rat": 1}, "figure f has no option 'rat'; did you mean 'rate'? [accepts: rate, ratio,"),
        ({"out": "a"}, "figure f has no option 'out'"),
    ],
)
def test_checked__says_what_is_wrong_and_what_is_allowed(values, sentence):
    with pytest.raises(ConfigError) as caught:
        check(**values)
    assert sentence in str(caught.value)


def test_checked__names_the_key_as_it_stands_in_the_settings():
    with pytest.raises(ConfigError, match=r"^method.inner.weight = '1' is not allowed"):
        DRAW.checked({"inner": {"weight": "1"}}, owner="[method]", section="method")
    with pytest.raises(ConfigError, match=r"^\[method.inner\] has no key 'wieght'"):
        DRAW.checked({"inner": {"wieght": 1}}, owner="[method]", section="method")


def test_checked__wants_what_has_no_default():
    def build(num_classes, *, gain: float) -> None:
        """Build."""

    with pytest.raises(ConfigError, match="mine needs the option 'gain'; add it to its options"):
        Options.of(build).checked({}, owner="mine")
    with pytest.raises(ConfigError, match=r"mine has no option 'q' \[accepts: gain\]"):
        Options.of(build).checked({"gain": 1, "q": 1}, owner="mine")


def test_checked__keeps_what_a_name_fixes():
    options = Options.of(partial(draw, kind="two"))
    assert "kind" not in options.checked({}, owner="f2")
    with pytest.raises(ConfigError, match="f2 has kind = 'two' by its name; choose another name"):
        options.checked({"kind": "one"}, owner="f2")


def test_checked__passes_any_option_on_where_any_is_taken():
    def build(*parts, width: int = 1, **others) -> None:
        """Build."""

    options = Options.of(build)
    assert options.checked({"a": Engine}, owner="mine") == {"width": 1, "a": Engine}


def test_checked__takes_an_option_of_any_name():
    def build(*, copy: int = 1, model_config: int = 2, _own: int = 3) -> None:
        """Build."""

    values = {"copy": 4, "model_config": 5, "_own": 6}
    assert Options.of(build).checked(values, owner="mine") == values


def test_checked__says_that_there_is_nothing_to_set():
    with pytest.raises(ConfigError, match=r"it has no option 'a' \(it has none\)"):
        Options.of(lambda runs: None).checked({"a": 1}, owner="it")


class Base:
    """What is inherited.

    Args:
        width: Of all.
        depth: Of all.
    """


class Constructed(Base):
    """A class whose constructor has the docstring."""

    def __init__(self, *, width: int = 1, depth: int = 2):
        """Make it.

        Args:
            depth: Of this.
        """


@dataclass(kw_only=True)
class Fields(Base):
    """A dataclass.

    Args:
        depth: Of that.
    """

    width: int = 1
    depth: "int" = 2


@pytest.mark.parametrize(("cls", "depth"), [(Constructed, "Of this."), (Fields, "Of that.")])
def test_options__of_a_class_have_the_meanings_that_it_inherits(cls, depth):
    width, own = Options.of(cls).rows()
    assert (width.meaning, own.meaning) == ("Of all.", depth)
    assert (own.annotation, own.default) == (int, 2)


def test_options__an_annotation_that_names_nothing_is_a_sentence():
    def build(*, width: "Nothing" = 1) -> None:  # noqa: F821
        """Build."""

    with pytest.raises(ConfigError, match=r"of .*build cannot be read: name 'Nothing' is not def"):
        Options.of(build)


def test_options__an_annotation_that_is_no_type_is_a_sentence():
    def build(*, width: Annotated[int, Field(discriminator="x")] = 1) -> None:
        """Build."""

    with pytest.raises(ConfigError, match=r"annotation of 'width' cannot be checked: .*; annot"):
        Options.of(build).checked({"width": 2}, owner="mine")


@pytest.mark.parametrize("name", [*METHODS, *NETWORKS, *FOREIGN])
def test_described_options__say_what_each_means_and_allows(name):
    for row in build.described_options(name):
        assert row.meaning[-1] == "."
        assert row.allowed


@pytest.mark.parametrize("name", FIGURES)
def test_figures__say_what_each_option_means(name):
    assert all(row.meaning and row.allowed for row in FIGURES[name].options.rows())


def test_described_options__of_a_network_of_a_user(tmp_path, monkeypatch):
    (tmp_path / "my_wide_networks.py").write_text(
        "from semivideo.models import Network\n"
        "def tiny(num_classes: int, *, width: int = 16) -> Network:\n"
        "    '''Make it.\n\n    Args:\n        width: Channels.\n    '''\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (row,) = build.described_options("my_wide_networks:tiny")
    assert (row.name, row.meaning, row.default, row.allowed) == (
        "width",
        "Channels.",
        16,
        "whole number",
    )


def test_described_options__name_the_nearest():
    with pytest.raises(ConfigError, match="section 'fixmach'; did you mean 'fixmatch"):
        build.described_options("fixmach")
