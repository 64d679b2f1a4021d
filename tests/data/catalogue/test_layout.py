"""Folders mean what their names and their repetition say; a doubt names the option."""

from pathlib import Path

import pytest

from semivideo.base.errors import ConfigError
from semivideo.data.catalogue.layout import (
    Layout,
    Said,
    layout_of,
    recognized,
    recognized_layout,
    said_by_folders,
)


def paths(*levels):
    """One video in every combination of folders."""
    found = [""]
    for names in levels:
        found = [f"{path}{name}/" for path in found for name in names.split()]
    return [f"{path}1.mp4" for path in found]


CLEAR = {
    "class": [
        paths("wave bowl"),
        paths("train car"),  # a class of trains
        paths("wave bowl", "cam1 cam2"),
        paths("wave bowl", "rgb depth"),
        paths("class1 class2", "tom anna"),
        ["sport/wave/1.mp4", "music/bowl/1.mp4"],
        ["wave/videos/1.mp4", "bowl/videos/1.mp4"],
        ["wave/1.mp4", "bowl/2.mp4", "bowl/more/3.mp4", "loose.mp4"],
        ["a.mp4", "b.mp4"],
    ],
    "subset/class": [
        paths("train val test", "wave bowl"),
        paths("Training Testing", "wave bowl"),
        paths("train_set test-videos", "wave bowl"),
        paths("train", "wave bowl"),
        [*paths("train", "wave bowl"), "test/wave/1.mp4"],
        [*paths("labeled", "wave bowl"), "unlabeled/1.mp4"],
    ],
    "any/class": [paths("videos", "wave bowl")],
    "subset": [["train/1.mp4", "val/2.mp4"]],
    "class/subset": [paths("wave bowl", "train test")],
    "group/class": [
        paths("person1 person2", "wave bowl"),
        paths("cam_a cam_b", "wave bowl"),
        paths("2024-05-01 2024-05-02", "wave bowl"),
        paths("s01 s02", "wave bowl", "take1 take2"),
    ],
    "subset/group/class": [paths("train test", "p1 p2", "wave bowl")],
}


@pytest.mark.parametrize(
    ("expected", "videos"), [(layout, each) for layout in CLEAR for each in CLEAR[layout]]
)
def test_recognized__without_doubt(expected, videos):
    layout, doubt = recognized(videos)
    assert (str(layout), doubt) == (expected, None)


@pytest.mark.parametrize(
    ("expected", "doubt", "videos"),
    [
        ("group/class", "names would also fit the other way", paths("tom anna", "wave bowl")),
        ("group/class", "not all of these classes", ["s1/a/1", "s1/b/1", "s2/a/1"]),
        ("group/any/class", "three folders", paths("s1 s2", "day1 day2", "wave bowl")),
        ("any/class", "the one folder at the top", paths("UCF", "wave bowl")),
        ("any/subset/class", "the one folder at the top", paths("UCF", "train test", "wave bowl")),
        ("subset/class", "the folder 'extra'", paths("train test extra", "wave bowl")),
        ("class", "like those of persons", ["person1/wave/1", "person2/bowl/1"]),
    ],
)
def test_recognized__with_a_doubt(expected, doubt, videos):
    layout, told = recognized(videos)
    assert str(layout) == expected
    assert doubt in told


def test_recognized_layout__tells_the_option_that_decides(caplog):
    layout = recognized_layout(Path("D"), paths("tom anna", "wave bowl"), is_told=True)
    assert said_by_folders("tom/wave/1.mp4", layout) == Said("wave", "tom")
    assert caplog.messages == [
        "the folders of D are read as group/class (tom/wave/1.mp4 is of class 'wave'), but the "
        "names would also fit the other way round; if that is wrong, give layout class/group "
        "(--layout class/group)"
    ]


def test_said_by_folders__unlabeled_is_no_side():
    layout = Layout(("subset", "class"))
    assert said_by_folders("unlabeled/wave/1.mp4", layout) == Said()
    assert said_by_folders("Holdout/wave/1.mp4", layout) == Said("wave", None, "test")
    assert said_by_folders("1.mp4", layout) == Said()


@pytest.mark.parametrize(
    ("path", "roles", "expected"),
    [
        ("Unlabelled/1.mp4", ("class",), Said()),
        ("no_label/1.mp4", ("class",), Said()),
        ("train/unlabeled/1.mp4", ("subset", "class"), Said(None, None, "train")),
        ("tom/unlabeled/1.mp4", ("group", "class"), Said(None, "tom")),
    ],
)
def test_said_by_folders__unlabeled_is_no_class(path, roles, expected):
    assert said_by_folders(path, Layout(roles)) == expected


def test_said_by_folders__accents_of_either_form_are_one_class():
    composed, apart = (said_by_folders(f"clich{e}/1.mp4", Layout()) for e in ("\xe9", "e\u0301"))
    assert composed == apart


def test_recognized_layout__tells_of_a_side_among_classes(caplog):
    recognized_layout(Path("D"), [*paths("bowl wave"), "test/x.mp4"], is_told=True)
    assert caplog.messages == [
        "the folder 'test' of D is taken as a class, as its neighbours are (test/x.mp4 is of class "
        "'test'); if it is for a subset, put folders of classes into it and the others into one "
        "called train (--layout subset/class); if it is a class, say so (--layout class)"
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("clas", r"layout 'clas' has the word 'clas'; did you mean 'class'\?; write what the fold"),
        ("", r"layout '' has the word ''; write what the folders mean from the top on, such as"),
        ("class/class", r"layout 'class/class' has the word 'class' twice; each folder is another"),
    ],
)
def test_layout_of__bad_words(text, sentence):
    with pytest.raises(ConfigError, match=sentence):
        layout_of(text)
