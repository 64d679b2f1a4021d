"""Words that people use for the sides of a data set, in cells, in names of folders and of lists."""

from __future__ import annotations

import re

from semivideo.base.errors import DataError, nearest

UNLABELED = "unlabeled"
"""Not a side but a word about labels: videos to learn from whose class is not told."""
SUBSET_WORDS = {
    **dict.fromkeys(("train", "training", "trn", "trainval", "labeled", "labelled"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "dev", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation"), "test"),
    **dict.fromkeys(("holdout", "heldout"), "test"),
    **dict.fromkeys(("unused", "excluded", "ignore", "ignored"), "unused"),
    **dict.fromkeys((UNLABELED, "unlabelled", "nolabel"), UNLABELED),
}
"""A word to "train", "val", "test", "unused" or ``UNLABELED``."""
_SIDES = ("train", "val", "test", "unused")
_ABOUT = re.compile(r"(?:data)?sets?|data|videos?|clips?|split|fold|part|samples?|files?|list")
_LIKE_TRAIN = ("train", "val", "valid", "test")


def subset_of_word(word: str) -> str | None:
    """What a word says about the side, or None if it is no such word.

    >>> subset_of_word("Training_Set"), subset_of_word("hold-out"), subset_of_word("trains")
    ('train', 'test', None)
    """
    parts = [part for part in re.split(r"[\W_\d]+", word.lower()) if part]
    whole = "".join(parts)
    if whole in SUBSET_WORDS:
        return SUBSET_WORDS[whole]
    said = [part for part in parts if not _ABOUT.fullmatch(part)]
    if len(said) != 1:
        return None
    for stem in _LIKE_TRAIN:  # "trainset", "testvideos"
        if said[0].startswith(stem) and _ABOUT.fullmatch(said[0].removeprefix(stem)):
            return SUBSET_WORDS[stem]
    return SUBSET_WORDS.get(said[0])


def subset_name(cell: str) -> str | None:
    """Bring a list's word for a subset to the one used here; an empty cell is None.

    Raises:
        DataError: An unknown word.

    >>> subset_name("validate"), subset_name("")
    ('val', None)
    """
    if not cell.strip():
        return None
    found = subset_of_word(cell)
    if found is None:
        raise DataError(
            f"there is no subset {cell!r}{nearest(cell.strip().lower(), _SIDES)} [known: "
            f"{', '.join(_SIDES)}]"
        )
    return found
