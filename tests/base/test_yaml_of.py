"""YAML that somebody wrote: plain values, or the reason why not, whatever it is."""

import pytest

from semivideo.base.checked import UnreadError, yaml_of


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: &a [1]\nb: *a", r"^it has an alias \(\*a\) of another part$"),
        ("a: &a {x: 1}\nb: {<<: [*a, *a]}", r"^it has an alias \(\*a\) of another part$"),
        ("[" * 5000, "^it is nested more than 64 levels deep$"),
        ("[" * 100 + "]" * 100, "^it is nested more than 64 levels deep$"),
        ("9" * 5000, r"^it is not YAML \(Exceeds the limit"),
        ("a: [1,", r"^it is not YAML \(while parsing"),
        ("{1: 2}", "^it has the key 1, which is no text$"),
        ("!!python/object:os.system {}", r"^it is not YAML \(could not determine a constructor"),
    ],
)
def test_yaml_of__refuses_in_a_sentence(text, sentence):
    with pytest.raises(UnreadError, match=sentence):
        yaml_of(text)


@pytest.mark.parametrize("text", ["2024-99-99", "2024-01-31"])
def test_yaml_of__takes_a_date_for_text(text):
    assert yaml_of(text) == text
