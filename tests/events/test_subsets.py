"""Words for the sides of a data set, and words that are none."""

import pytest

from semivideo.events.subsets import subset_of_word


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *(("train", "train"), ("Train", "train"), ("01_training", "train"), ("trainset", "train")),
        *(("train_videos", "train"), ("videos_val", "val"), ("VALIDATION", "val"), ("dev", "val")),
        *(("test1", "test"), ("hold_out", "test"), ("held-out", "test"), ("eval", "test")),
        *(("unlabelled", "unlabeled"), ("unused", "unused"), ("labeled", "train")),
        *(("trains", None), ("valley", None), ("contest", None), ("data", None), ("wave", None)),
        *(("train_wave", None), ("", None), ("1", None), ("fold1", None)),
    ],
)
def test_subset_of_word(word, expected):
    assert subset_of_word(word) == expected
