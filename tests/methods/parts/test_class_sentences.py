"""Sentences about classes: names in words, the user's file, and what is refused."""

import json

import pytest

from semivideo.base.errors import ConfigError, DataError
from semivideo.methods.parts.class_sentences import sentences_about


def test_sentences__put_names_in_words_into_templates():
    found = sentences_about(["BrushHair", "tai_chi"], templates=["{}!", "a {} and a {}"])
    assert found == [["brush hair!", "a brush hair and a brush hair"], ["tai chi!", *found[1][1:]]]
    assert found[1][1] == "a tai chi and a tai chi"


def test_sentences__of_a_file_take_the_place_of_templates(tmp_path):
    path = tmp_path / "said.json"
    path.write_text(json.dumps({"a": "one of it", "b": ["first", "second"], "unused": ["x"]}))
    assert sentences_about(["b", "a"], file=path) == [["first", "second"], ["one of it"]]


@pytest.mark.parametrize("content", ['{"a": ["x"]}', '{"a": ["x"], "b": []}', '{"a": [1], "b": 2}'])
def test_sentences__refuse_a_file_that_says_nothing_of_a_class(tmp_path, content):
    path = tmp_path / "said.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"said\.json has no sentence about class '[ab]'; write \{"):
        sentences_about(["a", "b"], file=path)


@pytest.mark.parametrize("content", ["[]", "{", ""])
def test_sentences__refuse_what_is_no_file_of_sentences(tmp_path, content):
    path = tmp_path / "said.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"said\.json"):
        sentences_about(["a"], file=path)


def test_sentences__refuse_a_template_without_a_place():
    with pytest.raises(ConfigError, match="has 'a video' without a place for the class; write"):
        sentences_about(["a"], templates=["a video"])
